"""Fields: the attributes of some logs, with their most frequent values."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from workbench.explore.lines import LogLine
from workbench.query.field_counts import FieldCounts, text_of

MOST_FIELDS: Final = 40
MOST_VALUES: Final = 8
"""Number of values of a field that are told."""
_MOST_TEXT: Final = 200
"""Characters of a value; longer ones are no values to choose from."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute, or a column, of some logs."""

    name: str
    is_column: bool
    logs: int
    """Number of logs that have it."""
    distinct: int
    """Number of its values."""
    values: Sequence[tuple[str, bool, int]]
    """Its most frequent values: text, whether it is one in the log, and number of logs."""


def fields_of(lines: Iterable[LogLine]) -> tuple[list[Field], int]:
    """Return the fields of some lines, those of most logs first, and the number of lines.

    Lines whose attributes are cut are left out.
    """
    sources: Counter[str] = Counter()
    values: defaultdict[str, FieldCounts] = defaultdict(FieldCounts)
    count = 0
    for line in lines:
        if line.attributes_rest:
            continue
        count += 1
        sources[line.source] += 1
        for name, value in _decode(line.attributes).items():
            if value is not None:
                values[name].add(value)
    ranked = sorted(values, key=lambda name: (-values[name].logs, name))[:MOST_FIELDS]
    source = Field(
        "source",
        is_column=True,
        logs=count,
        distinct=len(sources),
        values=[(name, True, number) for name, number in sources.most_common(MOST_VALUES)],
    )
    return [source, *(_field(name, values[name]) for name in ranked)], count


def _field(name: str, counts: FieldCounts) -> Field:
    told = []
    for kind, value, logs in counts.most(MOST_VALUES):
        is_text = kind == "text"
        text = value if is_text else text_of(value)
        # A query cannot ask for what is no scalar.
        if len(text) <= _MOST_TEXT and kind not in ("list", "object"):
            told.append((text, is_text, logs))
    return Field(name, is_column=False, logs=counts.logs, distinct=counts.distinct, values=told)

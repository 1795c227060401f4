"""Fields: the attributes of some logs, with their most frequent values."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from workbench.explore.lines import LogLine

MOST_FIELDS: Final = 40
MOST_VALUES: Final = 8
"""Number of values of a field that are told."""
_MOST_TEXT: Final = 200
"""Characters of a value; longer ones are no values to choose from."""

_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder().decode


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
    values: dict[str, Counter[bytes]] = {}
    count = 0
    for line in lines:
        if line.attributes_rest:
            continue
        count += 1
        sources[line.source] += 1
        for name, raw in _decode_members(line.attributes).items():
            values.setdefault(name, Counter())[bytes(raw)] += 1
    ranked = sorted(values, key=lambda name: (-values[name].total(), name))[:MOST_FIELDS]
    source = Field(
        "source",
        is_column=True,
        logs=count,
        distinct=len(sources),
        values=[(name, True, number) for name, number in sources.most_common(MOST_VALUES)],
    )
    return [source, *(_field(name, values[name]) for name in ranked)], count


def _field(name: str, values: Counter[bytes]) -> Field:
    told = []
    for raw, number in values.most_common(MOST_VALUES):
        value = _decode(raw)
        text = value if isinstance(value, str) else raw.decode()
        # A query cannot ask for what is no scalar.
        if len(text) <= _MOST_TEXT and isinstance(value, str | int | float):
            told.append((text, isinstance(value, str), number))
    return Field(name, is_column=False, logs=values.total(), distinct=len(values), values=told)

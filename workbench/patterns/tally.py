"""Counts of logs by pattern: how many, of which types, when, and one example each."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.patterns.masking import mask
from workbench.patterns.template_tree import TemplateTree

COLUMNS: Final = ("seq", "timestamp", "type", "message")
"""Columns of logs that are needed."""
# Texts whose template is remembered; others are looked up once more.
_MOST_KNOWN: Final = 200_000
# Steps of time that are counted, before two become one.
_MOST_STEPS: Final = 240
_FIRST_STEP: Final = 1_000


class Example(NamedTuple):
    """The first log of a pattern."""

    seq: int
    message: str


class Templates:
    """Templates of logs, whose numbers stay as they are."""

    def __init__(self) -> None:
        self._tree = TemplateTree()
        self._known: dict[str, int] = {}

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the number of the template of each message, which has its values masked."""
        return [*map(self._number, texts)]

    def text(self, number: int) -> str:
        """Return a template as text."""
        return self._tree.text(number)

    def _number(self, text: str) -> int:
        number = self._known.get(text)
        if number is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            number = self._known[text] = self._tree.add(text)
        return number


@dataclass(slots=True)
class Count:
    """Logs of one pattern."""

    example: Example
    first: int
    """The least timestamp, in milliseconds UTC."""
    last: int
    types: Counter[str] = field(default_factory=Counter)
    """Number of logs by type."""
    over_time: Counter[int] = field(default_factory=Counter)
    """Number of logs by step of time."""

    @property
    def logs(self) -> int:
        """Number of logs."""
        return self.types.total()

    def merge(self, other: "Count") -> None:
        """Add the logs of another."""
        self.example = min(self.example, other.example)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.types += other.types
        self.over_time += other.over_time


@dataclass(frozen=True, slots=True)
class Texts:
    """Logs by masked message: what a tally needs of some logs, wherever they were read."""

    masked: tuple[str, ...]
    """Messages with their values masked, each once, in the order of their first logs."""
    examples: tuple[Example, ...]
    """The first log of each."""
    by_type: pa.Table
    """Logs by `text`, its place among these, and `type`: `logs`, their number, and the `first` and
    the `last` timestamp, in milliseconds UTC."""
    by_step: pa.Table
    """Number of `logs` by `text` and `step`."""
    step: int
    """Milliseconds of a step of time; steps begin at its multiples."""
    reach: tuple[int, int]
    """The least and the greatest timestamp, in milliseconds UTC."""


def texts_of(logs: pa.Table) -> Texts:
    """Return logs by masked message.

    Args:
        logs: with `COLUMNS`, ordered by seq.
    """
    masked = mask(logs["message"])
    moments = logs["timestamp"].cast(pa.int64())
    span = pc.min_max(moments).as_py() if logs.num_rows else {"min": 0, "max": 0}
    step = _room(_FIRST_STEP, span["min"], span["max"])
    table = pa.table(
        {
            "text": masked.indices,
            "place": pa.array(np.arange(logs.num_rows)),
            "type": logs["type"],
            "moment": moments,
            "step": pa.array(moments.to_numpy() // step),
        }
    )
    begins = _grouped(table, ["text"], [("place", "min")]).sort_by("text")["place_min"]
    firsts = logs.select(["seq", "message"]).take(begins)
    of_type = _grouped(table, ["text", "type"], [("moment", "min"), ("moment", "max")])
    return Texts(
        tuple(masked.dictionary.to_pylist()),
        tuple(map(Example, *(firsts[name].to_pylist() for name in ("seq", "message")))),
        of_type.rename_columns(["text", "type", "logs", "first", "last"]),
        _grouped(table, ["text", "step"], []).rename_columns(["text", "step", "logs"]),
        step,
        (span["min"], span["max"]),
    )


def _grouped(table: pa.Table, keys: list[str], sums: list[tuple[str, str]]) -> pa.Table:
    """Return groups of rows, in the order of their first rows, with the number of rows."""
    # Threads of Arrow know no order, and would release what Python owns: see archive.parquet.
    grouped = table.group_by(keys, use_threads=False).aggregate([([], "count_all"), *sums])
    return grouped.select([*keys, "count_all", *(f"{name}_{how}" for name, how in sums)])


class Tally:
    """Counts logs by template.

    Args:
        templates: of all logs that are compared.
    """

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._counts: dict[int, Count] = {}
        self._step = _FIRST_STEP
        self._reach: tuple[int, int] | None = None

    @property
    def total(self) -> int:
        """Number of logs."""
        return sum(each.logs for each in self._counts.values())

    @property
    def steps(self) -> range:
        """Steps of time from the first log to the last."""
        if self._reach is None:
            return range(0)
        first, last = self._reach
        return range(first // self._step, last // self._step + 1)

    def by_text(self) -> dict[str, Count]:
        """Return the count of each pattern; templates of one text, as they may become, are one."""
        found: dict[str, Count] = {}
        for number, each in self._counts.items():
            start = Count(each.example, each.first, each.last)
            found.setdefault(self._templates.text(number), start).merge(each)
        return found

    def add(self, texts: Texts) -> None:
        """Count logs, which follow those before by seq: templates depend on the order of texts.

        Args:
            texts: the logs by masked message.
        """
        if not texts.masked:
            return
        numbers = self._templates.numbers(texts.masked)
        examples: dict[int, Example] = {}
        for number, example in zip(numbers, texts.examples, strict=True):
            examples.setdefault(number, example)
        for number, type_, logs, first, last in _by_template(
            texts.by_type, numbers, "type", [("first", "min"), ("last", "max")]
        ):
            count = self._counts.get(number)
            if count is None:
                count = self._counts[number] = Count(examples[number], first, last)
            count.types[type_] += logs
            count.first, count.last = min(count.first, first), max(count.last, last)
        self._make_room(texts)
        factor = self._step // texts.step
        for number, step, logs in _by_template(texts.by_step, numbers, "step", []):
            self._counts[number].over_time[step // factor] += logs

    def _make_room(self, texts: Texts) -> None:
        """Have the steps reach over those of texts; two become one where they are too many."""
        first, last = self._reach or texts.reach
        self._reach = min(first, texts.reach[0]), max(last, texts.reach[1])
        step = _room(max(self._step, texts.step), *self._reach)
        if step > self._step:
            for each in self._counts.values():
                merged: Counter[int] = Counter()
                for number, count in each.over_time.items():
                    merged[number * self._step // step] += count
                each.over_time = merged
            self._step = step


def _by_template(
    table: pa.Table, numbers: list[int], key: str, sums: list[tuple[str, str]]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows of texts, summed up by the number of their template and another column.

    Args:
        table: rows with `text`, that column, and `logs`.
        numbers: number of the template of each text.
        key: the other column.
        sums: what else is summed up, and how.
    """
    templates = pa.array(numbers, pa.int64()).take(table["text"].combine_chunks())
    grouped = table.set_column(0, "text", templates).group_by(["text", key], use_threads=False)
    summed = grouped.aggregate([("logs", "sum"), *sums])
    names = ["text", key, "logs_sum", *(f"{name}_{how}" for name, how in sums)]
    return zip(*(summed[name].to_pylist() for name in names), strict=True)


def _room(step: int, first: int, last: int) -> int:
    """Return the least doubling of a step of which few enough reach from one moment to another."""
    while last // step - first // step >= _MOST_STEPS:
        step *= 2
    return step

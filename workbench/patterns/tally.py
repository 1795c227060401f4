"""Counts of logs by pattern: how many, of which types, when, and one example each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

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

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


class Example(NamedTuple):
    """The first log of a pattern."""

    seq: int
    message: str


class Templates:
    """Templates of logs, whose numbers stay as they are."""

    def __init__(self) -> None:
        self._tree = TemplateTree()
        self._known: dict[str, int] = {}

    def numbers(self, messages: pa.ChunkedArray) -> Numbers:
        """Return the number of the template of each message."""
        masked = mask(messages)
        numbers = [self._number(text) for text in masked.dictionary.to_pylist()]
        found: Numbers = np.array(numbers, dtype=np.int64)[masked.indices.to_numpy()]
        return found

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


class Tally:
    """Counts logs by template.

    Args:
        templates: of all logs that are compared.
    """

    def __init__(self, templates: Templates) -> None:
        self.steps = range(0)
        """Steps of time from the first log to the last."""
        self._templates = templates
        self._counts: dict[int, Count] = {}
        # Milliseconds of a step of time; steps begin at its multiples.
        self._step = _FIRST_STEP

    @property
    def total(self) -> int:
        """Number of logs."""
        return sum(each.logs for each in self._counts.values())

    def by_text(self) -> dict[str, Count]:
        """Return the count of each pattern; templates of one text, as they may become, are one."""
        found: dict[str, Count] = {}
        for number, each in self._counts.items():
            start = Count(each.example, each.first, each.last)
            found.setdefault(self._templates.text(number), start).merge(each)
        return found

    def add(self, logs: pa.Table) -> None:
        """Count logs.

        Args:
            logs: with `COLUMNS`, ordered by seq.
        """
        if not logs.num_rows:
            return
        numbers = self._templates.numbers(logs["message"])
        moments = logs["timestamp"].cast(pa.int64())
        begins = dict(
            zip(*map(np.ndarray.tolist, np.unique(numbers, return_index=True)), strict=True)
        )
        counted = pa.table({"template": numbers, "type": logs["type"], "moment": moments})
        by_type = counted.group_by(["template", "type"]).aggregate(
            [("moment", "count"), ("moment", "min"), ("moment", "max")]
        )
        for number, type_, logs_of_type, first, last in zip(
            *(column.to_pylist() for column in by_type.select(_BY_TYPE).columns), strict=True
        ):
            count = self._counts.get(number)
            if count is None:
                example = _example(logs, begins[number])
                count = self._counts[number] = Count(example, first, last)
            count.types[type_] += logs_of_type
            count.first, count.last = min(count.first, first), max(count.last, last)
        self._add_steps(numbers, moments)

    def _add_steps(self, numbers: Numbers, moments: pa.ChunkedArray) -> None:
        self._make_room(pc.min_max(moments).as_py())
        steps = moments.to_numpy() // self._step
        pairs, counts = np.unique(np.stack([numbers, steps]), axis=1, return_counts=True)
        for number, step, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
            self._counts[number].over_time[step] += count

    def _make_room(self, span: Mapping[str, int]) -> None:
        """Have the steps reach over a span of moments; two become one where they are too many."""
        first, last = span["min"] // self._step, span["max"] // self._step
        if self.steps:
            first, last = min(first, self.steps[0]), max(last, self.steps[-1])
        factor = 1
        while last // factor - first // factor >= _MOST_STEPS:
            factor *= 2
        if factor > 1:
            self._step *= factor
            for each in self._counts.values():
                merged: Counter[int] = Counter()
                for step, count in each.over_time.items():
                    merged[step // factor] += count
                each.over_time = merged
        self.steps = range(first // factor, last // factor + 1)


def _example(logs: pa.Table, place: int) -> Example:
    return Example(logs["seq"][place].as_py(), logs["message"][place].as_py())


_BY_TYPE: Final = ["template", "type", "moment_count", "moment_min", "moment_max"]

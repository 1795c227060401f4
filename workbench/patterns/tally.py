"""Counts of logs by pattern: how many, of which types, when, and one example each."""

from collections import Counter
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


class Tally:
    """Counts logs by template.

    Args:
        templates: of all logs that are compared.
    """

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self.total = 0
        """Number of logs."""
        self.types: Counter[tuple[int, str]] = Counter()
        """Number of logs by template and type."""
        self.examples: dict[int, Example] = {}
        """The first log of each template."""
        self.seen: dict[int, tuple[int, int]] = {}
        """First and last timestamp of each template, in milliseconds UTC."""
        self.step = _FIRST_STEP
        """Milliseconds of a step of `over_time`, which begin at its multiples."""
        self.over_time: Counter[tuple[int, int]] = Counter()
        """Number of logs by template and step of time."""

    def add(self, logs: pa.Table) -> None:
        """Count logs.

        Args:
            logs: with `COLUMNS`, ordered by seq.
        """
        if not logs.num_rows:
            return
        numbers = self._templates.numbers(logs["message"])
        self.total += logs.num_rows
        self._add_examples(numbers, logs)
        moments = logs["timestamp"].cast(pa.int64())
        counted = pa.table({"template": numbers, "type": logs["type"], "moment": moments})
        by_type = counted.group_by(["template", "type"]).aggregate(
            [("moment", "count"), ("moment", "min"), ("moment", "max")]
        )
        for template, type_, count, first, last in zip(
            *(column.to_pylist() for column in by_type.select(_BY_TYPE).columns), strict=True
        ):
            self.types[template, type_] += count
            earliest, latest = self.seen.get(template, (first, last))
            self.seen[template] = (min(earliest, first), max(latest, last))
        self._add_steps(numbers, moments)

    def _add_examples(self, numbers: Numbers, logs: pa.Table) -> None:
        found, places = np.unique(numbers, return_index=True)
        for number, place in zip(found.tolist(), places.tolist(), strict=True):
            if number not in self.examples:
                seq, message = logs["seq"][place].as_py(), logs["message"][place].as_py()
                self.examples[number] = Example(seq, message)

    def _add_steps(self, numbers: Numbers, moments: pa.ChunkedArray) -> None:
        span = pc.min_max(moments).as_py()
        steps = {step for _, step in self.over_time}
        first = min([span["min"] // self.step, *steps])
        last = max([span["max"] // self.step, *steps])
        factor = 1
        while last // factor - first // factor >= _MOST_STEPS:
            factor *= 2
        if factor > 1:
            self.step *= factor
            merged: Counter[tuple[int, int]] = Counter()
            for (number, step), count in self.over_time.items():
                merged[number, step // factor] += count
            self.over_time = merged
        steps_of = moments.to_numpy() // self.step
        pairs, counts = np.unique(np.stack([numbers, steps_of]), axis=1, return_counts=True)
        for number, step, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
            self.over_time[number, step] += count


_BY_TYPE: Final = ["template", "type", "moment_count", "moment_min", "moment_max"]

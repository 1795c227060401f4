"""Counts of the values of fields on two sides, in bounded memory."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from workbench.query.attributes import column_name, query_value

MOST_NAMES: Final = 300
"""Attributes that are counted; further ones are left out, and told."""
MOST_NAMES_OF_A_PART: Final = 10 * MOST_NAMES
"""Attributes of a part that are counted: which of them are among the first is not known there."""
MOST_VALUES: Final = 1_000
"""Values of an attribute that are counted; one with more is counted as a whole."""
MOST_NUMBERS: Final = 50
"""Numbers of an attribute that are counted each; more are counted by their size."""
ANY: Final = "any value"
"""Value of a row about an attribute as a whole."""

# Where ranges of numbers begin: 1, 2 and 5 of each power of ten.
_BOUNDS: Final = [float(f"{digit}e{power}") for power in range(-9, 19) for digit in (1, 2, 5)]

Example = tuple[int, str]
"""Seq and message of a log."""


@dataclass(slots=True)
class Sides:
    """Numbers of logs on both sides, and the first log of each."""

    logs: list[int] = field(default_factory=lambda: [0, 0])
    examples: list[Example | None] = field(default_factory=lambda: [None, None])

    def add(self, side: int, example: Example) -> None:
        """Count a log."""
        self.logs[side] += 1
        if self.examples[side] is None:
            self.examples[side] = example

    def merge(self, later: "Sides") -> None:
        """Add what was counted of later logs."""
        for side in (0, 1):
            self.logs[side] += later.logs[side]
            self.examples[side] = self.examples[side] or later.examples[side]


@dataclass(frozen=True, slots=True)
class Counted:
    """Logs of one value of a field."""

    name: str
    text: str
    logs: tuple[int, int]
    example: Example
    """A log of the second side, if it has one."""
    is_attribute: bool


class Values:
    """Counts values of fields on two sides.

    Args:
        most_names: number of attributes that are counted.

    Attributes:
        columns: counts of texts by name of a column.
        attributes: counts by name.
        left_out: names of further attributes, in the order in which they came.
    """

    def __init__(self, most_names: int = MOST_NAMES) -> None:
        self._most_names = most_names
        self.columns: dict[str, dict[str, Sides]] = {}
        self.attributes: dict[str, _Attribute] = {}
        self.left_out: dict[str, None] = {}
        # Those whose counts lack the logs of a part that left them out.
        self._lacking: set[str] = set()

    def add(
        self,
        side: int,
        columns: Mapping[str, Sequence[str]],
        attributes: Sequence[Mapping[str, Any]],
        examples: Sequence[Example],
    ) -> None:
        """Count logs.

        Args:
            side: 0 or 1.
            columns: texts of fields that each log has, by name.
            attributes: attributes of each log.
            examples: seq and message of each log.
        """
        for name, texts in columns.items():
            known = self.columns.setdefault(name, {})
            for text, example in zip(texts, examples, strict=True):
                _sides(known, text).add(side, example)
        for members, example in zip(attributes, examples, strict=True):
            for name, value in members.items():
                if value is None:
                    continue
                attribute = self.attributes.get(name)
                if attribute is None:
                    if len(self.attributes) >= self._most_names:
                        self._leave_out(name)
                        continue
                    attribute = self.attributes[name] = _Attribute()
                attribute.add(side, value, example)

    def merge(self, later: "Values") -> None:
        """Add what was counted of later logs, which is not to be used afterwards."""
        for name, texts in later.columns.items():
            _merge(self.columns.setdefault(name, {}), texts)
        for name, attribute in later.attributes.items():
            known = self.attributes.get(name)
            if known is not None:
                known.merge(attribute)
            elif len(self.attributes) < self._most_names and name not in self.left_out:
                self.attributes[name] = attribute
            else:
                self._leave_out(name)
        for name in later.left_out:
            if name in self.attributes:
                self._lacking.add(name)
            else:
                self._leave_out(name)

    def counted(self) -> Iterator[Counted]:
        """Yield all values that were counted."""
        for name, texts in self.columns.items():
            for text, sides in texts.items():
                yield _counted(name, text, sides, is_attribute=False)
        for name, attribute in self.attributes.items():
            if name in self._lacking:
                continue
            for text, sides in attribute.by_text():
                yield _counted(column_name(name), text, sides, is_attribute=True)

    def uncounted(self) -> list[str]:
        """Return the names of attributes whose values were too many, or which were left out."""
        names = [name for name, each in self.attributes.items() if each.has_too_many]
        return sorted(map(column_name, {*names, *self._lacking, *self.left_out}))

    def _leave_out(self, name: str) -> None:
        if len(self.left_out) < self._most_names:
            self.left_out[name] = None


class _Attribute:
    """Counts the values of one attribute.

    Attributes:
        whole: logs that have it.
        is_nested: whether one has a list or an object.
        values: logs by text; None once there are too many.
        numbers: logs by number, until there are too many.
        sizes: logs by size of their number.
    """

    def __init__(self) -> None:
        self.whole = Sides()
        self.is_nested = False
        self.values: dict[str, Sides] | None = {}
        self.numbers: dict[float, Sides] | None = {}
        self.sizes: dict[str, Sides] = {}

    @property
    def has_too_many(self) -> bool:
        """Whether it is also counted as a whole."""
        return self.is_nested or self.values is None

    def add(self, side: int, value: object, example: Example) -> None:
        """Count a log with a value."""
        self.whole.add(side, example)
        if isinstance(value, list | dict):
            self.is_nested = True
        elif isinstance(value, bool) or not isinstance(value, int | float):
            if self.values is not None:
                _sides(self.values, query_value(value)).add(side, example)
        else:
            _sides(self.sizes, size_of(value)).add(side, example)
            if self.numbers is not None:
                _sides(self.numbers, value).add(side, example)
        self._limit()

    def merge(self, later: "_Attribute") -> None:
        """Add what was counted of later logs."""
        self.whole.merge(later.whole)
        self.is_nested |= later.is_nested
        self.values = _merged(self.values, later.values)
        self.numbers = _merged(self.numbers, later.numbers)
        _merge(self.sizes, later.sizes)
        self._limit()

    def by_text(self) -> Iterator[tuple[str, Sides]]:
        """Yield values as text, with their counts."""
        if self.has_too_many:
            yield ANY, self.whole
        yield from (self.values or {}).items()
        if self.numbers is None:
            yield from self.sizes.items()
        else:
            for number, sides in self.numbers.items():
                yield query_value(number), sides

    def _limit(self) -> None:
        if self.values is not None and len(self.values) > MOST_VALUES:
            self.values = None
        if self.numbers is not None and len(self.numbers) > MOST_NUMBERS:
            self.numbers = None


_Value = TypeVar("_Value")


def _sides(known: dict[_Value, Sides], value: _Value) -> Sides:
    sides = known.get(value)
    if sides is None:
        sides = known[value] = Sides()
    return sides


def _merge(known: dict[_Value, Sides], later: Mapping[_Value, Sides]) -> None:
    """Add counts of later logs by value."""
    for value, sides in later.items():
        mine = known.get(value)
        if mine is None:
            known[value] = sides
        else:
            mine.merge(sides)


def _merged(
    known: dict[_Value, Sides] | None, later: dict[_Value, Sides] | None
) -> dict[_Value, Sides] | None:
    """Return counts by value with those of later logs; None if there are too many of either."""
    if known is None or later is None:
        return None
    _merge(known, later)
    return known


def size_of(number: float) -> str:
    """Return the range of numbers that one lies in, such as `200 to 500`; its end is outside."""
    size = abs(number)
    sign = "-" if number < 0 else ""
    place = bisect_right(_BOUNDS, size)
    if place == 0:
        return "0" if size == 0 else f"{sign}0 to {sign}{_BOUNDS[0]:g}"
    if place == len(_BOUNDS):
        return f"{sign}{_BOUNDS[-1]:g} and beyond"
    return f"{sign}{_plain(_BOUNDS[place - 1])} to {sign}{_plain(_BOUNDS[place])}"


def _plain(bound: float) -> str:
    return f"{bound:,.0f}" if 1 <= bound < 1e9 else f"{bound:g}"


def _counted(name: str, text: str, sides: Sides, *, is_attribute: bool) -> Counted:
    example = sides.examples[1] or sides.examples[0]
    assert example is not None, "every value that is counted has a log"
    return Counted(name, text, (sides.logs[0], sides.logs[1]), example, is_attribute)

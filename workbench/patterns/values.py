"""Counts of the values of fields on two sides, in bounded memory."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from workbench.query.attributes import column_name, query_value

MOST_NAMES: Final = 300
"""Attributes that are counted; further ones are left out, and told."""
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
    """Counts values of fields on two sides."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, Sides]] = {}
        self._attributes: dict[str, _Attribute] = {}
        self._left_out: set[str] = set()

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
            known = self._columns.setdefault(name, {})
            for text, example in zip(texts, examples, strict=True):
                sides = known.get(text)
                if sides is None:
                    sides = known[text] = Sides()
                sides.add(side, example)
        for members, example in zip(attributes, examples, strict=True):
            for name, value in members.items():
                if value is None:
                    continue
                attribute = self._attributes.get(name)
                if attribute is None:
                    if len(self._attributes) >= MOST_NAMES:
                        self._leave_out(name)
                        continue
                    attribute = self._attributes[name] = _Attribute()
                attribute.add(side, value, example)

    def counted(self) -> Iterator[Counted]:
        """Yield all values that were counted."""
        for name, texts in self._columns.items():
            for text, sides in texts.items():
                yield _counted(name, text, sides, is_attribute=False)
        for name, attribute in self._attributes.items():
            for text, sides in attribute.by_text():
                yield _counted(column_name(name), text, sides, is_attribute=True)

    def uncounted(self) -> list[str]:
        """Return the names of attributes whose values were too many, or which were left out."""
        names = [name for name, each in self._attributes.items() if each.has_too_many]
        return sorted(map(column_name, {*names, *self._left_out}))

    def _leave_out(self, name: str) -> None:
        if len(self._left_out) < MOST_NAMES:
            self._left_out.add(name)


class _Attribute:
    """Counts the values of one attribute."""

    def __init__(self) -> None:
        self.has_too_many = False
        self._whole = Sides()
        self._values: dict[str, Sides] = {}
        # Each number by itself, until there are too many; and by size.
        self._numbers: dict[float, Sides] | None = {}
        self._sizes: dict[str, Sides] = {}

    def add(self, side: int, value: object, example: Example) -> None:
        """Count a log with a value."""
        self._whole.add(side, example)
        if isinstance(value, list | dict):
            self.has_too_many = True
        elif isinstance(value, bool) or not isinstance(value, int | float):
            self._add_text(side, query_value(value), example)
        else:
            self._add_number(side, value, example)

    def by_text(self) -> Iterator[tuple[str, Sides]]:
        """Yield values as text, with their counts."""
        if self.has_too_many:
            yield ANY, self._whole
        yield from self._values.items()
        if self._numbers is None:
            yield from self._sizes.items()
        else:
            for number, sides in self._numbers.items():
                yield query_value(number), sides

    def _add_text(self, side: int, text: str, example: Example) -> None:
        sides = self._values.get(text)
        if sides is None:
            if self.has_too_many or len(self._values) >= MOST_VALUES:
                self.has_too_many = True
                self._values.clear()
                return
            sides = self._values[text] = Sides()
        sides.add(side, example)

    def _add_number(self, side: int, number: float, example: Example) -> None:
        self._sizes.setdefault(size_of(number), Sides()).add(side, example)
        if self._numbers is None:
            return
        sides = self._numbers.get(number)
        if sides is None:
            if len(self._numbers) >= MOST_NUMBERS:
                self._numbers = None
                return
            sides = self._numbers[number] = Sides()
        sides.add(side, example)


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

"""A dialect of lines: one declaration of what it looks like and where its parts are."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Final, NamedTuple, Protocol

from waterline.recognition.levels import type_of_status
from waterline.recognition.line_clock import LineClock
from waterline.recognition.line_levels import (
    LineLevel,
    level_after,
    level_of_severity,
    level_of_word,
)
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_forms import TIME_FORMS, TimeForm

FORMS: Final = {form.name: form for form in TIME_FORMS}
QUOTED: Final = r'"(?P<{0}>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
"""A text in quotes, in which a backslash takes away what the next character means."""


class Reader(Protocol):
    """What a dialect may ask of whoever reads the lines."""

    clock: LineClock

    def time_of(self, text: str) -> int | None:
        """Return the time that a value is; None if it is none."""

    def inner(self, text: str) -> Recognized | None:
        """Return what a text says that stands within a line; None if it is of no dialect."""

    def outer(self, text: str) -> Recognized:
        """Return what a line says once what was put before it is taken off."""

    def unfold(
        self, envelope: Recognized, content: str, *, partial: bool, headed: bool
    ) -> Recognized:
        """Return what a line says that holds another; see `Recognizer.unfold`."""


_NUMBERS: Final = {
    *("status", "bytes", "bytes_in", "bytes_out", "port", "pid", "tid", "request_length"),
    *("upstream_status", "target_status", "upstream_bytes", "request_number"),
}
_UNITS: Final = {"_s": 1000.0, "_us": 0.001, "_ns": 0.000_001}
_MAX_DIGITS: Final = 18
_OF_TIMES: Final = {
    *("head", "half", "zone", "second", "fraction", "year", "month", "day", "hour", "minute"),
    *("late_year", "first", "other", "last", "separator", "stop", "epoch", "tai"),
}
_SAY_LEVELS: Final = {"level", "severity", "pri", "rest"}
_BEYOND_ATTRIBUTES: Final = _OF_TIMES | _SAY_LEVELS | {"message", "text"}


class Attributes:
    """Attributes by the groups of a pattern: numbers as numbers, durations in milliseconds."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._plan = tuple(
            (group, *_attribute(name))
            for name, group in pattern.groupindex.items()
            if name not in _BEYOND_ATTRIBUTES
        )

    def of(self, match: re.Match[str]) -> dict[str, object]:
        """Return the groups of a match; those that are empty or `-` are left out."""
        attributes: dict[str, object] = {}
        for group, kept_as, factor in self._plan:
            text = match[group]
            if not text or text == "-":
                continue
            if factor is None:
                attributes[kept_as] = unescaped(text) if "\\" in text else text
            elif factor == 1 and text.isdecimal() and len(text) <= _MAX_DIGITS:
                attributes[kept_as] = int(text)
            else:
                attributes[kept_as] = number_of(text, factor)
        return attributes


@dataclass(frozen=True)
class Dialect:
    """Lines of one program or protocol.

    The groups of its pattern say where the parts are: those of a time form the time, `level` a
    word, `severity` a digit of syslog's, `pri` a priority, `message` the message, `rest` the
    message of syslog, in which another dialect may stand, `text` a line that something was put
    before. Each other group is an attribute of its name; `status`
    and the like are numbers, and what ends in `_s` or `_us` is a duration that is kept in
    milliseconds. A group that is empty or `-` is left out.

    Attributes:
        name: what to call it.
        shape: a regular expression that its lines alone begin with.
        first: kinds of beginnings: `T` for a day with dashes and a T behind it, `Y` for others that
            have a year and a dash, `S` for those with a slash, `0` for other digits, `A` and `a`
            for letters, other characters for themselves.
        pattern: a regular expression of all of a line, with the named groups; its digits and
            letters are those of ASCII, and a dot is any character.
        time: the form of its time; None for lines without one.
        level: of all its lines.
        by_status: whether the type comes from the group `status`.
        refine: changes what the groups say, where they are not all.
        complete: whether its lines are whole logs, which no other line continues.
        is_csv: whether its lines are rows of CSV, whose quoted fields may have line breaks.
    """

    name: str
    first: str
    shape: str
    pattern: str
    time: TimeForm | None = None
    level: str | None = None
    by_status: bool = False
    refine: Callable[[re.Match[str], Recognized, Reader], Recognized] | None = None
    complete: bool = False
    is_csv: bool = False

    # Hundreds of expressions take long to compile, and most programs need few of them.
    @cached_property
    def _compiled(self) -> "_Compiled":
        pattern = re.compile(self.pattern, re.ASCII | re.DOTALL)
        groups = pattern.groupindex.keys()
        return _Compiled(
            pattern.match,
            Attributes(pattern),
            groups & _SAY_LEVELS,
            has_message="message" in groups,
        )

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a line says, or None if it is of another dialect."""
        matcher, named, of_level, has_message = self._compiled
        match = matcher(line)
        if match is None:
            return None
        timestamp, time = None, self.time
        if time is not None and match[time.sign] is not None:
            timestamp = reader.clock.read(time, match)
            if timestamp is None:
                return None
        attributes = named.of(match)
        name = self.level
        if of_level and (level := _level_of(match, of_level, line)):
            name = level.type
            if level.more:
                attributes["level"] = level.more
        if self.by_status and isinstance(status := attributes.get("status"), int):
            name = name or type_of_status(status)
        message = match["message"] if has_message else line
        found = Recognized(message, timestamp, name, attributes)
        return self.refine(match, found, reader) if self.refine else found

    def part(self, line: str, group: str) -> str | None:
        """Return the text of a group in a line; None if the line is of another dialect."""
        match = self._compiled.match(line)
        return None if match is None else match[group]


class _Compiled(NamedTuple):
    """The expression of a dialect, and what its groups say."""

    match: Callable[[str], re.Match[str] | None]
    attributes: Attributes
    of_level: Set[str]
    has_message: bool


def by_mark(types: dict[str, str]) -> Callable[[re.Match[str], Recognized, Reader], Recognized]:
    """Return what takes the type from the group `mark`, which is no attribute; else it is info.

    Args:
        types: type by mark.
    """

    def refine(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
        found.attributes.pop("mark", None)
        name = types.get(match["mark"], "info")
        return Recognized(found.message, found.timestamp, name, found.attributes)

    return refine


def _level_of(match: re.Match[str], has: Set[str], line: str) -> LineLevel | None:
    if "level" in has and (word := match["level"]):
        return level_of_word(word)
    if "severity" in has and (digit := match["severity"]):
        return level_of_severity(int(digit))
    written = None
    if "rest" in has and match["rest"]:
        written = level_after(line, match.start("rest"), tagged=True)
    if written is None and "pri" in has and (priority := match["pri"]):
        return level_of_severity(int(priority) & 7)
    return written


def number_of(text: str, factor: float = 1) -> int | float | str:
    """Return a text as a number times a factor; the text itself where it is none."""
    if len(text) > _MAX_DIGITS:
        return text
    try:
        if factor == 1 and text.lstrip("-").isdecimal():
            return int(text)
        number = round(float(text) * factor, 6)
    except ValueError:
        return text
    return number if isfinite(number) else text


_ESCAPED: Final = re.compile(r'\\(["\\])')


def unescaped(text: str) -> str:
    r"""Return a quoted text with `\"` and `\\` as what they stand for."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _attribute(name: str) -> tuple[str, float | None]:
    for unit, factor in _UNITS.items():
        if name.endswith(unit):
            return f"{name.removesuffix(unit)}_ms", factor
    return name, 1 if name in _NUMBERS or name.endswith("_ms") else None

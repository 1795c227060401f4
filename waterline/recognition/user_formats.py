"""Dialects of users, in the JSON form of lnav's format files."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from waterline.errors import UsageError
from waterline.recognition.dialect import Reader, number_of
from waterline.recognition.json_text import object_in
from waterline.recognition.line_levels import LineLevel, level_of_word
from waterline.recognition.recognized import Recognized
from waterline.recognition.strftime import form_of
from waterline.recognition.time_forms import TimeForm

_NAMED_GROUP: Final = re.compile(r"\(\?<(?=[A-Za-z_])")
_NUMBERS: Final = {"integer", "float", "quantity"}
# Names of groups by what they are, those of lnav first.
_PARTS: Final = {
    "timestamp": ("timestamp", "time"),
    "level": ("level", "type"),
    "body": ("body", "message"),
}
_LEVELS_OF_LNAV: Final = {
    "stats": "info",
    "unknown": None,
    **{f"debug{n}": "debug" for n in "2345"},
}


@dataclass(frozen=True)
class UserFormat:
    """Lines as one format of a file of formats describes them."""

    name: str
    patterns: Sequence[re.Pattern[str]]
    forms: Sequence[TimeForm]
    levels: Sequence[tuple[LineLevel | None, re.Pattern[str]]]
    fields: Mapping[str, str]
    """Names of the groups of `timestamp`, `level` and `body`."""
    numbers: frozenset[str]
    divisor: float
    first: str = ""
    shape: str = ""
    complete: bool = False
    is_csv: bool = False

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a line says, or None if it is of another dialect."""
        if not self.patterns:
            value = object_in(line) if line[:1] == "{" else None
            named = self.fields["timestamp"], self.fields["body"]
            return (
                self._found(line, value, reader) if value and any(map(value.get, named)) else None
            )
        for pattern in self.patterns:
            if match := pattern.match(line):
                return self._found(line, match.groupdict(), reader)
        return None

    def _found(self, line: str, parts: Mapping[str, object], reader: Reader) -> Recognized:
        written = parts.get(self.fields["timestamp"])
        timestamp = None if written is None else self._time(str(written), reader)
        level = self._level(parts.get(self.fields["level"]))
        body = parts.get(self.fields["body"])
        taken = {self.fields["body"]} if isinstance(body, str) else set()
        if timestamp is not None:
            taken.add(self.fields["timestamp"])
        if level is not None:
            taken.add(self.fields["level"])
        attributes = {
            name: number_of(value) if name in self.numbers and isinstance(value, str) else value
            for name, value in parts.items()
            if value is not None and name not in taken
        }
        if level and level.more:
            attributes["level"] = level.more
        message = body if isinstance(body, str) else line
        return Recognized(message, timestamp, level.type if level else None, attributes)

    def _time(self, written: str, reader: Reader) -> int | None:
        if self.divisor != 1:
            number = number_of(written, 1 / self.divisor)
            return None if isinstance(number, str) else round(number * 1000)
        for form in self.forms:
            match = form.anywhere.fullmatch(written)
            if match and (timestamp := reader.clock.read(form, match)) is not None:
                return timestamp
        return None if self.forms else reader.time_of(written)

    def _level(self, written: object) -> LineLevel | None:
        if written is None:
            return None
        for level, pattern in self.levels:
            if pattern.search(str(written)):
                return level
        return None if self.levels else level_of_word(str(written))


def parse_formats(text: str, name: str) -> list[UserFormat]:
    """Return the formats of a file in the form that lnav reads.

    Args:
        text: what the file holds: an object of formats by name, each with `regex` (patterns with
            named groups) or `json`, and `timestamp-format`, `timestamp-field`, `level-field`,
            `body-field`, `level`, `value`, `timestamp-divisor` and `sample` as they are needed.
        name: of the file, for errors.

    Raises:
        UsageError: it is no such file, or a format in it cannot be used; the sentence says which.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{name} is no object of formats by name, as lnav reads them")
    formats = [
        _format(f"format {key} of {name}", key, value)
        for key, value in content.items()
        if not key.startswith("$")
    ]
    if not formats:
        raise UsageError(f"{name} has no format; lnav's documents show how to write one")
    return formats


def format_of_pattern(pattern: str) -> UserFormat:
    """Return the format of lines that a regular expression matches from their start.

    Its groups `timestamp` or `time`, `level` or `type`, and `body` or `message` are what they say;
    the others are attributes.

    Raises:
        UsageError: it is no regular expression, or names no group.
    """
    where = f"the pattern {pattern!r}"
    compiled = _compiled(where, _NAMED_GROUP.sub("(?P<", pattern))
    groups = compiled.groupindex
    if not groups:
        raise UsageError(
            f"{where} names no group; name what you want, as in "
            r"'(?P<timestamp>\S+) (?P<level>\w+) (?P<message>.*)'"
        )
    fields = {
        part: next((name for name in names if name in groups), names[0])
        for part, names in _PARTS.items()
    }
    return UserFormat(
        name="pattern",
        patterns=[compiled],
        forms=(),
        levels=(),
        fields=fields,
        numbers=frozenset(),
        divisor=1,
    )


def _format(where: str, name: str, value: object) -> UserFormat:
    if not isinstance(value, dict):
        raise UsageError(f"{where} is no object with `regex` and `timestamp-format`")
    fields = {
        part: str(value.get(f"{part}-field", part)) for part in ("timestamp", "level", "body")
    }
    patterns = [] if value.get("json") is True else _patterns(where, value.get("regex"))
    kinds = value.get("value", {})
    if not isinstance(kinds, dict):
        raise UsageError(f"`value` of {where} is no object")
    divisor = value.get("timestamp-divisor", 1)
    if not isinstance(divisor, int | float) or divisor <= 0:
        raise UsageError(f"`timestamp-divisor` of {where} is no number above 0")
    found = UserFormat(
        name=name,
        patterns=patterns,
        forms=_forms(where, value.get("timestamp-format", [])),
        levels=_levels(where, value.get("level", {})),
        fields=fields,
        numbers=frozenset(
            key
            for key, kind in kinds.items()
            if isinstance(kind, dict) and kind.get("kind") in _NUMBERS
        ),
        divisor=divisor,
    )
    _check_samples(where, found, value.get("sample", []))
    return found


def _patterns(where: str, value: object) -> list[re.Pattern[str]]:
    if not isinstance(value, dict) or not value:
        raise UsageError(f"{where} lacks `regex`, an object of patterns with named groups")
    patterns = []
    for name, described in value.items():
        written = described.get("pattern") if isinstance(described, dict) else described
        if not isinstance(written, str):
            raise UsageError(f"regex {name} of {where} has no `pattern`")
        pattern = _compiled(f"regex {name} of {where}", _NAMED_GROUP.sub("(?P<", written))
        if not pattern.groupindex:
            raise UsageError(f"regex {name} of {where} names no group, as in (?<timestamp>...)")
        patterns.append(pattern)
    return patterns


def _forms(where: str, value: object) -> list[TimeForm]:
    written = [value] if isinstance(value, str) else value
    if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
        raise UsageError(f"`timestamp-format` of {where} is no list of texts such as %Y-%m-%d")
    try:
        return [form_of(each) for each in written]
    except ValueError as error:
        raise UsageError(f"`timestamp-format` of {where} cannot be read: {error}") from error


def _levels(where: str, value: object) -> list[tuple[LineLevel | None, re.Pattern[str]]]:
    if not isinstance(value, dict):
        raise UsageError(f"`level` of {where} is no object of patterns by level")
    levels = []
    for name, written in value.items():
        word = _LEVELS_OF_LNAV.get(name, name)
        level = level_of_word(word) if word else None
        if word and level is None:
            raise UsageError(f"{where} has a level {name}; lnav has error, warning, info and so on")
        levels.append((level, _compiled(f"level {name} of {where}", str(written))))
    return levels


def _compiled(where: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{where} is no regular expression of Python: {error}") from error


def _check_samples(where: str, format_: UserFormat, samples: object) -> None:
    if not isinstance(samples, list):
        raise UsageError(f"`sample` of {where} is no list")
    for number, sample in enumerate(samples, start=1):
        line = sample.get("line") if isinstance(sample, dict) else None
        if not isinstance(line, str):
            raise UsageError(f"sample {number} of {where} has no `line`")
        first = line.split("\n")[0]
        if format_.patterns and not any(each.match(first) for each in format_.patterns):
            raise UsageError(f"no regex of {where} matches its sample {number}")

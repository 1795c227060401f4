"""The time at the start of a line: its form is learnt, so the usual line costs one attempt."""

import re
from typing import Final

import msgspec

from waterline.recognition.line_clock import LineClock
from waterline.recognition.time_forms import TIME_FORMS, TimeForm

# No form is without one of these; most lines of a message or a traceback are.
# It begins with what all have in common, which is looked for several times as fast.
_DIGITS_OF_A_TIME: Final = re.compile(r"\d(?::\d\d|\d(?:\d{4}|([.-])\d\d\1\d\d))", re.ASCII)
_CHARACTERS_BEFORE: Final = 160


class LineTime(msgspec.Struct, frozen=True, gc=False):
    """A time in a line: `timestamp` in milliseconds UTC, written from `start` up to `end`."""

    timestamp: int
    start: int
    end: int


class LineTimes:
    """Finds the time that stands at the start of a line, or behind a few fields of its header."""

    def __init__(self, clock: LineClock) -> None:
        self._clock = clock
        self._ways: list[tuple[TimeForm, re.Pattern[str]]] = [
            *((form, form.leading) for form in TIME_FORMS),
            *((form, form.behind_fields) for form in TIME_FORMS),
        ]
        self._leads = True

    def find(self, line: str) -> LineTime | None:
        """Return the time of a line, or None if its header has none."""
        # Where times lead, most lines that begin with a letter are of no form.
        is_text = self._leads and line[:1].isalpha()
        if is_text and not _DIGITS_OF_A_TIME.search(line, 0, _CHARACTERS_BEFORE):
            return None
        form, pattern = self._ways[0]
        match = pattern.match(line)
        if match is not None:
            timestamp = self._clock.read(form, match)
            if timestamp is not None:
                return LineTime(timestamp, match.start(form.sign), match.end())
        if not _DIGITS_OF_A_TIME.search(line, 0, _CHARACTERS_BEFORE):
            return None
        has_colon = ":" in line
        for place, (form, pattern) in enumerate(self._ways):
            if form.has_colon and not has_colon:
                continue
            match = pattern.match(line) if place else None
            timestamp = self._clock.read(form, match) if match else None
            if match is not None and timestamp is not None:
                self._ways.insert(0, self._ways.pop(place))
                self._leads = pattern is form.leading
                return LineTime(timestamp, match.start(form.sign), match.end())
        return None

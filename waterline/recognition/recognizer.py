"""Reads the lines of one file or connection: what each says, whatever program wrote it."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

import msgspec

from waterline.recognition.dialect import FORMS
from waterline.recognition.envelopes import Opened, docker_line
from waterline.recognition.json_text import array_in, object_in
from waterline.recognition.line_clock import LineClock
from waterline.recognition.line_dialects import LineDialect, dialect_of
from waterline.recognition.line_levels import level_after, level_alone, level_before
from waterline.recognition.line_times import LineTimes
from waterline.recognition.object_plans import Overrides
from waterline.recognition.objects import ObjectReader
from waterline.recognition.recognized import Recognized
from waterline.recognition.rollover import FileTurns
from waterline.recognition.sentences import headed_sentence, is_sentence
from waterline.recognition.tables import Table, table_of_directive, table_of_header
from waterline.recognition.time_values import read_time

_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")
_MAX_NESTED: Final = 3
# A time behind no more characters has nothing before it but a bracket.
_LEAST_FIELD: Final = 1
_EXCEPTIONAL: Final = frozenset("{#")


class Recognizer:
    """Reads lines in their order, and learns of each how to read the next.

    Attributes:
        opened: the line within the last one, where that is an envelope.
        complete: whether no other line may continue the last one, as objects and rows.
        others: what else the last line says, where it is an object that holds several logs.

    The answer to a line depends on those before only where it leaves something out: years and
    days, which part of 03/04/2026 is the day, and the columns of a row.
    """

    def __init__(
        self,
        *,
        reference: datetime,
        timezone: tzinfo = UTC,
        turns: FileTurns | None = None,
        formats: Sequence[LineDialect] = (),
        overrides: Overrides | None = None,
        mixed: bool = False,
        depth: int = 0,
    ) -> None:
        """Say what stands in for what a line leaves out.

        Args:
            reference: about when the lines were written at the latest, with a zone; it gives years
                and days to times without.
            timezone: the zone of times that name none.
            turns: of the file, where it was looked through.
            formats: dialects of the user's, which are tried first.
            overrides: members of objects that the user names.
            mixed: whether lines of many writers come mixed, so that none tells anything of another:
                none is the header of rows, or shows which part of a date is the day.
            depth: how many envelopes its lines stood in.

        Raises:
            ValueError: the reference has no zone.
        """
        self.clock = LineClock(
            timezone=timezone, reference=reference, turns=turns or FileTurns(), mixed=mixed
        )
        self.opened: Opened | None = None
        self.complete = False
        self.others: Sequence[Recognized] = ()
        self.is_row = False
        """Whether the line is a row of CSV."""
        self.is_open = False
        """Whether a quoted field of such a row goes on in the next line."""
        self.is_object = False
        """Whether the line, or the one within it, is an object."""
        self._objects = ObjectReader(overrides, self.outer)
        self._setting = (reference, timezone, formats, overrides)
        self._mixed = mixed
        self._times = LineTimes(self.clock)
        self._values = LineTimes(self.clock)
        self._formats = list(formats)
        self._usual: LineDialect | None = None
        self._table: Table | None = None
        self._at_start = True
        # The first line may be the header of a table.
        self._exceptional = True
        self._depth = depth
        self._inside: Recognizer | None = None

    def turns_in(self, lines: Iterable[str]) -> FileTurns:
        """Return what lines tell of the years and days that they leave out, once all are read."""
        usual = "\n"
        for line in lines:
            # Most lines begin as the one before, up to the day.
            if not line.startswith(usual):
                self.line(line)
                usual = self.clock.lacking or usual
        return self.clock.turns

    def refer(self, reference: datetime) -> None:
        """Say when the next lines were written at the latest, as the file is written still.

        What was known of years and days by a look at the whole file holds no more.
        """
        self.clock.refer(reference)
        self._setting = (reference, *self._setting[1:])
        if self._inside is not None:
            self._inside.refer(reference)

    def line(self, text: str) -> Recognized:
        """Return what a line says of itself, without its end. Nothing of its text is lost."""
        self.opened = None
        self.complete = False
        self.others = ()
        self.is_row = self.is_open = self.is_object = False
        plain = _COLOURS.sub("", text) if "\x1b" in text else text
        found = None
        if self._exceptional or plain[:1] in _EXCEPTIONAL:
            found = self._exception(plain)
        if found is None and plain[:2] == "[{":
            found = self._array(plain)
        if found is None:
            found = self._by_dialect(plain) or self.plain(plain, headed=False)
        if plain is not text and found.message is plain:
            return msgspec.structs.replace(found, message=text)
        return found

    def outer(self, text: str) -> Recognized:
        """Return what a line says once what was put before it is taken off."""
        return self._nested().line(text) if self._depth < _MAX_NESTED else _unread(text)

    def headed(self, text: str) -> Recognized:
        """Return what a line says that stood behind a time, so that a header may begin it."""
        if is_sentence(text):
            return self.plain(text, headed=True)
        found = self._usual_line(text) or self.special(text)
        return found or self.plain(text, headed=True)

    def inner(self, text: str) -> Recognized | None:
        """Return what a text says that stands within a line; None if it is of no dialect."""
        if self._depth >= _MAX_NESTED:
            return None
        return self._nested().special(text)

    def special(self, text: str) -> Recognized | None:
        """Return what a line says that is an object or of a dialect; None of other text."""
        return self._object(text) if text[:1] == "{" else self._by_dialect(text)

    def time_of(self, text: str) -> int | None:
        """Return the time that a value of a line is; None if it is none."""
        found = self._values.find(f"{text} ")
        if found is None or found.end < len(text.rstrip()):
            return read_time(text)
        return found.timestamp

    def _exception(self, line: str) -> Recognized | None:
        """Read a line that is told by the file, by the user, or by its first character."""
        if found := self._by_format(line):
            return found
        found = self._row(line)
        self._exceptional = bool(self._formats) or self._table is not None
        if found is None and line[:1] == "{":
            found = self._object(line)
        if found is not None and self.opened is None:
            self.complete = True
        return found

    def _by_dialect(self, line: str) -> Recognized | None:
        usual = self._usual
        if usual is not None and (found := usual.read(line, self)):
            self._note(usual, line)
            return found
        dialect = dialect_of(line)
        if dialect is None or dialect is usual or (found := dialect.read(line, self)) is None:
            return None
        self._usual = dialect
        self._note(dialect, line)
        return found

    def _note(self, dialect: LineDialect, line: str) -> None:
        if dialect.complete:
            self.complete = True
        elif dialect.is_csv:
            self.is_row = True
            self.is_open = line.count('"') % 2 == 1

    def _usual_line(self, line: str) -> Recognized | None:
        """Read a line of no dialect with time, level and sentence; None if it has another form."""
        match = headed_sentence(line)
        if match is None:
            return None
        level, timestamp = level_alone(match["level"]), self.clock.read(FORMS["iso"], match)
        if level is None or timestamp is None:
            return None
        return Recognized(line, timestamp, level.type, {"level": level.more} if level.more else {})

    def _by_format(self, line: str) -> Recognized | None:
        """Try the user's dialects, the one of the last line first."""
        for place, each in enumerate(self._formats):
            if found := each.read(line, self):
                self._formats.insert(0, self._formats.pop(place))
                return found
        return None

    def _row(self, line: str) -> Recognized | None:
        if self._mixed:
            return None
        at_start, self._at_start = self._at_start, False
        if (line[:1] == "#" and (table := table_of_directive(line))) or (
            at_start and (table := table_of_header(line))
        ):
            self._table = table
        elif self._table is not None:
            found = self._table.read(line, self)
            self.is_row = found is not None
            self.is_open = found is None and self._table.is_open(line)
            return found
        return None

    def plain(self, line: str, *, headed: bool) -> Recognized:
        """Return what a line of no dialect says: the time at its start, the level around it.

        Args:
            line: the line.
            headed: whether it stood behind a time, so that a header may begin it.
        """
        time = self._times.find(line)
        if time is None:
            level = level_after(line, 0) if headed else level_before(line, len(line))
            timestamp = None
        else:
            timestamp = time.timestamp
            level = level_before(line, time.start) if time.start > _LEAST_FIELD else None
            level = level or level_after(line, time.end)
        if level is None:
            return Recognized(line, timestamp, None, {})
        return Recognized(line, timestamp, level.type, {"level": level.more} if level.more else {})

    def _object(self, text: str) -> Recognized | None:
        # Behind an element of an array stands a comma.
        value = object_in(text[:-1] if text[-2:] == "}," else text)
        if value is None:
            return None
        if line := docker_line(value):
            return self._docker(text, *line)
        found, *others = (Recognized(*parts) for parts in self._objects.read_all(value))
        self.others = others
        self.is_object = True
        return found

    def _array(self, text: str) -> Recognized | None:
        """Return the first log of an array of objects; `others` has the rest."""
        values = array_in(text)
        if values is None:
            return None
        found, *self.others = (
            Recognized(*parts) for value in values for parts in self._objects.read_all(value)
        )
        self.complete = True
        return found

    def _docker(
        self, text: str, content: str, timestamp: int | None, attributes: dict[str, object]
    ) -> Recognized:
        found = Recognized(text, timestamp, None, attributes)
        partial = not content.endswith("\n")
        return self.unfold(found, content.rstrip("\r\n"), partial=partial, headed=True)

    def unfold(
        self, envelope: Recognized, content: str, *, partial: bool, headed: bool
    ) -> Recognized:
        """Return what a line says that holds another.

        The time is its own where it has one, as that of a line of text may lack its zone; but an
        object within says its own.

        Args:
            envelope: what it says without the other.
            content: the other line.
            partial: whether the rest of the content comes with the next line.
            headed: whether a header may begin the content, as behind a time.
        """
        inside, dated = _unread(content), False
        source = "\0".join(str(each) for each in envelope.attributes.values())
        if self._depth < _MAX_NESTED:
            nested = self._nested()
            inside = nested.line(content)
            dated = inside.timestamp is not None
            if nested.opened:
                content, inner_source, inner_partial, dated = nested.opened
                source += inner_source
                partial = partial or inner_partial
            elif headed and not dated and inside.type is None and not nested.complete:
                inside = nested.plain(content, headed=True)
            self.complete = nested.complete
            self.is_object = nested.is_object
        self.opened = Opened(content, source, partial, dated)
        first, second = envelope.timestamp, inside.timestamp
        if self.is_object:
            first, second = second, first
        return Recognized(
            inside.message,
            second if first is None else first,
            inside.type or envelope.type,
            envelope.attributes | inside.attributes,
        )

    def _nested(self) -> "Recognizer":
        if self._inside is None:
            reference, timezone, formats, overrides = self._setting
            self._inside = Recognizer(
                reference=reference,
                timezone=timezone,
                formats=formats,
                overrides=overrides,
                mixed=self._mixed,
                depth=self._depth + 1,
            )
        return self._inside


def _unread(text: str) -> Recognized:
    return Recognized(text, None, None, {})

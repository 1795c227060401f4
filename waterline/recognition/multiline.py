"""Several lines that are one log: tracebacks, statements, objects over lines, parts of lines."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, Generic, TypeVar

import msgspec

from waterline.recognition.continuations import Pending
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer

# Programs or streams in one file whose lines may be mixed.
_MOST_SOURCES: Final = 64

T = TypeVar("T")


class Multiline(StrEnum):
    """What becomes of lines that continue a log."""

    JOIN = "join"
    """They are part of the log."""
    TIME = "time"
    """They are logs of their own, with the time of the log."""
    OFF = "off"
    """They are logs of their own, and each says only what it says itself."""


class Joined(msgspec.Struct, Generic[T], frozen=True):
    """One log.

    Attributes:
        recognized: what it says.
        lines: what came along with each of its lines.
        part: which of several logs in one line it is, from 0.
    """

    recognized: Recognized
    lines: list[T]
    part: int = 0


class Joiner(Generic[T]):
    """Turns lines into logs, as a stream: what it holds back is bounded."""

    def __init__(self, recognizer: Recognizer, mode: Multiline) -> None:
        """Say how lines are read, and what becomes of those that continue a log."""
        self._recognizer = recognizer
        self._mode = mode
        self._pending: dict[str, Pending[T]] = {}
        self._times: dict[str, int | None] = {}

    def add(self, text: str, line: T) -> list[Joined[T]]:
        """Take the next line, and return the logs that are whole with it.

        Args:
            text: the line, without its end.
            line: what comes back with the log that the line is part of.
        """
        recognizer = self._recognizer
        recognized = recognizer.line(text)
        opened = recognizer.opened
        if self._mode is not Multiline.JOIN:
            source = opened.source if opened else ""
            return [
                self._dated(Joined(each, [line], part), source, alone=recognizer.complete)
                for part, each in enumerate((recognized, *recognizer.others))
            ]
        if opened is None:
            source, content, partial = "", text, False
            dated = recognized.timestamp is not None
        else:
            content, source, partial, dated = opened
        pending = self._pending.get(source)
        if pending is not None:
            if pending.partial:
                return self._add_part(pending, source, content, line, partial=partial)
            if pending.is_row and not recognizer.is_row and not pending.is_full(content):
                return self._add_to_row(pending, source, content, line)
            if (
                not recognizer.complete
                and pending.takes(content, dated=dated)
                and not pending.is_full(content)
            ):
                pending.append(content, line)
                if pending.is_header and pending.recognized.type is None:
                    pending.recognized = msgspec.structs.replace(
                        pending.recognized, type=recognized.type
                    )
                return []
        done = [] if pending is None else [self._finished(source, pending)]
        if recognizer.complete and not partial:
            if pending is not None:
                del self._pending[source]
            done.append(self._dated(Joined(recognized, [line]), source, alone=True))
            if recognizer.others:
                done += (
                    self._dated(Joined(other, [line], part), source, alone=True)
                    for part, other in enumerate(recognizer.others, start=1)
                )
            return done
        if pending is None and len(self._pending) >= _MOST_SOURCES:
            done += self.flush()
        self._pending[source] = Pending(
            recognized, content, [line], partial, is_row=recognizer.is_open
        )
        return done

    @property
    def waits(self) -> bool:
        """Whether a log is held back that may go on."""
        return bool(self._pending)

    def held(self) -> Iterator[T]:
        """Yield what came along with the first line of each log that is held back."""
        return (pending.lines[0] for pending in self._pending.values())

    def date(self, timestamp: int | None) -> None:
        """Say what time the line had that was read before the next one, and is no line of ours."""
        self._times[""] = timestamp

    def flush(self) -> list[Joined[T]]:
        """Return the logs that are still held back, as no line comes any more."""
        done = [self._finished(source, pending) for source, pending in self._pending.items()]
        self._pending.clear()
        return done

    def _add_part(
        self, pending: Pending[T], source: str, content: str, line: T, *, partial: bool
    ) -> list[Joined[T]]:
        """Add the next part of a line that its runtime has cut."""
        if pending.is_full(content):
            done = [self._finished(source, pending)]
            envelope = pending.recognized
            pending = self._pending[source] = Pending(envelope, content, [line], partial)
        else:
            done = []
            pending.content += content
            pending.characters = len(pending.content)
            pending.lines.append(line)
            pending.partial = partial
        if not partial:
            pending.recognized = self._read_again(pending.recognized, pending.content)
        return done

    def _add_to_row(
        self, pending: Pending[T], source: str, content: str, line: T
    ) -> list[Joined[T]]:
        """Add the next line of a row, one field of which has line breaks."""
        pending.append(content, line)
        if not content.count('"') % 2:
            return []
        found = self._recognizer.line(pending.text(pending.content))
        if self._recognizer.is_row:
            pending.recognized, pending.texts = found, None
        elif self._recognizer.is_open:
            return []
        del self._pending[source]
        return [self._finished(source, pending)]

    def _finished(self, source: str, pending: Pending[T]) -> Joined[T]:
        found = pending.recognized
        if pending.is_object():
            found = self._read_again(found, pending.text(pending.content))
        elif pending.partial:
            found = self._read_again(found, pending.content)
        elif pending.texts is not None:
            message = pending.text(found.message)
            found = Recognized(message, found.timestamp, found.type, found.attributes)
        return self._dated(Joined(found, pending.lines), source, alone=False)

    def _read_again(self, found: Recognized, content: str) -> Recognized:
        """Return what is known of a log now that its text is whole."""
        inner = self._recognizer.outer(content)
        return Recognized(
            inner.message,
            inner.timestamp if found.timestamp is None else found.timestamp,
            inner.type or found.type,
            found.attributes | inner.attributes,
        )

    def _dated(self, joined: Joined[T], source: str, *, alone: bool) -> Joined[T]:
        """Give a log without a time that of the log before, unless it is a log of its own."""
        found = joined.recognized
        if found.timestamp is not None:
            if len(self._times) >= _MOST_SOURCES:
                self._times.clear()
            self._times[source] = found.timestamp
            return joined
        before = self._times.get(source)
        if alone or before is None or self._mode is Multiline.OFF:
            return joined
        dated = Recognized(found.message, before, found.type, found.attributes)
        return Joined(dated, joined.lines, joined.part)


def join_lines(
    lines: Iterable[tuple[str, T]], recognizer: Recognizer, mode: Multiline
) -> Iterator[Joined[T]]:
    """Turn lines into logs, each with what came along with its lines.

    Args:
        lines: each with what comes along.
        recognizer: reads them.
        mode: what becomes of those that continue a log.
    """
    joiner = Joiner[T](recognizer, mode)
    for text, line in lines:
        yield from joiner.add(text, line)
    yield from joiner.flush()

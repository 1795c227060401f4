"""A log file that is read while it is written."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, cast

from waterline.errors import UsageError
from workbench.clients.log_files.binary import refuse_binary
from workbench.clients.log_files.line_reader import EncodedLine, EncodedReader, Reading
from workbench.clients.log_files.rawlines import IDLE_SECONDS, RawLine, split_lines
from workbench.clients.log_files.reader import encoding_of, new_recognizer, recognizer_of
from workbench.clients.log_files.unpacking import HEAD_BYTES, is_packed, live_text
from workbench.clients.positions import BEGIN_BYTES, Identity, Position, hash_of

_READ_BYTES: Final = 256 * 1024
_PIECE_BYTES: Final = 1024 * 1024
# What is read again before a position, so that its lines are understood as before: headers of
# tables, the last time, the usual dialect.
_CONTEXT_BYTES: Final = 64 * 1024


_Lines = Sequence[RawLine]


class FollowedFile:
    """A file that may grow, and may lose its name meanwhile.

    A line is read once it has ended. One that may go on is held back until the next line, or
    until the file has been silent for a second.
    """

    def __init__(self, path: Path, reading: Reading, position: Position | None = None) -> None:
        """Open a file.

        Args:
            path: of a file.
            reading: how to read its lines.
            position: where to begin, if the file is the one of the position.

        Raises:
            OSError: it cannot be opened.
        """
        self.path = path
        self.at_end = False
        """Whether all that was written has been read."""
        self.encoding = encoding_of(reading)
        self._reading = reading
        self._file = cast("BinaryIO", path.open("rb", buffering=0))
        status = os.fstat(self._file.fileno())
        self.identity: Identity = (status.st_dev, status.st_ino)
        self._begin = b""
        self._seen: tuple[int, int] | None = None
        self._heard_at = time.monotonic()
        self._is_ending = False
        self._reader: EncodedReader | None = None
        self._lines: Iterator[_Lines | None] = iter(())
        self._end = (0, 0)
        self._resumed = position if position and self.fits(position) else None

    @property
    def silent_seconds(self) -> float:
        """Seconds since anything was read of it."""
        return time.monotonic() - self._heard_at

    @property
    def size(self) -> int:
        """Its bytes."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def position(self) -> Position:
        """The place before which every line is part of a log that was returned."""
        if self._reader is None and self._resumed is not None:
            return self._resumed
        held = self._reader.held() if self._reader else []
        first = min(held, key=_offset, default=None)
        offset, number = self._end if first is None else (first.offset, first.number - 1)
        begin = self._begin
        return Position(offset, number, self.encoding.judged, len(begin), hash_of(begin))

    def fits(self, position: Position) -> bool:
        """Return whether a position is one in this file."""
        head = self._first(HEAD_BYTES)
        is_converted = live_text(self._file, head, self._reading.encoding) is not self._file
        return position.fits(head) and (is_converted or self.size >= position.offset)

    def has_changed(self) -> bool:
        """Return whether what was read of it is gone, as it was truncated or written anew."""
        status = os.fstat(self._file.fileno())
        seen = (status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            return False
        self._seen = seen
        if status.st_size < self._file.tell() or self._first(len(self._begin)) != self._begin:
            return True
        if len(self._begin) < BEGIN_BYTES:
            self._begin = self._first(BEGIN_BYTES)
        return False

    def read(self) -> Iterator[EncodedLine]:
        """Return the logs of the next piece of what was written; `at_end` says if it is the last.

        Raises:
            UsageError: it is no text, or packed.
        """
        self.at_end = True
        reader = self._reader or self._begun()
        if reader is not None:
            yield from reader.read(self._some())
            if self.at_end:
                written = datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime, UTC)
                reader.refer(written)
                if self.silent_seconds >= IDLE_SECONDS:
                    yield from reader.end()

    def rest(self) -> Iterator[EncodedLine]:
        """Return the logs that are held back, and the last line though it has not ended."""
        self._is_ending = True
        self.at_end = False
        while not self.at_end:
            yield from self.read()
        yield from self.held()

    def held(self) -> Iterator[EncodedLine]:
        """Return the logs that are held back."""
        if self._reader is not None:
            yield from self._reader.end()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _first(self, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, 0)

    def _begun(self) -> EncodedReader | None:
        """Look at how it begins, and make what reads it; None while that is not written yet."""
        head = self._first(HEAD_BYTES)
        name = str(self.path)
        if is_packed(head):
            raise UsageError(f"{name} is packed, so it is not followed; send it without --follow")
        if b"\n" not in head and len(head) < HEAD_BYTES and not (self._is_ending and head):
            return None
        text = live_text(self._file, head, self._reading.encoding)
        written = datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime, UTC)
        if text is self._file:
            refuse_binary(head, name)
        position = self._resumed
        if position is None:
            recognizer = recognizer_of(text, name, self._reading, written)
        else:
            recognizer = new_recognizer(self._reading, written)
            self.encoding.decide(position.encoding)
            self._end = (position.offset, position.number)
        reader = self._reader = EncodedReader(self._reading, recognizer, self.encoding)
        if position is None or text is not self._file:
            self._lines = split_lines(self.encoding.judging(self._chunks(text)))
            if position is not None:
                _pass(reader, self._context_of_lines(position.offset))
        else:
            _pass(reader, self._context(position.offset))
            text.seek(position.offset)
            chunks = self.encoding.judging(self._chunks(text))
            self._lines = split_lines(chunks, position.offset, position.number)
        return reader

    def _chunks(self, text: BinaryIO) -> Iterator[bytes | None]:
        while True:
            chunk = text.read(_READ_BYTES)
            if chunk:
                self._heard_at = time.monotonic()
                yield chunk
            elif self._is_ending:
                return
            else:
                yield None

    def _some(self) -> Iterator[_Lines]:
        """Yield lines up to the size of a piece, or to all that is written."""
        limit = self._end[0] + _PIECE_BYTES
        for raws in self._lines:
            if raws is None:
                return
            if not raws:
                continue
            self._end = (raws[-1].end, raws[-1].number)
            yield raws
            if self._end[0] >= limit:
                self.at_end = False
                return

    def _context(self, offset: int) -> Iterator[_Lines | None]:
        """Yield lines at the start of the file, and those before an offset."""
        descriptor = self._file.fileno()
        head = os.pread(descriptor, min(_CONTEXT_BYTES, offset), 0)
        start = max(len(head), offset - _CONTEXT_BYTES)
        near = os.pread(descriptor, offset - start, start)
        if start > len(head):
            start += near.find(b"\n") + 1
            near = near[near.find(b"\n") + 1 :]
            head = head[: head.rfind(b"\n") + 1]
        elif near:
            head, near = head + near, b""
        for piece, place in ((head, 0), (near, start)):
            yield from split_lines(self.encoding.judging(iter([piece])), place)

    def _context_of_lines(self, offset: int) -> Iterator[_Lines]:
        """Read up to an offset in converted text; yield what `_context` does."""
        for raws in self._lines:
            if raws is None:
                return
            yield [
                raw
                for raw in raws
                if raw.end <= offset
                and (raw.offset < _CONTEXT_BYTES or raw.end > offset - _CONTEXT_BYTES)
            ]
            if rest := [raw for raw in raws if raw.end > offset]:
                self._lines = chain([rest], self._lines)
                return


def _pass(reader: EncodedReader, lines: Iterable[_Lines | None]) -> None:
    """Have lines read whose logs were sent before."""
    for _ in reader.read(lines):
        pass
    for _ in reader.end():
        pass


def _offset(raw: RawLine) -> int:
    return raw.offset

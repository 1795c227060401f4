"""Slices of large messages, cut between logs, each small enough for a turn of the event loop."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

# Bytes and lines of a slice, which takes some milliseconds to decode, also without any valid log.
SLICE_SIZE: Final = 2**16
SLICE_LINES: Final = 1000
# Bytes of sound messages in one call, as these decode faster.
RUN_SIZE: Final = 2**18
# Lines of messages that are not, in one call. Each message costs more than a line of a slice.
RUN_LINES: Final = 250
# JSON values of a log. A log of 16 MiB may be one text, or millions of small values.
MAX_VALUES: Final = 250_000
# Tries to find the end of a log by decoding, before the array is scanned.
_TRIES: Final = 4

# What a value may begin with, beside others; texts hold them too, so that there are fewer values.
_BEGINS: Final = (b",", b"{", b"[")
# Bytes that a call counts.
_STRETCH: Final = 2**20

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_BETWEEN: Final = re.compile(rb"\}[ \t\r\n]*,")
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]|"', re.DOTALL)
_decode_array: Final = msgspec.json.Decoder(list[object]).decode
_NO_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)


class Slice(NamedTuple):
    """Slice of a message: lines, or an array of logs; the last log may be damaged."""

    content: bytes
    end: int = 0
    """End of the slice in the message."""


def is_small(content: bytes) -> bool:
    """Return whether a message needs no slices."""
    return len(content) <= SLICE_SIZE and content.count(b"\n") <= SLICE_LINES


def slices(content: bytes) -> Iterator[Slice]:
    """Yield the slices of a message in order, each found in little time.

    An empty slice only marks a turn for other work.
    """
    start = _skip(content, 0)
    if is_array(content):
        return _array_slices(content, start + 1)
    return _line_slices(content, start)


def is_array(content: bytes) -> bool:
    """Return whether a message is a JSON array, not lines."""
    return _first(content) == b"["


def is_object(content: bytes) -> bool:
    """Return whether a message begins as a JSON object."""
    return _first(content) == b"{"


def _first(content: bytes) -> bytes:
    start = _skip(content, 0)
    return content[start : start + 1]


def _skip(content: bytes, at: int) -> int:
    found = _SPACE.match(content, at)
    assert found is not None
    return found.end()


def _line_slices(content: bytes, at: int) -> Iterator[Slice]:
    while at < len(content):
        end = content.rfind(b"\n", at, at + SLICE_SIZE)
        if end < 0 or at + SLICE_SIZE >= len(content):
            end = content.find(b"\n", min(at + SLICE_SIZE, len(content)))
        end = len(content) if end < 0 else end + 1
        piece = content[at:end]
        if piece.count(b"\n") > SLICE_LINES:
            rest = piece.split(b"\n", SLICE_LINES)[-1]
            piece = piece[: len(piece) - len(rest)]
        at = _skip(content, at + len(piece))
        yield Slice(piece, at)


def _array_slices(content: bytes, at: int) -> Iterator[Slice]:
    """Yield arrays of elements; `at` is always the begin of an element."""
    size, is_begun = len(content), False
    while size - at > SLICE_SIZE:
        end = _end_by_trying(content, at)
        if end is None:
            scan = _Scan()
            while (end := scan.go_on(content, at)) is None and not scan.is_over:
                yield Slice(b"")
            if end is None:
                break
        yield Slice(b"[%b]" % content[at:end], end)
        at, is_begun = _skip(content, end + 1), True
    if is_begun and content[at : at + 1] == b"]":
        yield Slice(b"[," + content[at:], size)  # a trailing comma, which JSON forbids
    else:
        yield Slice(b"[" + content[at:], size)


def _end_by_trying(content: bytes, at: int) -> int | None:
    """Return the position of a comma that ends a run of sound logs; None if none is found.

    If the text from the begin of an element to a comma is a JSON array in brackets, that comma is
    in no string and no inner array.
    """
    look_at = at + SLICE_SIZE // 2
    for _ in range(_TRIES):
        found = _BETWEEN.search(content, look_at, at + SLICE_SIZE)
        if found is None:
            return None
        end = found.end() - 1
        piece = content[at:end]
        if piece.count(b"{") <= 2 * SLICE_LINES and _is_sound(b"[%b]" % piece):
            return end
        look_at = found.end()
    return None


class _Scan:
    """Scans elements for the comma after enough of them."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._count = 0
        self._end: int | None = None
        self.is_over = False
        """Whether the array ends or breaks off without such a comma."""

    def go_on(self, content: bytes, start: int) -> int | None:
        """Scan some thousand tokens; return the position of the comma once it is found."""
        self._at = self._at or start
        for seen, found in enumerate(_TOKEN.finditer(content, self._at)):
            self._at = found.end()
            token = found.group()
            if token == b"," and not self._depth:
                self._count += 1
                before, self._end = self._end, found.start()
                if self._at - start >= SLICE_SIZE or self._count >= SLICE_LINES:
                    # A large element comes alone, as it may be refused.
                    if before is not None and self._end - before > SLICE_SIZE:
                        return before
                    return self._end
            elif token in (b"{", b"["):
                self._depth += 1
            elif token in (b"}", b"]"):
                self._depth -= 1
                if self._depth < 0:
                    break
            elif token == b'"':  # an unterminated string
                break
            if seen >= 5 * SLICE_LINES:
                return None
        if self._end is not None and len(content) - self._end > SLICE_SIZE:
            return self._end
        self.is_over = True
        return None


def count_values(content: bytes) -> Iterator[int]:
    """Yield a running estimate of the values in a slice; nothing for a small one.

    A value of two bytes takes a hundred once decoded.
    """
    if len(content) <= 4 * SLICE_SIZE:
        return
    most = 0
    for at in range(0, len(content), _STRETCH):
        most += sum(content.count(each, at, at + _STRETCH) for each in _BEGINS)
        yield 0
    if most <= MAX_VALUES:
        return
    count = 0
    for seen, found in enumerate(_TOKEN.finditer(content)):
        count += found.group() in _BEGINS
        if not seen % (5 * SLICE_LINES):
            yield count
    yield count


def _is_sound(array: bytes) -> bool:
    try:
        _decode_array(array)
    except _NO_JSON:
        return False
    return True

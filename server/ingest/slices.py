"""Large messages cut into slices that the event loop can afford to look at, at line or log ends."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

# A slice takes some milliseconds to decode, check and encode, also when none of it is a log.
SLICE_SIZE: Final = 2**16
SLICE_LINES: Final = 1000
# What is sound throughout is decoded faster, so that more of it can be taken in one call.
RUN_SIZE: Final = 2**18
# A log of 16 MiB may be one text, or so many small values.
MAX_VALUES: Final = 250_000
# So often it is tried whether a bracket ends a log before the array is looked through.
_TRIES: Final = 4

# What a value may begin with, beside others; texts hold them too, so that there are fewer values.
_BEGINS: Final = (b",", b"{", b"[")
# So many bytes are counted in a call.
_STRETCH: Final = 2**20

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_BETWEEN: Final = re.compile(rb"\}[ \t\r\n]*,")
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]|"', re.DOTALL)
_decode_array: Final = msgspec.json.Decoder(list[object]).decode
_NO_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)


class Slice(NamedTuple):
    """Some of a message: lines, or an array of logs; the last one may be damaged."""

    content: bytes
    end: int = 0
    """Where it ends in the message."""


def is_small(content: bytes) -> bool:
    """Whether a message can be taken as it is."""
    return len(content) <= SLICE_SIZE and content.count(b"\n") <= SLICE_LINES


def slices(content: bytes) -> Iterator[Slice]:
    """Yield a message in order: each slice may be read alone, and each takes little time to find.

    An empty one means only that the loop may do other work.
    """
    start = _skip(content, 0)
    if is_array(content):
        return _array_slices(content, start + 1)
    return _line_slices(content, start)


def is_array(content: bytes) -> bool:
    """Say whether a message is to be read as a JSON array, not as lines."""
    start = _skip(content, 0)
    return content[start : start + 1] == b"["


def is_object(content: bytes) -> bool:
    """Say whether a message begins as a JSON object."""
    start = _skip(content, 0)
    return content[start : start + 1] == b"{"


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
    """Yield arrays of elements; `at` always stands where an element begins."""
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
        yield Slice(b"[," + content[at:], size)  # a comma before the end, which JSON does not know
    else:
        yield Slice(b"[" + content[at:], size)


def _end_by_trying(content: bytes, at: int) -> int | None:
    """Return where a comma ends a run of sound logs.

    If what stands between a start of an element and a comma is a JSON array once it is put into
    brackets, then that comma stands in no text and no inner array.
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
    """Looks through elements for the comma behind enough of them."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._count = 0
        self._end: int | None = None
        self.is_over = False
        """Whether the array ends, or breaks off, before such a comma."""

    def go_on(self, content: bytes, start: int) -> int | None:
        """Look at some thousand more tokens; return where the comma stands once it is found."""
        self._at = self._at or start
        for seen, found in enumerate(_TOKEN.finditer(content, self._at)):
            self._at = found.end()
            token = found.group()
            if token == b"," and not self._depth:
                self._count += 1
                before, self._end = self._end, found.start()
                if self._at - start >= SLICE_SIZE or self._count >= SLICE_LINES:
                    # What is large comes alone, as it may be refused.
                    if before is not None and self._end - before > SLICE_SIZE:
                        return before
                    return self._end
            elif token in (b"{", b"["):
                self._depth += 1
            elif token in (b"}", b"]"):
                self._depth -= 1
                if self._depth < 0:
                    break
            elif token == b'"':  # a text without end
                break
            if seen >= 5 * SLICE_LINES:
                return None
        if self._end is not None and len(content) - self._end > SLICE_SIZE:
            return self._end
        self.is_over = True
        return None


def count_values(content: bytes) -> Iterator[int]:
    """Yield again and again how many values, about, have been seen in a slice; a small one has few.

    A value of two bytes takes a hundred once it is decoded.
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

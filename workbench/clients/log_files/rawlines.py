"""The lines of a stream of bytes as they stand, with their places, in bounded memory."""

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec

from workbench.clients.log_files.binary import BYTES_LOOKED_AT, refuse_binary

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 256 * 1024
_UTF_8_BOM: Final = b"\xef\xbb\xbf"


class RawLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a file.

    Attributes:
        number: 1 for the first line.
        offset: where it starts, in bytes.
        content: its bytes without ending and byte order mark; the first MAX_LINE_BYTES of a
            line that is too long.
        too_long: whether it has more than MAX_LINE_BYTES.
        end: where the next line starts, in bytes.
    """

    number: int
    offset: int
    content: bytes
    too_long: bool
    end: int


def read_raw_lines(stream: BinaryIO, name: str) -> Iterator[RawLine]:
    """Read the lines of a stream from where it stands, blank ones too.

    A stream that is still being written is waited for no longer than each line takes.

    Args:
        stream: the bytes; it need not be seekable.
        name: what to call it in errors; "-" is standard input.

    Raises:
        UsageError: it is no text.
    """
    # A pipe that is written line by line would keep a full read waiting.
    read = stream.read1 if isinstance(stream, io.BufferedIOBase) else stream.read
    head = _read_head(read)
    refuse_binary(head, name)
    offset = 0
    lines = _split(chain([head], iter(lambda: read(_READ_BYTES), b"")))
    for number, (content, size) in enumerate(lines, start=1):
        end = offset + size
        if content[-1:] == b"\r":
            content = content[:-1]
        too_long = len(content) > MAX_LINE_BYTES
        if too_long:
            content = content[:MAX_LINE_BYTES]
        if not offset:
            content = content.removeprefix(_UTF_8_BOM)
        yield RawLine(number, offset, content, too_long, end)
        offset = end


def _split(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each line without its line feed, and its bytes with it; of a long one the beginning."""
    last = _Unended()
    for chunk in chunks:
        *ended, begun = chunk.split(b"\n")
        if ended:
            last.add(ended[0])
            yield last.content, last.size + 1
            last = _Unended()
            for line in islice(ended, 1, None):
                yield line, len(line) + 1
        last.add(begun)
    if last.size:
        yield last.content, last.size


class _Unended:
    """A line that is read piece by piece; what is beyond the limit is only counted."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def add(self, piece: bytes) -> None:
        if self.size <= MAX_LINE_BYTES + len(b"\r"):
            self._pieces.append(piece)
        self.size += len(piece)


def _read_head(read: Callable[[int], bytes]) -> bytes:
    head = b""
    while len(head) < BYTES_LOOKED_AT and b"\n" not in head:
        piece = read(BYTES_LOOKED_AT - len(head))
        if not piece:
            break
        head += piece
    return head

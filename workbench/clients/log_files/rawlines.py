"""The lines of a stream of bytes as they stand, with their places, in bounded memory."""

import io
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec

from waterline.errors import UsageError
from workbench.clients.log_files.binary import BYTES_LOOKED_AT, refuse_binary
from workbench.clients.log_files.text_encoding import TextEncoding
from workbench.clients.log_files.unpacking import Pushback

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
IDLE_SECONDS: Final = 1.0
"""Silence of a pipe after which what was written is taken to be whole."""
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

    Args:
        stream: the bytes; it need not be seekable.
        name: what to call it in errors; "-" is standard input.

    Raises:
        UsageError: it is no text.
    """
    return chain.from_iterable(filter(None, split_lines(_chunks(stream, name))))


def read_contents(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Read the lines of a stream alone, without their line feeds; see `read_raw_lines`."""
    lines = chain.from_iterable(filter(None, _split(_chunks(stream, name))))
    return (content for content, _ in lines)


def read_live_lines(
    stream: BinaryIO, name: str, encoding: TextEncoding
) -> Iterator[Sequence[RawLine] | None]:
    """Read the lines of a stream that may be written still; None each time it falls silent.

    Those that come at once are returned at once. A line is waited for no longer than it takes to be
    written.

    Args:
        stream: the bytes; it need not be seekable.
        name: what to call it in errors; "-" is standard input.
        encoding: judges the bytes before their lines are returned.

    Raises:
        UsageError: it is no text.
    """
    return split_lines(encoding.judging(_chunks(stream, name)))


def split_lines(
    chunks: Iterable[bytes | None], offset: int = 0, number: int = 0
) -> Iterator[Sequence[RawLine] | None]:
    """Split bytes as they come into the lines that end in them; None stays None.

    Args:
        chunks: the bytes from the start of a line.
        offset: where that line starts, in bytes.
        number: of lines before it.
    """
    for lines in _split(chunks):
        if lines is None:
            yield None
            continue
        raws = []
        for content, size in lines:
            number += 1
            end = offset + size
            if content[-1:] == b"\r":
                content = content[:-1]
            too_long = len(content) > MAX_LINE_BYTES
            if too_long:
                content = content[:MAX_LINE_BYTES]
            if not offset:
                content = content.removeprefix(_UTF_8_BOM)
            raws.append(RawLine(number, offset, content, too_long, end))
            offset = end
        yield raws


def _chunks(stream: BinaryIO, name: str) -> Iterator[bytes | None]:
    """Yield what a stream holds as it comes; None when a pipe has been silent for a while."""
    live = _descriptor_of_pipe(stream)
    # A pipe that is written line by line would keep a full read waiting.
    read = stream.read1 if isinstance(stream, io.BufferedIOBase) else stream.read
    head = _read_head(read)
    refuse_binary(head, name)
    # Where carriage returns end the lines, there is no line feed. A line may hold some itself.
    ends = head.endswith(b"\r") or len(head) >= BYTES_LOOKED_AT
    returns = ends and head.count(b"\r") > 1 and b"\n" not in head
    yield head.replace(b"\r", b"\n") if returns else head
    while True:
        if live is not None and not select.select([live], [], [], IDLE_SECONDS)[0]:
            yield None
        try:
            chunk = read(_READ_BYTES)
        except UsageError:
            yield None  # what was read before a damage is whole
            raise
        if not chunk:
            return
        yield chunk.replace(b"\r", b"\n") if returns else chunk


def _descriptor_of_pipe(stream: BinaryIO) -> int | None:
    if not isinstance(stream, Pushback):
        return None
    try:
        return stream.fileno()
    except OSError:  # it is no file
        return None


def _split(chunks: Iterable[bytes | None]) -> Iterator[list[tuple[bytes, int]] | None]:
    """Yield the lines that end in each chunk.

    Each is without its line feed, and has its bytes with it; of a long one there is the beginning.
    """
    last = _Unended()
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        *ended, begun = chunk.split(b"\n")
        if ended:
            last.add(ended[0])
            yield [
                (last.content, last.size + 1),
                *((_without_run(line), len(line) + 1) for line in islice(ended, 1, None)),
            ]
            last = _Unended()
        last.add(begun)
    if last.size:
        yield [(last.content, last.size)]


class _Unended:
    """A line that is read piece by piece; what is beyond the limit is only counted."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._kept = 0
        self.size = 0

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if not self._pieces:
            piece = _without_run(piece)
        if piece and self._kept <= MAX_LINE_BYTES + len(b"\r"):
            self._pieces.append(piece)
        self._kept += len(piece)


def _without_run(line: bytes) -> bytes:
    """Return a line without the NULs that stand where a file was cut and written on."""
    return line.lstrip(b"\0") if line[:1] == b"\0" else line


def _read_head(read: Callable[[int], bytes | None]) -> bytes:
    head = b""
    while len(head) < BYTES_LOOKED_AT and b"\n" not in head:
        piece = read(BYTES_LOOKED_AT - len(head))
        if not piece:
            break
        head += piece
    return head

"""The lines of a stream of bytes as they stand, with their places, in bounded memory."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from workbench.clients.log_files.binary import BYTES_LOOKED_AT, refuse_binary
from workbench.clients.log_files.ids import without_ending

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_SKIP_BYTES: Final = 1024 * 1024
_UTF_8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RawLine:
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
    head = _read_head(stream)
    refuse_binary(head, name)
    source = _Rewound(head, stream)
    number = offset = 0
    while line := source.readline(MAX_LINE_BYTES + len(b"\r\n")):
        content = without_ending(line)
        too_long = len(content) > MAX_LINE_BYTES
        end = offset + len(line)
        if not line.endswith(b"\n") and too_long:
            end += _skip_line(source)
        if offset == 0:
            content = content.removeprefix(_UTF_8_BOM)
        number += 1
        yield RawLine(number, offset, content[:MAX_LINE_BYTES], too_long, end)
        offset = end


class _Rewound:
    """A stream from the start again, although its head has been read."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = io.BytesIO(head)
        self._stream = stream

    def readline(self, limit: int) -> bytes:
        line = self._head.readline(limit)
        if line.endswith(b"\n"):
            return line
        return line + self._stream.readline(limit - len(line))


def _read_head(stream: BinaryIO) -> bytes:
    # A pipe that is written line by line would keep a full read waiting.
    read = stream.read1 if isinstance(stream, io.BufferedIOBase) else stream.read
    head = b""
    while len(head) < BYTES_LOOKED_AT and b"\n" not in head:
        piece = read(BYTES_LOOKED_AT - len(head))
        if not piece:
            break
        head += piece
    return head


def _skip_line(source: _Rewound) -> int:
    skipped = 0
    while piece := source.readline(_SKIP_BYTES):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped

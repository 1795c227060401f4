"""Files as they lie about: unpacked by content, and converted where lines cannot be told apart."""

import bz2
import codecs
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final, cast

from waterline.errors import UsageError
from workbench.clients.log_files.text_encoding import keeps_ascii

HEAD_BYTES: Final = 8192
_OPENERS: Final[dict[bytes, Callable[[BinaryIO], object]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    **{b"BZh%d1AY&SY" % level: bz2.BZ2File for level in range(1, 10)},
}
_DAMAGE: Final[list[type[Exception]]] = [EOFError, OSError, zlib.error, lzma.LZMAError]
with suppress(ImportError):  # an installation for producers alone lacks it, and refuses such files
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    _OPENERS[b"\x28\xb5\x2f\xfd"] = zstd.ZstdFile
    _DAMAGE.append(zstd.ZstdError)
_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF_16_SAMPLE: Final = 512
_READ_BYTES: Final = 64 * 1024


def as_text(stream: BinaryIO, name: str, encoding: str | None = None) -> BinaryIO:
    """Return a stream whose lines are those of its text, if it is any.

    What is packed with gzip, bzip2, xz or zstd is unpacked. UTF-16, with a byte order mark or
    without, becomes UTF-8. All else stays as it is, as `TextEncoding` reads it line by line.

    Args:
        stream: the bytes from their start.
        name: what to call them in errors.
        encoding: what the user names; it becomes UTF-8 where it does not keep ASCII.
    """
    head, source = _peeked(stream)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            source = cast("BinaryIO", _Unpacked(source, opener, name))
            head, source = _peeked(source)
            break
    if encoding is None:
        encoding = _utf_16_of(head)
    if encoding is None or keeps_ascii(encoding):
        return source
    return cast("BinaryIO", _Converted(source, encoding))


def is_packed(head: bytes) -> bool:
    """Return whether a file that begins like this is packed in a way that is known here."""
    return head.startswith(tuple(_OPENERS))


def live_text(stream: BinaryIO, head: bytes, encoding: str | None) -> BinaryIO:
    """Return a stream of the text of a file that is written still and not packed.

    Args:
        stream: the file from its start.
        head: how it begins.
        encoding: what the user names.
    """
    encoding = encoding or _utf_16_of(head)
    if encoding is None or keeps_ascii(encoding):
        return stream
    return cast("BinaryIO", _Converted(stream, encoding, is_live=True))


class Pushback(io.RawIOBase):
    """A stream that cannot be read twice, of which the head has been looked at."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._stream.fileno()

    def read(self, size: int = -1, /) -> bytes:
        """Read the head first, then what the stream has."""
        head, self._head = self._head[:size], self._head[size:]
        return head or self._stream.read(size) or b""


class _Unpacked(io.RawIOBase):
    """What a packed file holds."""

    def __init__(self, packed: BinaryIO, opener: Callable[[BinaryIO], object], name: str) -> None:
        self._packed = packed
        self._file = cast("io.BufferedIOBase", opener(packed))
        self._name = name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._packed.seekable()

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        try:
            # A full read would lose what it has already when it comes upon a damage.
            return self._file.read1(size)
        except tuple(_DAMAGE) as error:
            raise UsageError(
                f"{self._name} is damaged, or packed still: {error}; the lines before can be read"
            ) from error


class _Converted(io.RawIOBase):
    """A text as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str, *, is_live: bool = False) -> None:
        self._stream = stream
        self._is_live = is_live
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="backslashreplace")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def tell(self) -> int:
        return 0 if self._stream.tell() == 0 else -1

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if offset or whence:
            raise io.UnsupportedOperation("a text that is converted is read from its start")
        self._decoder.reset()
        return self._stream.seek(0)

    def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - as much as a piece gives
        text = ""
        while not text:
            piece = self._stream.read(_READ_BYTES)
            text = self._decoder.decode(piece, final=not piece and not self._is_live)
            if not piece:
                break
        return text.encode()


def _peeked(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Return how a stream begins, and the stream from its start."""
    if stream.seekable():
        start = stream.tell()
        head = stream.read(HEAD_BYTES) or b""
        stream.seek(start)
        return head, stream
    # What stood in a buffer would not be seen by who waits for a pipe.
    raw = cast("BinaryIO", stream.raw) if isinstance(stream, io.BufferedReader) else stream
    head = raw.read(HEAD_BYTES) or b""
    return head, cast("BinaryIO", Pushback(head, raw))


def _utf_16_of(head: bytes) -> str | None:
    """Return the encoding of a text of two bytes a character; None if it is none."""
    if head.startswith(_BOMS):
        return "utf-16"
    sample = head[: min(_UTF_16_SAMPLE, len(head) // 2 * 2)]
    half = len(sample) // 2
    if half < 2:
        return None
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if second > 0.7 * half and first < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if first > 0.7 * half and second < 0.1 * half else None

"""Streaming request bodies, decompressed piece by piece up to a limit."""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Bytes decompressed at once, so that a bomb is noticed early.
_STEP: Final = 2**18
# Decompressed bytes in one turn of the loop, and the cost of opening a stream.
_TURN: Final = 2**20
_OPENING_COST: Final = 2**13
# For zlib: a header of gzip or of zlib.
_ANY_HEADER: Final = 32 + zlib.MAX_WBITS
# First byte of gzip, and the method in the first of zlib.
_GZIP: Final = 0x1F
_ZLIB_METHOD: Final = 8
# A zstd frame may demand a window of 2 GiB. For 16 MiB of content, 16 MiB is always enough.
_MAX_WINDOW_LOG: Final = 24


class BodyTooLarge(ValueError):
    """The body is larger than the limit."""


class DamagedBody(ValueError):
    """The compressed data is invalid, or ends too early."""


class UnknownEncoding(ValueError):
    """The Content-Encoding is unknown."""


class _Decompressor(Protocol):
    """Stream of compressed data, decompressed in bounded steps."""

    @property
    def eof(self) -> bool:
        """Whether the end is reached."""

    @property
    def unused_data(self) -> bytes:
        """Data after the end."""

    def step(self, data: bytes) -> bytes:
        """Feed data and return at most _STEP decompressed bytes."""

    @property
    def has_more(self) -> bool:
        """Whether a step without new data may return more."""


class _Gzip:
    """Member of gzip (RFC 1952), or stream of zlib (RFC 1950), whatever the header names."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=_ANY_HEADER)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def step(self, data: bytes) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, _STEP)

    @property
    def has_more(self) -> bool:
        return bool(self._stream.unconsumed_tail)


class _Deflate(_Gzip):
    """Stream of deflate: within zlib, as HTTP means (RFC 9110, 8.4.1.2), or bare (RFC 1951)."""

    _is_new = True

    def step(self, data: bytes) -> bytes:
        if self._is_new and data:
            self._is_new = False
            if data[0] != _GZIP and data[0] & 0x0F != _ZLIB_METHOD:
                self._stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        return super().step(data)


class _Zstd:
    """Frame of zstd (RFC 8878)."""

    def __init__(self) -> None:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
        self._stream = zstd.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def step(self, data: bytes) -> bytes:
        return self._stream.decompress(data, _STEP)

    @property
    def has_more(self) -> bool:
        return not self._stream.needs_input and not self._stream.eof


_ENCODINGS: Final[dict[str, Callable[[], _Decompressor] | None]] = {
    "": None,
    "identity": None,
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "gzip,deflate": _Deflate,  # pygelf, for zlib
    "zstd": _Zstd,
    "snappy": None,  # a block, which is decompressed as a whole
}


class Body:
    """Collects a decompressed body.

    Args:
        encoding: the header Content-Encoding, or empty.
        limit: decompressed bytes at most.

    Raises:
        UnknownEncoding: the encoding is none that is known.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        name = encoding.replace(" ", "").lower()
        if name not in _ENCODINGS:
            raise UnknownEncoding(
                f"Content-Encoding may be gzip, deflate, zstd or snappy, not {name[:40]!r}"
            )
        self._is_snappy = name == "snappy"
        self._open = _ENCODINGS[name]
        self._stream = self._open() if self._open else None
        self._limit = limit
        self._pieces: list[bytes] = []
        self._begun = False
        self._received = 0
        self.size = 0
        """Decompressed bytes so far."""

    def announce(self, length: int) -> None:
        """Check the Content-Length before any data has come.

        Raises:
            BodyTooLarge: it is above the limit, compressed or not.
        """
        if length > self._limit:
            raise self._too_large()

    def feed(self, data: bytes) -> Iterator[None]:
        """Feed the next received piece; yields where others may have a turn.

        Raises:
            BodyTooLarge: the body is above the limit.
            DamagedBody: the compressed data is invalid.
        """
        self._received += len(data)
        if self._open is None:
            self._keep(data)
            yield
            return
        if self._received > self._limit:
            raise self._too_large()
        try:
            yield from self._decompress(self._open, data)
        except (zlib.error, zstd.ZstdError) as error:
            raise DamagedBody(f"the body does not decompress: {error}") from error

    def whole(self) -> bytes:
        """Return the whole decompressed body.

        Raises:
            BodyTooLarge: it is above the limit.
            DamagedBody: the compressed data is invalid, or ends too early.
        """
        if self._begun and not (self._stream and self._stream.eof):
            raise DamagedBody("the body does not decompress: it ends too early")
        content = b"".join(self._pieces)
        return self._decompress_block(content) if self._is_snappy else content

    def _decompress_block(self, content: bytes) -> bytes:
        """Decompress a block of snappy (google/snappy, format_description.txt)."""
        from cramjam import DecompressionError, snappy  # few servers need it

        try:
            # The block begins with its length; no more memory is taken than that says.
            if snappy.decompress_raw_len(content) > self._limit:
                raise self._too_large()
            return bytes(snappy.decompress_raw(content))
        except DecompressionError as error:
            raise DamagedBody(f"the body does not decompress: {error}") from error

    def _decompress(self, open_next: Callable[[], _Decompressor], data: bytes) -> Iterator[None]:
        work = 0
        while data or (self._stream and self._stream.has_more):
            if self._stream is None or self._stream.eof:
                self._stream = open_next()
                work += _OPENING_COST
            self._begun = True
            piece = self._stream.step(data)
            self._keep(piece)
            data = self._stream.unused_data if self._stream.eof else b""
            work += len(piece)
            if work >= _TURN:
                work = 0
                yield
        yield

    def _keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._limit:
            raise self._too_large()
        if piece:
            self._pieces.append(piece)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"a body may hold {self._limit >> 20} MiB at most, also when it is decompressed; "
            "send it in parts"
        )

"""A WebSocket message that comes in pieces: how long it may be, its UTF-8, its deflate data."""

import codecs
import zlib
from collections.abc import Iterator
from typing import Final

INVALID_DATA: Final = 1007
TOO_BIG: Final = 1009

# What a sender leaves off the end of each compressed message (RFC 7692, 7.2.1).
_DEFLATE_TAIL: Final = b"\x00\x00\xff\xff"
# What is inflated at once: a bomb takes this much more than the limit, not a thousand times it.
_INFLATE_STEP: Final = 2**16


class Violation(Exception):
    """What the peer sent breaks a rule; `code` and `reason` are for the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Inflater:
    """Undoes permessage-deflate (RFC 7692) for one direction of one connection.

    A block marked as the last one (BFINAL) may end a message; the next one then starts from an
    empty window, as a sender that ends its deflate stream has to.

    Args:
        keeps_context: whether a message may refer to earlier ones (no `no_context_takeover`).
        window_bits: the size of the window that was agreed on, 8 to 15.
    """

    def __init__(self, *, keeps_context: bool = True, window_bits: int = zlib.MAX_WBITS) -> None:
        self._keeps_context = keeps_context
        self._window_bits = window_bits
        # A connection that never sends a compressed message needs none.
        self._stream: zlib._Decompress | None = None

    def inflate(self, data: bytes, *, is_last: bool) -> Iterator[bytes]:
        """Yield what a piece of a message holds, in parts of 64 KiB at most.

        Raises:
            Violation: it is no deflate data; 1007, as RFC 7692 names no code.
        """
        stream = self._stream
        if stream is None:
            stream = self._stream = zlib.decompressobj(-self._window_bits)
        if is_last:
            data += _DEFLATE_TAIL
        while data:
            try:
                part = stream.decompress(data, _INFLATE_STEP)
            except zlib.error:
                raise Violation(INVALID_DATA, "the deflate data is invalid") from None
            yield part
            data = stream.unconsumed_tail
        if stream.eof:
            self._check_end(stream.unused_data, is_last)
        if is_last and (stream.eof or not self._keeps_context):
            self._stream = None

    def _check_end(self, rest: bytes, is_last: bool) -> None:
        # RFC 7692, 7.2.3.4: behind the last block comes one byte, the start of an empty one.
        # Some senders leave it out. More streams in one message would cost us far more than them.
        allowed = (b"", b"\x00")
        if rest not in ([each + _DEFLATE_TAIL for each in allowed] if is_last else allowed):
            raise Violation(INVALID_DATA, "there is data behind the last deflate block")


class PartialMessage:
    """A message that comes in pieces."""

    def __init__(self, is_text: bool, inflater: Inflater | None, max_size: int) -> None:
        self.is_text = is_text
        self.received = 0
        """Bytes of payload that its frames had or announced, before inflating."""
        self._inflater = inflater
        self._max_size = max_size
        self._buffer = bytearray()
        self._undecided = b""  # the start of a character whose other bytes have not come

    @property
    def size(self) -> int:
        """Bytes that it has so far, inflated."""
        return len(self._buffer)

    @property
    def is_compressed(self) -> bool:
        """Whether its payload is inflated."""
        return self._inflater is not None

    def announce(self, length: int) -> None:
        """Count a frame's payload, before it has come."""
        self.received += length
        if self.received > self._max_size:
            raise Violation(TOO_BIG, "message too big")

    def add(self, piece: bytes, *, is_last: bool) -> None:
        """Take the next piece of payload."""
        # A compressed empty message holds a byte; a sender that leaves it out changes no context.
        if self._inflater is None or not self.received:
            self._keep(piece)
        else:
            for part in self._inflater.inflate(piece, is_last=is_last):
                self._keep(part)
        if is_last and self._undecided:
            raise Violation(INVALID_DATA, "the text is not UTF-8")

    def whole(self) -> bytes:
        """Return all of it."""
        return bytes(self._buffer)

    def _keep(self, part: bytes) -> None:
        if self.is_text and (self._undecided or not part.isascii()):
            self._check_text(part)
        if len(self._buffer) + len(part) > self._max_size:
            raise Violation(TOO_BIG, "message too big")
        self._buffer += part

    def _check_text(self, part: bytes) -> None:
        text = self._undecided + part
        try:
            _, used = codecs.utf_8_decode(text, "strict", False)
        except UnicodeDecodeError:
            raise Violation(INVALID_DATA, "the text is not UTF-8") from None
        self._undecided = text[used:]


def is_utf8(payload: bytes) -> bool:
    """Whether a whole payload can be text (RFC 6455, 8.1)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True

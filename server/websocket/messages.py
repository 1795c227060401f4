"""WebSocket messages in pieces: size limit, UTF-8 and permessage-deflate."""

import codecs
import zlib
from collections.abc import Iterator
from typing import Final

INVALID_DATA: Final = 1007
TOO_BIG: Final = 1009

# End of each compressed message, which senders leave out (RFC 7692, 7.2.1).
_DEFLATE_TAIL: Final = b"\x00\x00\xff\xff"
# Bytes inflated at once, by which a bomb may exceed the limit.
_INFLATE_STEP: Final = 2**16


class Violation(Exception):
    """The peer broke a rule; `code` and `reason` are for the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Inflater:
    """Inflates permessage-deflate (RFC 7692) for one direction of one connection.

    A block marked as the last (BFINAL) may end a message. The next message then begins with an
    empty window.

    Args:
        keeps_context: whether a message may refer to earlier ones (no `no_context_takeover`).
        window_bits: negotiated size of the window, 8 to 15.
    """

    def __init__(self, *, keeps_context: bool = True, window_bits: int = zlib.MAX_WBITS) -> None:
        self._keeps_context = keeps_context
        self._window_bits = window_bits
        # Created with the first compressed message, as most connections have none.
        self._stream: zlib._Decompress | None = None

    def inflate(self, data: bytes, *, is_last: bool) -> Iterator[bytes]:
        """Yield the inflated data of a piece, in parts of at most 64 KiB.

        Raises:
            Violation: the deflate data is invalid; with 1007, as RFC 7692 names no code.
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
        # RFC 7692, 7.2.3.4: after the last block comes one byte, the begin of an empty one. Some
        # senders leave it out. More streams in one message would cost us far more than them.
        allowed = (b"", b"\x00")
        if rest not in ([each + _DEFLATE_TAIL for each in allowed] if is_last else allowed):
            raise Violation(INVALID_DATA, "there is data behind the last deflate block")


class PartialMessage:
    """Unfinished message.

    Args:
        is_text: whether it must be UTF-8.
        inflater: inflates its payload, if it is compressed.
        max_size: bytes at most, before and after inflating.
    """

    def __init__(self, is_text: bool, inflater: Inflater | None, max_size: int) -> None:
        self.is_text = is_text
        self.received = 0
        """Bytes of payload received or announced, before inflating."""
        self._inflater = inflater
        self._max_size = max_size
        self._buffer = bytearray()
        self._undecided = b""  # an incomplete character

    @property
    def size(self) -> int:
        """Inflated bytes so far."""
        return len(self._buffer)

    @property
    def is_compressed(self) -> bool:
        """Whether its payload is inflated."""
        return self._inflater is not None

    def announce(self, length: int) -> None:
        """Count the payload of a frame before it has come."""
        self.received += length
        if self.received > self._max_size:
            raise Violation(TOO_BIG, "message too big")

    def add(self, piece: bytes, *, is_last: bool) -> None:
        """Add the next piece of payload."""
        # A compressed empty message has one byte. Leaving it out changes no context.
        if self._inflater is None or not self.received:
            self._keep(piece)
        else:
            for part in self._inflater.inflate(piece, is_last=is_last):
                self._keep(part)
        if is_last and self._undecided:
            raise Violation(INVALID_DATA, "the text is not UTF-8")

    def whole(self) -> bytes:
        """Return the whole message."""
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
    """Return whether a whole payload is valid text (RFC 6455, 8.1)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True

"""WebSocket frames as a client sends them, made and masked before a clock starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from tornado.util import _websocket_mask as mask

# First byte of a text frame that is a whole message.
_TEXT: Final = 0x81
# Lengths that stand in the second byte itself; 126 and 127 say that 2 or 8 bytes follow.
_SHORT: Final = 125
_OF_TWO_BYTES: Final = 0xFFFF
_KEY: Final = b"\x37\xfa\x21\x3d"
_MASKED: Final = 0x80


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames one behind the other, and where each ends.

    `ends` has one more than there are frames: it begins with 0, so that the first n frames are
    the bytes up to `ends[n]`.
    """

    data: bytes
    ends: Sequence[int]

    @classmethod
    def of(cls, logs: Sequence[bytes], logs_a_frame: int = 1) -> Self:
        """Put logs into frames, one a line."""
        pieces, ends, end = [], [0], 0
        for at in range(0, len(logs), logs_a_frame):
            frame = masked_frame(b"\n".join(logs[at : at + logs_a_frame]))
            end += len(frame)
            pieces.append(frame)
            ends.append(end)
        return cls(b"".join(pieces), ends)

    def __len__(self) -> int:
        return len(self.ends) - 1


def masked_frame(payload: bytes) -> bytes:
    """Return a text frame from a client (RFC 6455, 5.3); the key is always the same."""
    return _head(len(payload)) + _KEY + mask(_KEY, payload)


def _head(length: int) -> bytes:
    if length <= _SHORT:
        return bytes((_TEXT, _MASKED | length))
    if length <= _OF_TWO_BYTES:
        return bytes((_TEXT, _MASKED | 126)) + length.to_bytes(2)
    return bytes((_TEXT, _MASKED | 127)) + length.to_bytes(8)

"""WebSocket frames as a client sends them, made and masked before a clock starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from tornado.util import _websocket_mask as mask

from server.websocket.frames import TEXT, frame_head

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
    head = bytearray(frame_head(TEXT, len(payload)))
    head[1] |= _MASKED
    return bytes(head) + _KEY + mask(_KEY, payload)

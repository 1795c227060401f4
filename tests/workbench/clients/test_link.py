"""Frames of a link, as the letter of RFC 6455 has them."""

import pytest
import websocket

from server.websocket.frames import FrameParser, Messages, Ping, Pong
from workbench.clients.link import MaskedFrame

SIZES = [*range(10), 125, 126, 127, 65_535, 65_536, 100_001]
KEYS = [b"\0\0\0\0", b"\x01\x02\x03\x04", b"\xff\x00\xfe\x80"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", KEYS)
def test_masked_frame_is_that_of_the_library(size: int, key: bytes) -> None:
    payload = bytes(number * 7 % 128 for number in range(size))

    def formatted(kind: type[websocket.ABNF]) -> bytes:
        frame = kind(1, 0, 0, 0, websocket.ABNF.OPCODE_TEXT, 1, payload)
        frame.get_mask_key = lambda _: key
        return frame.format()

    assert formatted(MaskedFrame) == formatted(websocket.ABNF)
    assert FrameParser(masked=True).feed(formatted(MaskedFrame)) == [Messages(True, [payload])]


@pytest.mark.parametrize(
    ("opcode", "event"), [(websocket.ABNF.OPCODE_PING, Ping), (websocket.ABNF.OPCODE_PONG, Pong)]
)
def test_control_frames_are_masked_too(opcode: int, event: type[Ping | Pong]) -> None:
    frame = MaskedFrame(1, 0, 0, 0, opcode, 1, b"\x00\xff\x80")
    assert FrameParser(masked=True).feed(frame.format()) == [event(b"\x00\xff\x80")]

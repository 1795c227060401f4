"""Frames as a peer writes them, byte by byte, and random messages of every kind."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st
from tornado.util import _websocket_mask_python as mask

from server.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Close,
    Event,
    Failure,
    Messages,
    Ping,
)

KEY = b"\x81\x00\x7f\xfe"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    bits: int = 0,
    key: bytes | None = KEY,
) -> bytes:
    """Return a frame in the shortest form; `bits` are the reserved ones, as 0x40, 0x20, 0x10."""
    return head(opcode, len(payload), final=final, bits=bits, key=key) + (
        payload if key is None else mask(key, payload)
    )


def head(
    opcode: int,
    length: int,
    *,
    final: bool = True,
    bits: int = 0,
    key: bytes | None = KEY,
    form: int | None = None,
) -> bytes:
    """Return a frame's head; `form` is how its length is written: in 7, 16 or 64 bits."""
    form = form or (7 if length < 126 else 16 if length < 2**16 else 64)
    first = 0x80 * final | bits | opcode
    masked = 0 if key is None else 0x80
    if form == 7:
        start = struct.pack(">BB", first, masked | length)
    elif form == 16:
        start = struct.pack(">BBH", first, masked | 126, length)
    else:
        start = struct.pack(">BBQ", first, masked | 127, length)
    return start + (key or b"")


def close_frame(code: int, reason: bytes = b"", key: bytes | None = KEY) -> bytes:
    """Return a close frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason, key=key)


class Deflater:
    """Compresses messages as a sender does (RFC 7692, 7.2.1)."""

    def __init__(self, *, keeps_context: bool = True, window_bits: int = zlib.MAX_WBITS) -> None:
        self._keeps_context = keeps_context
        self._window_bits = window_bits
        self._stream = zlib.compressobj(wbits=-window_bits)

    def deflate(self, data: bytes) -> bytes:
        """Return the payload of a compressed message."""
        if not self._keeps_context:
            self._stream = zlib.compressobj(wbits=-self._window_bits)
        result = self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return result.removesuffix(b"\x00\x00\xff\xff") or b"\x00"


@dataclass(frozen=True)
class Item:
    """A message or control frame to be sent, with where it is cut into fragments."""

    opcode: int
    payload: bytes
    compressed: bool = False
    cuts: tuple[float, ...] = ()
    between: tuple["Item", ...] = ()
    """Control frames, one behind each fragment but the last."""

    def told(self) -> list[tuple[int, bytes]]:
        """Return what a reader hears, in order."""
        return [
            *(told for each in self.between for told in each.told()),
            (self.opcode, self.payload),
        ]

    def wire(self, deflater: Deflater | None, key: bytes | None) -> bytes:
        """Return it as frames."""
        squeezed = self.compressed and deflater is not None
        data = deflater.deflate(self.payload) if squeezed and deflater else self.payload
        edges = [0, *sorted(int(cut * len(data)) for cut in self.cuts), len(data)]
        written = b""
        for index, (start, end) in enumerate(pairwise(edges)):
            is_first, is_last = index == 0, index == len(edges) - 2
            written += frame(
                self.opcode if is_first else CONTINUATION,
                data[start:end],
                final=is_last,
                bits=0x40 if squeezed and is_first else 0,
                key=key,
            )
            if not is_last and index < len(self.between):
                written += self.between[index].wire(None, key)
        return written


def wire(
    items: Iterable[Item], *, deflater: Deflater | None = None, key: bytes | None = KEY
) -> bytes:
    """Return all items as one stream of bytes."""
    return b"".join(item.wire(deflater, key) for item in items)


def told(events: Iterable[Event]) -> list[tuple[int, bytes] | Close | Failure]:
    """Return events one by one, however they were grouped."""
    result: list[tuple[int, bytes] | Close | Failure] = []
    for event in events:
        if isinstance(event, Messages):
            result += [(TEXT if event.is_text else BINARY, each) for each in event.payloads]
        elif isinstance(event, Close | Failure):
            result.append(event)
        else:
            result.append((PING if isinstance(event, Ping) else PONG, event.payload))
    return result


def pieces(data: bytes, cuts: Sequence[float]) -> list[bytes]:
    """Cut bytes at these shares of their length."""
    edges = [0, *sorted(int(cut * len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


shares = st.floats(0, 1, exclude_max=True)
_texts = st.text(max_size=200).map(str.encode) | st.integers(100, 70_000).map(
    lambda size: "aé€𝄞".encode() * (size // 10)
)
_controls = st.builds(Item, st.sampled_from([PING, PONG]), st.binary(max_size=125))


def _messages(opcode: int, payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[Item]:
    fragmented = st.lists(shares, max_size=4).flatmap(
        lambda cuts: st.builds(
            Item,
            st.just(opcode),
            payloads,
            st.booleans(),
            st.just(tuple(cuts)),
            st.lists(_controls, max_size=len(cuts)).map(tuple),
        )
    )
    return st.builds(Item, st.just(opcode), payloads) | fragmented


items = st.lists(
    _messages(TEXT, _texts) | _messages(BINARY, st.binary(max_size=300)) | _controls, max_size=12
)
"""Messages of text and bytes, whole and fragmented, and control frames among them."""

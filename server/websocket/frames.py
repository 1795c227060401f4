"""Parser of RFC 6455 frames, many at a time, and heads of frames to send; no I/O.

`FrameParser.feed` takes received bytes and returns the messages in them. Producers mostly send one
small masked frame a message, many to a read, and those are parsed in one tight loop. All else
(fragments, control frames, deflate, frames cut by the end of a read) goes frame by frame, at a cost
in proportion to the bytes, however they are cut.
"""

import struct
import sys
from dataclasses import dataclass
from typing import Final

from tornado.util import _websocket_mask as mask

from server.websocket.messages import INVALID_DATA, Inflater, PartialMessage, Violation, is_utf8

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

PROTOCOL_ERROR: Final = 1002

MAX_MESSAGE_SIZE: Final = 16 * 2**20
_MAX_CONTROL_PAYLOAD: Final = 125

# Work of a frame, in inflated bytes.
_FRAME_COST: Final = 2**9
# Compressed bytes inflated at once; they may become a thousand times as many.
_PIECE: Final = 2**11

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_RESERVED: Final = 0x30
_WHOLE: Final = {_FINAL | TEXT, _FINAL | BINARY}
_OPCODES: Final = {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}

_unpack_head = struct.Struct(">HH4s").unpack_from


@dataclass(slots=True)
class Messages:
    """Run of whole messages of one kind, in order; texts are valid UTF-8."""

    is_text: bool
    payloads: list[bytes]


@dataclass(frozen=True, slots=True)
class Ping:
    """Ping of the peer."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """Pong of the peer, solicited or not."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close frame of the peer; nothing after it is parsed. `code` may be None."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Violation by the peer, with code and reason for the close frame; always the last event."""

    code: int
    reason: str


Event = Messages | Ping | Pong | Close | Failure


def frame_head(opcode: int, length: int) -> bytes:
    """Return the head of an unmasked, final frame (RFC 6455, 5.2).

    Args:
        opcode: `TEXT`, `BINARY` or a control opcode.
        length: bytes of payload.
    """
    if length < 126:
        return struct.pack(">BB", _FINAL | opcode, length)
    if length < 2**16:
        return struct.pack(">BBH", _FINAL | opcode, 126, length)
    return struct.pack(">BBQ", _FINAL | opcode, 127, length)


TEXT_HEADS: Final = tuple(frame_head(TEXT, length) for length in range(1024))
"""Heads of unmasked text frames by length, below 1,024 bytes."""


@dataclass(slots=True)
class _OpenFrame:
    """Frame whose head is parsed."""

    opcode: int
    is_final: bool
    left: int
    """Bytes of payload still to come."""
    is_compressed: bool
    key: bytes
    """Masking key, rotated to the current position; empty without a mask."""


class FrameParser:
    """Incremental parser of received bytes into messages and control frames.

    Args:
        masked: whether frames must be masked (server) or must not be (client).
        max_message_size: bytes of a message over all fragments, before and after inflating.
        inflater: inflates messages, if permessage-deflate was negotiated.
        step: about the work of one `feed`, in bytes; None is unlimited.
    """

    def __init__(
        self,
        *,
        masked: bool,
        max_message_size: int = MAX_MESSAGE_SIZE,
        inflater: Inflater | None = None,
        step: int | None = None,
    ) -> None:
        self._step = sys.maxsize if step is None else step
        self._masked = masked
        self._max_message_size = max_message_size
        self._inflater = inflater
        self._start = b""  # of an incomplete head
        self._frame: _OpenFrame | None = None
        self._control = b""  # the payload of a control frame so far
        self._message: PartialMessage | None = None
        self._events: list[Event] = []
        self._is_over = False
        self._work = 0

    @property
    def has_more(self) -> bool:
        """Whether `feed` has stopped early; call it again without data, after others had a turn."""
        return self._work >= self._step and bool(self._start) and not self._is_over

    @property
    def held(self) -> int:
        """Bytes of the unfinished message."""
        return 0 if self._message is None else self._message.size

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete, in order.

        It stops early after much work, and then `has_more` is true. Nothing follows a `Close` or
        `Failure`. A frame is checked by its head, before its payload has come.
        """
        self._events = []
        self._work = 0
        if self._is_over:
            return []
        if self._start:
            data, self._start = self._start + data, b""
        try:
            self._parse(data)
        except Violation as violation:
            self._events.append(Failure(violation.code, violation.reason))
            self._end()
        events, self._events = self._events, []
        return events

    def _parse(self, data: bytes) -> None:
        at, size = 0, len(data)
        while at < size and not self._is_over:
            if self._work >= self._step:
                self._start = data[at:]
                return
            if self._frame is None:
                if self._masked and self._message is None and data[at] in _WHOLE:
                    at = self._take_whole(data, at)
                frame = self._take_head(data, at) if at < size else None
                if frame is None:
                    self._start = data[at:]
                    return
                at += _head_size(data[at + 1])
                self._frame = frame
            at = self._take_payload(self._frame, data, at)

    def _take_whole(self, data: bytes, at: int) -> int:
        """Take all masked one-frame messages of one kind; return the position after them."""
        first = data[at] << 8
        low, high = first | 0x80, first | 0xFE
        most, size = self._max_message_size, len(data)
        last = size - 8
        payloads: list[bytes] = []
        keep = payloads.append
        while at <= last:
            head, length, key = _unpack_head(data, at)
            if head == high:
                start = at + 8
                end = start + length
                if end > size or not 126 <= length <= most:
                    break
            elif low <= head < high:
                start = at + 6
                end = start + head - low
                if end > size or head - low > most:
                    break
                key = data[at + 2 : start]
            else:
                break
            keep(mask(key, data[start:end]))
            at = end
        if payloads:
            self._deliver_whole(first >> 8 == _FINAL | TEXT, payloads)
        return at

    def _deliver_whole(self, is_text: bool, payloads: list[bytes]) -> None:
        if is_text:
            for index, payload in enumerate(payloads):
                if not payload.isascii() and not is_utf8(payload):
                    if index:
                        self._deliver(True, payloads[:index])
                    raise Violation(INVALID_DATA, "the text is not UTF-8")
        self._deliver(is_text, payloads)

    def _deliver(self, is_text: bool, payloads: list[bytes]) -> None:
        last = self._events[-1] if self._events else None
        if isinstance(last, Messages) and last.is_text == is_text:
            last.payloads += payloads
        else:
            self._events.append(Messages(is_text, payloads))

    def _take_head(self, data: bytes, at: int) -> _OpenFrame | None:
        """Return the frame that begins here; None if its head is incomplete."""
        if len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        self._check_first(first)
        if bool(second & 0x80) != self._masked:
            must = "must" if self._masked else "must not"
            raise Violation(PROTOCOL_ERROR, f"the frame {must} be masked")
        opcode = first & 0x0F
        if opcode >= CLOSE and second & 0x7F > _MAX_CONTROL_PAYLOAD:
            raise Violation(PROTOCOL_ERROR, "the control frame is too long")
        end = at + _head_size(second)
        if len(data) < end:
            return None
        key = data[end - 4 : end] if self._masked else b""
        length = _length(data, at)
        is_compressed = False
        if opcode < CLOSE:
            message = self._open_message(first)
            message.announce(length)
            is_compressed = message.is_compressed
        return _OpenFrame(opcode, bool(first & _FINAL), length, is_compressed, key)

    def _check_first(self, first: int) -> None:
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise Violation(PROTOCOL_ERROR, "the opcode is unknown")
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if first & _COMPRESSED and (opcode not in (TEXT, BINARY) or self._inflater is None):
            raise Violation(PROTOCOL_ERROR, "the frame must not be compressed")
        if opcode >= CLOSE and not first & _FINAL:
            raise Violation(PROTOCOL_ERROR, "a control frame must not be fragmented")
        if opcode == CONTINUATION and self._message is None:
            raise Violation(PROTOCOL_ERROR, "there is no message to continue")
        if opcode in (TEXT, BINARY) and self._message is not None:
            raise Violation(PROTOCOL_ERROR, "the message before has not ended")

    def _open_message(self, first: int) -> PartialMessage:
        if self._message is None:
            inflater = self._inflater if first & _COMPRESSED else None
            self._message = PartialMessage(first & 0x0F == TEXT, inflater, self._max_message_size)
        return self._message

    def _take_payload(self, frame: _OpenFrame, data: bytes, at: int) -> int:
        """Take the available payload of a frame; return the position after it."""
        end = at + frame.left
        before = self.held
        if frame.is_compressed:
            end = min(end, at + _PIECE)
        piece = data[at:end]
        at += len(piece)
        frame.left -= len(piece)
        if frame.key:
            turn = len(piece) % 4
            piece = mask(frame.key, piece)
            frame.key = frame.key[turn:] + frame.key[:turn]
        if not frame.left:
            self._frame = None
        if frame.opcode >= CLOSE:
            self._control += piece
            if not frame.left:
                self._end_control(frame.opcode)
        else:
            message = self._message
            assert message is not None
            self._add(piece, is_last=frame.is_final and not frame.left)
            self._work += message.size - before
        self._work += _FRAME_COST
        return at

    def _add(self, piece: bytes, *, is_last: bool) -> None:
        message = self._message
        assert message is not None
        message.add(piece, is_last=is_last)
        if is_last:
            self._message = None
            self._deliver(message.is_text, [message.whole()])

    def _end_control(self, opcode: int) -> None:
        payload, self._control = self._control, b""
        if opcode == PING:
            self._events.append(Ping(payload))
        elif opcode == PONG:
            self._events.append(Pong(payload))
        else:
            self._events.append(_parse_close(payload))
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._start = b""
        self._frame = self._message = None


def _head_size(second: int) -> int:
    """Return the size of a frame's head, by its second byte."""
    length = second & 0x7F
    extended = 2 if length == 126 else 8 if length == 127 else 0
    return 2 + extended + (4 if second & 0x80 else 0)


def _length(data: bytes, at: int) -> int:
    """Return the payload length of the frame that begins here (RFC 6455, 5.2)."""
    short = data[at + 1] & 0x7F
    if short < 126:
        return short
    size, least, most = (2, 126, 2**16 - 1) if short == 126 else (8, 2**16, 2**63 - 1)
    length = int.from_bytes(data[at + 2 : at + 2 + size])
    if not least <= length <= most:
        raise Violation(PROTOCOL_ERROR, "the length is not in its shortest form")
    return length


def _parse_close(payload: bytes) -> Close:
    """Parse the payload of a close frame (RFC 6455, 5.5.1 and 7.4)."""
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not _may_be_sent(code):
        raise Violation(PROTOCOL_ERROR, "the close code is invalid")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise Violation(INVALID_DATA, "the close reason is not UTF-8") from None


def _may_be_sent(code: int) -> bool:
    # 1004 to 1006 and 1015 must not be sent, and unassigned codes up to 2999 are reserved.
    return code in range(1000, 1004) or code in range(1007, 1015) or code in range(3000, 5000)

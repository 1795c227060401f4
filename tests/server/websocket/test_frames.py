"""Frames out of bytes: every rule of RFC 6455 and 7692, whatever the cuts."""

import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    MAX_MESSAGE_SIZE,
    PING,
    PONG,
    TEXT,
    TEXT_HEADS,
    Close,
    Event,
    Failure,
    FrameParser,
    Messages,
    Ping,
    Pong,
    frame_head,
)
from server.websocket.messages import Inflater
from tests.support.frames import (
    KEY,
    Deflater,
    Item,
    close_frame,
    frame,
    head,
    items,
    pieces,
    shares,
    told,
    wire,
)

HELLO = frame(TEXT, b"hello")
HEARD = (TEXT, b"hello")


def parser(*, deflate: bool = False, most: int = 1000) -> FrameParser:
    """A server's parser with a small limit."""
    inflater = Inflater() if deflate else None
    return FrameParser(masked=True, max_message_size=most, inflater=inflater)


def feed_all(target: FrameParser, parts: list[bytes]) -> list[Event]:
    return [event for part in parts for event in target.feed(part)]


def bytewise(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


# What is read


def test_consecutive_messages_of_kind_come_as_one_run() -> None:
    sent = [Item(TEXT, b"a"), Item(TEXT, b"b" * 200), Item(BINARY, b"\xff"), Item(TEXT, b"c")]
    assert parser().feed(wire(sent)) == [
        Messages(True, [b"a", b"b" * 200]),
        Messages(False, [b"\xff"]),
        Messages(True, [b"c"]),
    ]


def test_run_goes_on_behind_fragmented_message() -> None:
    sent = [Item(TEXT, b"a"), Item(TEXT, b"two", cuts=(0.5,)), Item(TEXT, b"c")]
    assert parser().feed(wire(sent)) == [Messages(True, [b"a", b"two", b"c"])]


def test_control_frame_comes_before_message_that_it_interrupts() -> None:
    sent = Item(TEXT, b"whole", cuts=(0.5,), between=(Item(PING, b"p"),))
    assert parser().feed(wire([sent, Item(PONG, b"q")])) == [
        Ping(b"p"),
        Messages(True, [b"whole"]),
        Pong(b"q"),
    ]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_every_length_is_read_whole_and_in_pieces(opcode: int, length: int) -> None:
    data = frame(opcode, b"x" * length)
    for parts in ([data], pieces(data, [0.1, 0.5, 0.9]), [data[:1], data[1:3], data[3:]]):
        heard = told(feed_all(parser(most=200_000), parts))
        assert heard == [(opcode, b"x" * length)]


@given(items, st.lists(shares, max_size=20), st.sampled_from(["none", "kept", "fresh"]))
def test_events_are_equal_for_any_cuts(sent: list[Item], cuts: list[float], context: str) -> None:
    keeps = context == "kept"
    deflater = None if context == "none" else Deflater(keeps_context=keeps)
    inflater = None if context == "none" else Inflater(keeps_context=keeps)
    data = wire(sent, deflater=deflater)
    reader = FrameParser(masked=True, inflater=inflater)
    expected = [each for item in sent for each in item.told()]
    assert told(feed_all(reader, pieces(data, cuts))) == expected


@given(items)
def test_events_are_equal_byte_by_byte_at_client(sent: list[Item]) -> None:
    data = wire(sent, key=None)[:20_000]
    whole = FrameParser(masked=False).feed(data)
    assert told(feed_all(FrameParser(masked=False), bytewise(data))) == told(whole)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (frame(CLOSE), Close(None, "")),
        (close_frame(1000), Close(1000, "")),
        (close_frame(1001, "adieu é".encode()), Close(1001, "adieu é")),
        *((close_frame(code), Close(code, "")) for code in (1003, 1007, 1014, 3000, 4999)),
    ],
)
def test_no_event_follows_close_frame(data: bytes, expected: Close) -> None:
    reader = parser()
    assert told(reader.feed(HELLO + data + HELLO)) == [HEARD, expected]
    assert reader.feed(HELLO) == []


# What breaks a rule

BAD = b"\xc3\x28"
MALFORMED = {
    "a frame without a mask": (frame(TEXT, b"x", key=None), 1002),
    "an empty frame without a mask": (frame(TEXT, key=None), 1002),
    "RSV1 where deflate was not agreed on": (frame(TEXT, b"x", bits=0x40), 1002),
    "RSV2": (frame(TEXT, b"x", bits=0x20), 1002),
    "RSV3": (frame(TEXT, b"x", bits=0x10), 1002),
    "RSV2 in a ping": (frame(PING, bits=0x20), 1002),
    **{
        f"the opcode {opcode:#x}": (frame(opcode, b"x"), 1002)
        for opcode in (*range(3, 8), *range(11, 16))
    },
    "a fragmented ping": (frame(PING, final=False), 1002),
    "a fragmented close frame": (frame(CLOSE, final=False), 1002),
    "a long ping": (head(PING, 126), 1002),
    "a ping with a length of 64 bits": (head(PING, 5, form=64), 1002),
    "nothing to continue": (frame(CONTINUATION, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"x", final=False) + HELLO, 1002),
    "a fragment within a message": (2 * frame(BINARY, b"x", final=False), 1002),
    "125 bytes as 16 bits": (head(TEXT, 125, form=16) + b"x" * 125, 1002),
    "no bytes as 16 bits": (head(TEXT, 0, form=16), 1002),
    "65,535 bytes as 64 bits": (head(TEXT, 65_535, form=64), 1002),
    "a length of more than 63 bits": (head(TEXT, 2**63, form=64), 1002),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    **{
        f"the close code {code}": (close_frame(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "a close reason that is not UTF-8": (close_frame(1000, BAD), 1007),
    "text that is not UTF-8": (frame(TEXT, BAD), 1007),
    "text with a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "text with a character too many": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "text that ends within a character": (frame(TEXT, b"\xe2\x82"), 1007),
    "a fragment that is not UTF-8": (frame(TEXT, BAD, final=False), 1007),
    "fragments that end within a character": (
        frame(TEXT, b"\xe2", final=False) + frame(CONTINUATION, b"\x82"),
        1007,
    ),
    "a frame above the limit": (head(TEXT, 1001), 1009),
    "a frame of 2^63 - 1 bytes": (head(BINARY, 2**63 - 1), 1009),
    "fragments above the limit": (
        frame(BINARY, b"x" * 600, final=False) + head(CONTINUATION, 401),
        1009,
    ),
}


@pytest.mark.parametrize(("data", "code"), MALFORMED.values(), ids=MALFORMED)
def test_broken_rule_ends_with_its_code(data: bytes, code: int) -> None:
    for parts in ([HELLO + data + HELLO], [HELLO, data], bytewise(HELLO + data)):
        reader = parser()
        heard, failure = told(feed_all(reader, parts))
        assert heard == HEARD
        assert isinstance(failure, Failure)
        assert failure.code == code
        assert 0 < len(failure.reason.encode()) <= 123
        assert reader.feed(HELLO) == []


def test_client_refuses_masked_frames() -> None:
    (failure,) = FrameParser(masked=False).feed(HELLO)
    assert failure == Failure(1002, "the frame must not be masked")


def test_messages_before_one_that_is_not_utf8_are_heard() -> None:
    sent = HELLO + frame(TEXT, "é".encode()) + frame(TEXT, BAD) + frame(PING, final=False)
    heard = told(parser().feed(sent))
    assert heard == [HEARD, (TEXT, "é".encode()), Failure(1007, "the text is not UTF-8")]


def test_character_may_be_cut_by_fragments() -> None:
    sent = Item(TEXT, "€𝄞".encode(), cuts=(0.2, 0.5, 0.8))
    assert told(parser().feed(wire([sent]))) == [(TEXT, sent.payload)]


def test_limit_itself_is_allowed() -> None:
    whole = frame(TEXT, b"x" * 1000)
    parts = frame(TEXT, b"x" * 600, final=False) + frame(CONTINUATION, b"x" * 400)
    assert told(parser().feed(whole + parts)) == 2 * [(TEXT, b"x" * 1000)]


def test_limit_holds_for_short_frames_too() -> None:
    sent = frame(TEXT, b"x" * 20) + frame(TEXT, b"x" * 21) + HELLO
    heard = told(parser(most=20).feed(sent))
    assert heard == [(TEXT, b"x" * 20), Failure(1009, "message too big")]


@given(items, st.data())
def test_frames_parser_never_raises_on_random_bytes(sent: list[Item], data: st.DataObject) -> None:
    stream = bytearray(wire(sent, deflater=Deflater()) + close_frame(1000))
    changes = st.tuples(st.integers(0, len(stream) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(changes, min_size=1, max_size=8)):
        stream[at] = value
    cuts = data.draw(st.lists(shares, max_size=5))
    events = feed_all(parser(deflate=True, most=50_000), pieces(bytes(stream), cuts))
    assert not any(isinstance(event, Close | Failure) for event in events[:-1])


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_frames_parser_never_raises_on_noise(parts: list[bytes]) -> None:
    feed_all(parser(deflate=True), parts)


# Deflate


def squeezed(payload: bytes) -> bytes:
    return frame(TEXT, payload, bits=0x40)


def test_rsv1_is_for_first_frame_of_message_only() -> None:
    for second in (frame(CONTINUATION, b"\x00", bits=0x40), frame(PING, bits=0x40)):
        first = frame(TEXT, b"\xf2", final=False, bits=0x40)
        (failure,) = parser(deflate=True).feed(first + second)
        assert failure == Failure(1002, "the frame must not be compressed")


def test_plain_messages_may_come_among_compressed_ones() -> None:
    deflater = Deflater()
    sent = [squeezed(deflater.deflate(b"hello")), HELLO, squeezed(deflater.deflate(b"hello"))]
    assert told(parser(deflate=True).feed(b"".join(sent))) == 3 * [HEARD]


@pytest.mark.parametrize("payload", [b"\x00", b"", b"\x02\x00"])
def test_empty_message_may_be_compressed(payload: bytes) -> None:
    after = squeezed(Deflater().deflate(b"hello"))
    heard = told(parser(deflate=True).feed(squeezed(payload) + after))
    assert heard == [(TEXT, b""), HEARD]


@pytest.mark.parametrize("end", [b"\x00", b""], ids=["as the RFC has it", "bare"])
def test_message_may_end_with_final_block(end: bytes) -> None:
    message = zlib.compress(b"hello", wbits=-15) + end
    fragments = frame(TEXT, message[:3], final=False, bits=0x40) + frame(CONTINUATION, message[3:])
    after = squeezed(Deflater().deflate(b"hello"))
    for data in (squeezed(message), fragments):
        assert told(parser(deflate=True).feed(data + after)) == [HEARD, HEARD]


def test_only_pad_may_follow_final_block() -> None:
    message = zlib.compress(b"hello", wbits=-15)
    for data in (squeezed(2 * message), frame(TEXT, 2 * message, final=False, bits=0x40)):
        (failure,) = parser(deflate=True).feed(data)
        assert failure == Failure(1007, "there is data behind the last deflate block")


def test_bad_deflate_data_is_1007() -> None:
    (failure,) = parser(deflate=True).feed(squeezed(b"\xff\xff\xff"))
    assert failure == Failure(1007, "the deflate data is invalid")


def test_text_is_checked_once_it_is_inflated() -> None:
    (failure,) = parser(deflate=True).feed(squeezed(Deflater().deflate(BAD)))
    assert failure == Failure(1007, "the text is not UTF-8")


def test_message_that_refers_to_context_not_kept_is_1007() -> None:
    deflater = Deflater()
    text = random.Random(1).randbytes(200).hex().encode()
    sent = squeezed(deflater.deflate(text)) + squeezed(deflater.deflate(text))
    reader = FrameParser(masked=True, inflater=Inflater(keeps_context=False))
    heard, failure = told(reader.feed(sent))
    assert heard == (TEXT, text)
    assert failure == Failure(1007, "the deflate data is invalid")


@pytest.mark.parametrize("size", [1000, 1001])
def test_limit_is_for_what_was_inflated(size: int) -> None:
    (heard,) = told(parser(deflate=True).feed(squeezed(Deflater().deflate(b"x" * size))))
    assert heard == ((TEXT, b"x" * size) if size == 1000 else Failure(1009, "message too big"))


# Memory and time


def peak(reader: FrameParser, parts: list[bytes]) -> tuple[list[Event], int]:
    """Return what was heard, and the most memory that reading took."""
    tracemalloc.start()
    try:
        events = feed_all(reader, parts)
        return events, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("fragments", [1, 100])
def test_bomb_takes_no_more_than_limit_and_little(fragments: int) -> None:
    limit = 2**20
    bomb = Deflater().deflate(bytes(512 * limit))
    cuts = tuple(index / fragments for index in range(1, fragments))
    data = b"".join(
        frame(CONTINUATION if index else BINARY, part, final=False, bits=0 if index else 0x40)
        for index, part in enumerate(pieces(bomb, cuts))
    )
    reads = [data[at : at + 2**16] for at in range(0, len(data), 2**16)]
    events, most = peak(parser(deflate=True, most=limit), reads)
    assert events == [Failure(1009, "message too big")]
    assert most < 1.5 * limit


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1])
def test_fragments_take_no_more_memory_than_what_they_hold(size: int) -> None:
    fragments = frame(CONTINUATION, b"x" * size, final=False) * 10_000
    first = frame(TEXT, final=False)
    events, most = peak(parser(most=100_000), [first, *([fragments] * 10)])
    assert events == []
    assert most < 400_000


def test_frame_above_limit_is_not_waited_for() -> None:
    reader = FrameParser(masked=True)
    events = reader.feed(head(TEXT, MAX_MESSAGE_SIZE + 1))
    assert events == [Failure(1009, "message too big")]


class Counted(bytes):
    """Bytes that count how many of them are copied by slicing and joining."""

    copied = 0

    def __add__(self, other: bytes) -> "Counted":  # type: ignore[override]
        return self._count(bytes.__add__(self, other))

    def __radd__(self, other: bytes) -> "Counted":
        return self._count(other + bytes(self))

    def __getitem__(self, key: object) -> object:  # type: ignore[override]
        found = bytes.__getitem__(self, key)  # type: ignore[call-overload]
        return self._count(found) if isinstance(found, bytes) else found

    @classmethod
    def _count(cls, data: bytes) -> "Counted":
        cls.copied += len(data)
        return cls(data)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "step"), [(2**24, 2**16), (20_000, 1)])
def test_message_in_many_pieces_is_copied_few_times_only(size: int, step: int) -> None:
    data = frame(BINARY, bytes(size))
    reader = FrameParser(masked=True)
    Counted.copied = 0
    events = feed_all(reader, [Counted(data[at : at + step]) for at in range(0, len(data), step)])
    assert told(events) == [(BINARY, bytes(size))]
    assert Counted.copied < 10 * len(data)  # the key is turned for each piece


# What is written


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_head_is_that_of_unmasked_final_frame(length: int) -> None:
    payload = b"x" * length
    assert frame_head(TEXT, length) + payload == frame(TEXT, payload, key=None)


def test_heads_of_short_texts_are_at_hand() -> None:
    assert len(TEXT_HEADS) == 1024
    assert all(each == frame_head(TEXT, length) for length, each in enumerate(TEXT_HEADS))


def test_each_message_has_mask_of_its_own() -> None:
    keys = [KEY, bytes(4), b"\xff\xff\xff\xff"]
    data = b"".join(frame(TEXT, b"hello" * 40, key=key) for key in keys)
    assert told(parser().feed(data)) == 3 * [(TEXT, b"hello" * 40)]

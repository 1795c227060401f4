"""Framing of syslog over TCP: the same messages however the bytes are cut, in bounded memory."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.syslog.framing import MAX_MESSAGE, Framer, Message
from tests.support.syslog import counted


def framed(pieces: Sequence[bytes], most: int = MAX_MESSAGE) -> list[Message]:
    """Return all messages of a stream that came in these pieces."""
    framer = Framer(most)
    found = [each for piece in pieces for each in framer.feed(piece)]
    found += framer.finish()
    assert framer.held == 0
    return found


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """Return a stream in pieces, cut at places modulo its length."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)})
    return [stream[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        pytest.param(b"<1>a\n<2>b\r\n\n<3>c", ["<1>a", "<2>b", "<3>c"], id="lines"),
        pytest.param(b"<1>a\0<2>b\0", ["<1>a", "<2>b"], id="NUL, as Python's handler"),
        pytest.param(
            b"<1>a\0<2>b\nc\n d\0<3>e\n\0", ["<1>a", "<2>b\nc\n d", "<3>e"], id="NUL, lines"
        ),
        pytest.param(b"<1>a\0<2>b\n<3>c\nd\n", ["<1>a", "<2>b", "<3>c", "d"], id="NUL, then LF"),
        pytest.param(b"<1>a\0\n<2>b\nc\n", ["<1>a", "<2>b", "c"], id="NUL and LF"),
        pytest.param(b"<1>a\0b\nc\n", ["<1>a", "b", "c"], id="NUL before no priority"),
        pytest.param(b"5 <1>a\n4 <2>b", ["<1>a", "<2>b"], id="counted"),
        pytest.param(b"7 <1>a\nb\n4 <2>c\n", ["<1>a\nb", "<2>c"], id="counted, two lines"),
        pytest.param(b"<1>a\n4 <2>b<3>c\n", ["<1>a", "<2>b", "<3>c"], id="both, by message"),
        pytest.param(b"12 monkeys\n", ["12 monkeys"], id="a number that is no count"),
        pytest.param(b"2026-11-24 x\n", ["2026-11-24 x"], id="a year that is no count"),
        pytest.param(b"1234567890 <1>a\n", ["1234567890 <1>a"], id="too many digits"),
        pytest.param(b"05 <1>a\n", ["05 <1>a"], id="a count begins with no zero"),
        pytest.param(b"\0\r\n\n", [], id="nothing"),
        pytest.param(b"\x16\x03\x01\xff\n\xfe", ["\\x16\\x03\\x01\\xff", "\\xfe"], id="no text"),
    ],
)
def test_stream_is_taken_apart(stream: bytes, messages: list[str]) -> None:
    expected = [Message(each.encode()) for each in messages]
    if b"\xff" in stream:
        expected = [Message(each) for each in stream.split(b"\n")]
    assert framed([stream]) == expected
    assert framed([stream[at : at + 1] for at in range(len(stream))]) == expected


def test_counted_message_that_breaks_off_is_kept_as_cut() -> None:
    assert framed([b"4 <1>a9 <2>b"]) == [Message(b"<1>a"), Message(b"<2>b", is_cut=True)]


def test_message_of_the_longest_size_is_whole() -> None:
    longest = b"<1>".ljust(MAX_MESSAGE, b"x")
    expected = [Message(longest), Message(b"<2>b")]
    assert framed([longest + b"\n<2>b\n"]) == expected
    assert framed([counted(longest) + b"<2>b\n"]) == expected


@pytest.mark.parametrize("more", [1, MAX_MESSAGE, 3 * MAX_MESSAGE + 7])
def test_message_that_is_too_long_is_cut_and_the_next_is_whole(more: int) -> None:
    long = b"<1>".ljust(MAX_MESSAGE + more, b"x")
    expected = [Message(long[:MAX_MESSAGE], is_cut=True), Message(b"<2>b")]
    for stream in (long + b"\n<2>b\n", counted(long) + counted(b"<2>b")):
        assert framed([stream]) == expected
        assert framed(cut(stream, range(0, len(stream), 65_536))) == expected


def test_no_more_is_held_than_a_message_and_a_piece() -> None:
    piece = b"x" * 2**16
    for begin in (b"<1>", b"999999999 <1>", b"65536 <1>"):
        framer = Framer()
        framer.feed(begin)
        for _ in range(20):
            framer.feed(piece)
            assert framer.held <= MAX_MESSAGE


_PARTS = st.sampled_from(
    (b"<1>ab\n", b"5 <1>ab", b"\0", b"\r\n", b"12 <", b"1", b"9 ", b"40 <1>", b"x" * 30, b"<")
) | st.sampled_from(
    (
        b"\n",
        b"123456789",
        b" ",
        b"12 ",
        b"0",
        b"7 <1>\xff\n\0",
        b"<1>a\0<",
        b"<1>a\nb\0",
        b"\n<191>",
    )
)


@given(
    st.lists(_PARTS | st.binary(max_size=9), max_size=12).map(b"".join),
    st.lists(st.integers(0, 10_000), max_size=9),
)
def test_any_bytes_are_the_same_messages_however_they_are_cut(
    stream: bytes, places: list[int]
) -> None:
    whole = framed([stream], 12)
    assert framed(cut(stream, places), 12) == whole
    assert framed(cut(stream, range(len(stream))), 12) == whole
    assert all(0 < len(each.content) <= 12 for each in whole)
    assert sum(len(each.content) for each in whole) <= len(stream)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.booleans(), max_size=8)
)
def test_messages_of_both_framings_come_back_as_sent(
    contents: list[bytes], are_counted: list[bool]
) -> None:
    sent = [
        (b"<1>" + content.translate(None, b"\r\n\0"), counts)
        for content, counts in zip(contents, are_counted, strict=False)
    ]
    stream = b"".join(counted(each) if counts else each + b"\n" for each, counts in sent)
    assert framed(cut(stream, [3, 17, 29])) == [Message(each) for each, _ in sent]

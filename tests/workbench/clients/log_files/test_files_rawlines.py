"""Streams of bytes cut into lines."""

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waterline.errors import UsageError
from workbench.clients.log_files import rawlines
from workbench.clients.log_files.rawlines import MAX_LINE_BYTES, RawLine, read_raw_lines

contents = st.binary(max_size=30).map(lambda line: line.translate(None, b"\x00\r\n"))
endings = st.sampled_from([b"\n", b"\r\n"])
files = st.lists(st.tuples(contents, endings))


class Trickle(io.RawIOBase):
    """A stream that cannot be sought and gives a few bytes at a time, as a slow pipe does."""

    def __init__(self, content: bytes, step: int) -> None:
        self._rest = io.BytesIO(content)
        self._step = step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._rest.read(min(self._step, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


def raw_lines(content: bytes, step: int | None = None) -> list[RawLine]:
    stream = io.BytesIO(content) if step is None else io.BufferedReader(Trickle(content, step))
    return list(read_raw_lines(stream, "-"))


@settings(deadline=None)
@given(lines=files, last=contents, step=st.none() | st.integers(1, 9))
def test_contents_and_endings_put_together_give_the_offsets(
    lines: list[tuple[bytes, bytes]], last: bytes, step: int | None
) -> None:
    lines = [(b"no magic", b"\n"), *lines]
    whole = b"".join(content + ending for content, ending in lines) + last
    expected, offset = [], 0
    for number, (content, ending) in enumerate(lines + [(last, b"")] * bool(last), start=1):
        end = offset + len(content) + len(ending)
        expected.append(RawLine(number, offset, content, False, end))
        offset = end
    assert raw_lines(whole, step) == expected


def test_a_byte_order_mark_is_dropped_at_the_file_start_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert [(line.offset, line.content) for line in raw_lines(mark + b"a\n" + mark + b"b\n")] == [
        (0, b"a"),
        (5, mark + b"b"),
    ]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("beyond", [0, 1, 2, 3, 5000])
def test_a_line_may_have_as_many_bytes_as_the_limit(
    monkeypatch: pytest.MonkeyPatch, ending: bytes, beyond: int
) -> None:
    monkeypatch.setattr(rawlines, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(rawlines, "_READ_BYTES", 30)
    first = b"a" * (100 + beyond) + ending
    lines = raw_lines(first + b"next" + ending)
    assert lines == [
        RawLine(1, 0, b"a" * 100, beyond > 0, len(first)),
        RawLine(2, len(first), b"next", False, len(first) + 4 + len(ending)),
    ]


def test_a_line_that_is_too_long_and_never_ends_is_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rawlines, "MAX_LINE_BYTES", 100)
    assert raw_lines(b"a" * 250) == [RawLine(1, 0, b"a" * 100, True, 250)]


class Endless(io.RawIOBase):
    """A line of many bytes, none of them kept."""

    def __init__(self, length: int) -> None:
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        given = min(self._left, len(buffer))
        buffer[:given] = b"a" * given
        self._left -= given
        return given


def test_a_line_that_is_too_long_is_not_held_in_memory() -> None:
    length = 8 * MAX_LINE_BYTES
    tracemalloc.start()
    try:
        (line,) = read_raw_lines(io.BufferedReader(Endless(length), 2**20), "-")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (line.too_long, line.end) == (True, length)
    assert peak < 4 * MAX_LINE_BYTES


class Live(io.RawIOBase):
    """A pipe whose writer is slow: to read more than was written would be to wait for ever."""

    def __init__(self) -> None:
        self.written = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        assert self.written, "this read would wait"
        piece, self.written = self.written, b""
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_line_is_given_as_soon_as_it_is_written() -> None:
    pipe = Live()
    lines = read_raw_lines(io.BufferedReader(pipe), "-")
    for number in range(1, 4):
        pipe.written = b"line\n"
        assert next(lines).number == number


@pytest.mark.parametrize("step", [None, 1, 3])
def test_a_binary_stream_is_refused_before_its_first_line(step: int | None) -> None:
    with pytest.raises(UsageError, match="zip"):
        raw_lines(b"PK\x03\x04 x\n", step)
    with pytest.raises(UsageError, match="NUL byte at offset 1"):
        raw_lines(b"a\x00\n", step)


def test_a_nul_byte_counts_in_the_first_eight_kibibytes_of_a_file() -> None:
    lines = b"a" * 63 + b"\n"
    with pytest.raises(UsageError, match="NUL byte at offset 8190"):
        raw_lines((lines * 128)[:-2] + b"\x00\n")
    assert len(raw_lines(lines * 128 + b"\x00\n")) == 129

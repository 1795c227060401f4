"""Files as they lie about: packed, in UTF-16, with NULs or carriage returns."""

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from waterline.errors import UsageError
from workbench.clients.log_files.reader import Line, Reading, read_logs

REFERENCE = datetime(2024, 6, 1, 12, tzinfo=UTC)
TEXT = b"Jan 10 00:00:00 h a\nMay 20 00:00:00 h b\nJan 12 00:00:00 h c\n" * 100
PACKERS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstd.compress,
]


def read(content: bytes) -> list[Line]:
    return list(
        read_logs(io.BytesIO(content), name="a.log", reading=Reading(), reference=REFERENCE)
    )


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_file_is_what_is_in_it(pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(TEXT)) == read(TEXT)


def number_of(line: Line) -> int:
    return line.number


@pytest.mark.parametrize("pack", PACKERS)
def test_damaged_file_is_told_after_the_lines_before(pack: Callable[[bytes], bytes]) -> None:
    noise = os.urandom(250_000).hex().encode()
    whole = pack(b"a\nb\n" + b"\n".join(noise[at : at + 80] for at in range(0, len(noise), 80)))
    lines = read_logs(
        io.BytesIO(whole[: len(whole) // 2]), name="a.gz", reading=Reading(), reference=REFERENCE
    )
    found: list[int] = []
    with pytest.raises(UsageError, match=r"^a\.gz is damaged"):
        found.extend(map(number_of, lines))
    assert found == list(range(1, len(found) + 1))
    assert len(found) > 1_000 or pack not in (gzip.compress, zstd.compress)


def test_packed_file_comes_by_a_pipe() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(gzip.compress(b"a\nb\n"))
        lines = read_logs(stream, name="-", reading=Reading(), reference=REFERENCE)
        assert [line.log and line.log["message"] for line in lines] == ["a", "b"]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_is_read_with_a_byte_order_mark_and_without(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    text = "2026-11-24 10:00:00 ERROR grüße\r\nJan  1 00:00:00 h \N{GRINNING FACE}\n" * 3_500
    assert read(pack(text.encode(encoding))) == read(text.encode())


def test_run_of_nuls_where_a_file_was_cut_is_no_part_of_a_line() -> None:
    found = read(bytes(300_000) + b"2024-01-01 00:00:00 ERROR x\n" + bytes(20) + b"y\n")
    assert [(line.log and line.log["message"], line.end) for line in found] == [
        ("2024-01-01 00:00:00 ERROR x", 300_028),
        ("y", 300_050),
    ]


def test_carriage_returns_alone_end_lines() -> None:
    found = read(b"a\rb\r\rc\r")
    assert [(line.number, line.log and line.log["message"]) for line in found] == [
        *((1, "a"), (2, "b"), (4, "c")),
    ]


@settings(deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_sentence(content: bytes) -> None:
    refused = False
    with suppress(UsageError):
        refused = True
        assert all(line.log for line in read(content))
        refused = False
    if refused:
        with pytest.raises(UsageError, match=r"^a\.log (is|has) "):
            read(content)

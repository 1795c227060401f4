"""A body that streams in: whatever its pieces, it is whole, refused as damaged, or too large."""

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.bodies import Body, BodyTooLarge, DamagedBody, UnknownEncoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def plainly(data: bytes) -> bytes:
    return data


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": plainly,
    "identity": plainly,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
}
MEBIBYTE = 2**20


def read(encoding: str, *pieces: bytes, limit: int = MEBIBYTE) -> bytes:
    body = Body(encoding, limit)
    for piece in pieces:
        for _ in body.feed(piece):
            pass
    assert body.size <= limit
    return body.whole()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [*sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize("encoding", COMPRESS)
@given(st.binary(max_size=3000), st.lists(st.integers(0, 10_000), max_size=8))
def test_body_is_whole_wherever_it_was_cut(
    encoding: str, content: bytes, places: list[int]
) -> None:
    assert read(encoding, *cut(COMPRESS[encoding](content), places)) == content


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(st.lists(st.binary(max_size=200), min_size=2, max_size=4), st.integers(0, 1000))
def test_compressed_parts_may_follow_each_other(
    encoding: str, parts: list[bytes], place: int
) -> None:
    sent = b"".join(COMPRESS[encoding](part) for part in parts)
    assert read(encoding, *cut(sent, [place])) == b"".join(parts)


def test_encoding_is_read_as_http_writes_it() -> None:
    assert read(" GZip ", gzip.compress(b"logs")) == b"logs"


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress"])
def test_any_other_encoding_is_unknown(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match="may be gzip, deflate, zstd or snappy, not"):
        Body(encoding, MEBIBYTE)


def test_deflate_may_be_bare_and_any_name_of_it_is_read() -> None:
    content = b"some logs" * 1000
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    streams = [zlib.compress(content), bare.compress(content) + bare.flush()]
    for stream in [*streams, gzip.compress(content)]:
        for encoding in ("deflate", "gzip, deflate"):
            assert read(encoding, *cut(stream, [1, 2, 30])) == content
    assert read("gzip", streams[0]) == content


def test_block_of_snappy_is_bounded_by_the_length_it_says() -> None:
    block = bytes(cramjam.snappy.compress_raw(bytes(2 * MEBIBYTE)))
    with pytest.raises(BodyTooLarge, match="1 MiB at most"):
        read("snappy", block)
    for damaged in (block[:-1], b"", b"\xff" * 20):
        with pytest.raises((DamagedBody, BodyTooLarge)):
            read("snappy", damaged, limit=4 * MEBIBYTE)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_body_that_ends_too_early_is_damaged(encoding: str) -> None:
    sent = COMPRESS[encoding](b"some logs" * 100)
    for end in range(1, len(sent)):
        with pytest.raises(DamagedBody, match="ends too early"):
            read(encoding, sent[:end])


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(st.binary(min_size=1, max_size=300), st.integers(0, 300))
def test_random_bytes_are_body_or_damaged_body(encoding: str, data: bytes, place: int) -> None:
    with suppress(DamagedBody):
        read(encoding, *cut(data, [place]))


def test_rubbish_behind_compressed_body_is_damage() -> None:
    with pytest.raises(DamagedBody):
        read("gzip", gzip.compress(b"logs") + b"rubbish")


@pytest.mark.parametrize("encoding", COMPRESS)
def test_body_may_hold_exactly_limit(encoding: str) -> None:
    content = bytes(MEBIBYTE)
    assert read(encoding, COMPRESS[encoding](content)) == content
    with pytest.raises(BodyTooLarge, match="1 MiB at most"):
        read(encoding, COMPRESS[encoding](content + b"x"))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_bomb_is_too_large_before_it_fills_memory(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(20 * MEBIBYTE))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            read(encoding, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MEBIBYTE


def test_frame_of_zstd_that_demands_huge_window_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    compressor = zstd.ZstdCompressor(options=options)
    sent = compressor.compress(bytes(64)) + compressor.flush()
    with pytest.raises(DamagedBody):
        read("zstd", sent)


def test_length_announced_beyond_limit_is_refused_at_once() -> None:
    body = Body("gzip", MEBIBYTE)
    body.announce(MEBIBYTE)
    with pytest.raises(BodyTooLarge):
        body.announce(MEBIBYTE + 1)


def test_checksum_that_does_not_fit_is_damage() -> None:
    sent = bytearray(gzip.compress(b"logs"))
    sent[-8:-4] = (zlib.crc32(b"other")).to_bytes(4, "little")
    with pytest.raises(DamagedBody):
        read("gzip", bytes(sent))

"""Files that are refused because they are no text."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from waterline.errors import UsageError
from workbench.clients.log_files.binary import refuse_binary


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.log", "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            gzip.compress(b"x", mtime=0),
            "a.log is packed with gzip; use `zcat a.log | waterline send -`",
        ),
        (b"\x28\xb5\x2f\xfd$", "a.log is packed with zstd; use `zstdcat a.log | waterline send -`"),
        (lzma.compress(b"x"), "a.log is packed with xz; use `xzcat a.log | waterline send -`"),
        (bz2.compress(b"x"), "a.log is packed with bzip2; use `bzcat a.log | waterline send -`"),
        (zipped(), "a.log is packed with zip; use `unzip -p a.log | waterline send -`"),
        (
            "x".encode("utf-16"),
            "a.log is UTF-16 text; use `iconv -f UTF-16 -t UTF-8 a.log | waterline send -`",
        ),
        (
            b"text\n\x00",
            (
                "a.log has a NUL byte at offset 5, as binary files do; if it is a log all the "
                r"same, use `tr -d '\000' < a.log | waterline send -`"
            ),
        ),
    ],
)
def test_a_binary_file_is_refused_with_a_way_to_send_it(head: bytes, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_binary(head, "a.log")
    assert str(caught.value) == sentence


def test_a_parquet_file_is_refused_with_a_way_to_send_it() -> None:
    with pytest.raises(UsageError, match=r"is a Parquet file; .*to_json"):
        refuse_binary(b"PAR1\x15\x04", "a.parquet")


def test_the_command_can_be_pasted_whatever_the_file_is_called() -> None:
    with pytest.raises(UsageError, match=r"zcat 'my file\.gz' \|"):
        refuse_binary(gzip.compress(b"x", mtime=0), "my file.gz")
    with pytest.raises(UsageError, match=r"standard input is .*`zcat FILE \|"):
        refuse_binary(gzip.compress(b"x", mtime=0), "-")


@pytest.mark.parametrize(
    "head", [b"", b"plain\r\n", b"\xef\xbb\xbftext", b"BZhang\n", b"\xff\x01 x", b"P"]
)
def test_text_passes(head: bytes) -> None:
    refuse_binary(head, "a.log")

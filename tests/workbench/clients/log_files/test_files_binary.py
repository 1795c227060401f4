"""Files that are refused because they are no text."""

import io
import tarfile
import zipfile

import pytest

from waterline.errors import UsageError
from workbench.clients.log_files.binary import refuse_binary


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.log", "x")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.log"), io.BytesIO())
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            tarred(),
            (
                "a.log is an archive of tar; use `tar xOf a.log | waterline send -`, or unpack it "
                "and send the folder"
            ),
        ),
        (zipped(), "a.log is packed with zip; use `unzip -p a.log | waterline send -`"),
        (
            b"text\n\x00x",
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
    with pytest.raises(UsageError, match=r"unzip -p 'my file\.zip' \|"):
        refuse_binary(zipped(), "my file.zip")
    with pytest.raises(UsageError, match=r"standard input is .*`unzip -p FILE \|"):
        refuse_binary(zipped(), "-")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"plain\r\n",
        b"\xef\xbb\xbftext",
        b"BZhang\n",
        b"\xff\x01 x",
        b"P",
        bytes(20) + b"x",
        b"x\0",
    ],
)
def test_text_passes(head: bytes) -> None:
    refuse_binary(head, "a.log")

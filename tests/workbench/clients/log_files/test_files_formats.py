"""How the format of a file is told."""

import pytest

from workbench.clients.log_files.formats import Format, decode_text, detect_format

JSON = b'{"type":"info","message":"x"}'
COMBINED = b'h - - [17/May/2015:10:05:03 +0000] "GET /x HTTP/1.1" 200 5'
TEXT = b"plain text"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Format.LINES),
        ([JSON], Format.JSONL),
        ([COMBINED], Format.COMBINED),
        ([TEXT], Format.LINES),
        ([b"[]", b"1"], Format.LINES),
        ([JSON, JSON, TEXT], Format.JSONL),
        ([COMBINED, TEXT, COMBINED], Format.COMBINED),
        ([JSON, TEXT], Format.LINES),
        ([COMBINED, TEXT], Format.LINES),
        ([JSON, COMBINED], Format.LINES),
        ([JSON, COMBINED, TEXT], Format.LINES),
    ],
)
def test_the_format_is_what_most_lines_are(lines: list[bytes], expected: Format) -> None:
    assert detect_format(lines) is expected


def test_formats_have_the_names_a_command_would_use() -> None:
    assert [str(each) for each in Format] == ["auto", "jsonl", "combined", "lines"]


def test_bytes_that_are_no_utf_8_stay_readable() -> None:
    assert decode_text("é\t".encode() + b"\xff\xc3") == "é\t\\xff\\xc3"

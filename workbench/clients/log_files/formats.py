"""The formats a log file may have, and how to tell which."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from workbench.clients.log_files.combined import parse_combined
from workbench.clients.log_files.jsonlines import UnfitLine, parse_json_line

LINES_LOOKED_AT: Final = 20


class Format(StrEnum):
    """How the lines of a log file are to be read."""

    AUTO = "auto"
    JSONL = "jsonl"
    COMBINED = "combined"
    LINES = "lines"


def decode_text(line: bytes) -> str:
    """Return the text of a line; bytes that are no UTF-8 stay readable as escapes."""
    return line.decode(errors="backslashreplace")


def detect_format(lines: Sequence[bytes]) -> Format:
    """Return the format that fits more than half of the lines: JSONL, COMBINED or else LINES."""
    if 2 * sum(map(_is_json_object, lines)) > len(lines):
        return Format.JSONL
    if 2 * sum(map(_is_combined, lines)) > len(lines):
        return Format.COMBINED
    return Format.LINES


def _is_json_object(line: bytes) -> bool:
    try:
        parse_json_line(line)
    except UnfitLine:
        return False
    return True


def _is_combined(line: bytes) -> bool:
    return parse_combined(decode_text(line)) is not None

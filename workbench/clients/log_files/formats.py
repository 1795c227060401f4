"""The formats a log file may have."""

from enum import StrEnum


class Format(StrEnum):
    """How the lines of a log file are to be read."""

    AUTO = "auto"
    """Each line by its own shape: objects, access logs, dialects of programs, plain text."""
    JSONL = "jsonl"
    """Objects alone; other lines are rejected."""
    LINES = "lines"
    """Plain text alone: the line is the message, and only its time and level are looked for."""


def decode_text(line: bytes) -> str:
    """Return the text of a line; bytes that are no UTF-8 stay readable as escapes."""
    return line.decode(errors="backslashreplace")

"""What container runtimes put around the lines of a program: CRI, Docker, compose, kubectl."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from waterline.recognition.dialect import FORMS, Dialect, Reader
from waterline.recognition.line_levels import WORDS
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_values import read_time

_ISO: Final = FORMS["iso"]
_ZONED: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"


class Opened(NamedTuple):
    """What stood in an envelope.

    Attributes:
        content: the line that the program wrote.
        source: which of several programs or streams wrote it.
        partial: whether the next content of this source is the rest of this one.
        dated: whether the content itself has a time.
    """

    content: str
    source: str
    partial: bool
    dated: bool


def _content(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    partial = found.attributes.pop("tag", None) == "P"
    return reader.unfold(found, match["text"], partial=partial, headed=found.timestamp is not None)


def _whole(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Keep the line as the message: nothing but its time tells it from one of the program's own."""
    inner = _content(match, found, reader)
    return Recognized(match[0], inner.timestamp, inner.type, inner.attributes)


# Names are padded with two blanks at least, or behind a number; levels in columns are not names.
_SERVICE: Final = rf"(?=\d+\||[A-Za-z][\w.-]*+[ ]{{2,}}\|)(?!(?i:{WORDS})\b)(?:\d+\|)?"

ENVELOPES: Final = (
    Dialect(
        "cri",
        "T",
        rf"{_ZONED}[ ](?:stdout|stderr)[ ][FP](?::\S*)?[ ]",
        rf"{_ISO.core} (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<text>.*)$",
        _ISO,
        refine=_content,
    ),
    Dialect(
        "forwarded",  # docker logs -t, kubectl logs --timestamps
        "T",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z[ ](?!(?:stdout|stderr)[ ][FP][: ])",
        rf"(?=\d{{4}}-\S{{14}}\.\d{{9}}Z (?!(?:stdout|stderr) [FP][: ])){_ISO.core} "
        r"(?P<text>.*)$",
        _ISO,
        refine=_whole,
    ),
    Dialect(
        "pod",
        "[",
        r"\[pod/[^\]\s]+\][ ]",
        r"\[pod/(?P<pod>[^/\]]+)/(?P<container>[^\]]+)\] (?P<text>.*)$",
        refine=_content,
    ),
    Dialect(
        "compose",  # docker compose logs, pm2 logs
        "0Aa",
        rf"{_SERVICE}[\w.-]+[ ]*\|[ ]",
        rf"{_SERVICE}(?P<service>[\w.-]+) *\| (?P<text>.*)$",
        refine=_content,
    ),
)
"""Dialects of lines that hold a line of another program."""


def docker_line(value: Mapping[str, object]) -> tuple[str, int | None, dict[str, object]] | None:
    """Return the text, time and attributes of an object of Docker's json-file driver, or None."""
    text, stream = value.get("log"), value.get("stream")
    if not isinstance(text, str) or stream not in ("stdout", "stderr"):
        return None
    attributes = {name: each for name, each in value.items() if name not in ("log", "time")}
    return text, read_time(value.get("time")), attributes

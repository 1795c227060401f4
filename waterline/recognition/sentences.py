"""Lines that begin as a sentence, as most messages do and no dialect: told by one expression."""

import re
from typing import Final

# Two words, maybe with a number between; or a request and its status. Of the dialects only those of
# the words named here begin so, and lines with one of the marks below.
_WORDS: Final = (
    r"(?:(?!(?:npm|fatal|Exception|Unhandled|Started)[ ])[A-Za-z][a-z]+[ ](?:\d{1,8}[ ])?[A-Za-z]"
    r"|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)[ ]/\S*[ ]\d{3}[ ][a-z])"
)
_SENTENCE: Final = re.compile(_WORDS, re.ASCII)
# The same behind a time and a level, as most loggers write a line of text.
_HEADED_SENTENCE: Final = re.compile(
    r"(?P<head>(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])[T ]"
    r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)):(?P<second>[0-5]\d)(?:[.,](?P<fraction>\d{1,6}))?"
    rf"(?P<half>)(?P<zone>Z|)[ ](?P<level>[A-Z]{{4,7}})[ ]{_WORDS}",
    re.ASCII,
)


def is_sentence(line: str) -> bool:
    """Return whether a line begins as a sentence, and no dialect begins so."""
    return _SENTENCE.match(line) is not None and _is_unmarked(line)


def headed_sentence(line: str) -> re.Match[str] | None:
    """Return the groups of a time of the form `iso`, and the `level`, before such a sentence."""
    found = _HEADED_SENTENCE.match(line)
    return found if found is not None and _is_unmarked(line) else None


def _is_unmarked(line: str) -> bool:
    """Return whether a line has no mark of an access log."""
    return "[" not in line and "HTTP/" not in line

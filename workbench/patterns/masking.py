"""Messages with their values masked: numbers, addresses, hexadecimal words, UUIDs and times.

It is done for many messages at once in Arrow, so that most of them become texts seen before.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

VALUE: Final = "<*>"
"""What stands in a pattern where messages differ."""
_LONGEST: Final = 1_000
"""Characters of a message that are looked at; values stand behind that too."""
# In the syntax of RE2. A word of hexadecimal digits is a value if it has both kinds of them.
_VALUES: Final = "|".join(
    (
        r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\b",
        r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",
        r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
        r"\b0x[0-9a-fA-F]+\b",
        r"\b[0-9a-fA-F]*(?:\d[a-fA-F]|[a-fA-F]\d)[0-9a-fA-F]*\b",
        r"[+-]?\b\d+(?:[.,:]\d+)*\b",
    )
)

_LEVEL: Final = "trace|debug|info|information|notice|warn|warning|error|err|fatal|critical|severe"
# Time, host of syslog, and level, which messages of text begin with: they say nothing of the kind.
_HEADER: Final = (
    r"^\s*(?:<\d{1,3}>)?[\[(]?(?:"
    r"[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d+)? [\w.-]+ "
    r"|(?:\d{4}|\d\d)[-/.]\d\d[-/.](?:\d{4}|\d\d)[T ]\d\d:\d\d:\d\d"
    r"(?:[.,:]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
    r"|\d{6} \d{6}"
    r")[\])]?[\s,:-]*(?:\d{1,7} )?"
    rf"(?:[\[(]?(?i:{_LEVEL})[\])]?[\s,:-]+)?"
)


def mask(messages: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return the first line of each message with its values masked, each text once.

    It has no NUL characters.

    Args:
        messages: of type `string`.
    """
    lines = pc.replace_substring_regex(messages, r"(?s)[\r\n].*|\x00", "")
    short = pc.utf8_slice_codeunits(lines, 0, _LONGEST)
    said = pc.replace_substring_regex(short, _HEADER, "")
    masked = pc.replace_substring_regex(said, _VALUES, VALUE)
    return masked.combine_chunks().dictionary_encode()

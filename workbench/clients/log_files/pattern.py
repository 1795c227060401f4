"""Lines that a regular expression of the user's takes apart."""

from waterline.recognition.dialect import Reader
from waterline.recognition.recognized import Recognized
from waterline.recognition.user_formats import format_of_pattern
from workbench.clients.log_files.extract import number_or_text


class Pattern:
    """A dialect of lines that match a pattern from their start; numbers are numbers.

    Args:
        pattern: the regular expression, whose groups `format_of_pattern` explains.

    Raises:
        UsageError: it is no regular expression, or names no group.

    Attributes:
        has_matched: whether any line was of it.
    """

    name = "pattern"
    first = ""
    shape = ""
    complete = False
    is_csv = False

    def __init__(self, pattern: str) -> None:
        self._format = format_of_pattern(pattern)
        self.has_matched = False

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a line says, or None if the pattern does not match."""
        found = self._format.read(line, reader)
        if found is None:
            return None
        self.has_matched = True
        attributes = {
            name: number_or_text(value) if isinstance(value, str) else value
            for name, value in found.attributes.items()
        }
        return Recognized(found.message, found.timestamp, found.type, attributes)

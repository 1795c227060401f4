"""Lines of text that other protocols carry."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from server.decode.objects import OBJECTS, read_forwarded_line
from server.ingest.entries import columns_of
from waterline.recognition.json_text import object_in
from waterline.recognition.recognized import Columns

_LINE: Final = re.compile(rb"[^\r\n]+")


def lines_in(content: bytes) -> Iterator[bytes | None]:
    """Yield the lines of a body that are not empty, without their ends; None for a blank one."""
    for found in _LINE.finditer(content):
        line = found[0]
        yield None if line.isspace() else line


def read_lines(lines: Sequence[str]) -> Columns:
    """Return what lines say, each by itself; those of JSON in bulk."""
    if all(line[:1] == "{" for line in lines):
        objects = [each for each in map(object_in, lines) if each is not None]
        found = OBJECTS.read_many(objects) if len(objects) == len(lines) else None
        if found is not None:
            return found
    return columns_of(list(map(read_forwarded_line, lines)))

"""Lines of text that other protocols carry."""

from collections.abc import Sequence

from server.decode import OBJECTS, read_forwarded_line
from server.ingest.entries import columns_of
from waterline.recognition.json_text import object_in
from waterline.recognition.recognized import Columns, Parts


def read_lines(lines: Sequence[str]) -> Columns:
    """Return what lines say, each by itself; those of JSON in bulk."""
    if all(line[:1] == "{" for line in lines):
        objects = [each for each in map(object_in, lines) if each is not None]
        found = OBJECTS.read_many(objects) if len(objects) == len(lines) else None
        if found is not None:
            return found
    return columns_of([_parts(line) for line in lines])


def _parts(line: str) -> Parts:
    said = read_forwarded_line(line)
    return Parts(said.message, said.timestamp, said.type, said.attributes)

"""Log records of OTLP, as both of its encodings give them, and what they say."""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from server.ingest.entries import columns_of, read_objects
from server.ingest.lines import read_lines
from waterline.recognition.object_shapes import Members, merged
from waterline.recognition.recognized import Columns, Parts


class OtlpRecord(NamedTuple):
    """One log record.

    Its fields have their names in JSON, and are left out where they hold their default. Attributes
    and body are plain values.
    """

    fields: Members
    body: object
    attributes: Members
    inherited: Members
    """Attributes of resource and scope, and the name of the scope."""
    size: int
    """Bytes in the request."""


def columns(records: Sequence[OtlpRecord]) -> Columns:
    """Return what records say: time, severity and body, and what a line in the body adds."""
    return _with_lines(records, read_objects([_object(each) for each in records]))


def _object(record: OtlpRecord) -> Members:
    inner = record.body if isinstance(record.body, dict) else {}
    body = {} if inner or record.body is None else {"body": record.body}
    return merged(record.fields | body, record.attributes, inner, record.inherited)


def _with_lines(records: Sequence[OtlpRecord], found: Columns) -> Columns:
    """Complete records without a severity by what the line in their body says."""
    wanted = [
        type_ is None and isinstance(record.body, str) and "timeUnixNano" not in record.fields
        for record, type_ in zip(records, found.types, strict=True)
    ]
    if not any(wanted):
        return found
    lines = read_lines(list(compress(found.messages, wanted)))
    said = lines.rows()
    return columns_of(
        [
            _completed(row, next(said)) if is_wanted else row
            for row, is_wanted in zip(found.rows(), wanted, strict=True)
        ]
    )


def _completed(record: Parts, line: Parts) -> Parts:
    timestamp = record.timestamp if line.timestamp is None else line.timestamp
    return line._replace(timestamp=timestamp, attributes=merged(record.attributes, line.attributes))

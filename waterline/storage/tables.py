"""Tables for SQLAlchemy Core, to build queries; a mirror of the SQL in `schema`.

schema.py defines the files, and a test compares the two. The server uses plain SQL and never
imports this module, as SQLAlchemy would double its memory.
"""

from typing import Final

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import NullType

metadata: Final = MetaData()

logs: Final = Table(
    "logs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("timestamp", Integer, nullable=False),
    Column("received_at", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("attributes", Text, nullable=False),
)

seam: Final = Table(
    "seam",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("folder_id", Text, nullable=False),
    Column("incarnation", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("archived_through", Integer, nullable=False),
)

archive_batches: Final = Table(
    "archive_batches",
    metadata,
    Column("batch", Integer, primary_key=True),
    Column("day", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("first_timestamp", Integer, nullable=False),
    Column("last_timestamp", Integer, nullable=False),
    Column("first_received_at", Integer, nullable=False),
    Column("last_received_at", Integer, nullable=False),
    Column("types", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("raw_bytes", Integer, nullable=False),
    Column("stored_bytes", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("archived_at", Integer, nullable=False),
    Column("pruned_at", Integer),
    Column("adopted_from", Text),
    Column("uploaded_to", Text),
    Column("uploaded_at", Integer),
    Column("local_removed_at", Integer),
    Column("rewritten_at", Integer),
    Column("rewritten_from", Text),
    Column("filter_offset", Integer),
    Column("filter_bytes", Integer),
    Column("filter_sha256", Text),
)

archived_ids: Final = Table(
    "archived_ids",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("received_at", Integer, nullable=False),
)

seq_gaps: Final = Table(
    "seq_gaps",
    metadata,
    Column("after", Integer, primary_key=True),
    Column("through", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
)

indexed_attributes: Final = Table(
    "indexed_attributes",
    metadata,
    Column("attribute", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("indexed_from", Integer),
)

attribute_values: Final = Table(
    "attribute_values",
    metadata,
    Column("attribute", Integer, primary_key=True),
    Column("value", NullType, primary_key=True),
    Column("seq", Integer, primary_key=True),
)

_of_metrics: Final = MetaData()


def _history(of: MetaData) -> Table:
    return Table(
        "schema_history",
        of,
        Column("version", Integer, primary_key=True),
        Column("waterline", Text, nullable=False),
        Column("reached_at", Integer, nullable=False),
    )


history_of_logs: Final = _history(metadata)
history_of_metrics: Final = _history(_of_metrics)

series: Final = Table(
    "series",
    _of_metrics,
    Column("id", Integer, primary_key=True),
    Column("metric", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("label", Text, nullable=False),
)


def _rollups(name: str) -> Table:
    return Table(
        name,
        _of_metrics,
        Column("begin", Integer, primary_key=True),
        Column("series", Integer, primary_key=True),
        Column("count", Integer, nullable=False),
        Column("sum", Float, nullable=False),
        Column("min", Float),
        Column("max", Float),
        Column("sketch", LargeBinary),
    )


seconds: Final = _rollups("seconds")
minutes: Final = _rollups("minutes")
hours: Final = _rollups("hours")

progress: Final = Table(
    "progress",
    _of_metrics,
    Column("only", Integer, primary_key=True),
    Column("incarnation", Text),
    Column("counted_from", Integer, nullable=False),
    Column("measured_from", Integer),
    Column("counted_through", Integer, nullable=False),
    Column("seconds_from", Integer, nullable=False),
    Column("minutes_from", Integer, nullable=False),
    Column("hours_from", Integer, nullable=False),
    Column("minutes_through", Integer, nullable=False),
    Column("hours_through", Integer, nullable=False),
)

sources: Final = Table(
    "sources",
    _of_metrics,
    Column("source", Text, primary_key=True),
    Column("first_seen", Integer, nullable=False),
    Column("last_seen", Integer, nullable=False),
)

"""Arrow schema of stored logs, hot and archived."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

MOMENT: Final = pa.timestamp("ms", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("timestamp", MOMENT, nullable=False),
        pa.field("received_at", MOMENT, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("attributes", pa.string(), nullable=False),
    ]
)

NAMES: Final = tuple(SCHEMA.names)


def schema_of(names: Iterable[str]) -> pa.Schema:
    """Return the fields of SCHEMA with these names."""
    return pa.schema([SCHEMA.field(name) for name in names])

"""Archived batches in the catalog of a data folder, without their files."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.support.folders import NOON
from tests.support.forking import run
from waterline.storage.catalog import COLUMNS, ArchivedBatch, add_batches
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, transaction

ROWS: Final = 1000
"""Logs of a batch unless a test says otherwise."""


def batch(number: int, **changes: Any) -> ArchivedBatch:  # noqa: ANN401 - any of its members
    """Return the batch of a day of its own, its seqs behind those of the one before it."""
    last = number * ROWS
    day = f"2026-01-{number:02d}"
    members: dict[str, Any] = {
        "batch": number,
        "day": day,
        "file": f"{day}/batch-0001.parquet",
        "format": "parquet",
        "rows": ROWS,
        "first_seq": last - ROWS + 1,
        "last_seq": last,
        "first_timestamp": NOON + last - ROWS,
        "last_timestamp": NOON + last - 1,
        "first_received_at": NOON + last - ROWS,
        "last_received_at": NOON + last - 1,
        "types": {"info": ROWS},
        "sources": {"test": ROWS},
        "raw_bytes": 300_000,
        "stored_bytes": 30_000,
        "sha256": "0" * 64,
        "archived_at": NOON + number,
    }
    return ArchivedBatch(**(members | changes))


def record(data: Path, *batches: ArchivedBatch, through: int | None = None) -> None:
    """Record batches in a folder that nobody has open in this process.

    Args:
        data: the data folder, with its logs.db.
        batches: what to record.
        through: where the watermark is from then on; as before where it is left out.
    """
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        add_batches(connection, batches)
        if through is not None:
            with transaction(connection):
                connection.execute("UPDATE seam SET archived_through = ?", (through,))


def record_elsewhere(data: Path, *batches: ArchivedBatch, through: int | None = None) -> None:
    """Do the same in a process of its own, for a folder that this one has open."""
    members = [{name: getattr(each, name) for name in COLUMNS} for each in batches]
    done = run(
        [sys.executable, "-m", "tests.support.archived", str(data), str(through or "")],
        stdin=msgspec.json.encode(members).decode(),
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    record(
        Path(sys.argv[1]),
        *msgspec.json.decode(sys.stdin.buffer.read(), type=list[ArchivedBatch]),
        through=int(sys.argv[2]) if sys.argv[2] else None,
    )

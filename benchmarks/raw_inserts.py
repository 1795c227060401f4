"""Raw inserts, a baseline: the same rows into the same table by the same SQLite, no more."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from waterline.clock import now_ms
from waterline.records import parse_log
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, transaction
from workbench.bench.logs import SOURCE

# What the server makes of this load, so that both sides commit as often.
ROWS_A_TRANSACTION: Final = 2_000
INSERT: Final = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def insert_raw(logs: Sequence[bytes]) -> float:
    """Insert logs, decoded before the clock starts; return the seconds it took."""
    received_at = now_ms()
    rows = [
        (
            seq,
            each.id,
            each.type,
            each.timestamp,
            received_at,
            SOURCE,
            each.message,
            each.attributes,
        )
        for seq, each in enumerate(map(parse_log, logs), 1)
    ]
    with tempfile.TemporaryDirectory() as path:
        connection = open_writer(DataFolder(Path(path)).logs, LOGS, "FULL")
        begun = time.perf_counter()
        for at in range(0, len(rows), ROWS_A_TRANSACTION):
            with transaction(connection):
                connection.executemany(INSERT, rows[at : at + ROWS_A_TRANSACTION])
        seconds = time.perf_counter() - begun
        connection.close()
    return seconds

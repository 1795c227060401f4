"""A folder as the source document's own server leaves it, by its own statements."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

DAY: Final = 86_400_000
BEGUN: Final = 1_795_400_000_000
"""When the first log came in, milliseconds UTC."""

_TABLES: Final = {
    "logs.db": """
        CREATE TABLE IF NOT EXISTS realtime_logs (
            id TEXT PRIMARY KEY, timestamp INTEGER, data TEXT, processed BOOLEAN DEFAULT 0
        );
        CREATE TABLE IF NOT EXISTS logs (
            id TEXT, type TEXT, message TEXT, timestamp INTEGER, service TEXT, created_at INTEGER
        );
    """,
    "cache.db": """
        CREATE TABLE IF NOT EXISTS log_cache (
            id TEXT PRIMARY KEY, log_type TEXT, data TEXT, expires_at INTEGER,
            created_at INTEGER DEFAULT (strftime('%s', 'now'))
        );
        CREATE INDEX IF NOT EXISTS idx_log_type_expires ON log_cache(log_type, expires_at)
    """,
    "metrics.db": """
        CREATE TABLE IF NOT EXISTS performance_metrics (
            id INTEGER PRIMARY KEY AUTOINCREMENT, metric_name TEXT, value REAL, timestamp INTEGER,
            metadata TEXT
        );
        CREATE INDEX IF NOT EXISTS idx_metric_timestamp
        ON performance_metrics(metric_name, timestamp)
    """,
}

Old = dict[str, object]
"""A row of `logs`."""


class SourceDocument:
    """Makes such a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        for name in _TABLES:
            self.execute(name)

    def execute(self, name: str, *statements: str) -> None:
        """Change a database, made if it is missing; nobody holds it afterwards."""
        with closing(apsw.Connection(str(self.path / name))) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_TABLES[name])
            for statement in statements:
                connection.execute(statement)

    def take(self, rows: Iterable[tuple[object, object, object]]) -> None:
        """Store id, time of receipt and JSON of messages, as its WebSocket handler does."""
        with closing(apsw.Connection(str(self.path / "logs.db"))) as connection, connection:
            connection.executemany(
                "INSERT INTO realtime_logs (id, timestamp, data) VALUES (?, ?, ?)",
                rows,
            )

    def take_logs(self, first: int, number: int) -> None:
        """Store a number of ordinary logs, ten milliseconds apart."""
        self.take(
            (
                f"live-{each}",
                BEGUN + each * 10,
                json.dumps({"id": f"live-{each}", **ordinary(each)}),
            )
            for each in range(first, first + number)
        )

    def create(self, rows: Iterable[Old]) -> None:
        """Store rows of `logs`."""
        names = ("id", "type", "message", "timestamp", "service", "created_at")
        with closing(apsw.Connection(str(self.path / "logs.db"))) as connection, connection:
            connection.executemany(
                "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)",
                [tuple(row.get(name) for name in names) for row in rows],
            )

    def archive(self, day: str, *batches: Sequence[object], total: int | None = None) -> Path:
        """Write the batches of a day and their manifest, as its archive job does."""
        folder = self.path / "archives" / day
        folder.mkdir(parents=True)
        checksums = {}
        for number, logs in enumerate(batches, 1):
            path = folder / f"batch-{number:04}.json.gz"
            metadata = {
                "archiveDate": f"{day}T03:00:00.000Z",
                "batch": number,
                "totalLogs": len(logs) if total is None else total,
                "compression": "gzip",
                "version": "2.0",
            }
            text = json.dumps({"metadata": metadata, "logs": list(logs)})
            path.write_bytes(gzip.compress(text.encode(), mtime=0))
            checksums[f"./archives/{day}/{path.name}"] = sha256(path)
        manifest = {
            "archiveDate": day,
            "totalBatches": len(batches),
            "totalFiles": len(batches),
            "compressionRatio": 5.1,
            "checksums": checksums,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))
        return folder

    def measure(self, rows: Iterable[tuple[object, object, object]]) -> None:
        """Store name, value and time of measurements."""
        with closing(apsw.Connection(str(self.path / "metrics.db"))) as connection, connection:
            connection.executemany(
                "INSERT INTO performance_metrics (metric_name, value, timestamp, metadata) "
                "VALUES (?, ?, ?, '{}')",
                rows,
            )

    def state(self) -> dict[str, str]:
        """Return the SHA-256 of every file."""
        files = [each for each in self.path.rglob("*") if each.is_file()]
        return {str(each.relative_to(self.path)): sha256(each) for each in files}


def ordinary(number: int) -> dict[str, object]:
    """Return what an ordinary message says besides its id."""
    return {
        "type": ("info", "warning", "error")[number % 3],
        "message": f"pump {number} grüße",
        "timestamp": BEGUN + number * 10 - 3,
        "duration_ms": number + 0.5,
    }


def row(number: int, **changes: object) -> Old:
    """Return a row of `logs`."""
    return {
        "id": f"row-{number}",
        "type": "info",
        "message": f"order {number}",
        "timestamp": BEGUN - 40 * DAY + number,
        "service": "web",
        "created_at": BEGUN - 40 * DAY + number,
    } | changes


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

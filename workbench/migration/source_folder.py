"""The folder that the source document's server leaves, read without a change to any of it."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import apsw
import msgspec

from waterline.archive.jobs.import_v2 import PATTERN
from waterline.errors import DataFolderError, UsageError
from waterline.storage.frozen import untouched
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_as, sqlite_errors
from workbench.migration.entries import TABLES, Row
from workbench.migration.findings import Findings

# Rows, and bytes of their texts, that are read in one transaction: a longer one would keep the WAL
# of a server that runs from being written back.
_ROWS_AT_ONCE: Final = 5_000
_BYTES_AT_ONCE: Final = 8 * 2**20
_NUMBER: Final = re.compile(r"batch-(\d+)\.json\.gz")


class Manifest(msgspec.Struct, rename="camel"):
    """`manifest.json` beside the batches of a day."""

    total_batches: int = 0
    checksums: dict[str, str] = {}


@dataclass(slots=True)
class SourceFolder:
    """Files of the document's design below a folder."""

    path: Path
    tables: dict[str, int] = field(default_factory=dict)
    """Rows of the tables in logs.db."""
    archives: list[Path] = field(default_factory=list)
    """Archive files, in the order of their paths."""
    measurements: int = 0
    """Rows of `performance_metrics` in metrics.db."""
    cached: int = 0
    """Rows of `log_cache` in cache.db."""

    @classmethod
    def look(cls, path: Path) -> "SourceFolder":
        """Return what a folder has.

        Raises:
            UsageError: it has nothing of the design, or is a data folder of Waterline's.
            DataFolderError: a database cannot be read.
        """
        if not path.is_dir():
            raise UsageError(f"{path} is no folder; name the one with logs.db and archives/ in it")
        found = cls(path)
        with found.open("logs.db") as logs:
            if logs is not None:
                if logs.pragma("application_id") == LOGS.application_id:
                    raise UsageError(
                        f"{path} is a data folder of Waterline's; start a server on it, there is "
                        "nothing to move"
                    )
                found.tables = {each: _count(logs, each) for each in _existing(logs, TABLES)}
        archives = path / "archives"
        found.archives = sorted(archives.rglob(PATTERN)) if archives.is_dir() else []
        with found.open("metrics.db") as metrics:
            if metrics is not None and _existing(metrics, ["performance_metrics"]):
                found.measurements = _count(metrics, "performance_metrics")
        with found.open("cache.db") as cache:
            if cache is not None and _existing(cache, ["log_cache"]):
                found.cached = _count(cache, "log_cache")
        if not (found.tables or found.archives or found.measurements or found.cached):
            raise UsageError(
                f"{path} has no logs.db with {' or '.join(TABLES)}, no archives/ with {PATTERN}, "
                "no metrics.db and no cache.db of the document's; name the folder of its server"
            )
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[apsw.Connection | None]:
        """Open a database for reading; None if it is missing or empty.

        Raises:
            DataFolderError: it cannot be read, or was written while it was read as a file that
                nobody writes.
        """
        path = self.path / name
        if not path.is_file() or not path.stat().st_size:
            yield None
            return
        look = untouched(path)
        try:
            with sqlite_errors(path), closing(open_as(look)) as connection:
                yield connection
        except apsw.SQLError as error:
            raise DataFolderError(
                f"{path} has other tables than the document's: {error}"
            ) from error
        look.check()

    def rows(self, name: str, table: str, findings: Findings) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a table with their numbers, in the order in which they were stored.

        Args:
            name: the file of the database.
            table: the table.
            findings: takes what is odd.

        Raises:
            DataFolderError: the database cannot be read.
        """
        with self.open(name) as connection:
            if connection is None:
                return
            after: int | None = None
            while rows := _some(connection, table, after):
                for rowid, row in rows:
                    for column, value in row.items():
                        if isinstance(value, bytes):
                            row[column] = _text(value, table, f"row {rowid}", findings)
                    yield rowid, row
                after = rows[-1][0]

    def check_archives(self, findings: Findings) -> None:
        """Compare the archive files with their manifests, and note what is missing or differs."""
        for day in sorted({each.parent for each in self.archives} | self._days_with_manifests()):
            self._check_day(day, findings)

    def _days_with_manifests(self) -> set[Path]:
        return {each.parent for each in (self.path / "archives").rglob("manifest.json")}

    def _check_day(self, day: Path, findings: Findings) -> None:
        place = str(day.relative_to(self.path))
        files = {each.name: each for each in self.archives if each.parent == day}
        numbers = [int(found[1]) for name in files if (found := _NUMBER.fullmatch(name))]
        manifest = _manifest(day / "manifest.json", place, findings)
        last = max([*numbers, manifest.total_batches if manifest else 0], default=0)
        for number in sorted({*range(1, last + 1)} - {*numbers}):
            findings.note(place, "missing", f"batch-{number:04}.json.gz", "batch file")
        if manifest is None:
            return
        for name, checksum in manifest.checksums.items():
            path = files.get(Path(name).name)
            if path is not None and hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                what = (
                    "with another SHA-256 than the manifest has: written again by a later run of "
                    "the same day, or damaged"
                )
                findings.note(place, what, path.name, "batch file")
        known = {Path(name).name for name in manifest.checksums}
        for name in sorted(files.keys() - known):
            findings.note(place, "that the manifest does not name", name, "batch file")


def _manifest(path: Path, place: str, findings: Findings) -> Manifest | None:
    if not path.is_file():
        findings.note(place, "missing", path.name, "manifest")
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        findings.note(place, f"that cannot be read: {error}", path.name, "manifest")
        return None


def _existing(connection: apsw.Connection, tables: Iterable[str]) -> list[str]:
    return [each for each in tables if connection.table_exists("main", each)]


def _count(connection: apsw.Connection, table: str) -> int:
    return cast("int", connection.execute(f"SELECT count(*) FROM {table}").get)


def _some(connection: apsw.Connection, table: str, after: int | None) -> list[tuple[int, Row]]:
    """Return some rows behind a number, with texts as bytes: they may be no UTF-8."""
    columns = [str(each[1]) for each in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(_as_bytes(each) for each in columns)
    cursor = connection.execute(
        f"SELECT rowid, {values} FROM {table} WHERE ?1 IS NULL OR rowid > ?1 "
        f"ORDER BY rowid LIMIT {_ROWS_AT_ONCE}",
        (after,),
    )
    rows: list[tuple[int, Row]] = []
    size = 0
    for rowid, *found in cursor:
        row = {name: each for name, each in zip(columns, found, strict=True) if each is not None}
        rows.append((cast("int", rowid), row))
        size += sum(len(each) for each in found if isinstance(each, bytes))
        if size >= _BYTES_AT_ONCE:
            break
    cursor.close()
    return rows


def _as_bytes(column: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    return f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _text(content: bytes, table: str, place: str, findings: Findings) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        what = "with bytes that are no UTF-8, kept as escapes"
        findings.note(table, what, place)
        return content.decode(errors="backslashreplace")

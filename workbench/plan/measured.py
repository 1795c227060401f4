"""What a data folder measured of itself: rates, sizes, and what it has archived."""

import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final, cast

import apsw

from waterline.errors import UsageError
from waterline.metrics import registry as metrics
from waterline.metrics.history import RollupHistory, read_kept
from waterline.metrics.spans import SECOND, STEP_OF, Table
from waterline.metrics.summary import Summary
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.sqlite import CHECKPOINT_PAGES, one_moment, reading
from waterline.units import format_duration

LEAST: Final = SECOND
"""Milliseconds that must have been measured."""
_LEAST_QUARTER: Final = 10 * SECOND
_RECENT_STEPS: Final = 10
_WAL_PAGE: Final = 24
"""Bytes of a page's header in the WAL."""


@dataclass(frozen=True, slots=True)
class Growing:
    """Rows of a table of metrics.db."""

    rows: int
    a_second: float
    """Rows that are added a second of time."""


@dataclass(frozen=True, slots=True)
class Wal:
    """A WAL, which grows up to a checkpoint and is written anew from then on."""

    size: int
    most: int
    a_second: float | None
    """Bytes that it grows by a second until then; None if that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements of a folder. Times are milliseconds UTC, sizes bytes."""

    since: int
    until: int
    logs: float
    """Logs stored in that time."""
    received: float
    """Bytes that they came as."""
    lately: float | None
    """Rate of the last quarter over that of all; None if too little was measured."""
    busy: float
    """Share of the time in which a commit was under way."""
    memory: float | None
    connections: float | None
    """The most at once."""
    disk_lost: float | None
    """Bytes a second that the disk lost by all that writes to it."""
    hot_rows: int
    hot_bytes: int
    """Bytes of pages of logs.db in use."""
    hot_since: int | None
    """When the oldest hot log was received."""
    batches: tuple[ArchivedBatch, ...]
    """Batches that are kept."""
    metric_bytes: int
    """Bytes of pages of metrics.db in use."""
    metric_rows: Mapping[Table, Growing]
    wals: Mapping[str, Wal]
    """By database."""
    folder_bytes: int
    disk_free: int
    disk_size: int

    @property
    def seconds(self) -> float:
        """Length of the measured time."""
        return (self.until - self.since) / SECOND

    @property
    def rate(self) -> float:
        """Logs a second."""
        return self.logs / self.seconds

    @property
    def hot_log(self) -> float:
        """Bytes of a hot log with its indexes; at least those that it came as."""
        least = self.received / self.logs if self.logs else 0.0
        return max(least, self.hot_bytes / self.hot_rows) if self.hot_rows else least


def measure(folder: DataFolder, period: int, now: int) -> Measured:
    """Read what a folder measured; its server may run or not.

    Args:
        folder: the data folder.
        period: milliseconds to look back from the last measurement.
        now: milliseconds UTC.

    Raises:
        UsageError: too little was measured.
        DataFolderError: a database is missing or cannot be read.
    """
    folder.refuse_file()
    folder.refuse_half_restored()
    if not file_size(folder.metrics) or not file_size(folder.logs):
        raise UsageError(
            f"{folder.path} has no measurements yet; let its server take logs for a while, or "
            "name another folder with --data"
        )
    with reading(folder.metrics) as connection, one_moment(connection):
        begun, last = _measured_time(connection)
        metric_bytes, page = _used(connection)
        rows = {table: _growing(connection, table) for table in STEP_OF}
    until = min(now // SECOND * SECOND, last + SECOND)
    since = max(until - period, begun)
    if until - since < LEAST:
        raise UsageError(
            f"only {format_duration(max(0, until - since))} were measured; let the server take "
            f"logs for {format_duration(LEAST)} at least"
        )
    with closing(RollupHistory(folder.metrics)) as history:
        whole = history.summaries(since, until)
        quarter = (until - since) // 4 // SECOND * SECOND
        newest = history.summaries(until - quarter, until) if quarter >= _LEAST_QUARTER else None
        ends = [history.summaries(begin, begin + LEAST) for begin in (since, until - LEAST)]
    with reading(folder.logs) as connection, one_moment(connection):
        hot_bytes, _ = _used(connection)
        first, last_seq, missing = _hot_seqs(connection)
        oldest = cast("int | None", connection.execute(_OLDEST).get)
        batches = tuple(each for each in read_batches(connection) if each.is_kept)
    logs = _sum(whole, metrics.LOGS_STORED)
    found = os.statvfs(folder.path)
    return Measured(
        since=since,
        until=until,
        logs=logs,
        received=_sum(whole, metrics.BYTES_RECEIVED),
        lately=_relative(newest, logs, quarter / (until - since)),
        busy=_sum(whole, metrics.COMMIT_DURATION) / (until - since),
        memory=_most(whole, metrics.MEMORY_BYTES),
        connections=_most(whole, metrics.CONNECTIONS),
        disk_lost=_lost(ends, (until - since - LEAST) / SECOND),
        hot_rows=max(0, last_seq - first + 1 - missing),
        hot_bytes=hot_bytes,
        hot_since=oldest,
        batches=batches,
        metric_bytes=metric_bytes,
        metric_rows=rows,
        wals={path.name: _wal(folder, path.name, page) for path in (folder.logs, folder.metrics)},
        folder_bytes=folder.size(),
        disk_free=found.f_bavail * found.f_frsize,
        disk_size=shutil.disk_usage(folder.path).total,
    )


_OLDEST: Final = """
    SELECT received_at FROM logs WHERE seq > (SELECT archived_through FROM seam)
    ORDER BY seq LIMIT 1
"""
# What is behind the watermark is in the table until a run removes it, and has room there.
_SEQS: Final = """
    SELECT low, high, ifnull((SELECT max(missing) FROM seq_gaps WHERE after < high), 0)
        - ifnull((SELECT max(missing) FROM seq_gaps WHERE through <= low), 0)
    FROM (SELECT ifnull(min(seq), 1) AS low, ifnull(max(seq), 0) AS high FROM logs)
"""


_FIRST_LOG: Final = f"""
    SELECT begin FROM {{table}}
    WHERE series IN (SELECT id FROM series WHERE metric = '{metrics.LOGS_STORED}')
    ORDER BY begin LIMIT 1
"""
_ROOTS: Final = "SELECT count(*) FROM sqlite_schema WHERE rootpage > 0"


def _hot_seqs(connection: apsw.Connection) -> tuple[int, int, int]:
    """Return the first and last seq of the table, and how many between them have no log."""
    return cast("tuple[int, int, int]", connection.execute(_SEQS).fetchall()[0])


def _measured_time(connection: apsw.Connection) -> tuple[int, int]:
    """Return when the first log was measured, and the begin of the last measured second.

    A server that waits for its first log would make the rate of a young folder too low.
    """
    begun = cast("int | None", connection.execute("SELECT measured_from FROM progress").get)
    kept = read_kept(connection)
    if begun is not None:
        whole = (table for table in STEP_OF if kept.first(table) <= begun)
        first = connection.execute(_FIRST_LOG.format(table=next(whole, "hours"))).get
        begun = max(begun, cast("int | None", first) or begun)
    lasts = [
        cast("int | None", connection.execute(f"SELECT max(begin) FROM {table}").get)
        for table in STEP_OF
    ]
    last = max((each for each in lasts if each is not None), default=0)
    return (last if begun is None else begun), last


def _used(connection: apsw.Connection) -> tuple[int, int]:
    """Return the bytes of pages in use besides those of empty tables, and of one page."""
    pages, free, size = (
        cast("int", connection.pragma(each))
        for each in ("page_count", "freelist_count", "page_size")
    )
    # Each table and index has a page from the start; it would weigh on the first logs.
    empty = cast("int", connection.execute(_ROOTS).get)
    return max(0, pages - free - empty) * size, size


def _growing(connection: apsw.Connection, table: Table) -> Growing:
    """Return the rows of a table, and how many are added a second of late."""
    step = STEP_OF[table]
    rows = cast("int", connection.execute(f"SELECT count(*) FROM {table}").get)
    last = cast("int | None", connection.execute(f"SELECT max(begin) FROM {table}").get)
    if last is None:
        return Growing(0, 0.0)
    begin = last - _RECENT_STEPS * step
    added, first = cast(
        "tuple[int, int | None]",
        connection.execute(
            f"SELECT count(*), min(begin) FROM {table} WHERE begin >= ? AND begin < ?",
            (begin, last),
        ).fetchall()[0],
    )
    if first is None:
        return Growing(rows, rows / (step / SECOND))
    return Growing(rows, added / ((last - first) / SECOND))


def _wal(folder: DataFolder, name: str, page: int) -> Wal:
    """Return the WAL of a database; how fast it grows is known of a server's first checkpoint."""
    size = file_size(folder.path / f"{name}-wal")
    most = CHECKPOINT_PAGES * (page + _WAL_PAGE)
    if not size or size >= most:
        return Wal(size, most, None)
    began, changed = (
        each.stat().st_mtime for each in (folder.server_lock, folder.path / f"{name}-wal")
    )
    return Wal(size, most, size / (changed - began) if changed > began else None)


def _sum(found: Mapping[str, Summary], name: str) -> float:
    return found[name].sum if name in found else 0.0


def _most(found: Mapping[str, Summary], name: str) -> float | None:
    return found[name].max if name in found else None


def _relative(newest: Mapping[str, Summary] | None, logs: float, share: float) -> float | None:
    """Return the rate of a part of the time over that of all."""
    if newest is None or not logs:
        return None
    return _sum(newest, metrics.LOGS_STORED) / share / logs


def _lost(ends: list[dict[str, Summary]], seconds: float) -> float | None:
    """Return the bytes a second that the disk lost between two moments."""
    levels = [each[metrics.DISK_FREE_BYTES] for each in ends if metrics.DISK_FREE_BYTES in each]
    if len(levels) < len(ends) or seconds <= 0:
        return None
    first, last = (each.sum / each.count for each in levels)
    return (first - last) / seconds

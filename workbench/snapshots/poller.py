"""Pollers: one a process; each second it makes a snapshot, of the folder here."""

import os
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertStates, read_alerts
from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.schema import LOGS, METRICS, Schema
from waterline.units import parse_duration
from workbench.query.database import Database
from workbench.query.gaps import find_earlier
from workbench.reports.figures.colours import give_colours
from workbench.reports.sources import QUIET_AFTER, source_rows
from workbench.snapshots.archives import ArchivesReader
from workbench.snapshots.measured_window import MeasuredWindowReader
from workbench.snapshots.newest import NewestReader
from workbench.snapshots.refused import read_refused
from workbench.snapshots.server_health import HealthReader
from workbench.snapshots.snapshot import (
    SECOND,
    ArchiveTotals,
    MeasuredWindow,
    Newest,
    Sizes,
    Snapshot,
    SourceState,
)
from workbench.snapshots.stored import StoredReader

# Seconds after the end of a second, by which the server has written its measurements.
AFTER_THE_SECOND: Final = 0.15
# Seconds for counting, lest it delays the rest of the page.
COUNTING_SECONDS: Final = 0.3
# Archives may be thousands of files, too many to look at each second.
SECONDS_BETWEEN_SIZES: Final = 5
# Rates are of five minutes, so they need no look each second.
SECONDS_BETWEEN_SOURCES: Final = 5
_QUIET_AFTER: Final = parse_duration(QUIET_AFTER)


# Device and inode of a file.
_Identity = tuple[int, int]


class FollowedFile:
    """A database that may come, go and be replaced while it is followed.

    Args:
        path: the file.
        schema: its tables.
        forget: called when data read of the file becomes void.
    """

    def __init__(self, path: Path, schema: Schema, forget: Callable[[], None]) -> None:
        self.path: Final = path
        self._schema = schema
        self._forget = forget
        self._database: Database | None = None
        self._identity: _Identity | None = None

    def open(self) -> Database | None:
        """Return the present database, or None.

        Raises:
            DataFolderError: it cannot be read, or is not of Waterline.
        """
        identity = self._look()
        if identity != self._identity:
            self.close()
        if identity is not None and self._database is None:
            self._database = Database(self.path, self._schema)
            self._identity = identity
        return self._database

    def close(self) -> None:
        """Close the file and forget its data; it may be opened again."""
        if self._database is not None:
            self._database.close()
            self._forget()
        self._database = self._identity = None

    def _look(self) -> _Identity | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - one call gives both numbers
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino


class Poller(ABC):
    """Makes a snapshot each second in a thread of its own; any thread may read `snapshot`.

    Args:
        clock: returns milliseconds UTC.
        first: the snapshot before the first one.

    Attributes:
        snapshot: the newest one.
    """

    def __init__(self, clock: Callable[[], int], first: Snapshot) -> None:
        self._clock = clock
        self.snapshot = first
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dashboard-poller", daemon=True)

    @abstractmethod
    def poll(self) -> Snapshot:
        """Make one; what cannot be read becomes a trouble of it, and is retried."""

    def start(self) -> None:
        """Begin to poll each second."""
        self._thread.start()

    def stop(self) -> None:
        """Poll no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll()
            passed = self._clock() % SECOND / SECOND
            self._stopping.wait((AFTER_THE_SECOND - passed) % 1 or 1)


class FolderPoller(Poller):
    """Makes snapshots of a data folder.

    Args:
        path: the data folder, which may appear later.
        clock: returns milliseconds UTC.
        rules: rules of alerts.
        health: asks the server of the folder; None asks none.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int] = now_ms,
        rules: Sequence[AlertRule] = (),
        health: HealthReader | None = None,
    ) -> None:
        super().__init__(clock, Snapshot(0, clock(), str(path), rules=tuple(rules)))
        self._folder = DataFolder(path)
        self._window_reader = MeasuredWindowReader()
        self._newest_reader = NewestReader()
        self._stored_reader = StoredReader()
        self._archives_reader = ArchivesReader()
        self._archives: ArchiveTotals | None = None
        self._earlier: str | None = None
        self._logs = FollowedFile(self._folder.logs, LOGS, self._forget_logs)
        self._metrics = FollowedFile(self._folder.metrics, METRICS, self._window_reader.forget)
        self._health = health

    def start(self) -> None:
        """Begin to poll each second, and to ask the server."""
        if self._health is not None:
            self._health.start()
        super().start()

    def stop(self) -> None:
        """Poll no more, and close the files."""
        if self._health is not None:
            self._health.stop()
        super().stop()
        self._logs.close()
        self._metrics.close()

    def poll(self) -> Snapshot:
        """Read once; what cannot be read becomes a trouble of the snapshot, and is retried."""
        troubles: list[str] = []
        now = self._clock()
        last = self.snapshot
        fresh = replace(
            last,
            number=last.number + 1,
            taken_at=now,
            window=MeasuredWindow(revision=-1),
            stored=None,
            archives=None,
            refused=(),
        )
        with self._telling(self._logs, troubles):
            fresh = self._read_logs(fresh)
            if self._earlier is not None:
                troubles.append(self._earlier)
        with self._telling(self._metrics, troubles):
            fresh = self._read_metrics(fresh)
        try:
            found = read_alerts(self._folder)
        except DataFolderError as error:
            troubles.append(str(error))
        else:
            states = AlertStates() if found is None else found
            fresh = replace(fresh, alerts=tuple(states.states), alerts_at=states.evaluated_at)
        if self._health is not None:
            fresh = replace(fresh, health=self._health.found)
        self.snapshot = replace(fresh, sizes=self._sizes(fresh), troubles=tuple(troubles))
        return self.snapshot

    @contextmanager
    def _telling(self, file: FollowedFile, troubles: list[str]) -> Iterator[None]:
        try:
            yield
        except DataFolderError as error:
            troubles.append(str(error))
            file.close()
        except UnicodeDecodeError:
            troubles.append(f"{file.path} is damaged: it holds a text that is not UTF-8")
            file.close()

    def _read_logs(self, fresh: Snapshot) -> Snapshot:
        database = self._logs.open()
        if database is None:
            return replace(fresh, waiting=True, newest=self._newest_reader.newest)
        with database.view() as view:
            newest = self._newest_reader.read(view)
            archives = self._archives_reader.read(view)
        if archives is not self._archives:  # the same object if nothing was archived since
            self._earlier = find_earlier(self._folder, database)
            self._archives = archives
        late = time.monotonic() + COUNTING_SECONDS
        stored = self._stored_reader.read(database.view, lambda: time.monotonic() > late)
        return replace(
            fresh,
            waiting=False,
            newest=newest,
            stored=stored,
            archives=archives,
            grew_at=_grew_at(fresh, newest),
        )

    def _read_metrics(self, fresh: Snapshot) -> Snapshot:
        database = self._metrics.open()
        if database is None:
            return fresh
        with database.view() as view:
            window = self._window_reader.read(view, fresh.taken_at)
            refused = read_refused(view, fresh.taken_at)
        totals: Counter[str] = Counter()
        for second in window.seconds:
            totals.update(second.stored)
        sources = fresh.sources
        if not sources or fresh.number % SECONDS_BETWEEN_SOURCES == 0:
            sources = self._read_sources(fresh.taken_at)
        return replace(
            fresh,
            window=window,
            refused=refused,
            sources=sources,
            colours=give_colours(fresh.colours, totals),
        )

    def _read_sources(self, now: int) -> tuple[SourceState, ...]:
        rows = source_rows(self._folder.metrics, now, _QUIET_AFTER)
        found = [SourceState(**row) for row in rows]
        return tuple(sorted(found, key=lambda each: (-each.rate, -each.logs, each.source)))

    def _sizes(self, fresh: Snapshot) -> Sizes | None:
        if fresh.sizes is not None and fresh.number % SECONDS_BETWEEN_SIZES:
            return fresh.sizes
        try:
            return Sizes(
                logs=_with_wal(self._folder.logs),
                metrics=_with_wal(self._folder.metrics),
                folder=self._folder.size(),
                free=shutil.disk_usage(self._folder.path).free,
            )
        except OSError:
            return None  # the folder has gone, which is a trouble already

    def _forget_logs(self) -> None:
        self._newest_reader.forget()
        self._stored_reader.forget()
        self._archives_reader.forget()


def _grew_at(fresh: Snapshot, newest: Newest) -> int | None:
    """Return when a new log was last seen; at the first look at a folder all are old."""
    is_going_on = not fresh.waiting and newest.revision == fresh.newest.revision
    if is_going_on and newest.last_seq > fresh.newest.last_seq:
        return fresh.taken_at
    return fresh.grew_at


def _with_wal(path: Path) -> int:
    return file_size(path) + file_size(path.with_name(path.name + "-wal"))

"""Pace of a job that changes logs.db in slices: full speed until somebody else commits."""

import time
from collections.abc import Callable
from typing import Final, cast

import apsw

from waterline.storage.sqlite import CHECKPOINT_PAGES

# Seconds that a slice may hold the write lock while the server stores logs: its commits wait.
SHARED_SECONDS: Final = 0.002
# The rest after such a slice, as a multiple of its duration.
REST_FACTOR: Final = 3.0
# Pages in the WAL before a checkpoint meanwhile. A job changes many pages, and commits of the
# server wait for the disk during a large checkpoint. Measured: 8,000 made the slowest acks twice
# as late, and 250 gained nothing more.
SHARED_CHECKPOINT_PAGES: Final = 1_000
# KiB of pages that SQLite keeps meanwhile: each commit of another makes it drop them all. Measured:
# with 16 MiB the slowest acks came three times as late.
SHARED_CACHE: Final = 2_000
# KiB of pages while nobody else commits. Without room for those of a slice SQLite writes them to
# the WAL more than once.
ALONE_CACHE: Final = 16 * 2**10
# Seconds of a slice while nobody else commits: the first log after a silence waits that long.
ALONE_SECONDS: Final = 0.01
# Seconds between two such slices. Who waits for the lock asks for it every half millisecond.
BREATH_SECONDS: Final = 0.001
# Seconds without a commit by anybody else, after which the job counts as alone.
SILENCE_SECONDS: Final = 2.0


class Pace:
    """How long a slice may take and how long to rest, by what producers would notice.

    SQLite tells for some microseconds whether another connection has committed since: its
    `data_version`. Producers are noticed by that, however few their logs are. A commit of nothing
    but duplicates leaves no trace; it waits for one slice at most.

    Args:
        connection: the only connection of this process that writes.
        silent_for: seconds for which nobody has committed.
        clock: returns monotonic seconds.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        silent_for: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._sleep = sleep
        self._version = self._read_version()
        self._heard_at = clock() - silent_for
        self.is_shared = True
        """Whether somebody else commits, as far as is known."""
        self._settle()
        self.look()

    @property
    def slice_seconds(self) -> float:
        """Seconds that the next slice should take."""
        return SHARED_SECONDS if self.is_shared else ALONE_SECONDS

    def rest(self, took: float) -> None:
        """Rest after a slice, and look who else committed.

        Args:
            took: seconds that the slice took.
        """
        self._sleep(took * REST_FACTOR if self.is_shared else BREATH_SECONDS)
        self.look()

    def look(self) -> None:
        """Look whether somebody else has committed."""
        version = self._read_version()
        if version != self._version:
            self._version, self._heard_at = version, self._clock()
        is_shared = self._clock() - self._heard_at < SILENCE_SECONDS
        if is_shared != self.is_shared:
            self.is_shared = is_shared
            self._settle()

    def _settle(self) -> None:
        pages = SHARED_CHECKPOINT_PAGES if self.is_shared else CHECKPOINT_PAGES
        cache = SHARED_CACHE if self.is_shared else ALONE_CACHE
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        self._connection.execute(f"PRAGMA cache_size = -{cache}")

    def _read_version(self) -> int:
        return cast("int", self._connection.execute("PRAGMA data_version").get)


class Slices:
    """Number of steps in the next slice, so that it takes as long as the pace allows.

    Args:
        pace: the pace of the job.
        first: steps in the first slice; later ones follow from measured times.
        largest: steps in a slice at most.
    """

    def __init__(self, pace: Pace, first: int, largest: int) -> None:
        self._pace = pace
        self._largest = largest
        self.size = first

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self._begun
        self._pace.rest(took)
        fitting = self.size * self._pace.slice_seconds / max(took, 1e-6)
        # At most twice as large: one quick slice says little about the next.
        self.size = max(1, min(self._largest, 2 * self.size, round(fitting)))

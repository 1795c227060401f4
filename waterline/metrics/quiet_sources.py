"""Which sources went quiet: they are silent for longer than they ever are, of late."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.metrics.registry import LOGS_STORED, SOURCE
from waterline.metrics.spans import HOUR, MINUTE
from waterline.storage.sqlite import one_moment, open_reader, sqlite_errors

logger = logging.getLogger(__name__)

DAY: Final = 24 * HOUR
REMEMBERED: Final = 7 * DAY
"""Milliseconds: what a source did before is forgotten, and one that is silent for longer too."""
LEAST_MINUTES: Final = 10
"""One that sent in fewer minutes, such as a file once, has no habit that it could break."""
UNUSUAL_TIMES: Final = 2
"""A silence is unusual that is so many times as long as the longest one before."""
LOOK_SECONDS: Final = 60.0

_MINUTES: Final = """
    SELECT begin, label FROM minutes JOIN series ON series.id = series
    WHERE begin >= ? AND begin < ? AND metric = ? AND dimension = ? ORDER BY begin
"""
_LAST_SEEN: Final = "SELECT source, last_seen FROM sources WHERE last_seen >= ? ORDER BY source"


def is_quiet(silence: int, longest_gap: int | None, quiet_after: int) -> bool:
    """Say whether a source went quiet; all are milliseconds.

    Args:
        silence: how long it has sent nothing.
        longest_gap: between two minutes in which it sent, in the time that is remembered; None
            where these are fewer than LEAST_MINUTES.
        quiet_after: a shorter silence is none.
    """
    if longest_gap is None:
        return False
    return max(quiet_after, UNUSUAL_TIMES * longest_gap) < silence <= REMEMBERED


class Habit:
    """The minutes in which a source sent, as far as they tell for how long it may be silent.

    It keeps the gaps that are longer than all that came after: a handful, whatever the minutes.
    """

    def __init__(self) -> None:
        self._newest: deque[int] = deque(maxlen=LEAST_MINUTES)
        self._gaps: deque[tuple[int, int]] = deque()  # begin and length, each longer than the next

    def sent(self, minute: int) -> None:
        """Note a minute, by its first millisecond; it is later than those before."""
        if self._newest:
            begin = self._newest[-1]
            while self._gaps and self._gaps[-1][1] <= minute - begin:
                self._gaps.pop()
            self._gaps.append((begin, minute - begin))
        self._newest.append(minute)

    def longest_gap(self, since: int) -> int | None:
        """Return the longest gap between minutes that began since a time, as `is_quiet` wants it.

        Args:
            since: milliseconds UTC; what came before is forgotten.
        """
        while self._gaps and self._gaps[0][0] < since:
            self._gaps.popleft()
        if len(self._newest) < LEAST_MINUTES or self._newest[0] < since:
            return None
        return self._gaps[0][1]

    def is_over(self, since: int) -> bool:
        """Say whether nothing was sent since a time."""
        return not self._newest or self._newest[-1] < since


class QuietSources:
    """Watches metrics.db for sources that go quiet; it is read beside its writer.

    Args:
        path: metrics.db, which the rollups have open.
        quiet_after: milliseconds of silence that are nothing to tell of; None never tells any.
        clock: returns milliseconds UTC.

    Raises:
        DataFolderError: metrics.db cannot be opened.
    """

    def __init__(
        self, path: Path, quiet_after: int | None, clock: Callable[[], int] = now_ms
    ) -> None:
        self._path = path
        self._quiet_after = quiet_after
        self._clock = clock
        self._habits: dict[str, Habit] = {}
        self._read_through = 0
        self._warnings: list[str] = []
        self._failed = False
        self._lock = threading.Lock()
        self._connection = open_reader(path)

    def close(self) -> None:
        """Let the file go, before its writer does; may be called twice."""
        with self._lock:
            self._connection.close()

    async def run(self) -> None:
        """Look once a minute, in a thread, until cancelled."""
        if self._quiet_after is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Read the minutes that are new, and see who is quiet; the first time takes a second.

        Where metrics.db cannot be read, what was seen the last time stands.
        """
        if self._quiet_after is None:
            return
        now = self._clock()
        try:
            with self._lock, sqlite_errors(self._path):
                last_seen = self._read(now)
        except (apsw.Error, DataFolderError) as error:
            if not self._failed:
                logger.error("it cannot be seen which sources went quiet: %s", error)
            self._failed = True
            return
        self._failed = False
        self._warnings = self._judge(last_seen, now, self._quiet_after)

    def warnings(self) -> list[str]:
        """Return a sentence for each source that was quiet when last looked at."""
        return [*self._warnings]

    def _read(self, now: int) -> dict[str, int]:
        """Take in new minutes, and return when sources that are remembered were last heard of."""
        since = now - REMEMBERED
        with one_moment(self._connection):
            end = cast("int", self._connection.execute("SELECT minutes_through FROM progress").get)
            # A clock that was ahead has left it there: the minutes until then are still to come.
            end = min(end, now // MINUTE * MINUTE)
            bindings = (max(since, self._read_through), end, LOGS_STORED, SOURCE)
            for row in self._connection.execute(_MINUTES, bindings):
                minute, source = cast("tuple[int, str]", row)
                self._habits.setdefault(source, Habit()).sent(minute)
            self._read_through = max(self._read_through, end)
            found = self._connection.execute(_LAST_SEEN, (since,)).fetchall()
            return dict(cast("list[tuple[str, int]]", found))

    def _judge(self, last_seen: dict[str, int], now: int, quiet_after: int) -> list[str]:
        since = now - REMEMBERED
        self._habits = {
            source: habit for source, habit in self._habits.items() if not habit.is_over(since)
        }
        found = []
        for source, heard in last_seen.items():
            habit = self._habits.get(source)
            gap = None if habit is None else habit.longest_gap(since)
            if gap is not None and is_quiet(now - heard, gap, quiet_after):
                found.append(_sentence(source, now - heard, gap))
        return found


def _sentence(source: str, silence: int, gap: int) -> str:
    return (
        f"source {source} has sent nothing for {_in_words(silence)}; "
        f"usually it sends at least every {_in_words(gap)}"
    )


def _in_words(duration: int) -> str:
    """Return minutes, or whole hours or days where these are several; rounded."""
    for unit, name in ((DAY, "days"), (HOUR, "h")):
        if duration >= 2 * unit:
            return f"{round(duration / unit)} {name}"
    return f"{round(duration / MINUTE)} min"

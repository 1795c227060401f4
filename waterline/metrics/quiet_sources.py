"""Quiet sources: those silent for unusually long, compared with their last days."""

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
"""Milliseconds of history; longer silences are forgotten."""
LEAST_MINUTES: Final = 10
"""A source that sent in fewer minutes, such as one file once, has no habit."""
UNUSUAL_TIMES: Final = 2
"""Factor over the longest earlier gap, from which a silence is unusual."""
LOOK_SECONDS: Final = 60.0

_MINUTES: Final = """
    SELECT begin, label FROM minutes JOIN series ON series.id = series
    WHERE begin >= ? AND begin < ? AND metric = ? AND dimension = ? ORDER BY begin
"""
_LAST_SEEN: Final = "SELECT source, last_seen FROM sources WHERE last_seen >= ? ORDER BY source"


def is_quiet(silence: int, longest_gap: int | None, quiet_after: int) -> bool:
    """Return whether a source went quiet. All values are milliseconds.

    Args:
        silence: time since its last log.
        longest_gap: longest gap between two minutes with logs, in the remembered time; None for
            fewer than LEAST_MINUTES such minutes.
        quiet_after: lower bound of a silence.
    """
    if longest_gap is None:
        return False
    return max(quiet_after, UNUSUAL_TIMES * longest_gap) < silence <= REMEMBERED


class Habit:
    """Longest gaps between the minutes in which a source sent.

    Only gaps longer than all later ones are kept: a handful, for any number of minutes.
    """

    def __init__(self) -> None:
        self._newest: deque[int] = deque(maxlen=LEAST_MINUTES)
        self._gaps: deque[tuple[int, int]] = deque()  # begin and length, lengths descending

    def sent(self, minute: int) -> None:
        """Note a later minute, by its first millisecond."""
        if self._newest:
            begin = self._newest[-1]
            while self._gaps and self._gaps[-1][1] <= minute - begin:
                self._gaps.pop()
            self._gaps.append((begin, minute - begin))
        self._newest.append(minute)

    def longest_gap(self, since: int) -> int | None:
        """Return the longest gap since a time, for `is_quiet`; forget earlier gaps.

        Args:
            since: milliseconds UTC.
        """
        while self._gaps and self._gaps[0][0] < since:
            self._gaps.popleft()
        if len(self._newest) < LEAST_MINUTES or self._newest[0] < since:
            return None
        return self._gaps[0][1]

    def is_over(self, since: int) -> bool:
        """Return whether nothing was sent since a time."""
        return not self._newest or self._newest[-1] < since


class QuietSources:
    """Watches metrics.db for quiet sources, beside its writer.

    Args:
        path: metrics.db, open in the rollup thread.
        quiet_after: lower bound of a silence, in milliseconds; None turns the watch off.
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
        """Close the connection, before the writer does; safe to call twice."""
        with self._lock:
            self._connection.close()

    async def run(self) -> None:
        """Check once a minute, in a thread, until cancelled."""
        if self._quiet_after is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Read new minutes and judge all sources; the first call takes a second.

        If metrics.db cannot be read, the last result stays.
        """
        if self._quiet_after is None:
            return
        now = self._clock()
        try:
            with self._lock, sqlite_errors(self._path):
                last_seen = self._read(now)
        except (apsw.Error, DataFolderError) as error:
            if not self._failed:
                logger.error("quiet sources cannot be checked: %s", error)
            self._failed = True
            return
        self._failed = False
        self._warnings = self._judge(last_seen, now, self._quiet_after)

    def warnings(self) -> list[str]:
        """Return one sentence for each quiet source at the last check."""
        return [*self._warnings]

    def _read(self, now: int) -> dict[str, int]:
        """Note new minutes, and return the last time of each remembered source."""
        since = now - REMEMBERED
        with one_moment(self._connection):
            end = cast("int", self._connection.execute("SELECT minutes_through FROM progress").get)
            # A clock that was ahead may have left it in the future.
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
    """Format a duration as minutes, or from two on as hours or days, rounded."""
    for unit, name in ((DAY, "days"), (HOUR, "h")):
        if duration >= 2 * unit:
            return f"{round(duration / unit)} {name}"
    return f"{round(duration / MINUTE)} min"

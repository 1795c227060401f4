"""Reports from the measurements of a data folder, and sentences about what they lack."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from workbench.query.database import Database
from workbench.query.execute import Answer
from workbench.query.moment import read_moment
from workbench.query.question import Question
from workbench.query.times import iso_text
from workbench.reports.arguments import is_attribute
from workbench.reports.coverage import Coverage, Step
from workbench.reports.latency import Shape, check_metric, joined, measured_latency
from workbench.reports.rollups import open_rollups
from workbench.reports.throughput import By, empty_report, measured_throughput

# The server counts each second: logs of the last moments are not counted yet.
SETTLED: Final = 10_000
"""Milliseconds after which a log counts as uncounted."""


def uncounted_since(database: Database, counted_through: int, now: int) -> int | None:
    """Return when the first uncounted log was received.

    Args:
        database: logs.db.
        counted_through: highest seq that is counted.
        now: milliseconds UTC.

    Returns:
        Milliseconds UTC, or 0 if the log is archived by now; None if all logs are counted, or came
        in the last moments.
    """
    with database.view() as view:
        if read_moment(view).last_seq <= counted_through:
            return None
        found = view.rows(
            "SELECT received_at FROM logs WHERE seq > ? ORDER BY seq LIMIT 1", (counted_through,)
        )
    if not found:
        return 0
    ((received_at,),) = found
    return int(received_at) if received_at <= now - SETTLED else None


class Measurements:
    """Reports what the server of a data folder has measured.

    The `attrs` of a report have `since` and `until`, the range that it covers (ISO text; None for
    an open end), and `counted_through`, the highest seq that is counted.

    Args:
        path: metrics.db, which may appear later and be replaced.
        has_logs: returns whether the folder has logs.
        uncounted_since: returns, for the highest seq that is counted, when the first uncounted log
            was received; see the function of this name.
    """

    def __init__(
        self,
        path: Path,
        has_logs: Callable[[], bool],
        uncounted_since: Callable[[int], int | None],
    ) -> None:
        self._path = path
        self._has_logs = has_logs
        self._uncounted_since = uncounted_since

    def throughput(self, question: Question, step: Step, by: By | None) -> Answer[pd.DataFrame]:
        """Report throughput; see `measured_throughput`."""
        with open_rollups(self._path) as found:
            if found is None or found.progress is None:
                return self._nothing(empty_report(by))
            frame, within = measured_throughput(found, found.progress, question, step, by)
            counted = found.progress.counted_through
            _mark(frame, within, counted)
        return Answer(frame, self._lacks_logs(within, counted, question.until))

    def latency(
        self, question: Question, metric: str | None, shape: Shape, step: Step | None
    ) -> Answer[pd.DataFrame]:
        """Report percentiles of one metric or all; see `measured_latency`."""
        with open_rollups(self._path) as found:
            if found is None or found.progress is None:
                return self._nothing(joined([], shape))
            if metric is not None:
                check_metric(found, metric)
            frame, within = measured_latency(found, found.progress, question, metric, shape, step)
            counted = found.progress.counted_through
            _mark(frame, within, counted)
        if not is_attribute(metric):
            return Answer(frame, _lacks("what was measured", within))
        return Answer(frame, self._lacks_logs(within, counted, question.until))

    def _lacks_logs(self, within: Coverage, counted_through: int, until: int | None) -> str | None:
        """Return a sentence about unmeasured logs of a range: too old, or not counted yet."""
        lacks = _lacks("logs that came in", within, "; exact=True counts them")
        return lacks or self._uncounted(counted_through, until)

    def _uncounted(self, counted_through: int, until: int | None) -> str | None:
        """Return a sentence about stored logs of a range that are not counted yet."""
        since = self._uncounted_since(counted_through)
        if since is None or (until is not None and since >= until):
            return None
        return (
            f"this answer lacks the logs from seq {counted_through + 1} on, which are stored and "
            "not counted yet: no server has written measurements since; exact=True counts them"
        )

    def _nothing(self, frame: pd.DataFrame) -> Answer[pd.DataFrame]:
        frame.attrs |= {"since": None, "until": None, "counted_through": 0}
        if not self._has_logs():
            return Answer(frame, None)
        return Answer(
            frame,
            "the logs of this folder are in no measurements yet, as no server has counted them; "
            "start one, or ask with exact=True",
        )


def _mark(frame: pd.DataFrame, within: Coverage, counted_through: int) -> None:
    frame.attrs |= {**within.attrs(), "counted_through": counted_through}


def _lacks(what: str, within: Coverage, advice: str = "") -> str | None:
    if within.begin is None:
        return None
    return f"this answer lacks {what} before {iso_text(within.begin)}{advice}"

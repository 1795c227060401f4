"""Reports from the measurements of a data folder, with a sentence about what they lack."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from workbench.query.database import Database
from workbench.query.execute import Answer
from workbench.query.question import Question
from workbench.query.snapshot import read_moment
from workbench.query.times import iso_text
from workbench.reports.arguments import is_attribute
from workbench.reports.coverage import Coverage, Step
from workbench.reports.latency import Shape, check_metric, joined, measured_latency
from workbench.reports.rollups import open_rollups
from workbench.reports.throughput import By, empty_report, measured_throughput

# The server counts each second; what came a moment ago is in no count yet, and no fault.
SETTLED: Final = 10_000
"""Milliseconds after which a log should be counted."""


def uncounted_since(database: Database, counted_through: int, now: int) -> int | None:
    """Return when the first log that should be counted and is not was received.

    Args:
        database: logs.db.
        counted_through: the seq up to which logs are counted.
        now: milliseconds UTC.

    Returns:
        Milliseconds UTC, 0 where the log is archived by now; None where all is counted, or came
        just now.
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

    The `attrs` of each report have `since` and `until` (ISO text; None where the range has no such
    end) which say what it really tells of, and `counted_through`, the seq of the last log in it.

    Args:
        path: metrics.db; it may come later, and be replaced.
        has_logs: tells whether there are any logs that could have been measured.
        uncounted_since: tells, of the seq up to which logs are counted, when the first one that
            should be counted and is not was received; see `reports.uncounted`.
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
        """Report how many logs came in; see `measured_throughput`."""
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
        """Say which logs of a range are in no measurement: too old, or not counted yet."""
        lacks = _lacks("logs that came in", within, "; exact=True counts them")
        return lacks or self._uncounted(counted_through, until)

    def _uncounted(self, counted_through: int, until: int | None) -> str | None:
        """Say which logs of a range are stored and not counted, as on a full disk."""
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

"""Reads the newest logs, each of them once."""

from typing import Any, Final

from sqlalchemy import Select, func, select

from server.store.tables import logs, seam
from workbench.asking.reading import View
from workbench.dashboard.snapshot import RECENT_LOGS, LogLine, RecentLogs

MAX_TEXT: Final = 1000
"""Characters of a message and of its attributes that are kept; more cannot be read at a glance."""


class RecentReader:
    """Follows the newest logs of one logs.db."""

    def __init__(self) -> None:
        self.recent = RecentLogs()
        self._incarnation: str | None = None

    def read(self, view: View) -> RecentLogs:
        """Return the newest logs.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        ((incarnation,),) = view.rows(select(seam.c.incarnation))
        if incarnation != self._incarnation:
            self.forget()
            self._incarnation = incarnation
        fresh = [LogLine(*row) for row in view.rows(_newest_after(self.recent.last_seq))]
        if fresh:
            lines = (*self.recent.lines, *reversed(fresh))[-RECENT_LOGS:]
            self.recent = RecentLogs(lines, self.recent.revision)
        return self.recent

    def forget(self) -> None:
        """Begin anew: the file is another, or its past was rewritten."""
        self.recent = RecentLogs(revision=self.recent.revision + 1)
        self._incarnation = None


def _newest_after(seq: int) -> Select[Any]:
    return (
        select(
            logs.c.seq,
            logs.c.timestamp,
            logs.c.type,
            logs.c.source,
            func.substr(logs.c.message, 1, MAX_TEXT),
            func.substr(logs.c.attributes, 1, MAX_TEXT),
        )
        .where(logs.c.seq > seq)
        .order_by(logs.c.seq.desc())
        .limit(RECENT_LOGS)
    )

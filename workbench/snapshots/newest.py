"""Reads the newest log of logs.db, and notices when its past becomes another."""

from sqlalchemy import func, select

from waterline.storage.tables import logs
from workbench.query.database import View
from workbench.query.moment import read_moment
from workbench.snapshots.snapshot import Newest


class NewestReader:
    """Follows the log with the highest seq of one logs.db."""

    def __init__(self) -> None:
        self.newest = Newest()
        self._incarnation: str | None = None

    def read(self, view: View) -> Newest:
        """Return the newest log.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        moment = read_moment(view)
        if moment.incarnation != self._incarnation or moment.last_seq < self.newest.last_seq:
            self.forget()
            self._incarnation = moment.incarnation
        if moment.last_seq != self.newest.last_seq:
            ((timestamp,),) = view.rows(
                select(func.max(logs.c.timestamp)).where(logs.c.seq == moment.last_seq)
            )
            self.newest = Newest(moment.last_seq, self.newest.revision, timestamp)
        return self.newest

    def forget(self) -> None:
        """Start again, as the file was replaced or its past rewritten."""
        self.newest = Newest(revision=self.newest.revision + 1)
        self._incarnation = None

"""Reads the highest seq of logs.db, and notices when its past becomes another."""

from workbench.dashboard.snapshot import Newest
from workbench.query.database import View
from workbench.query.moment import read_moment


class NewestReader:
    """Follows the highest seq of one logs.db."""

    def __init__(self) -> None:
        self.newest = Newest()
        self._incarnation: str | None = None

    def read(self, view: View) -> Newest:
        """Return the highest seq.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        moment = read_moment(view)
        if moment.incarnation != self._incarnation or moment.last_seq < self.newest.last_seq:
            self.forget()
            self._incarnation = moment.incarnation
        if moment.last_seq != self.newest.last_seq:
            self.newest = Newest(moment.last_seq, self.newest.revision)
        return self.newest

    def forget(self) -> None:
        """Start again, as the file was replaced or its past rewritten."""
        self.newest = Newest(revision=self.newest.revision + 1)
        self._incarnation = None

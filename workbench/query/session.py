"""Session: one data folder open for questions, with its database, its cache and its pin."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from waterline.archive.reader import BatchReader
from waterline.clock import now_ms
from waterline.errors import DataFolderError, NothingFound
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.query.archived import check_pin
from workbench.query.asking import Answering
from workbench.query.cache.cache import SIZE, TTL, Cache, Limits
from workbench.query.database import Database, exists
from workbench.query.empty_answer import why_none
from workbench.query.execute import Logs
from workbench.query.gaps import find_earlier
from workbench.query.moment import read_moment
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import patiently, warn_of
from workbench.query.question import Question
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread

_Answer = TypeVar("_Answer")


class Session(Answering):
    """One open data folder, as questions and reports share it.

    Args:
        path: the data folder.
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        at: pin, or its text, of questions that have none.
        cache: whether answers are kept in the folder's cache.db.
        cache_ttl: duration for which an answer is kept.
        cache_size: bytes that all answers may take.
        spread: runs what is taken from many batches; the session closes it.

    Raises:
        UsageError: `at` is no pin of this folder and its past; `cache_ttl` is no duration, or
            `cache_size` no size.
        DataFolderError: the folder has no logs.db, or it cannot be read.

    Attributes:
        folder: the data folder.
        clock: as given.
        at: the pin of the whole session, or None.
        cache: the cache of answers, or None.
        database: logs.db.
        reader: reads archive files.
        earlier: sentence if logs.db is older than its archives, or None.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        clock: Callable[[], int] = now_ms,
        *,
        at: Pin | str | None = None,
        cache: bool = True,
        cache_ttl: str = TTL,
        cache_size: str = SIZE,
        spread: Spread = HERE,
    ) -> None:
        self.folder = DataFolder(Path(path))
        self._spread = spread
        pin = None if at is None else to_pin(at)
        limits = Limits.of(cache_ttl, cache_size)
        kept = Cache(self.folder.cache, clock, limits) if cache else None
        super().__init__(clock, pin, kept)
        self.folder.refuse_half_restored()
        if not exists(self.folder.logs):
            self.folder.refuse_file()
            raise DataFolderError(
                f"there are no logs in {self.folder.path}; start a server with "
                f"`waterline serve --data {self.folder.path}`, or name another folder"
            )
        self.database = Database(self.folder.logs, LOGS)
        self._logs = Logs(self.folder, self.database, spread)
        self.reader = BatchReader(self.folder)
        if self.at is not None:
            self._check(self.at)
        self.earlier = find_earlier(self.folder, self.database)

    def pin(self) -> Pin:
        """Return the pin of the session, or one of now."""
        if self.at is not None:
            return self.at
        with self.database.view() as view:
            return read_moment(view).pin(self.clock())

    @property
    def logs(self) -> Logs:
        """Answers questions about hot and archived logs."""
        return self._logs

    @property
    def place(self) -> str:
        """Path of the folder."""
        return str(self.folder.path)

    def explain_empty(self, question: Question, attributes: Sequence[str] = ()) -> None:
        """Warn of the filter that alone leaves no log, if any."""
        if question.limit != 0:
            told = self.database, self.reader, question, attributes
            why = self.patiently(lambda: why_none(*told))
            warn_of(why, NothingFound)

    def patiently(self, answer: Callable[[], _Answer]) -> _Answer:
        """Return what a function answers; an interrupt ends it at once."""
        return patiently(answer, lambda _: self.database.leave())

    def close(self) -> None:
        """Close the files; it may be called again."""
        self.database.close()
        self._spread.close()
        if self.cache is not None:
            self.cache.close()

    def _check(self, pin: Pin) -> None:
        try:
            check_pin(self.database, self.reader, pin)
        except BaseException:
            self.close()
            raise

"""Workbench: the one object an analyst holds. It reads; it never writes logs or metrics."""

import html
import os
from typing import TYPE_CHECKING, Final, Unpack

import pandas as pd

from waterline.clock import now_ms
from waterline.errors import WaterlineError
from workbench.measuring import Measuring
from workbench.query.cache.limits import SIZE, TTL
from workbench.query.pin import Pin
from workbench.query.question import Filters, refuse, shows_filters
from workbench.query.times import TimeLike
from workbench.query.warning import warn_of
from workbench.reports.archives import Archives, read_archives
from workbench.reports.compression import compression
from workbench.reports.compression_compare import compression_compare
from workbench.reports.figures.draw import draw
from workbench.reports.inventory import Holdings, read_holdings
from workbench.reports.page.contents import gather, since_of
from workbench.reports.page.report import Report
from workbench.reports.sources import QUIET_AFTER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A batch of the default format: enough to tell codecs apart, in a few seconds.
_COMPARED: Final = 100_000


def connect(
    path: str | os.PathLike[str] = "data",
    *,
    at: Pin | str | None = None,
    cache: bool = True,
    cache_ttl: str = TTL,
    cache_size: str = SIZE,
) -> "Workbench":
    """Open a data folder for reading; its server may run or not.

    Args:
        path: the data folder.
        at: a pin that `Workbench.pin` has returned, or its text: questions about logs are answered
            as of then, unless they have a pin of their own.
        cache: whether answers to `logs` and `arrow` are kept in the folder's cache.db, where a
            repeated question finds them; they are used where they equal what is stored.
        cache_ttl: how long an answer is kept, such as `1h`.
        cache_size: what all answers may take, such as `256MiB`; the least recently used go first.

    Raises:
        UsageError: `at` is no pin, or one of another folder or another past; or `cache_ttl` or
            `cache_size` has no meaning.
        DataFolderError: there is no Waterline data, or it cannot be read.
    """
    return Workbench(path, at=at, cache=cache, cache_ttl=cache_ttl, cache_size=cache_size)


class Workbench(Measuring):
    """Answers questions about the logs of one data folder, and reports on them.

    The arguments and errors are those of `Questions`.
    """

    def report(self, since: TimeLike = "-24h", quiet_after: str = QUIET_AFTER) -> Report:
        """Report on all of it at once: holdings, throughput, latency, sources, archives, cache.

        It shows itself in a notebook, and prints itself as text; `waterline report` writes it.

        Args:
            since: from when on throughput and latency are told, up to now: as for `logs`, or an
                age such as `7d`.
            quiet_after: as for `sources`.

        Returns:
            A report, whose `to_html` returns one page that needs no other file, `to_text` text of
            at most 100 columns, and `contents` the frames that both are made of.

        Raises:
            UsageError: an argument makes no sense; or this workbench has a pin.
            DataFolderError: a file of the folder cannot be read.
            IncompleteAnswer: logs.db is of an earlier time than its archives.
        """
        now = now_ms()
        return Report(gather(self, since_of(since, now), quiet_after, now))

    def compression(self) -> pd.DataFrame:
        """Report the archived batches: what each holds, where it lies, what it saves.

        It opens no archive file; `figure` draws it.

        Returns:
            A row a batch, pruned ones too, in the order of their seqs. The columns are day, file
            (below the archives), format, place (`local`, `local+bucket`, `bucket`, `pruned`), rows,
            raw_bytes (as compact JSON), stored_bytes, first_seq, last_seq (`int64`), ratio (raw
            over stored), saved (1 - stored over raw; `float64`), first_timestamp, last_timestamp,
            archived_at and pruned_at (`datetime64[us, UTC]`).

        Raises:
            IncompleteAnswer: logs.db is of an earlier time than its archives.
        """
        self._refuse_earlier()
        with self._database.view() as view:
            return compression(view)

    @shows_filters
    def compression_compare(self, rounds: int = 3, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Store logs by each codec and level of the archive formats, and read them back.

        Nothing is written to a disk; `figure` draws it.

        Args:
            rounds: how often each is timed; the report has the medians.
            **filters: which logs, those of `logs` without `order` and `columns`; the newest
                100,000 of them unless `limit` says otherwise.

        Returns:
            A row a codec and level with the columns format, codec, level, rows, raw_bytes (as
            compact JSON), stored_bytes, ratio, saved, write_mb_per_s, read_mb_per_s (10^6 bytes of
            JSON a second) and is_default.

        Raises:
            UsageError: an argument makes no sense, or there are no such logs.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "order", "columns")
        if filters.get("limit") is None:
            filters["limit"] = _COMPARED
        question = self._ask(filters)
        rows = self._patiently(lambda: self._logs.rows(question))
        warn_of(rows.lacks)
        return compression_compare(rows.table, rounds)

    @staticmethod
    def figure(report: pd.DataFrame) -> "Figure":
        """Draw a report for a notebook.

        Args:
            report: what `throughput`, `latency`, `compression` or `compression_compare` has
                returned, or some of its rows.

        Raises:
            UsageError: it is another frame, or matplotlib is not installed.
        """
        return draw(report)

    @property
    def archives(self) -> Archives:
        """What is archived, summed up by day; it shows itself in a notebook.

        It opens no archive file; `compression` has a row a batch.

        Raises:
            IncompleteAnswer: logs.db is of an earlier time than its archives.
        """
        self._refuse_earlier()
        with self._database.view() as view:
            return read_archives(view, str(self._folder.archives))

    def holdings(self) -> Holdings:
        """Return what the folder holds: logs by type and source, time range, size.

        It opens no archive file, for the catalog tells what is in them.

        Raises:
            IncompleteAnswer: logs.db is of an earlier time than its archives.
        """
        self._refuse_earlier()
        return self._patiently(lambda: read_holdings(self._logs, self._folder))

    def __repr__(self) -> str:
        try:
            return self.holdings().to_text()
        except WaterlineError as error:
            return f"a workbench on {self._folder.path}: {error}"

    def _repr_html_(self) -> str:
        try:
            return self.holdings().to_html()
        except WaterlineError:
            return f"<p>{html.escape(repr(self))}</p>"

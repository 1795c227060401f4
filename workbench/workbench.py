"""Workbench: the one object an analyst holds. It reads; it never writes logs or metrics."""

import html
import os
from typing import TYPE_CHECKING, Final, Unpack

import pandas as pd

from server.errors import UsageError, WaterlineError
from server.store.schema import METRICS
from workbench.asking.pin import Pin
from workbench.asking.question import Filters, Question, refuse, shows_filters
from workbench.asking.reading import Database
from workbench.asking.warning import warn_of
from workbench.caching.limits import SIZE, TTL
from workbench.questions import Questions
from workbench.reports.archives import Archives, read_archives
from workbench.reports.compression import compression
from workbench.reports.compression_compare import compression_compare
from workbench.reports.figures import draw
from workbench.reports.holdings import Holdings, read_holdings
from workbench.reports.latency import ACK_LATENCY, attribute_latency, measured_latency
from workbench.reports.throughput import Clock, throughput

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


class Workbench(Questions):
    """Answers questions about the logs of one data folder, and reports on them.

    The arguments and errors are those of `Questions`.
    """

    @shows_filters
    def throughput(
        self, every: str = "1s", *, clock: Clock = "received_at", **filters: Unpack[Filters]
    ) -> pd.DataFrame:
        """Count logs by step of time and type.

        Args:
            every: the step, such as `1s`, `5min` or `1h`; steps begin at its multiples in UTC.
            clock: `received_at` for when logs came in, `timestamp` for when they happened.
            **filters: those of `logs`, without `order`, `limit` and `columns`.

        Returns:
            Columns time (the step's begin, `datetime64[ms, UTC]`), type (`str`), logs (`int64`)
            and logs_per_second (`float64`), by time and type, from the first step with a log to
            the last; 0 where a step has none.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "order", "limit", "columns")
        question = self._ask(filters)
        answer = self._patiently(lambda: throughput(self._logs, question, every, clock))
        warn_of(answer.lacks)
        return answer.value

    @shows_filters
    def latency(
        self, attribute: str | None = None, *, by: str | None = None, **filters: Unpack[Filters]
    ) -> pd.DataFrame:
        """Report percentiles of ack latency, or of a numeric attribute such as `duration_ms`.

        Args:
            attribute: the attribute; without one it is the time from a log's arrival to its
                durable commit, in milliseconds, as the server measured it.
            by: a column or attribute to group by; for attributes.
            **filters: those of `logs` without `columns`; for ack latency only `since` and `until`.

        Returns:
            Columns metric, `by` where given, count (`int64`), mean, min, p50, p95, p99, max and
            relative_error (`float64`). An attribute's percentiles are exact, as `numpy.quantile`
            gives them; the server's own are known within relative_error.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "columns")
        if attribute is not None:
            question = self._ask(filters)
            answer = self._patiently(lambda: attribute_latency(self._logs, question, attribute, by))
            warn_of(answer.lacks)
            return answer.value
        if by is not None:
            raise UsageError(f"by={by!r} wants an attribute; ack latency is measured as one")
        refuse(filters, "type", "source", "contains", "where", "order", "limit", "at")
        return self._ack_latency(self._ask(filters))

    def compression(self) -> pd.DataFrame:
        """Report the archived batches: what each holds, where it lies, what it saves.

        It opens no archive file; `figure` draws it.

        Returns:
            A row a batch, pruned ones too, in the order of their seqs. The columns are day, file
            (below the archives), format, place (`local`, `local+bucket`, `bucket`, `pruned`), rows,
            raw_bytes (as compact JSON), stored_bytes, first_seq, last_seq (`int64`), ratio (raw
            over stored), saved (1 - stored over raw; `float64`), first_timestamp, last_timestamp,
            archived_at and pruned_at (`datetime64[ms, UTC]`).
        """
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
        """Draw what `compression` or `compression_compare` has returned, for a notebook.

        Raises:
            UsageError: it is another frame, or matplotlib is not installed.
        """
        return draw(report)

    @property
    def archives(self) -> Archives:
        """What is archived, summed up by day; it shows itself in a notebook.

        It opens no archive file; `compression` has a row a batch.
        """
        with self._database.view() as view:
            return read_archives(view, str(self._folder.archives))

    def holdings(self) -> Holdings:
        """Return what the folder holds: logs by type and source, time range, size.

        It opens no archive file, for the catalog tells what is in them.
        """
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

    def _ack_latency(self, question: Question) -> pd.DataFrame:
        since, until = question.since, question.until
        if not self._folder.metrics.exists():
            return measured_latency(None, ACK_LATENCY, since, until)
        with Database(self._folder.metrics, METRICS) as metrics, metrics.view() as view:
            return measured_latency(view, ACK_LATENCY, since, until)

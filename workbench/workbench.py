"""Workbench: the one object an analyst holds. It reads; it never writes logs or metrics."""

import html
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, Self, Unpack

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine

from waterline.clock import now_ms
from waterline.errors import WaterlineError
from waterline.storage.catalog import Clock
from workbench.query import answers
from workbench.query.cache.cache import SIZE, TTL, Cache
from workbench.query.pin import Pin
from workbench.query.plan import Plan
from workbench.query.progress import warn_of
from workbench.query.question import Filters, refuse, shows_filters
from workbench.query.session import Session
from workbench.query.sql.statement import Parameters
from workbench.query.times import TimeLike
from workbench.reports import traffic
from workbench.reports.archives import Archives, read_archives
from workbench.reports.compression import batches
from workbench.reports.compression_compare import compression_compare
from workbench.reports.figures.draw import draw
from workbench.reports.holdings import Holdings, holdings
from workbench.reports.latency import PERCENTILES
from workbench.reports.page.contents import gather, since_of
from workbench.reports.page.report import Report
from workbench.reports.sources import QUIET_AFTER
from workbench.reports.throughput import By
from workbench.reports.traffic import Basis

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

    Examples:
        >>> wb = connect("data")
        >>> then = connect("data", at=wb.pin())
    """
    return Workbench(path, at=at, cache=cache, cache_ttl=cache_ttl, cache_size=cache_size)


class Workbench:
    """Answers questions about the logs of one data folder, and reports on them.

    Args:
        path: the data folder.
        clock: returns milliseconds UTC; relative times such as `-1h` count from it.
        at: a pin, or its text: what has no pin of its own is answered as of then.
        cache: whether answers to `logs` and `arrow` are kept in the folder's cache.db.
        cache_ttl: how long an answer is kept.
        cache_size: what all answers may take; the least recently used go first.

    Raises:
        UsageError: `at` is no pin, or one of another folder or another past; or `cache_ttl` or
            `cache_size` has no meaning.
        DataFolderError: there is no Waterline data, or it cannot be read.
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
    ) -> None:
        self._session = Session(
            path, clock, at=at, cache=cache, cache_ttl=cache_ttl, cache_size=cache_size
        )

    @property
    def cache(self) -> Cache | None:
        """The cache, which shows and clears itself; None where there is to be none.

        Examples:
            >>> wb.cache
            >>> wb.cache.clear()
        """
        return self._session.cache

    def pin(self) -> Pin:
        """Name this moment: asked `at` it again, a question is answered by the same logs.

        Its text is short, fits in a cell, and does as well as the pin. Logs that are pruned
        afterwards are lacking, as `PrunedLogs` then tells. A workbench that was opened `at` a pin
        returns that one.

        Examples:
            >>> now = wb.pin()
            >>> wb.logs(type="error", at=now)
        """
        return self._session.pin()

    @shows_filters
    def logs(
        self,
        *,
        attributes: answers.Attributes = None,
        incomplete: Literal["raise", "warn"] = "raise",
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Return logs, hot and archived, oldest first.

        Args:
            attributes: names of attributes that become columns of their own, or `"all"` (1,000 at
                most, those that most logs have), in place of the column `attributes`.
            incomplete: what to do where archive files are missing or damaged: `"raise"`, or
                `"warn"` and return the other logs.
            **filters: which logs: `type` and `source` (a text or several), `since` (inclusive)
                and `until` (exclusive) on `timestamp`, `contains` (a piece of the message, case
                minded), `where` (attribute to value or to (operator, value), with `==`, `!=`, `<`,
                `<=`, `>`, `>=`, `in`), `order` (`"oldest"` or `"newest"` first), `limit` (so many
                of the newest), `columns` (which of those below, in this order) and `at` (a pin: as
                of then).

        Returns:
            Columns seq (`int64`), id, type, source, message (`str`), timestamp, received_at
            (`datetime64[us, UTC]`) and attributes (`str`, a JSON object). `attrs` has `pin` (asked
            at it, the same logs come back), `rows` (`hot` and `archived`), `seconds`, and
            `pruned`, a sentence, where logs are missing because they were pruned, and `missing`, a
            sentence a file, where `incomplete="warn"` has left some out, and `cache`: `"hit"`
            where the cache had all, `"merged"` where it lacked what came since, `"miss"` or
            `"off"`.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
            MissingLogs: archive files are missing or damaged, and the others were wanted.
            NothingFound: a filter alone leaves no log, or no log has an attribute that was named.
            ManyAttributes: more than 1,000 with `"all"`; the others are in `attributes`.
            DamagedCache: the cache was damaged; the answer is not.

        Examples:
            >>> wb.logs(type="error", since="-1h")
            >>> wb.logs(where={"duration_ms": (">", 250)}, attributes=["duration_ms"])
        """
        return answers.logs(self._session, attributes, incomplete, filters)

    @shows_filters
    def arrow(self, **filters: Unpack[Filters]) -> pa.Table:
        """Return logs as an Arrow table, for Polars, DuckDB and others; the filters of `logs`.

        Returns:
            The columns of `logs`; times are `timestamp[us, UTC]`, `attributes` is a JSON object.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.

        Examples:
            >>> wb.arrow(since="-1d")
            >>> wb.arrow(type=["error", "warning"], columns=["timestamp", "message"])
        """
        return answers.arrow(self._session, filters)

    @shows_filters
    def iter_logs(
        self,
        *,
        attributes: answers.Attributes = None,
        **filters: Unpack[Filters],
    ) -> Iterator[pd.DataFrame]:
        """Yield logs piece by piece, by seq, for more of them than memory holds.

        All pieces are of the moment of this call, however long the walk takes and whatever comes
        in or is archived meanwhile.

        Args:
            attributes: as for `logs`; with `"all"` each piece has columns of its own.
            **filters: those of `logs`, without `order` and `limit`.

        Yields:
            Frames with the columns of `logs`, none of them empty; `attrs["pin"]` names the moment.

        Raises:
            UsageError: an argument makes no sense.
            ArchiveError: an archive file is missing or damaged, or was pruned meanwhile.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.

        Examples:
            >>> sum(len(piece) for piece in wb.iter_logs(since="-7d"))
            >>> for piece in wb.iter_logs(columns=["timestamp", "type"]):
            ...     print(piece["type"].value_counts())
        """
        return answers.pieces(self._session, attributes, filters)

    @shows_filters
    def count(self, **filters: Unpack[Filters]) -> int:
        """Count logs; the filters are those of `logs`, without `columns`.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.

        Examples:
            >>> wb.count(type="error", since="-1h")
            >>> wb.count(contains="timeout", where={"station": "north"})
        """
        return answers.count(self._session, filters)

    @shows_filters
    def explain(self, **filters: Unpack[Filters]) -> Plan:
        """Show what `logs` with these filters would read, without reading it.

        Returns:
            A plan that prints itself: how much the cache has, how SQLite finds the hot rows, which
            archive files are read, and how many the catalog rules out.

        Raises:
            UsageError: an argument makes no sense.

        Examples:
            >>> wb.explain(since="-1h")
            >>> print(wb.explain(type="error", source="demo"))
        """
        return answers.explain(self._session, filters)

    def sql(
        self,
        query: str,
        parameters: Parameters | None = None,
        *,
        at: Pin | str | None = None,
    ) -> pd.DataFrame:
        """Answer a SELECT in DuckDB's SQL, over all logs, hot and archived.

        What it filters and the columns it names are all that is read, piece by piece; every part
        of it is of one moment.

        Args:
            query: over `logs` (the columns of `logs`, times in UTC), `archive_batches` and
                `performance_metrics` (both of now). Attributes are JSON: `attributes->>'status'`.
            parameters: the values of `?` or `$1`, or a mapping for those of `$name`.
            at: a pin: as of then.

        Returns:
            The rows; times are `datetime64[us, UTC]`. `attrs` has `pin` and `seconds`, and `pruned`
            as `logs` says it.

        Raises:
            UsageError: it is no SELECT, or one that cannot be answered; or `at` is no pin of this
                folder.
            ArchiveError: an archive file that it needs is missing or damaged.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
            NothingFound: a plain comparison alone leaves no log.

        Examples:
            >>> wb.sql("SELECT type, count(*) AS logs FROM logs GROUP BY type ORDER BY logs DESC")
            >>> wb.sql("SELECT message FROM logs WHERE type = ? LIMIT 10", ["error"])
        """
        return answers.sql(self._session, query, parameters, at)

    @property
    def engine(self) -> Engine:
        """An engine of SQLAlchemy's over what `sql` sees, for tools that want one; it only reads.

        Each of its connections is of the moment at which it was opened. A result is held in memory.

        Examples:
            >>> pd.read_sql("SELECT count(*) AS logs FROM logs", wb.engine)
            >>> pd.read_sql("SELECT * FROM archive_batches", wb.engine)
        """
        return answers.engine(self._session)

    @shows_filters
    def throughput(
        self,
        every: str = "1s",
        *,
        by: By | None = "type",
        exact: bool = False,
        clock: Clock = "received_at",
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Count logs by step of time, and by type or source; `figure` draws it.

        The server counts logs as they come in, and the report comes from its counts, in
        milliseconds whatever the number of logs. They are kept by the second for a day, by the
        minute for 31 days and by the hour for five years, unless its settings say otherwise.

        Args:
            every: the step, such as `1s`, `5min` or `1h`; steps begin at its multiples in UTC. Of
                the server's counts it is a multiple of a second, and one that is kept.
            by: `type`, `source`, or None for all logs together. Beyond a hundred types or sources
                the server counts further ones as `other`.
            exact: count the logs themselves, hot and archived.
            clock: `received_at` for when logs came in; with `exact` also `timestamp` for when they
                happened. It is what `since` and `until` are about.
            **filters: `since`, `until`, and `type` or `source`; with `exact` all those of `logs`
                but `order`, `limit` and `columns`.

        Returns:
            Columns time (the step's begin, `datetime64[us, UTC]`), `by` where given (`str`), logs
            (`int64`), logs_per_second (`float64`) and, without `exact`, bytes (`int64`, as they
            were received), by time and `by`, from the first step with a log to the last; 0 where a
            step has none. Without `exact`, `attrs` has `since` and `until`, which say what it tells
            of (whole seconds), and `counted_through`: logs of higher seqs are not counted yet, as
            those of the last second.

        Raises:
            UsageError: an argument makes no sense; or the server has not counted so, or keeps no
                such steps of the range any more; the sentence says what would do.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: some came in before the server counted, or the counts are gone.
            PrunedLogs: with `exact`, some that were asked for are gone, as they were pruned.

        Examples:
            >>> wb.throughput("1min", since="-1h")
            >>> wb.throughput("1h", by=None, exact=True, clock="timestamp")
        """
        return traffic.throughput(self._session, every, by, Basis(exact, clock), filters)

    @shows_filters
    def latency(
        self,
        metric: str | None = None,
        *,
        by: str | None = None,
        every: str | None = None,
        exact: bool = False,
        clock: Clock = "received_at",
        percentiles: Sequence[float] = PERCENTILES,
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Report percentiles: of ack latency, of attributes such as `duration_ms`; `figure` draws.

        The server measures how long acks and commits take, and the attributes that its setting
        `measured_attributes` names. The report comes from these measurements, in milliseconds
        whatever the number of logs; each percentile is within relative_error of the exact one.

        Args:
            metric: `ack_latency` (from a log's arrival to its durable commit), `commit_duration`,
                another metric of the server's, a measured attribute, or `query_duration`, how long
                this folder's last 10,000 questions through the cache took. Times are in
                milliseconds, attributes in their own unit. Without one there are rows for all that
                take time and for all measured attributes.
            by: a measured attribute by `type`, `query_duration` by `outcome`; with `exact` by any
                column or attribute.
            every: a step such as `1min`, for percentiles over time; see `throughput`.
            exact: compute it from the numbers in the logs themselves, hot and archived; `metric` is
                then any attribute.
            clock: `received_at` for when logs came in; with `exact` also `timestamp` for when they
                happened. It is what steps, `since` and `until` are about.
            percentiles: which, from 0 to 100.
            **filters: `since`, `until`, and of a measured attribute `type`; with `exact` all those
                of `logs` but `columns`.

        Returns:
            A row a metric, step and value of `by` that has numbers, with the columns metric, time
            (the step's begin, `datetime64[us, UTC]`) with `every`, `by` where given (`str`;
            `attributes.NAME` where another column has its name), count (`int64`), mean, min, p50,
            p95, p99, max and relative_error (`float64`). A percentile is a value with so many
            percent of the values at or below it: `numpy.quantile` with the method `inverted_cdf`,
            which it equals with `exact`. Without `exact`, `attrs` has `since` and `until`, which
            say what it tells of: whole seconds, and whole minutes or hours where seconds are gone.

        Raises:
            UsageError: an argument makes no sense; or the server has not measured so, or keeps no
                such steps of the range any more; the sentence says what would do.
            DataFolderError: metrics.db cannot be read, or is damaged.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: some came in before the server measured, or the measurements are gone.
            PrunedLogs: with `exact`, some that were asked for are gone, as they were pruned.

        Examples:
            >>> wb.latency()
            >>> wb.latency("duration_ms", by="type", exact=True)
        """
        basis = Basis(exact, clock)
        return traffic.latency(self._session, metric, by, every, percentiles, basis, filters)

    def sources(self, quiet_after: str = QUIET_AFTER) -> pd.DataFrame:
        """Report who sends logs: how much, now and usually, and who went quiet.

        The report comes from what the server has counted, over all the time that is kept. Beyond a
        hundred sources it counts further ones together as `other`: of their own they have only
        first_seen, last_seen and silent_for.

        Args:
            quiet_after: after what silence a source may be quiet, such as `1h`. The server's
                setting of this name, by which it warns in `/health`, is 10 minutes unless changed.

        Returns:
            A row a source, by name, with the columns source (`str`), first_seen, last_seen (when
            logs of it were first and last received; `datetime64[us, UTC]`), logs, bytes (as they
            were received; `int64`), rate (logs a second over the last five minutes), usual_rate
            (over the last seven days; both since first_seen where that is later; `float64`),
            rejected, duplicates (logs; `int64`), silent_for (since last_seen; `timedelta64[us]`)
            and quiet (`bool`). A source is quiet that sent in at least ten different minutes of
            the last seven days, and is silent for longer than quiet_after and than twice the
            longest gap between two of these minutes. One whose logs were all refused was never
            seen: it has no times, and is not quiet.

        Raises:
            UsageError: `quiet_after` has no meaning; or this workbench has a pin.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: logs.db is of an earlier time than its archives.

        Examples:
            >>> wb.sources()
            >>> wb.sources(quiet_after="1h")
        """
        return traffic.sources(self._session, quiet_after)

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

        Examples:
            >>> wb.report()
            >>> Path("report.html").write_text(wb.report(since="7d").to_html())
        """
        now = now_ms()
        return Report(gather(self._session, since_of(since, now), quiet_after, now))

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

        Examples:
            >>> wb.compression()
            >>> wb.compression()[["day", "rows", "ratio"]]
        """
        return batches(self._session)

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

        Examples:
            >>> wb.compression_compare(rounds=1, limit=1_000)
            >>> wb.figure(wb.compression_compare(rounds=1, type="info"))
        """
        refuse(filters, "order", "columns")
        if filters.get("limit") is None:
            filters["limit"] = _COMPARED
        session = self._session
        question = session.question(filters)
        rows = session.patiently(lambda: session.logs.rows(question))
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

        Examples:
            >>> wb.figure(wb.throughput("1min"))
            >>> wb.figure(wb.latency("ack_latency", every="1min"))
        """
        return draw(report)

    @property
    def archives(self) -> Archives:
        """What is archived, summed up by day; it shows itself in a notebook.

        It opens no archive file; `compression` has a row a batch.

        Raises:
            IncompleteAnswer: logs.db is of an earlier time than its archives.

        Examples:
            >>> wb.archives
            >>> wb.archives.days
        """
        session = self._session
        session.refuse_earlier()
        with session.database.view() as view:
            return read_archives(view, str(session.folder.archives))

    def holdings(self) -> Holdings:
        """Return what the folder holds: logs by type and source, time range, size.

        It opens no archive file, for the catalog tells what is in them.

        Raises:
            IncompleteAnswer: logs.db is of an earlier time than its archives.

        Examples:
            >>> wb.holdings()
            >>> wb.holdings().types
        """
        return holdings(self._session)

    def close(self) -> None:
        """Let the files go; may be called twice.

        Examples:
            >>> wb.close()
            >>> with workbench.connect("data") as other:
            ...     other.count()
        """
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            return self.holdings().to_text()
        except WaterlineError as error:
            return f"a workbench on {self._session.folder.path}: {error}"

    def _repr_html_(self) -> str:
        try:
            return self.holdings().to_html()
        except WaterlineError:
            return f"<p>{html.escape(repr(self))}</p>"

"""The workbench: the one object an analyst holds. It reads, and never writes logs or metrics."""

import html
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, Self, Unpack

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine

from waterline.archive.columns import NAMES
from waterline.clock import now_ms
from waterline.errors import WaterlineError
from waterline.storage.catalog import Clock
from workbench.clients.log_files.options import reading_of
from workbench.notebook import formatter, log_table, watching
from workbench.notebook.card import card
from workbench.opening import FOLDER, open_session
from workbench.patterns.difference import Side, diff
from workbench.patterns.patterns import Against, patterns
from workbench.query import answers, files
from workbench.query.around import around
from workbench.query.cache.cache import SIZE, TTL, Cache
from workbench.query.partitions import partitioned
from workbench.query.pin import Pin
from workbench.query.plan import Plan
from workbench.query.progress import warn_of
from workbench.query.question import Filters, refuse, shows_filters
from workbench.query.sql.statement import Parameters
from workbench.query.times import TimeLike
from workbench.reports import fields, traffic
from workbench.reports.archives import Archives, archives
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
    import dask.dataframe as dd
    from matplotlib.figure import Figure

    from workbench.lake.servers import Addresses, Tokens
    from workbench.opening import Cluster

# A batch of the default format: enough to tell codecs apart, in a few seconds.
_COMPARED: Final = 100_000


def connect(
    path: str | os.PathLike[str] = FOLDER,
    *,
    lake: str | None = None,
    nodes: "Addresses | None" = None,
    token: "Tokens" = None,
    certificate: str | os.PathLike[str] | None = None,
    at: Pin | str | None = None,
    cache: bool = True,
    cache_ttl: str = TTL,
    cache_size: str = SIZE,
    cluster: "Cluster | None" = None,
) -> "Workbench":
    """Open a data folder for reading, here or behind a server, or a lake of several.

    The server of logs may run or not.

    Args:
        path: the data folder, or the address of its `waterline query`, such as
            `https://logs.example.com:3003`.
        lake: in place of a path, the address of a lake, such as `s3://bucket/lake`: the archives of
            several nodes. Frames have the column `node`, as `seq` is a number of one node.
        nodes: addresses of the lake's nodes, by name or as a list, each a `waterline query`; they
            are asked for what they have not uploaded yet. None asks the lake alone.
        token: a token with the scope `read`, for an address, or for those of a lake one each, by
            name of the node or address; None takes the variable WATERLINE_TOKEN.
        certificate: a PEM file with the certificate of the server at an address, if no authority
            vouches for it.
        at: the moment of which questions about logs are answered, unless they name their own: what
            `Workbench.pin` returned, or its text.
        cache: whether answers to `logs` and `arrow` are kept in the folder's cache.db, of an
            address in the user's cache folder, of a lake not at all. A kept answer is used only
            where it equals what is stored.
        cache_ttl: duration for which an answer is kept, such as `1h`.
        cache_size: bytes that all answers may take, such as `256MiB`. Beyond it the least recently
            used go first.
        cluster: a Dask cluster, whose workers read the archives: a `distributed.Client`, or
            `"local"` or a number of workers to start on this machine until the workbench is closed.

    Returns:
        A workbench, which is also a context manager that closes itself.

    Raises:
        UsageError: `at` is no pin of this folder and its past; `cache_ttl` is no duration, or
            `cache_size` no size.
        DataFolderError: the folder has no logs.db, or it cannot be read.
        TokenError: an address needs a token, or its server does not accept this one.
        ServerUnreachable: nothing answers at the address, or its certificate is not trusted.
        ClusterError: the cluster cannot be used.
        MissingPart: Dask is not installed.

    Warns:
        UnprotectedCluster: anybody who reaches the scheduler can have it run code.

    Examples:
        >>> wb = connect("data")
        >>> then = connect("data", at=wb.pin())
    """
    formatter.register()
    return Workbench(
        path,
        lake=lake,
        nodes=nodes,
        token=token,
        certificate=certificate,
        at=at,
        cache=cache,
        cache_ttl=cache_ttl,
        cache_size=cache_size,
        cluster=cluster,
    )


@shows_filters
def read(
    paths: files.Paths,
    *,
    pattern: str | None = None,
    format: str = "auto",  # noqa: A002 - what everybody calls it
    formats: str | os.PathLike[str] | None = None,
    multiline: str = "join",
    encoding: str | None = None,
    extract: str | None = None,
    message_field: str | None = None,
    time_field: str | None = None,
    type_field: str | None = None,
    timezone: str = "UTC",
    attributes: answers.Attributes = None,
    incomplete: Literal["raise", "warn"] = "raise",
    **filters: Unpack[Filters],
) -> pd.DataFrame:
    r"""Return the logs of files, oldest first, without a server and without a data folder.

    The files are those that `waterline send` takes, packed ones too, and what their lines say is
    read alike: `Workbench.logs` returns the same of a server that they were sent to.

    Args:
        paths: path of a file or a folder, or a pattern of paths such as `"logs/*.gz"`, or several
            of them. Rotations of one log are read oldest first.
        pattern: regular expression of lines, from their start. Its groups `timestamp` (or `time`),
            `level` (or `type`) and `message` (or `body`) are what they say; others are attributes,
            numbers as numbers. Other lines are read as they are without it.
        format: how to read the lines: `"auto"`, `"jsonl"` (objects alone) or `"lines"` (text
            alone).
        formats: path of a file of dialects of your own, in the JSON form of lnav's format files.
        multiline: what becomes of lines that continue a log: `"join"` them to it, give them its
            `"time"`, or `"off"`.
        encoding: encoding of text that is not UTF-8, such as `"latin-1"`; by default it is
            recognised.
        extract: regular expression that is looked for in each line, whose named groups become
            attributes.
        message_field: member of JSON objects that is the message; `a.b` is b within a.
        time_field: member of JSON objects that is the time.
        type_field: member of JSON objects that is the type.
        timezone: zone of times that name none, such as `"Europe/Berlin"`.
        attributes: as for `Workbench.logs`.
        incomplete: what happens where a file cannot be read, or not to its end: `"raise"`, or
            `"warn"` and return the other logs.
        **filters: those of `Workbench.logs` but `at`. What they leave out takes no memory.

    Returns:
        A row a log, with the columns of `Workbench.logs`. `seq` counts the logs in the order of the
        files and their lines. `source` is the path. `received_at` is the last change of the file,
        and the `timestamp` of logs that name no time and follow none that does. Of logs with one id
        the first is taken. Logs that Waterline has exported as JSON lines have their own source and
        `received_at`, and their own `seq` where it ascends. `attrs` has `seconds`. Where
        logs are lacking, `missing` is a list of a sentence each; where a folder has files that are
        no logs, `skipped` is a list of them, each with why.

    Raises:
        UsageError: a file cannot be read or is no text, or an argument has no meaning; the sentence
            names it.

    Warns:
        MissingLogs: lines hold no log, or files cannot be read and `incomplete` is `"warn"`.
        NothingFound: the files hold no log, no line matches `pattern`, one filter alone leaves no
            log, or no log has a named attribute.
        ManyAttributes: as for `Workbench.logs`.

    Examples:
        >>> read("access.log", where={"status": (">=", 500)}, attributes=["status", "path"])
        >>> read("*.log", pattern=r"(?P<time>\S+ \S+) (?P<level>\w+) \[(?P<thread>.+?)\]")
    """
    formatter.register()
    reading = reading_of(
        lambda option, value: f"{option}={value!r}",
        format=format,
        formats=formats,
        multiline=multiline,
        encoding=encoding,
        extract=extract,
        message_field=message_field,
        time_field=time_field,
        type_field=type_field,
        timezone=timezone,
    )
    return files.read(
        paths,
        reading,
        pattern=pattern,
        attributes=attributes,
        incomplete=incomplete,
        filters=filters,
    )


class Workbench:
    """Answers questions about the logs of one data folder, and reports on them.

    Args:
        path: the data folder, or the address of its `waterline query`.
        lake: the address of a lake in place of a path, as for `connect`.
        nodes: addresses of a lake's nodes, as for `connect`.
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        token: a token for an address, as for `connect`.
        certificate: certificate of the server at an address, as for `connect`.
        at: the moment of questions that name none, as for `connect`.
        cache: whether answers to `logs` and `arrow` are kept in the folder's cache.db.
        cache_ttl: duration for which an answer is kept.
        cache_size: bytes that all answers may take.
        cluster: a Dask cluster, as for `connect`.

    Raises:
        UsageError: an argument has no meaning, as for `connect`.
        DataFolderError: the folder has no logs.db, or it cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = FOLDER,
        clock: Callable[[], int] = now_ms,
        *,
        lake: str | None = None,
        nodes: "Addresses | None" = None,
        token: "Tokens" = None,
        certificate: str | os.PathLike[str] | None = None,
        at: Pin | str | None = None,
        cache: bool = True,
        cache_ttl: str = TTL,
        cache_size: str = SIZE,
        cluster: "Cluster | None" = None,
    ) -> None:
        self._session = open_session(
            path,
            clock,
            lake=lake,
            nodes=nodes,
            token=token,
            certificate=certificate,
            at=at,
            cache=cache,
            cache_ttl=cache_ttl,
            cache_size=cache_size,
            cluster=cluster,
        )

    read = staticmethod(read)

    @staticmethod
    def show(
        logs: object,
        *,
        rows: int = log_table.ROWS,
        message: str | None = None,
        time: str | None = None,
        type: str | None = None,  # noqa: A002 - the column's name
    ) -> log_table.LogTable:
        """Show any logs as a notebook shows those of `logs`: a table for reading.

        It stays as it is without a server, widgets or scripts; with scripts it has a search. An
        answer with messages shows itself so; `pd.DataFrame(answer)` is pandas' own view of it.

        Args:
            logs: a frame with a column of messages, or a list of objects or of texts.
            rows: number of rows that are shown; of more logs the first and the last ones.
            message: name of the column of messages, if it is not one that logs usually have.
            time: name of the column of times.
            type: name of the column of types.

        Returns:
            A table, which shows itself in a notebook; its `frame` has all logs.

        Raises:
            UsageError: no column is the message, or an argument has no meaning.

        Examples:
            >>> wb.show(wb.logs(type="error"), rows=500)
            >>> wb.show(pd.DataFrame({"text": ["pump 3 runs dry"]}), message="text")
        """
        return log_table.show(logs, rows, message, time, type)

    @property
    def cache(self) -> Cache | None:
        """The cache of answers, which shows itself in a notebook.

        Returns:
            The cache, or None after `connect(..., cache=False)`.

        Examples:
            >>> wb.cache
            >>> wb.cache.clear()
        """
        return self._session.cache

    @shows_filters
    def watch(
        self,
        *,
        seconds: float = watching.SECONDS,
        rows: int = watching.ROWS,
        **filters: Unpack[Filters],
    ) -> None:
        """Watch logs come in, in the cell, until so many seconds have passed or an interrupt.

        It reads the data folder, so it needs no token, and goes on while the server is down. Where
        no cell can be replaced, such as in a terminal, each log is a line.

        Args:
            seconds: seconds after which it ends, a day at most.
            rows: number of logs that are shown, the newest ones; 1,000 at most.
            **filters: those of `logs`, without `until`, `order`, `limit`, `columns` and `at`.

        Raises:
            UsageError: an argument has no meaning; or this workbench has a pin.
            ArchiveError: an archive file is missing or damaged.
            DataFolderError: logs.db cannot be read, or was replaced meanwhile.

        Examples:
            >>> wb.watch(type="error", seconds=1)
            >>> wb.watch(query="status>=500 -path:/health", seconds=1, rows=10)
        """
        watching.watch(self._session, seconds, rows, filters)

    def pin(self) -> Pin:
        """Pin this moment: a question asked `at` the pin is answered by the same logs again.

        Logs that are pruned later are missing from the answer, and a `PrunedLogs` warning says so.

        Returns:
            A pin; its text, `str(pin)`, does as well. A workbench that was opened `at` a pin
            returns that one.

        Raises:
            DataFolderError: logs.db cannot be read.

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
            attributes: names of attributes that become columns, in place of the column
                `attributes`; `"all"` takes those that most logs have, at most 1,000.
            incomplete: what happens where archive files are missing or damaged: `"raise"`, or
                `"warn"` and return the other logs.
            **filters: conditions that a log must meet, all of them, and the shape of the answer.
                `type` and `source`: one text or several. `since` (inclusive) and `until`
                (exclusive): bounds of `timestamp`. `contains`: a part of the message, matching
                case. `query`: a query as text, such as
                `type:error status>=500 -path:/health "timed out"`. `where`: a mapping from
                attribute to a value, or to (operator, value) with `==`, `!=`, `<`, `<=`, `>`, `>=`
                or `in`. `node`: one or several nodes of a lake, which alone are asked. `order`:
                `"oldest"` or `"newest"` first. `limit`: number of logs, the newest ones. `columns`:
                names of the columns below, in the order wanted. `at`: a pin.

        Returns:
            A row a log, with the columns seq (`int64`), id, type, source, message (`str`),
            timestamp, received_at (`datetime64[us, UTC]`) and attributes (`str`, a JSON object).
            `attrs` has `pin` (of the answer), `rows` (numbers of `hot` and `archived` ones),
            `seconds`, and `cache`: `"hit"` (the cache had all), `"merged"` (all but newer logs),
            `"miss"` or `"off"`. Where logs were pruned, `pruned` is a sentence about them. Where
            `incomplete="warn"` left files out, `missing` is a list of a sentence a file. A notebook
            shows a frame with messages as a table for reading, as `show` does.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            MissingLogs: archive files are missing or damaged, and `incomplete` is `"warn"`.
            NothingFound: one filter alone leaves no log, or no log has a named attribute.
            ManyAttributes: `"all"` found more than 1,000; the others stay in `attributes`.
            DamagedCache: the cache was damaged and is made anew; the answer is right.

        Examples:
            >>> wb.logs(query='type:error status>=500 -path:/health "timed out"', since="-1h")
            >>> wb.logs(where={"duration_ms": (">", 250)}, attributes=["duration_ms"])
        """
        return answers.logs(self._session, attributes, incomplete, filters)

    def around(
        self,
        seq: int,
        n: int = 10,
        by: str | None = "source",
        *,
        at: Pin | str | None = None,
    ) -> pd.DataFrame:
        """Return a log with those before and after it, hot and archived, oldest first.

        Args:
            seq: the log's seq.
            n: number of logs on each side, at most 10,000.
            by: name of the column or attribute whose value they share with it, such as `type` or
                `service`; None takes all logs.
            at: a pin.

        Returns:
            A row a log, with the columns of `logs`, by timestamp, and of equal ones by seq. `attrs`
            has `pin`, `rows`, `seconds` and `pruned` as for `logs`, and `around`, the seq, by which
            a notebook marks the log.

        Raises:
            UsageError: no log has that seq or it lacks the attribute, or an argument has no
                meaning.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: logs that may be among them were pruned.

        Examples:
            >>> wb.around(7)
            >>> wb.around(7, n=3, by=None)
        """
        return self._session.answer(around, seq, n, by, at)

    @shows_filters
    def arrow(self, **filters: Unpack[Filters]) -> pa.Table:
        """Return logs as an Arrow table, for Polars, DuckDB and others.

        Args:
            **filters: those of `logs`.

        Returns:
            The columns of `logs`; times are `timestamp[us, UTC]`, `attributes` is a JSON object.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one filter alone leaves no log.

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
        """Yield logs in pieces, ordered by seq, for more of them than memory holds.

        All pieces are of the moment of this call, whatever comes in or is archived meanwhile.

        Args:
            attributes: as for `logs`; with `"all"` each piece has columns of its own.
            **filters: those of `logs`, without `order` and `limit`.

        Yields:
            Frames with the columns of `logs`, none of them empty; `attrs["pin"]` names the moment.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            ArchiveError: an archive file is missing or damaged, or was pruned meanwhile.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one filter alone leaves no log.

        Examples:
            >>> sum(len(piece) for piece in wb.iter_logs(since="-7d"))
            >>> for piece in wb.iter_logs(columns=["timestamp", "type"]):
            ...     print(piece["type"].value_counts())
        """
        return answers.pieces(self._session, attributes, filters)

    @shows_filters
    def count(self, **filters: Unpack[Filters]) -> int:
        """Count logs.

        Args:
            **filters: those of `logs`, without `columns`.

        Returns:
            Number of logs that meet the filters.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one filter alone leaves no log.

        Examples:
            >>> wb.count(type="error", since="-1h")
            >>> wb.count(contains="timeout", where={"station": "north"})
        """
        return self._session.answer(answers.count, filters)

    @shows_filters
    def explain(self, **filters: Unpack[Filters]) -> Plan:
        """Plan what `logs` would read, without reading it.

        Args:
            **filters: those of `logs`.

        Returns:
            A plan, which prints itself: how much the cache has, how SQLite finds the hot rows,
            which archive files are read, and how many the catalog rules out.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.

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

        Only the columns that it names and the logs that pass its filters are read, in pieces. All
        of them are of one moment.

        Args:
            query: one SELECT over `logs` (its columns are those of `Workbench.logs`, times in
                UTC), `archive_batches` and `performance_metrics` (both of now). Attributes are
                JSON: `attributes->>'status'`.
            parameters: values of `?` or `$1` in order, or a mapping for those of `$name`.
            at: a pin.

        Returns:
            The rows; times are `datetime64[us, UTC]`. `attrs` has `pin` and `seconds`, and `pruned`
            as for `logs`.

        Raises:
            UsageError: `query` is no SELECT, or DuckDB cannot answer it; or `at` is no pin of this
                folder.
            ArchiveError: an archive file that it needs is missing or damaged.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one plain comparison alone leaves no log.

        Examples:
            >>> wb.sql("SELECT type, count(*) AS logs FROM logs GROUP BY type ORDER BY logs DESC")
            >>> wb.sql("SELECT message FROM logs WHERE type = ? LIMIT 10", ["error"])
        """
        return answers.sql(self._session, query, parameters, at)

    @property
    def engine(self) -> Engine:
        """An engine of SQLAlchemy over the tables of `sql`, for tools that want one.

        It only reads. A connection is of the moment at which it was opened. A result is held in
        memory.

        Returns:
            A new engine.

        Raises:
            UsageError: from its connections, as from `sql`.

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
        """Report logs per step of time, by type or source; `figure` draws it.

        The report comes from what the server counted as logs came in: it takes milliseconds,
        whatever the number of logs. Counts are kept by the second for a day, by the minute for 31
        days and by the hour for five years, unless the server's settings say otherwise.

        Args:
            every: duration of a step, such as `1s`, `5min` or `1h`; steps begin at its multiples in
                UTC. Without `exact` it is a whole number of seconds, of counts that are kept.
            by: `type`, `source`, or None for all logs together. Beyond a hundred types or sources
                the server counts further ones as `other`.
            exact: whether to count the logs themselves, hot and archived.
            clock: column that steps, `since` and `until` are about: `received_at` (when logs came
                in), or with `exact` also `timestamp` (when they happened).
            **filters: `since`, `until`, and `type` or `source`; with `exact` all those of `logs`
                but `order`, `limit` and `columns`.

        Returns:
            Columns time (the step's begin, `datetime64[us, UTC]`), `by` where given (`str`), logs
            (`int64`), logs_per_second (`float64`) and, without `exact`, bytes (`int64`, as
            received). Rows are ordered by time and `by`, from the first step with a log to the
            last; a step without logs has 0. Without `exact`, `attrs` has `since` and `until`, the
            range that it covers (whole seconds), and `counted_through`, the highest seq that is
            counted: logs of the last second may not be yet.

        Raises:
            UsageError: an argument has no meaning; or the server has not counted so, or no longer
                keeps such steps of the range. The sentence says what would do.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: logs came in before the server counted, or their counts are gone.
            PrunedLogs: with `exact`, logs that were asked for were pruned.

        Examples:
            >>> wb.throughput("1min", since="-1h")
            >>> wb.throughput("1h", by=None, exact=True, clock="timestamp")
        """
        return self._session.answer(traffic.throughput, every, by, Basis(exact, clock), filters)

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
        """Report percentiles of latencies and of measured attributes; `figure` draws them.

        The server measures how long acks and commits take, and the attributes that its setting
        `measured_attributes` names. The report comes from these measurements: it takes
        milliseconds, whatever the number of logs. A percentile is within relative_error of the
        exact one.

        Args:
            metric: `ack_latency` (from a log's arrival to its durable commit), `commit_duration`,
                another metric of the server's, a measured attribute, or `query_duration`, the time
                that this folder's last 10,000 questions through the cache took. Times are in
                milliseconds, attributes in their own unit. None reports all times and all measured
                attributes.
            by: `type` for a measured attribute, `outcome` for `query_duration`; with `exact` any
                column or attribute.
            every: duration of a step, as for `throughput`, for percentiles over time.
            exact: whether to compute percentiles from the logs themselves, hot and archived;
                `metric` may then be any attribute.
            clock: column that steps, `since` and `until` are about: `received_at` (when logs came
                in), or with `exact` also `timestamp` (when they happened).
            percentiles: numbers from 0 to 100.
            **filters: `since`, `until`, and of a measured attribute `type`; with `exact` all those
                of `logs` but `columns`.

        Returns:
            A row a metric, step and value of `by` that has numbers, with the columns metric, time
            (the step's begin, `datetime64[us, UTC]`) with `every`, `by` where given (`str`;
            `attributes.NAME` where another column has its name), count (`int64`), mean, min, p50,
            p95, p99, max and relative_error (`float64`). A percentile is the smallest value with
            that percentage of all values at or below it, as `numpy.quantile` returns with the
            method `inverted_cdf`. Without `exact`, `attrs` has `since` and `until`, the range that
            it covers: whole seconds, or whole minutes or hours where seconds are gone.

        Raises:
            UsageError: an argument has no meaning; or the server has not measured so, or no longer
                keeps such steps of the range. The sentence says what would do.
            DataFolderError: metrics.db cannot be read, or is damaged.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            UnmeasuredLogs: logs came in before the server measured, or measurements are gone.
            PrunedLogs: with `exact`, logs that were asked for were pruned.

        Examples:
            >>> wb.latency()
            >>> wb.latency("duration_ms", by="type", exact=True)
        """
        basis = Basis(exact, clock)
        return traffic.latency(self._session, metric, by, every, percentiles, basis, filters)

    def sources(self, quiet_after: str = QUIET_AFTER) -> pd.DataFrame:
        """Report sources: how much each sends, now and usually, and which went quiet.

        The report comes from what the server counted, over all the time that is kept. Beyond a
        hundred sources it counts further ones together as `other`; those have only first_seen,
        last_seen and silent_for of their own.

        Args:
            quiet_after: duration of silence after which a source may be quiet, such as `1h`. The
                server warns in `/health` by its setting of this name, 10 minutes unless changed.

        Returns:
            A row a source, ordered by name, with the columns source (`str`), first_seen, last_seen
            (when its first and last log were received; `datetime64[us, UTC]`), logs, bytes (as
            received; `int64`), rate (logs a second over the last five minutes), usual_rate (over
            the last seven days; both since first_seen where that is later; `float64`), rejected,
            duplicates (logs; `int64`), silent_for (since last_seen; `timedelta64[us]`) and quiet
            (`bool`). A quiet source sent in at least ten different minutes of the last seven days,
            and has been silent for longer than `quiet_after` and than twice the longest gap between
            two of these minutes. A source whose logs were all refused has no times, and is never
            quiet.

        Raises:
            UsageError: `quiet_after` is no duration; or this workbench has a pin.
            DataFolderError: metrics.db cannot be read.
            IncompleteAnswer: logs.db is older than its archives.

        Examples:
            >>> wb.sources()
            >>> wb.sources(quiet_after="1h")
        """
        return self._session.answer(traffic.sources, quiet_after)

    def report(self, since: TimeLike = "-24h", quiet_after: str = QUIET_AFTER) -> Report:
        """Report holdings, throughput, latency, sources, archives and cache on one page.

        It shows itself in a notebook, and prints itself as text; `waterline report` writes it.

        Args:
            since: begin of the range of throughput and latency, which ends now: a moment as for
                `logs`, or an age such as `7d`.
            quiet_after: as for `sources`.

        Returns:
            A report. Its `to_html()` returns one page that needs no other file, `to_text()` text of
            at most 100 columns; `contents` has the frames that both are made of.

        Raises:
            UsageError: an argument has no meaning; or this workbench has a pin.
            DataFolderError: a file of the folder cannot be read.
            IncompleteAnswer: logs.db is older than its archives.

        Examples:
            >>> wb.report()
            >>> Path("report.html").write_text(wb.report(since="7d").to_html())
        """
        now = now_ms()
        return Report(gather(self._session, since_of(since, now), quiet_after, now))

    def compression(self) -> pd.DataFrame:
        """Report archived batches: what each holds, where it lies, what it saves.

        It reads the catalog, and opens no archive file; `figure` draws it.

        Returns:
            A row a batch, pruned ones too, ordered by seq, with the columns day, file (below the
            archives), format, place (`local`, `local+bucket`, `bucket` or `pruned`; `str`), rows,
            raw_bytes (as compact JSON), stored_bytes, first_seq, last_seq (`int64`), ratio (raw
            over stored), saved (1 - stored over raw; `float64`), first_timestamp, last_timestamp,
            archived_at and pruned_at (`datetime64[us, UTC]`).

        Raises:
            IncompleteAnswer: logs.db is older than its archives.

        Examples:
            >>> wb.compression()
            >>> wb.compression()[["day", "rows", "ratio"]]
        """
        return self._session.answer(batches)

    @shows_filters
    def patterns(self, *, against: Against = None, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Report what logs say apart from their values: each pattern, how often, and since when.

        Messages whose words agree for the most part are of one pattern, in which `<*>` stands for
        what differs. Of a message of several lines the first counts.

        Args:
            against: another range, for what is new or grown since: `"before"`, as long and just
                before `since`, or a tuple of two times as for `logs`.
            **filters: those of `logs`, without `order`, `limit` and `columns`.

        Returns:
            A row a pattern, the most frequent first, with the columns pattern (`str`), logs
            (`int64`), share (of all logs that meet the filters; `float64`), type (the most
            frequent one; `str`), type_share (its share of the pattern), first_seen, last_seen
            (`datetime64[us, UTC]`), over_time (bars of equal steps, from the first log of all to
            the last; `str`), example_seq (`int64`) and example (the message of its first log).
            With `against` also before (logs then; `int64`), change (the share now as a multiple of
            the share then, infinite if there was none; `float64`), score (log-likelihood ratio: how
            little that looks like chance, negative where the share shrank; `float64`) and is_new
            (`bool`); new ones come first, and of either kind the highest score. `attrs` has `pin`,
            `logs`, `logs_before` and `seconds`.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            ArchiveError: an archive file is missing or damaged, or was pruned meanwhile.

        Warns:
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one filter alone leaves no log.

        Examples:
            >>> wb.patterns(type="error", since="-1d")
            >>> wb.patterns(since="-15min", against="before").head(10)
        """
        return self._session.answer(patterns, against, filters)

    @shows_filters
    def fields(
        self,
        *,
        top: int = 5,
        sample: int | None = fields.SAMPLE,
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Report the fields of logs: which there are, how many logs have each, with which values.

        Args:
            top: number of values that are listed of each.
            sample: number of logs that are read at most, the newest ones; None reads all.
            **filters: those of `logs`, without `order`, `limit` and `columns`.

        Returns:
            A row a field: `type`, `source`, then attributes, those that most logs have first; at
            most 1,000. The columns are field (`str`; `attributes.NAME` where another column has the
            name), logs (those that have it, `int64`), coverage (their share, `float64`), types
            (`text`, `number`, `boolean`, `list` or `object`; `str`), distinct (number of different
            values, `int64`), min, max (of numbers, `float64`) and top (a dict of the most frequent
            values to numbers of logs, `object`). `attrs` has `pin`, `logs` (number read),
            `seconds`, and `sampled`, a sentence, if there are more.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            SampledLogs: there are more logs than `sample`.
            ManyAttributes: there are more than 1,000 fields.
            PrunedLogs: logs that were asked for were pruned.
            NothingFound: one filter alone leaves no log.

        Examples:
            >>> wb.fields(type="error")
            >>> wb.fields(top=10, sample=None).set_index("field")["top"].get("status")
        """
        return self._session.answer(fields.fields, top, sample, filters)

    def diff(self, a: Side, b: Side) -> pd.DataFrame:
        """Report what is new, gone, grown or shrunk in one set of logs against another.

        Types, sources, patterns and values of attributes are compared by their share of each set.
        Numbers of many values are compared by their size.

        Args:
            a: the logs to compare with: filters of `logs` as a mapping, a range as a tuple of two
                times, logs as a frame, or `"before"`, as long and just before the range of `b`.
            b: the logs that are of interest, alike.

        Returns:
            A row a difference, at most 1,000, the one that explains most first, with the columns
            what (`pattern`, `type`, `source` or the name of an attribute), value (as a query names
            it, `200 to 500` of numbers, or `any value`), change (`new`, `gone`, `grown` or
            `shrunk`; `str`), a, b (logs of each set that have it; `int64`), share_a, share_b, ratio
            (of the shares; infinite if new), score (log-likelihood ratio: how little that looks
            like chance; `float64`), example_seq (`int64`) and example (a message; `str`). A score
            below 6.63 is not told, but of a new pattern. `attrs` has `pin`, `logs_a`, `logs_b`,
            `seconds`, and `uncounted`: the attributes with more than 1,000 values, of which only
            is compared how many logs have them, and those beyond the first 300.

        Raises:
            UsageError: a set has no meaning; the sentence names it.
            ArchiveError: an archive file is missing or damaged, or was pruned meanwhile.

        Warns:
            PrunedLogs: logs that were asked for were pruned.

        Examples:
            >>> wb.diff("before", {"since": "-15min"})
            >>> wb.diff(wb.logs(type="info"), wb.logs(type=["warning", "error"]))
        """
        if isinstance(a, pd.DataFrame) or isinstance(b, pd.DataFrame):
            return diff(self._session, a, b)
        return self._session.answer(diff, a, b)

    @shows_filters
    def dask(self, **filters: Unpack[Filters]) -> "dd.DataFrame":
        """Return logs as a Dask DataFrame, to go on with by yourself.

        Each batch of the archives is a partition, in the order of seq, which whoever computes it
        reads and checks then: against its SHA-256 and page by page. The hot logs are the last one,
        as they were at this call. What you read by other means, such as `dd.read_parquet`, is not
        checked: a flipped bit may give another answer without a word.

        Args:
            **filters: those of `logs`, without `order` and `limit`.

        Returns:
            A DataFrame with the columns and types of `logs`, whose index counts within each
            partition. Computing it raises `ArchiveError` where a file is missing or damaged, or has
            moved since this call. It has no `attrs`.

        Raises:
            UsageError: an argument has no meaning; the sentence names it.
            MissingPart: Dask is not installed.

        Warns:
            PrunedLogs: logs that were asked for were pruned.

        Examples:
            >>> wb.dask(type="error", columns=["source"])["source"].value_counts().compute()
            >>> wb.dask(since="-1d").map_partitions(len).compute()
        """
        return partitioned(self._session, filters)

    @shows_filters
    def compression_compare(self, rounds: int = 3, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Compare codecs and levels of the archive formats on logs of this folder.

        Each stores the logs in memory and reads them back; nothing is written to a disk. `figure`
        draws it.

        Args:
            rounds: number of times that each is timed; the report has the medians.
            **filters: those of `logs`, without `order` and `columns`. Without `limit` the newest
                100,000 logs are taken.

        Returns:
            A row a codec and level, with the columns format, codec (`str`), level (`Int64`), rows,
            raw_bytes (as compact JSON), stored_bytes (`int64`), ratio, saved, write_mb_per_s,
            read_mb_per_s (10^6 bytes of JSON a second; `float64`) and is_default (`bool`).

        Raises:
            UsageError: an argument has no meaning, or no log meets the filters.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
            ArchiveError: a codec gave back other logs.

        Warns:
            PrunedLogs: logs that were asked for were pruned.

        Examples:
            >>> wb.compression_compare(rounds=1, limit=1_000)
            >>> wb.figure(wb.compression_compare(rounds=1, type="info"))
        """
        refuse(filters, "order", "columns")
        if filters.get("limit") is None:
            filters["limit"] = _COMPARED
        session = self._session
        question = session.question(filters)
        rows = session.patiently(lambda: session.reads.rows(question))
        warn_of(rows.lacks)
        return compression_compare(rows.table.select(NAMES), rounds)

    @staticmethod
    def figure(report: pd.DataFrame) -> "Figure":
        """Draw a report as a figure of matplotlib.

        Args:
            report: what `throughput`, `latency`, `compression` or `compression_compare` returned,
                or some of its rows.

        Returns:
            A figure, which a notebook shows.

        Raises:
            UsageError: `report` is another frame or has no rows, or matplotlib is not installed.

        Examples:
            >>> wb.figure(wb.throughput("1min"))
            >>> wb.figure(wb.latency("ack_latency", every="1min"))
        """
        return draw(report)

    @property
    def archives(self) -> Archives:
        """The archives, summed up by day; they show themselves in a notebook.

        This reads the catalog, and opens no archive file. `compression` has a row a batch.

        Returns:
            Sums with `days`, a frame of a row a day: day (`str`), batches, logs, raw_bytes,
            stored_bytes (`int64`) and saved (`float64`); `places` (number of batches by where they
            lie), `pruned_batches` and `pruned_logs`.

        Raises:
            IncompleteAnswer: logs.db is older than its archives.
            DataFolderError: logs.db cannot be read.

        Examples:
            >>> wb.archives
            >>> wb.archives.days
        """
        return self._session.answer(archives)

    def holdings(self) -> Holdings:
        """Count what the folder holds: logs by type and source, their range of time, its size.

        It reads hot logs and the catalog, and opens no archive file.

        Returns:
            Holdings, which show themselves in a notebook: `types` and `sources` (number of logs by
            name), `logs`, `archived` and `pruned` (numbers of logs), `batches`, `first_timestamp`
            and `last_timestamp` (milliseconds UTC, None without logs), and `size` (bytes).

        Raises:
            IncompleteAnswer: logs.db is older than its archives.
            DataFolderError: logs.db cannot be read.

        Examples:
            >>> wb.holdings()
            >>> wb.holdings().types
        """
        return self._session.answer(holdings)

    def close(self) -> None:
        """Close the files of the folder; it may be called again.

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
            return f"a workbench on {self._session.place}: {error}"

    def _repr_html_(self) -> str:
        try:
            return self._session.answer(card)
        except WaterlineError:
            return f"<p>{html.escape(repr(self))}</p>"

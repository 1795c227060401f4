"""Workbench: the one object an analyst holds. It reads; it never writes logs or metrics."""

import html
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, Unpack

import pandas as pd
import pyarrow as pa

from server.clock import now_ms
from server.errors import DataFolderError, MissingLogs, UsageError, WaterlineError
from server.store.folder import DataFolder
from server.store.schema import LOGS, METRICS
from workbench.asking.moment import read_moment
from workbench.asking.pin import Pin, to_pin
from workbench.asking.query import Logs, to_frame
from workbench.asking.question import Filters, Question, ask, refuse, shows_filters
from workbench.asking.reading import Database
from workbench.asking.walking import Walk
from workbench.asking.warning import warn_of
from workbench.reports.attributes import STORED, spread
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


def connect(path: str | os.PathLike[str] = "data", *, at: Pin | str | None = None) -> "Workbench":
    """Open a data folder for reading; its server may run or not.

    Args:
        path: the data folder.
        at: a pin that `Workbench.pin` has returned, or its text: questions about logs are answered
            as of then, unless they have a pin of their own.

    Raises:
        UsageError: `at` is no pin, or one of another folder or another past.
        DataFolderError: there is no Waterline data, or it cannot be read.
    """
    return Workbench(path, at=at)


class Workbench:
    """Answers questions about the logs of one data folder.

    Args:
        path: the data folder.
        clock: returns milliseconds UTC; relative times such as `-1h` count from it.
        at: see `connect`.

    Raises:
        UsageError: `at` is no pin, or one of another folder or another past.
        DataFolderError: there is no Waterline data, or it cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        clock: Callable[[], int] = now_ms,
        *,
        at: Pin | str | None = None,
    ) -> None:
        self._folder = DataFolder(Path(path))
        self._clock = clock
        self._pin = None if at is None else to_pin(at)
        if not _exists(self._folder.logs):
            raise DataFolderError(
                f"there are no logs in {self._folder.path}; start a server with "
                f"`waterline serve --data {self._folder.path}`, or name another folder"
            )
        self._database = Database(self._folder.logs, LOGS)
        self._logs = Logs(self._folder, self._database)
        if self._pin is not None:
            self._check(self._pin)

    def pin(self) -> Pin:
        """Name this moment: asked `at` it again, a question is answered by the same logs.

        Its text is short, fits in a cell, and does as well as the pin. Logs that are pruned
        afterwards are lacking, as `PrunedLogs` then tells. A workbench that was opened `at` a pin
        returns that one.
        """
        if self._pin is not None:
            return self._pin
        with self._database.view() as view:
            return read_moment(view).pin(self._clock())

    @shows_filters
    def logs(
        self,
        *,
        attributes: Sequence[str] | Literal["all"] | None = None,
        incomplete: Literal["raise", "warn"] = "raise",
        **filters: Unpack[Filters],
    ) -> pd.DataFrame:
        """Return logs, hot and archived, oldest first.

        Args:
            attributes: names of attributes that become columns of their own, or `"all"`, in
                place of the column `attributes`.
            incomplete: what to do where archive files are missing or damaged: `"raise"`, or
                `"warn"` and return the other logs.
            **filters: which logs: `type` and `source` (a text or several), `since` (inclusive)
                and `until` (exclusive) on `timestamp`, `contains` (a piece of the message, case
                minded), `where` (attribute to value or to (operator, value), with ==, !=, <, <=,
                >, >=, in), `order` (`"oldest"` or `"newest"` first), `limit` (so many of the
                newest) and `at` (a pin: as of then).

        Returns:
            Columns seq (`int64`), id, type, source, message (`str`), timestamp, received_at
            (`datetime64[ms, UTC]`) and attributes (`str`, a JSON object). `attrs` has `pin` (asked
            at it, the same logs come back), `rows` (`hot` and `archived`), `seconds`, and
            `pruned`, a sentence, where logs are missing because they were pruned, and `missing`, a
            sentence a file, where `incomplete="warn"` has left some out.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
            MissingLogs: archive files are missing or damaged, and the others were wanted.
        """
        begun, now = time.perf_counter(), self._clock()
        question = self._ask(filters, now)
        rows = self._logs.rows(question, may_lack=_warns(incomplete))
        frame = to_frame(rows.table)
        if attributes is not None:
            frame = spread(frame, attributes)
        frame.attrs["pin"] = str(question.pin or rows.moment.pin(now))
        frame.attrs["rows"] = {"hot": len(frame) - rows.archived, "archived": rows.archived}
        frame.attrs["seconds"] = time.perf_counter() - begun
        if rows.lacks is not None:
            frame.attrs["pruned"] = rows.lacks
            warn_of(rows.lacks)
        if rows.missing:
            frame.attrs["missing"] = list(rows.missing)
            warn_of(f"this answer lacks logs: {'; '.join(rows.missing)}", MissingLogs)
        return frame

    @shows_filters
    def arrow(self, **filters: Unpack[Filters]) -> pa.Table:
        """Return logs as an Arrow table, for Polars, DuckDB and others; the filters of `logs`.

        Returns:
            The columns of `logs`; times are `timestamp[ms, UTC]`, `attributes` is a JSON object.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        rows = self._logs.rows(self._ask(filters))
        warn_of(rows.lacks)
        return rows.table

    @shows_filters
    def iter_logs(
        self,
        *,
        attributes: Sequence[str] | Literal["all"] | None = None,
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
        """
        refuse(filters, "order", "limit")
        now = self._clock()
        question = self._ask(filters, now)
        walk = Walk(self._folder, self._database, question)
        warn_of(walk.lacks)
        return _pieces(walk, str(question.pin or walk.moment.pin(now)), attributes)

    @shows_filters
    def count(self, **filters: Unpack[Filters]) -> int:
        """Count logs; the filters are those of `logs`.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        question = self._ask(filters)
        answer = self._logs.count(question)
        warn_of(answer.lacks)
        return answer.value

    @shows_filters
    def throughput(
        self, every: str = "1s", *, clock: Clock = "received_at", **filters: Unpack[Filters]
    ) -> pd.DataFrame:
        """Count logs by step of time and type.

        Args:
            every: the step, such as `1s`, `5min` or `1h`; steps begin at its multiples in UTC.
            clock: `received_at` for when logs came in, `timestamp` for when they happened.
            **filters: those of `logs`, without `order` and `limit`.

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
        refuse(filters, "order", "limit")
        question = self._ask(filters)
        answer = throughput(self._logs, question, every, clock)
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
            **filters: those of `logs`; for ack latency only `since` and `until`.

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
        if attribute is not None:
            names = [attribute] if by is None or by in STORED else [attribute, by]
            return attribute_latency(self.logs(attributes=names, **filters), attribute, by)
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
            **filters: which logs, those of `logs` without `order`; the newest 100,000 of them
                unless `limit` says otherwise.

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
        refuse(filters, "order")
        if filters.get("limit") is None:
            filters["limit"] = _COMPARED
        rows = self._logs.rows(self._ask(filters))
        warn_of(rows.lacks)
        return compression_compare(rows.table, rounds)

    @staticmethod
    def figure(report: pd.DataFrame) -> "Figure":
        """Draw what `compression` or `compression_compare` has returned, for a notebook.

        Raises:
            UsageError: it is another frame, or matplotlib is not installed.
        """
        return draw(report)

    def holdings(self) -> Holdings:
        """Return what the folder holds: logs by type and source, time range, size.

        It opens no archive file, for the catalog tells what is in them.
        """
        return read_holdings(self._logs, self._folder)

    def close(self) -> None:
        """Let the files go; may be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def _ask(self, filters: Filters, now: int | None = None) -> Question:
        if self._pin is not None and filters.get("at") is None:
            filters = {**filters, "at": self._pin}
        return ask(now=self._clock() if now is None else now, **filters)

    def _check(self, pin: Pin) -> None:
        try:
            with self._database.view() as view:
                read_moment(view).check(pin)
        except BaseException:
            self.close()
            raise

    def _ack_latency(self, question: Question) -> pd.DataFrame:
        since, until = question.since, question.until
        if not self._folder.metrics.exists():
            return measured_latency(None, ACK_LATENCY, since, until)
        with Database(self._folder.metrics, METRICS) as metrics, metrics.view() as view:
            return measured_latency(view, ACK_LATENCY, since, until)


def _pieces(
    walk: Walk, pin: str, attributes: Sequence[str] | Literal["all"] | None
) -> Iterator[pd.DataFrame]:
    for table in walk.tables():
        if table.num_rows:
            frame = to_frame(table)
            if attributes is not None:
                frame = spread(frame, attributes)
            frame.attrs["pin"] = pin
            yield frame


def _warns(incomplete: object) -> bool:
    if incomplete not in ("raise", "warn"):
        raise UsageError(f"incomplete={incomplete!r} is unknown; give 'raise' or 'warn'")
    return incomplete == "warn"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error

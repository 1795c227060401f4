"""Questions: what an analyst asks of the logs of one data folder, and gets as rows."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar, Unpack

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine

from waterline.archive.reader import BatchReader
from waterline.clock import now_ms
from waterline.errors import DataFolderError, IncompleteAnswer, MissingLogs, NothingFound
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.frames import in_microseconds, to_frame, to_nullable_frame
from workbench.query.archived import check_pin
from workbench.query.attributes import lacking_attribute, spread
from workbench.query.cache.cache import Cache
from workbench.query.cache.durations import Outcome
from workbench.query.cache.limits import SIZE, TTL, Limits
from workbench.query.database import Database, exists
from workbench.query.earlier import find_earlier
from workbench.query.empty_answer import why_none
from workbench.query.execute import Answer, Logs, Rows
from workbench.query.patience import patiently
from workbench.query.pin import Pin, to_pin
from workbench.query.plan import Plan, plan
from workbench.query.question import (
    Filters,
    Question,
    ask,
    may_lack_logs,
    refuse,
    shows_filters,
    with_attributes,
)
from workbench.query.scan import Walk
from workbench.query.snapshot import read_moment
from workbench.query.sql.empty_answer import why_no_rows
from workbench.query.sql.engine import Ask, make_engine
from workbench.query.sql.logs import LogsRelation
from workbench.query.sql.statement import Parameters, answer
from workbench.query.sql.tables import batches_relation, metrics_relation
from workbench.query.warning import warn_of

_Answer = TypeVar("_Answer")


class Questions:
    """Answers questions about the logs of one data folder.

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

    Attributes:
        cache: the cache, which shows and clears itself; None where there is to be none.
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
        self._folder = DataFolder(Path(path))
        self._clock = clock
        self._pin = None if at is None else to_pin(at)
        limits = Limits.of(cache_ttl, cache_size)
        self.cache = Cache(self._folder.cache, clock, limits) if cache else None
        if not exists(self._folder.logs):
            self._folder.refuse_file()
            raise DataFolderError(
                f"there are no logs in {self._folder.path}; start a server with "
                f"`waterline serve --data {self._folder.path}`, or name another folder"
            )
        self._database = Database(self._folder.logs, LOGS)
        self._logs = Logs(self._folder, self._database)
        self._reader = BatchReader(self._folder)
        if self._pin is not None:
            self._check(self._pin)
        self._earlier = find_earlier(self._folder, self._database)

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
            attributes: names of attributes that become columns of their own, or `"all"` (1,000 at
                most, those that most logs have), in place of the column `attributes`.
            incomplete: what to do where archive files are missing or damaged: `"raise"`, or
                `"warn"` and return the other logs.
            **filters: which logs: `type` and `source` (a text or several), `since` (inclusive)
                and `until` (exclusive) on `timestamp`, `contains` (a piece of the message, case
                minded), `where` (attribute to value or to (operator, value), with ==, !=, <, <=,
                >, >=, in), `order` (`"oldest"` or `"newest"` first), `limit` (so many of the
                newest), `columns` (which of those below, in this order) and `at` (a pin: as of
                then).

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
        """
        begun, now = time.perf_counter(), self._clock()
        may_lack = may_lack_logs(incomplete)
        question = with_attributes(self._ask(filters, now, may_lack=may_lack), attributes)
        rows, outcome = self._rows(question, may_lack=may_lack)
        frame = to_frame(rows.table.select(question.columns))
        if attributes is not None:
            frame = spread(frame, attributes)
        frame.attrs["pin"] = str(question.pin or rows.moment.pin(now))
        frame.attrs["rows"] = {"hot": len(frame) - rows.archived, "archived": rows.archived}
        frame.attrs["cache"] = outcome
        frame.attrs["seconds"] = time.perf_counter() - begun
        if rows.lacks is not None:
            frame.attrs["pruned"] = rows.lacks
            warn_of(rows.lacks)
        if not len(frame):
            self._tell_why_none(question)
        elif attributes is not None and attributes != "all":
            warn_of(lacking_attribute(frame, rows.table["attributes"], attributes), NothingFound)
        missing = [*([] if self._earlier is None else [self._earlier]), *rows.missing]
        if missing:
            frame.attrs["missing"] = missing
            warn_of(f"this answer lacks logs: {'; '.join(missing)}", MissingLogs)
        return frame

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
        """
        question = self._ask(filters)
        rows, _ = self._rows(question)
        warn_of(rows.lacks)
        if not rows.table.num_rows:
            self._tell_why_none(question)
        return in_microseconds(rows.table.select(question.columns))

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
        question = with_attributes(self._ask(filters, now), attributes)
        walk = Walk(self._folder, self._database, question)
        warn_of(walk.lacks)
        pieces = _pieces(walk, str(question.pin or walk.moment.pin(now)), attributes)
        return self._told(pieces, question)

    @shows_filters
    def count(self, **filters: Unpack[Filters]) -> int:
        """Count logs; the filters are those of `logs`, without `columns`.

        Raises:
            UsageError: an argument makes no sense.
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.

        Warns:
            PrunedLogs: some that were asked for are gone, as they were pruned.
        """
        refuse(filters, "columns")
        question = self._ask(filters)
        counted = self._patiently(lambda: self._logs.count(question))
        warn_of(counted.lacks)
        if not counted.value:
            self._tell_why_none(question)
        return counted.value

    @shows_filters
    def explain(self, **filters: Unpack[Filters]) -> Plan:
        """Show what `logs` with these filters would read, without reading it.

        Returns:
            A plan that prints itself: how much the cache has, how SQLite finds the hot rows, which
            archive files are read, and how many the catalog rules out.

        Raises:
            UsageError: an argument makes no sense.
        """
        question = self._ask(filters)
        known = None if self.cache is None else self.cache.known(question)
        with self._database.view() as view:
            return plan(view, question, known)

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
        """
        begun = time.perf_counter()
        pin = self.pin() if at is None else to_pin(at)
        answered = self._answered(query, parameters, pin)
        frame = to_nullable_frame(answered.value)
        frame.attrs["pin"] = str(pin)
        frame.attrs["seconds"] = time.perf_counter() - begun
        if answered.lacks is not None:
            frame.attrs["pruned"] = answered.lacks
        return frame

    @property
    def engine(self) -> Engine:
        """An engine of SQLAlchemy's over what `sql` sees, for tools that want one; it only reads.

        Each of its connections is of the moment at which it was opened. A result is held in memory.
        """

        def connect() -> Ask:
            pin = self.pin()
            return lambda query, parameters: self._answered(query, parameters, pin).value

        return make_engine(connect)

    def close(self) -> None:
        """Let the files go; may be called twice."""
        self._database.close()
        if self.cache is not None:
            self.cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_earlier(self) -> None:
        if self._earlier is not None:
            raise IncompleteAnswer(self._earlier)

    def _ask(self, filters: Filters, now: int | None = None, *, may_lack: bool = False) -> Question:
        if not may_lack:
            self._refuse_earlier()
        if self._pin is not None and filters.get("at") is None:
            filters = {**filters, "at": self._pin}
        return ask(now=self._clock() if now is None else now, **filters)

    def _rows(
        self, question: Question, *, may_lack: bool = False
    ) -> tuple[Rows, Outcome | Literal["off"]]:
        cache = self.cache
        if cache is None:
            return self._patiently(lambda: self._logs.rows(question, may_lack=may_lack)), "off"
        return self._patiently(lambda: cache.rows(self._logs, question, may_lack=may_lack))

    def _tell_why_none(self, question: Question, attributes: Sequence[str] = ()) -> None:
        """Warn of the filter that alone leaves no log, if one does."""
        if question.limit != 0:
            told = self._database, self._reader, question, attributes
            why = self._patiently(lambda: why_none(*told))
            warn_of(why, NothingFound)

    def _told(self, pieces: Iterator[pd.DataFrame], question: Question) -> Iterator[pd.DataFrame]:
        piece = None
        for piece in pieces:
            yield piece
        if piece is None:
            self._tell_why_none(question)

    def _patiently(self, answer: Callable[[], _Answer]) -> _Answer:
        return patiently(answer, lambda _: self._database.leave())

    def _answered(self, query: str, parameters: Parameters | None, pin: Pin) -> Answer[pa.Table]:
        self._refuse_earlier()
        logs = LogsRelation(self._folder, self._database, self._logs, pin)
        relations = {
            "logs": logs.relation(),
            "archive_batches": batches_relation(self._database),
            "performance_metrics": metrics_relation(self._folder),
        }
        rows = answer(query, parameters, relations)
        warn_of(logs.lacks)
        warn_of(why_no_rows(rows, self._database, self._reader, query, parameters), NothingFound)
        return Answer(rows, logs.lacks)

    def _check(self, pin: Pin) -> None:
        try:
            check_pin(self._database, BatchReader(self._folder), pin)
        except BaseException:
            self.close()
            raise


def _pieces(
    walk: Walk, pin: str, attributes: Sequence[str] | Literal["all"] | None
) -> Iterator[pd.DataFrame]:
    for table in walk.tables():
        if table.num_rows:
            frame = to_frame(table) if attributes is None else spread(to_frame(table), attributes)
            frame.attrs["pin"] = pin
            yield frame

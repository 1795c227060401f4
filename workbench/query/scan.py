"""Scan: all logs that match a question, by seq, in many short views of one moment."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final, Protocol

import pyarrow as pa
from sqlalchemy import func

from waterline.archive.columns import schema_of
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError, DataFolderError
from waterline.query_text.parse import TextQuery
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.tables import logs
from workbench.query.archived import Faults, archived_seqs, prove, read_batches, read_catalog
from workbench.query.batch_file import InItsFile, TableOrFile
from workbench.query.database import Database, View
from workbench.query.gaps import lacking
from workbench.query.hot import fetched, hot_rows, stored_rows
from workbench.query.moment import Moment, Taken, read_moment
from workbench.query.piece import Part, Piece, Scanned, Take, TakeColumns
from workbench.query.question import Question
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread

# Rows read in about 20 ms, for which a view holds the WAL.
PAGE_ROWS: Final = 20_000
# Bytes of a page at most, as it is held in memory.
PAGE_SIZE: Final = 32 * 2**20

# Rows without messages and attributes are short: more of them take the same time.
NARROW_ROWS: Final = 50_000

# Few pages are too large, and only of those it is asked which row reaches the size.
_SIZE_OF_PAGE: Final = """
    SELECT max(seq), sum(octet_length(message) + octet_length(attributes))
    FROM (SELECT * FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)
"""
# The row that reaches the size is included, so that a page is never empty.
_PAGE: Final = """
    SELECT max(seq) FROM (
        SELECT seq, sum(size) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - size AS before
        FROM (
            SELECT seq, octet_length(message) + octet_length(attributes) AS size
            FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
        )
    ) WHERE before < ?
"""
_PAGE_OF_NARROW_ROWS: Final = """
    SELECT max(seq) FROM (SELECT seq FROM logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)
"""


class Scan(Protocol):
    """All logs that match a question, as of one moment, each once, by seq."""

    @property
    def moment(self) -> Taken:
        """Moment of the scan."""

    @property
    def last_seq(self) -> int:
        """Highest seq committed at the moment; nothing above it is read."""

    @property
    def lacks(self) -> str | None:
        """Sentence about pruned logs that may have matched, or None."""

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables of logs with the question's columns; a table may be empty."""

    def parts(self, take: Take[Part]) -> Iterator[Part]:
        """Yield what a function takes from each of these tables."""


class LogScan:
    """All logs that match a question, hot and archived, as of one moment, each once, by seq.

    Archive jobs may run meanwhile: logs that they move are found in their new place.

    Args:
        folder: the data folder.
        database: its logs.db.
        question: what is asked; its order and limit are ignored.
        seqs: seqs to restrict the scan to; None is all.
        packed: whether logs of archives may come as they lie there: attributes packed, texts as
            dictionaries.
        faults: takes a sentence for each batch that cannot be read, and the scan goes on; None ends
            it at the first.
        spread: runs what is taken from batches.

    Attributes:
        moment: moment of the first view.
        last_seq: highest seq committed at the moment; nothing above it is read.
        after: seq that the scan has reached.
        lacks: sentence about pruned logs that may have matched, or None.

    Raises:
        ArchiveError: an archive file that proves the question's pin is missing or damaged.
        DataFolderError: logs.db cannot be read.
        UsageError: the question's pin is of another folder or another past.
    """

    def __init__(
        self,
        folder: DataFolder,
        database: Database,
        question: Question,
        seqs: range | None = None,
        *,
        packed: bool = False,
        faults: list[str] | None = None,
        spread: Spread = HERE,
    ) -> None:
        self._folder = folder
        self._database = database
        # Pages and parts of batches have bounds of their own.
        self._question = replace(question, first=None)
        self._packed = packed
        self._reach: range | None = None
        self._reader = BatchReader(folder)
        self._faults = Faults(self._reader, self._batches, faults)
        self._spread = spread
        with database.view() as view:
            self._catalog = read_catalog(view, question)
        self._prove()
        self.moment = self._catalog.moment
        self.last_seq = self.moment.last_seq if question.through is None else question.through
        self._pruned = {each.batch for each in self._catalog.pruned}
        self.lacks = lacking(self._catalog.pruned, question)
        self.after = 0 if question.first is None else max(question.first - 1, 0)
        if seqs is not None:
            self.after = max(self.after, seqs.start - 1)
            self.last_seq = min(self.last_seq, seqs.stop - 1)

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables of logs with the question's columns; a table may be empty.

        Raises:
            ArchiveError: an archive file is missing, damaged or was pruned meanwhile.
            DataFolderError: logs.db cannot be read, or was replaced meanwhile.
        """
        return self.parts(TakeColumns(self._question.columns))

    def tables_or_files(self, formats: frozenset[str]) -> Iterator[TableOrFile]:
        """Yield the logs as `tables` does, but the file of a batch of which all are asked for.

        Args:
            formats: names of the formats of files that are taken.

        Raises:
            ArchiveError: an archive file is missing, damaged or was pruned meanwhile.
            DataFolderError: logs.db cannot be read, or was replaced meanwhile.
        """
        take = TakeColumns(self._question.columns)

        def piece(batch: ArchivedBatch) -> Piece[TableOrFile]:
            scanned = self._piece(batch, take)
            if scanned.is_of_all and batch.format in formats:
                return InItsFile(self._reader, batch, self._question, formats)
            return scanned

        return self._parts(take, piece)

    def parts(self, take: Take[Part]) -> Iterator[Part]:
        """Yield what a function takes from tables of the logs, which may be empty.

        Args:
            take: called with tables that have the question's `kept` columns, by seq, here or in
                other processes.

        Raises:
            ArchiveError: an archive file is missing, damaged or was pruned meanwhile.
            DataFolderError: logs.db cannot be read, or was replaced meanwhile.
        """
        return self._parts(take, lambda batch: self._piece(batch, take))

    def _parts(
        self, take: Callable[[pa.Table], Part], piece: Callable[[ArchivedBatch], Piece[Part]]
    ) -> Iterator[Part]:
        while self.after < self.last_seq:
            with self._database.view() as view:
                self._keep_up(view)
                batches = self._next_batches()
                begin = max(self.after, self._catalog.moment.archived_through)
                end = min(self.last_seq, batches[0].first_seq - 1) if batches else self.last_seq
                page = self._hot(view, begin, end) if begin < end else None
            if page is not None:
                yield take(page)
                continue
            if not batches:
                self.after = self.last_seq
                return
            parts = self._faults.parts(self._spread, map(piece, batches), threads=1)
            with closing(parts):
                for batch in batches:
                    part = next(parts)
                    self.after = min(batch.last_seq, self.last_seq)
                    yield part
                    del part  # or it would lie beside the next one

    @property
    def archived(self) -> list[tuple[int, int]]:
        """First and last seqs of ranges whose logs come from batches, as last seen."""
        return archived_seqs(self._catalog)

    def _prove(self) -> None:
        batch, pin = self._catalog.proof, self._question.pin
        if batch is not None and pin is not None:
            self._faults.follow(batch, lambda now: prove(now, pin, self._reader.read))

    def _keep_up(self, view: View) -> None:
        """Read the catalog again if it has changed."""
        moment = read_moment(view)
        if moment.past == self._catalog.moment.past:
            return
        self._refuse_replaced(moment)
        self._catalog = read_catalog(view, self._question)
        for batch in self._catalog.pruned:
            if batch.batch not in self._pruned and self._is_ahead(batch):
                raise ArchiveError(
                    f"{batch.file} was pruned while it was to be read; run the command again"
                )

    def _next_batches(self) -> list[ArchivedBatch]:
        """Return the batches ahead that no hot logs lie between."""
        found: list[ArchivedBatch] = []
        for batch in filter(self._is_ahead, self._catalog.kept):
            if found and batch.first_seq - 1 > max(
                found[-1].last_seq, self._catalog.moment.archived_through
            ):
                break
            found.append(batch)
        return found

    def _piece(self, batch: ArchivedBatch, take: Take[Part]) -> Scanned[Part]:
        # Rows that were hot when the scan passed, or when it began.
        behind = self.after if batch.first_seq <= self.after else None
        through = self.last_seq if batch.last_seq > self.last_seq else None
        question = self._question
        return Scanned(self._reader, batch, question, take, self._packed, behind, through)

    def _is_ahead(self, batch: ArchivedBatch) -> bool:
        return batch.last_seq > self.after and batch.first_seq <= self.last_seq

    def _hot(self, view: View, begin: int, end: int) -> pa.Table:
        if self._reach is None:
            # Later there are no others: what becomes hot lies above the scan.
            self._reach = self._hot_reach(view)
        begin, until = max(begin, self._reach.start - 1), min(end, self._reach.stop - 1)
        last = self._end_of_page(view, begin, until) if begin < until else None
        if last is None:
            self.after = end
            return self._none()
        # SQLite uses the first of two upper bounds: with the pin's it would read on to that.
        chosen = stored_rows(self._catalog, replace(self._question, pin=None, last=None))
        within = chosen.where(logs.c.seq > begin, logs.c.seq <= last).order_by(logs.c.seq)
        # In one piece, which whoever passes it on needs not put together.
        table = fetched(view, within, replace(self._question, limit=None), NARROW_ROWS)
        self.after = last
        return table

    def _hot_reach(self, view: View) -> range:
        """Return the seqs among which hot logs of the question's range of time lie."""
        question = self._question
        bounds = question.since, question.until, question.before, question.behind
        if question.clock != "timestamp" or all(each is None for each in bounds):
            return range(self.last_seq + 1)
        within = replace(question, filters=TextQuery(), pin=None, last=None)
        seq = logs.c.seq
        ((first, last),) = view.rows(
            hot_rows(self._catalog, within, [func.min(seq), func.max(seq)])
        )
        return range(0) if first is None else range(first, last + 1)

    def _end_of_page(self, view: View, begin: int, end: int) -> int | None:
        if {"message", "attributes"}.isdisjoint(self._question.needed):
            ((last,),) = view.rows(_PAGE_OF_NARROW_ROWS, (begin, end, NARROW_ROWS))
        else:
            ((last, size),) = view.rows(_SIZE_OF_PAGE, (begin, end, PAGE_ROWS))
            if last is not None and size > PAGE_SIZE:
                ((last,),) = view.rows(_PAGE, (begin, end, PAGE_ROWS, PAGE_SIZE))
        return None if last is None else int(last)

    def _none(self) -> pa.Table:
        return schema_of(self._question.kept).empty_table()

    def _batches(self) -> list[ArchivedBatch]:
        with self._database.view() as view:
            self._refuse_replaced(read_moment(view))
            return read_batches(view)

    def _refuse_replaced(self, moment: Moment) -> None:
        if moment.incarnation != self._catalog.moment.incarnation:
            raise DataFolderError(
                f"{self._folder.path} was replaced by another while it was read; run the command "
                "again"
            )

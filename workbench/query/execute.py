"""Answers over hot rows and archived batches: each log once, all of one moment."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Final, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.reader import BatchReader
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from workbench.query.archived import Batches, Catalog, archived_seqs, read_batches, read_catalog
from workbench.query.arranged import arranged, first_place
from workbench.query.attribute_values import variants_by_name
from workbench.query.database import Database, View
from workbench.query.gaps import lacking
from workbench.query.hot import count_of_hot, counted_by_sql, hot_table, matching_hot_rows
from workbench.query.known import KnownAnswer, Mark, take_mark
from workbench.query.moment import Moment, Taken, read_moment
from workbench.query.piece import Piece, Scanned, Take
from workbench.query.question import Question
from workbench.query.scan import LogScan, Scan
from workbench.query.variants import VARIANT
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread

# Attempts; each fails only if another archive job came in between.
_ATTEMPTS: Final = 3

_Hot = TypeVar("_Hot")
_Whole = TypeVar("_Whole")
_Part = TypeVar("_Part")

OfHot = Callable[[View, Catalog], _Part]
"""Makes a part of the hot logs within a view, where SQL is quicker than to take it from them."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Whole]):
    """An answer, and a sentence about the logs that it lacks, or None."""

    value: _Whole
    lacks: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """Logs that match a question, as of one moment."""

    table: pa.Table
    """The logs with the question's `kept` columns, in its order."""
    lacks: str | None
    """Sentence about pruned logs that may have matched, or None."""
    moment: Taken
    archived: int
    """Number of logs that came from batches."""
    missing: tuple[str, ...]
    """A sentence for each batch that could not be read, with the name of its file."""


@dataclass(frozen=True, slots=True)
class FoundRows(Found):
    """Logs of a data folder that match a question."""

    moment: Moment
    mark: Mark
    """Cache validity token."""
    came: int | None
    """Number of logs added to the known answer; None if there was no valid one."""


@dataclass(frozen=True, slots=True)
class Apart(Generic[_Part]):
    """Logs that match a question, of which those of batches are still to be read."""

    pieces: list[Piece[_Part]]
    """What is taken from each batch, in the order of seq."""
    hot: pa.Table
    """The hot logs with the question's `kept` columns, by seq."""
    lacks: str | None
    """Sentence about pruned logs that may have matched, or None."""


@dataclass(frozen=True, slots=True)
class Newest:
    """A question about the newest logs that match another."""

    question: Question
    moment: Taken
    is_part: bool
    """Whether more logs match the other one."""


class RowReader(Protocol):
    """Reads the logs that match a question, as `Logs` does."""

    def rows(
        self, question: Question, known: KnownAnswer | None = None, *, may_lack: bool = False
    ) -> Found:
        """Return the logs that match a question; see `Logs.rows`."""


class LogReader(RowReader, Protocol):
    """Answers questions about logs, wherever they lie, as `Logs` does."""

    def newest(self, question: Question, most: int | None) -> Newest:
        """Return a question about the newest logs that match another; see `Logs.newest`."""

    def parts(self, question: Question, take: Take[_Part]) -> Answer[list[_Part]]:
        """Return what a function takes from each part of the logs; see `Logs.parts`."""

    def sum(
        self,
        question: Question,
        take: Take[_Part],
        add: Callable[[_Part, _Part], _Part],
        *,
        packed: bool = False,
        of_hot: OfHot[_Part] | None = None,
    ) -> Answer[_Part]:
        """Return what a function takes from the parts of the logs, summed up; see `Logs.sum`."""

    def count(self, question: Question) -> Answer[int]:
        """Count the logs that match a question; see `Logs.count`."""

    def scan(self, question: Question, seqs: range | None = None) -> Scan:
        """Return a scan of the logs that match a question; see `Logs.scan`."""

    def pieces(self, question: Question, take: Take[_Part]) -> Apart[_Part]:
        """Return what is to be taken from each batch, and the hot logs; see `Logs.pieces`."""


class Logs:
    """The logs of a data folder, hot and archived, each once. An answer is of one moment.

    Args:
        folder: the data folder.
        database: its logs.db.
        spread: runs what is taken from many batches.

    Attributes:
        reader: reads the batches.
    """

    def __init__(self, folder: DataFolder, database: Database, spread: Spread = HERE) -> None:
        self._folder = folder
        self._database = database
        self._spread = spread
        self.reader = BatchReader(folder)

    def rows(
        self, question: Question, known: KnownAnswer | None = None, *, may_lack: bool = False
    ) -> FoundRows:
        """Return the logs that match a question.

        Args:
            question: what is asked. If it names members, the answer has their values in place of
                the JSON: a struct of `VARIANT`, one a member in their order.
            known: an earlier answer; if it is no longer valid, all is read.
            may_lack: whether to leave out logs whose archive files are missing or damaged.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """

        def begin(view: View, catalog: Catalog) -> _Begun:
            mark = take_mark(view, catalog.moment, question.through)
            holds = known is not None and known.mark.holds(view, catalog.moment)
            still = known if holds else None
            after = 0 if still is None else still.mark.last_seq
            hot = with_members(hot_table(view, catalog, question, after), question)
            return _Begun(mark, still, after, hot)

        def whole(begun: _Begun, catalog: Catalog, batches: Batches) -> FoundRows:
            found = _Found(begun.hot, question)
            came = begun.hot.num_rows
            if begun.known is not None:
                found.add(begun.known.table, is_arranged=True)
            new = [each for each in catalog.kept if each.last_seq > begun.after]
            newest_first = sorted(new, key=_last_place, reverse=True)
            take = partial(with_members, question=question)
            # With a limit most need not be read.
            with closing(batches.newest_of_each(newest_first, take)) as tables:
                for batch in newest_first:
                    if found.is_full_before(batch):
                        break
                    chosen = next(tables)
                    if batch.first_seq <= begun.after:
                        chosen = chosen.filter(pc.greater(chosen["seq"], begun.after))
                    came += chosen.num_rows
                    found.add(chosen)
            pruned = [each for each in catalog.pruned if not found.is_full_before(each)]
            table = found.table()
            return FoundRows(
                table,
                lacking(pruned, question),
                catalog.moment,
                count_archived(table, archived_seqs(catalog)),
                tuple(batches.faults),
                begun.mark,
                None if begun.known is None else came,
            )

        return self.ask(question, begin, whole, may_lack=may_lack)

    def newest(self, question: Question, most: int | None) -> Newest:
        """Return a question about the newest logs that match another, as of now.

        Args:
            question: what is asked; its limit is ignored.
            most: number of logs at most; None is all.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """
        # One more tells whether there are more, and behind which place those lie that count.
        found = self.rows(
            replace(question, columns=(), limit=1 if most is None else most + 1, order="oldest")
        )
        is_part = most is not None and found.table.num_rows > most
        place = first_place(found.table) if is_part else question.behind
        asked = replace(question, behind=place, last=found.moment.last_seq, limit=None)
        return Newest(asked, found.moment, is_part)

    def parts(self, question: Question, take: Take[_Part]) -> Answer[list[_Part]]:
        """Return what a function takes from each part of the logs, in no order; see `sum`."""
        return listed(self, question, take)

    def sum(
        self,
        question: Question,
        take: Take[_Part],
        add: Callable[[_Part, _Part], _Part],
        *,
        packed: bool = False,
        of_hot: OfHot[_Part] | None = None,
    ) -> Answer[_Part]:
        """Return what a function takes from the parts of the logs, in no order, summed up.

        Args:
            question: what is asked.
            take: called with tables that have the question's `kept` columns, by several threads or
                in other processes. Attributes may be packed if it names members.
            add: returns the sum of one result and another; it may change the first.
            packed: whether all attributes may be packed.
            of_hot: makes the part of the hot logs; None takes it from them.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """
        if question.limit is not None:
            rows = self.rows(replace(question, members=None))
            return Answer(take(rows.table), rows.lacks)
        question = replace(question, order=None)

        def hot(view: View, catalog: Catalog) -> Callable[[], _Part]:
            if of_hot is not None:
                part = of_hot(view, catalog)
                return lambda: part
            # What is taken may take long, for which a view would hold the WAL.
            return partial(take, matching_hot_rows(view, catalog, question))

        def whole(hot: Callable[[], _Part], catalog: Catalog, batches: Batches) -> Answer[_Part]:
            parts = batches.of_each(catalog.kept, take, packed=packed)
            return Answer(reduce(add, parts, hot()), lacking(catalog.pruned, question))

        return self.ask(question, hot, whole)

    def most(self, question: Question) -> int:
        """Return an upper bound of the number of logs that match; no file is opened."""
        with self._database.view() as view:
            catalog = read_catalog(view, question)
            hot = counted_by_sql(view, catalog, question)
        return hot + sum(question.selection.most(each) for each in catalog.kept)

    def count(self, question: Question) -> Answer[int]:
        """Count the logs that match a question, up to its limit.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """
        limit = question.limit
        question = replace(question, columns=("seq",), order=None)

        def whole(count: int, catalog: Catalog, batches: Batches) -> Answer[int]:
            known = [question.exactly(each) for each in catalog.kept]
            count += sum(each or 0 for each in known)
            unknown = [
                batch for batch, exactly in zip(catalog.kept, known, strict=True) if exactly is None
            ]
            with closing(batches.counts(unknown)) as counts:
                while limit is None or count < limit:
                    found = next(counts, None)
                    if found is None:
                        break
                    count += found
            if limit is not None and count >= limit:
                return Answer(limit, None)
            return Answer(count, lacking(catalog.pruned, question))

        return self.ask(
            question, lambda view, catalog: count_of_hot(view, catalog, question), whole
        )

    def scan(self, question: Question, seqs: range | None = None) -> LogScan:
        """Return a scan of the logs that match a question, by seq.

        Args:
            question: what is asked; its order and limit are ignored.
            seqs: seqs to restrict the scan to; None is all.

        Raises:
            ArchiveError: an archive file that proves the question's pin is missing or damaged.
            UsageError: the question's pin is of another folder or another past.
        """
        return LogScan(self._folder, self._database, question, seqs, spread=self._spread)

    def pieces(self, question: Question, take: Take[_Part]) -> Apart[_Part]:
        """Return what is to be taken from each batch that may match, and the hot logs.

        Whoever calls a piece has to do with what it then finds: no job that moves it is followed.

        Args:
            question: what is asked; its order and limit are ignored.
            take: takes something from tables that have the question's `kept` columns.
        """

        def whole(hot: pa.Table, catalog: Catalog, _: Batches) -> Apart[_Part]:
            pieces: list[Piece[_Part]] = [
                Scanned(self.reader, each, question, take, packed=False) for each in catalog.kept
            ]
            by_seq = hot.sort_by("seq") if hot.num_rows else hot
            return Apart(pieces, by_seq, lacking(catalog.pruned, question))

        question = replace(question, limit=None)
        return self.ask(
            question, lambda view, catalog: matching_hot_rows(view, catalog, question), whole
        )

    def ask(
        self,
        question: Question,
        hot: Callable[[View, Catalog], _Hot],
        whole: Callable[[_Hot, Catalog, Batches], _Whole],
        *,
        may_lack: bool = False,
    ) -> _Whole:
        """Answer in two steps: within a view, then from the batch files that the view names.

        If a file has gone and the catalog has changed since the view, both steps are repeated.

        Args:
            question: chooses the batches.
            hot: answers over hot rows; see `hot_rows`.
            whole: adds the batches to the answer over hot rows.
            may_lack: whether to answer although archive files are missing or damaged.

        Raises:
            IncompleteAnswer: files are missing or damaged, and `may_lack` is false.
            UsageError: the question's pin is of another folder or another past.
        """
        attempts = 0
        while True:
            attempts += 1
            with self._database.view() as view:
                catalog = read_catalog(view, question)
                part = hot(view, catalog)
            batches = Batches(self.reader, question, len(catalog.kept), self._batches, self._spread)
            if catalog.proof is not None and question.pin is not None:
                batches.prove(catalog.proof, question.pin)
            answer = whole(part, catalog, batches)
            if not batches.faults:
                return answer
            if attempts == _ATTEMPTS or self._past() == catalog.moment.past:
                if may_lack:
                    return answer
                raise batches.error()

    def _batches(self) -> list[ArchivedBatch]:
        with self._database.view() as view:
            return read_batches(view)

    def _past(self) -> tuple[str, int]:
        with self._database.view() as view:
            return read_moment(view).past


def listed(logs: LogReader, question: Question, take: Take[_Part]) -> Answer[list[_Part]]:
    """Return what a function takes from each part of logs, in no order; see `Logs.sum`."""
    return logs.sum(question, _TakeList(take), _joined)


@dataclass(frozen=True, slots=True)
class _TakeList(Generic[_Part]):
    """Takes a list of what a function takes."""

    take: Take[_Part]

    def __call__(self, table: pa.Table) -> list[_Part]:
        """Return the list."""
        return [self.take(table)]


def _joined(whole: list[_Part], part: list[_Part]) -> list[_Part]:
    return [*whole, *part]


def with_members(table: pa.Table, question: Question) -> pa.Table:
    """Return a table with the values of the members that a question names, of one type for all."""
    if question.members is None:
        return table
    columns = variants_by_name(table["attributes"], question.members)
    chunks = [
        pa.StructArray.from_arrays(arrays, names=[str(place) for place in range(len(arrays))])
        for arrays in zip(*(each.chunks for each in columns), strict=True)
    ]
    fields = [(str(place), VARIANT) for place in range(len(columns))]
    place = table.schema.get_field_index("attributes")
    return table.set_column(place, "attributes", pa.chunked_array(chunks, pa.struct(fields)))


@dataclass(frozen=True, slots=True)
class _Begun:
    """What one view contributes to an answer."""

    mark: Mark
    known: KnownAnswer | None
    """The earlier answer, if it is valid in this view."""
    after: int
    """Seq of the earlier answer; only logs above it are added."""
    hot: pa.Table


class _Found:
    """Collects matching logs; with a limit, not many more rows than that."""

    def __init__(self, hot: pa.Table, question: Question) -> None:
        self._question = question
        self._parts = [hot]
        self._is_arranged = True

    def add(self, part: pa.Table, *, is_arranged: bool = False) -> None:
        if not part.num_rows:
            return
        if self._is_arranged and not self._parts[0].num_rows:
            # A single part that is in order stays as it is.
            self._parts, self._is_arranged = [part], is_arranged
            return
        self._parts.append(part)
        self._is_arranged = False
        limit = self._question.limit
        if limit is not None and sum(each.num_rows for each in self._parts) > 2 * limit:
            self._parts = [self.table()]
            self._is_arranged = True

    def is_full_before(self, batch: ArchivedBatch) -> bool:
        """Return whether the logs so far reach the limit, all newer than those of a batch."""
        limit = self._question.limit
        return limit is not None and limit <= sum(_newer(each, batch) for each in self._parts)

    def table(self) -> pa.Table:
        if self._is_arranged:
            return self._parts[0]
        # Batches mostly follow each other in time, and are then in order.
        parts = sorted((each for each in self._parts if each.num_rows), key=first_place)
        return arranged(pa.concat_tables(parts), self._question)


def count_archived(table: pa.Table, ranges: Sequence[tuple[int, int]]) -> int:
    """Count logs that came from batches.

    Args:
        table: the logs.
        ranges: see `archived_seqs`; at least one.
    """
    seqs = table["seq"]
    within = [
        pc.and_(pc.greater_equal(seqs, first), pc.less_equal(seqs, last)) for first, last in ranges
    ]
    return int(pc.sum(reduce(pc.or_, within), min_count=0).as_py())


def _last_place(batch: ArchivedBatch) -> tuple[int, int]:
    return batch.last_timestamp, batch.last_seq


def _newer(table: pa.Table, batch: ArchivedBatch) -> int:
    """Count logs that are newer than all that a batch may hold."""
    timestamps = table["timestamp"].cast(pa.int64())
    later = pc.greater(timestamps, batch.last_timestamp)
    as_late = pc.equal(timestamps, batch.last_timestamp)
    behind = pc.or_(later, pc.and_(as_late, pc.greater(table["seq"], batch.last_seq)))
    return int(pc.sum(behind, min_count=0).as_py())

"""Answers over hot rows and archived batches: each log once, all of one moment."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select

from waterline.archive.columns import schema_of
from waterline.archive.reader import BatchReader
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.tables import attribute_values, logs
from workbench.query.archived import Batches, Catalog, read_batches, read_catalog
from workbench.query.attribute_values import variants_by_name
from workbench.query.database import Database, View
from workbench.query.filters import criteria, meeting
from workbench.query.gaps import lacking
from workbench.query.hot_count import count_hot_logs
from workbench.query.known import KnownAnswer, Mark, take_mark
from workbench.query.moment import Moment, read_moment
from workbench.query.question import Question, what_sql_leaves
from workbench.query.variants import VARIANT

# Attempts; each fails only if another archive job came in between.
_ATTEMPTS: Final = 3
# A selectivity that makes SQLite search by seq first; it must be a literal.
_FEW: Final[ColumnElement[float]] = literal_column("0.0001")
# Rows at once: an Arrow array of text holds at most 2 GiB.
_SLICE: Final = 10_000
# Newest rows that are walked through by time before all are read.
_WALKED: Final = 20_000
# Hot rows between two reports of progress, at which an answer can be abandoned.
_TOLD: Final = 1_024

_Hot = TypeVar("_Hot")
_Whole = TypeVar("_Whole")
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Whole]):
    """An answer, and a sentence about the logs that it lacks, or None."""

    value: _Whole
    lacks: str | None


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Logs that match a question, as of one moment."""

    table: pa.Table
    """The logs with the question's `kept` columns, in its order."""
    lacks: str | None
    """Sentence about pruned logs that may have matched, or None."""
    moment: Moment
    archived: int
    """Number of logs that came from batches."""
    missing: tuple[str, ...]
    """A sentence for each batch that could not be read, with the name of its file."""
    mark: Mark
    """Cache validity token."""
    came: int | None
    """Number of logs added to the known answer; None if there was no valid one."""


class RowReader(Protocol):
    """Reads the logs that match a question, as `Logs` does."""

    def rows(
        self, question: Question, known: KnownAnswer | None = None, *, may_lack: bool = False
    ) -> FoundRows:
        """Return the logs that match a question; see `Logs.rows`."""


class Logs:
    """The logs of a data folder, hot and archived, each once. An answer is of one moment.

    Args:
        folder: the data folder.
        database: its logs.db.

    Attributes:
        reader: reads the batches.
    """

    def __init__(self, folder: DataFolder, database: Database) -> None:
        self._database = database
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
            hot = with_members(_hot_table(view, catalog, question, after), question)
            return _Begun(mark, still, after, hot)

        def whole(begun: _Begun, catalog: Catalog, batches: Batches) -> FoundRows:
            found = _Found(begun.hot, question)
            came = begun.hot.num_rows
            if begun.known is not None:
                found.add(begun.known.table, is_arranged=True)
            new = [each for each in catalog.kept if each.last_seq > begun.after]
            newest_first = sorted(new, key=_last_place, reverse=True)

            def read(batch: ArchivedBatch) -> pa.Table:
                return with_members(batches.newest(batch), question)

            # With a limit most need not be read.
            limited = question.limit is not None
            tables = map(read, newest_first) if limited else batches.of_each(newest_first, read)
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

    def parts(self, question: Question, take: Callable[[pa.Table], _Part]) -> Answer[list[_Part]]:
        """Return what a function takes from each part of the logs, in no order; see `sum`."""

        def both(whole: list[_Part], part: list[_Part]) -> list[_Part]:
            return [*whole, *part]

        return self.sum(question, lambda table: [take(table)], both)

    def sum(
        self,
        question: Question,
        take: Callable[[pa.Table], _Part],
        add: Callable[[_Part, _Part], _Part],
        *,
        packed: bool = False,
    ) -> Answer[_Part]:
        """Return what a function takes from the parts of the logs, in no order, summed up.

        Args:
            question: what is asked.
            take: called with tables that have the question's `kept` columns, by several threads.
                Attributes may be packed if it names members.
            add: returns the sum of one result and another; it may change the first.
            packed: whether all attributes may be packed.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """
        if question.limit is not None:
            rows = self.rows(replace(question, members=None))
            return Answer(take(rows.table), rows.lacks)
        question = replace(question, order=None)

        def whole(hot: pa.Table, catalog: Catalog, batches: Batches) -> Answer[_Part]:
            parts = batches.of_each(
                catalog.kept, lambda each: take(batches.chosen(each, packed=packed))
            )
            return Answer(reduce(add, parts, take(hot)), lacking(catalog.pruned, question))

        return self.ask(
            question,
            lambda view, catalog: matching_hot_rows(view, catalog, question),
            whole,
        )

    def most(self, question: Question) -> int:
        """Return an upper bound of the number of logs that match; no file is opened."""
        with self._database.view() as view:
            catalog = read_catalog(view, question)
            hot = _counted_by_sql(view, catalog, question)
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
            with closing(batches.of_each(unknown, batches.count)) as counts:
                while limit is None or count < limit:
                    found = next(counts, None)
                    if found is None:
                        break
                    count += found
            if limit is not None and count >= limit:
                return Answer(limit, None)
            return Answer(count, lacking(catalog.pruned, question))

        return self.ask(question, lambda view, catalog: _hot_count(view, catalog, question), whole)

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
            batches = Batches(self.reader, question, len(catalog.kept), self._batches)
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
        parts = sorted((each for each in self._parts if each.num_rows), key=_first_place)
        return arranged(pa.concat_tables(parts), self._question)


def hot_rows(
    catalog: Catalog, question: Question, columns: Sequence[Any], after: int = 0
) -> Select[Any]:
    """Select columns of hot logs that match as far as SQL tells, unordered.

    Where `what_sql_leaves` of the question is something, others are among them.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        columns: columns or expressions to select.
        after: seq above which logs are selected.
    """
    # Rows up to the watermark are in batches, and may still be here. Nearly all lie above: without
    # that hint SQLite may walk through all of them and not use the index of timestamps; a report on
    # the last seconds of a million rows took ten times as long. Above what is known lie few.
    is_hot = func.likely(logs.c.seq > catalog.moment.archived_through)
    wanted: list[ColumnElement[bool]] = [is_hot]
    if catalog.indexed and catalog.indexed[0].is_selective:
        found = catalog.indexed[0]
        wanted.append(logs.c.seq.in_(found.seqs))
        question = question.without(found.condition)
    wanted += criteria(question)
    if after:
        wanted.append(func.likelihood(logs.c.seq > after, _FEW))
    return select(*columns).select_from(logs).where(and_(*wanted))


def stored_rows(catalog: Catalog, question: Question, after: int = 0) -> Select[Any]:
    """Select the `kept` columns of hot logs, and those that are needed for what SQL leaves.

    See `hot_rows`.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        after: seq above which logs are selected.
    """
    names = question.kept if what_sql_leaves(question.filters) is None else question.needed
    return hot_rows(catalog, question, [logs.c[name] for name in names], after)


def ordered_hot_rows(catalog: Catalog, question: Question, after: int = 0) -> Select[Any]:
    """Select the rows of `stored_rows`, the newest first if the question has a limit.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        after: seq above which logs are selected.
    """
    chosen = stored_rows(catalog, question, after)
    if _is_newest_first(question):
        chosen = chosen.order_by(logs.c.timestamp.desc(), logs.c.seq.desc())
    else:
        chosen = chosen.order_by(logs.c.timestamp, logs.c.seq)
    if question.limit is None or what_sql_leaves(question.filters) is not None:
        return chosen
    return chosen.limit(question.limit)


def matching_hot_rows(view: View, catalog: Catalog, question: Question) -> pa.Table:
    """Return the `kept` columns of matching hot logs, unordered; the limit is ignored.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
    """
    return fetched(view, stored_rows(catalog, question), replace(question, limit=None))


def fetched(
    view: View, chosen: Select[Any], question: Question, rows_at_once: int = _TOLD
) -> pa.Table:
    """Return the `kept` columns of the rows of a statement that match, up to the limit.

    What SQL leaves is applied to some rows at a time, so that no more are held than match.

    Args:
        view: a view of logs.db.
        chosen: `stored_rows` of the question, maybe narrowed or ordered.
        question: what is asked.
        rows_at_once: number of rows between two reports of progress.
    """
    schema = schema_of(question.kept)
    left = what_sql_leaves(question.filters)
    if left is None:
        # Each column of logs has values of one type.
        return view.fetch(chosen, rows_at_once=rows_at_once).cast(schema)
    parts = [schema.empty_table()]
    rows = 0
    needed = schema_of(question.needed)
    with closing(view.batches(chosen, _TOLD)) as batches:
        while question.limit is None or rows < question.limit:
            batch = next(batches, None)
            if batch is None:
                break
            table = meeting(pa.table(batch).cast(needed), left).select(question.kept)
            if table.num_rows:
                parts.append(table)
                rows += table.num_rows
    return pa.concat_tables(parts)[: question.limit]


def _is_newest_first(question: Question) -> bool:
    # A limit takes the newest, whatever the order of the answer.
    return question.order == "newest" or question.limit is not None


def _hot_table(view: View, catalog: Catalog, question: Question, after: int) -> pa.Table:
    chosen = ordered_hot_rows(catalog, question, after)
    table = _newest(view, catalog, question, chosen) if not after else None
    if table is None:
        table = fetched(view, chosen, question)
    if _is_newest_first(question) and question.order == "oldest":
        table = _take(table, pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    return table


def _newest(
    view: View, catalog: Catalog, question: Question, chosen: Select[Any]
) -> pa.Table | None:
    """Return the rows of a statement if they are best found in two steps, else None.

    Walking backwards by time finds the newest matches at once, and takes three times as long as
    reading all rows in their order if there are few. So it ends after some rows.

    Args:
        view: a view of logs.db.
        catalog: the catalog of the view.
        question: what is asked.
        chosen: `ordered_hot_rows` of the question.
    """
    has_begin = question.since is not None and question.clock == "timestamp"
    by_index = bool(catalog.indexed) and catalog.indexed[0].is_selective
    left = what_sql_leaves(question.filters)
    if question.limit is None or question.is_of_all or has_begin or by_index or left is not None:
        return None
    walked = select(logs.c.timestamp).order_by(logs.c.timestamp.desc()).offset(_WALKED).limit(1)
    if question.until is not None and question.clock == "timestamp":
        walked = walked.where(logs.c.timestamp < question.until)
    if question.before is not None:
        walked = walked.where(logs.c.timestamp <= question.before[0])
    begin = view.rows(walked)
    if not begin:
        return None
    newest = fetched(view, chosen.where(logs.c.timestamp > begin[0][0]), question)
    if newest.num_rows >= question.limit:
        return newest
    by_time: ColumnElement[int] = literal_column("+logs.timestamp")
    return fetched(
        view, chosen.order_by(None).order_by(by_time.desc(), logs.c.seq.desc()), question
    )


def _hot_count(view: View, catalog: Catalog, question: Question) -> int:
    """Count matching hot logs; at the limit it may stop."""
    if what_sql_leaves(question.filters) is None:
        return _counted_by_sql(view, catalog, question)
    return len(fetched(view, stored_rows(catalog, question), question))


def _counted_by_sql(view: View, catalog: Catalog, question: Question) -> int:
    if catalog.moment.last_seq <= catalog.moment.archived_through:
        return 0  # what is left above it takes a millisecond to ask for
    if question.is_of_all:
        return count_hot_logs(view, catalog.moment, question.through)
    rest = question
    for each in catalog.indexed:
        rest = rest.without(each.condition)
    if catalog.indexed and rest.is_of_all:
        ((count,),) = view.rows(_indexed_rows(catalog, question.through))
        return int(count)
    ((count,),) = view.rows(hot_rows(catalog, question, [func.count()]))
    return int(count)


def _indexed_rows(catalog: Catalog, through: int | None) -> Select[Any]:
    """Return the number of hot logs that meet the indexed conditions, without reading logs."""
    first, *others = (each.seqs for each in catalog.indexed)
    seq = attribute_values.c.seq
    chosen = first.where(seq > catalog.moment.archived_through)
    if through is not None:
        chosen = chosen.where(seq <= through)
    for each in others:
        chosen = chosen.where(seq.in_(each.subquery().select()))
    return select(func.count()).select_from(chosen.subquery())


def archived_seqs(catalog: Catalog) -> list[tuple[int, int]]:
    """Return the first and last seqs of ranges whose logs come from batches."""
    through = catalog.moment.archived_through
    # Those of adopted batches lie among those of hot rows.
    adopted = [each for each in catalog.kept if each.last_seq > through]
    return [(0, through), *((each.first_seq, each.last_seq) for each in adopted)]


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


def _first_place(table: pa.Table) -> tuple[int, int]:
    return table["timestamp"][0].cast(pa.int64()).as_py(), table["seq"][0].as_py()


def _newer(table: pa.Table, batch: ArchivedBatch) -> int:
    """Count logs that are newer than all that a batch may hold."""
    timestamps = table["timestamp"].cast(pa.int64())
    later = pc.greater(timestamps, batch.last_timestamp)
    as_late = pc.equal(timestamps, batch.last_timestamp)
    behind = pc.or_(later, pc.and_(as_late, pc.greater(table["seq"], batch.last_seq)))
    return int(pc.sum(behind, min_count=0).as_py())


def arranged(table: pa.Table, question: Question) -> pa.Table:
    """Return the newest logs up to the limit, in the question's order; filters are ignored."""
    if _ascends(table):
        newest = (
            table if question.limit is None else table[max(0, table.num_rows - question.limit) :]
        )
        if question.order == "oldest":
            return newest
        return _take(newest, pa.array(range(newest.num_rows - 1, -1, -1), pa.int64()))
    keys = table.select(["timestamp", "seq"])
    newest_first = pc.sort_indices(
        keys, sort_keys=[("timestamp", "descending"), ("seq", "descending")]
    )
    chosen = newest_first if question.limit is None else newest_first[: question.limit]
    return _take(table, chosen if question.order == "newest" else chosen[::-1])


def _ascends(table: pa.Table) -> bool:
    """Return whether logs are in order, the oldest first."""
    timestamps, seqs = table["timestamp"].cast(pa.int64()).to_numpy(), table["seq"].to_numpy()
    later, same = timestamps[1:] > timestamps[:-1], timestamps[1:] == timestamps[:-1]
    return bool((later | (same & (seqs[1:] > seqs[:-1]))).all())


def _take(table: pa.Table, places: pa.Array) -> pa.Table:
    wide = table.cast(pa.schema(map(_with_wide_offsets, table.schema))).combine_chunks()
    slices = [
        wide.take(places[start : start + _SLICE]).cast(table.schema)
        for start in range(0, len(places), _SLICE)
    ]
    return pa.concat_tables(slices) if slices else table.schema.empty_table()


def _with_wide_offsets(field: pa.Field) -> pa.Field:
    return field.with_type(pa.large_string()) if field.type == pa.string() else field

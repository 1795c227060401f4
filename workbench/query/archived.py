"""The archived side of a question: what the catalog says of the batches, at one moment."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Text, func, select

from waterline.archive.as_stored import as_stored
from waterline.archive.batch_formats import Choice
from waterline.archive.columns import schema_of
from waterline.archive.reader import BatchReader, follow
from waterline.errors import ArchiveError, IncompleteAnswer, ObjectMissing, RemoteError, UsageError
from waterline.storage.catalog import COLUMNS, ArchivedBatch, batch_of
from waterline.storage.tables import archive_batches, logs
from workbench.query.attribute_index import Indexed, read_index
from workbench.query.database import Database, View
from workbench.query.filters import matching
from workbench.query.moment import Moment, read_moment, rewritten
from workbench.query.pin import ENDS_WITH, Pin, Read, digits_of_batch, digits_of_log, digits_within
from workbench.query.progress import tell
from workbench.query.question import Question
from workbench.query.ruled_out import rules_out, wanted_by

# Number of files that an error names.
_NAMED = 5
# Batches that are read at a time: each takes up to some hundred MB.
_AT_ONCE: Final = 2

_BATCH_COLUMNS: Final = [archive_batches.c[name] for name in COLUMNS]
# ADBC infers types from the first thousand rows: NULL there and text later is an error.
_TEXTS: Final = {
    each.name for each in _BATCH_COLUMNS if each.nullable and isinstance(each.type, Text)
}
_EVERY_BATCH: Final = select(
    *(
        func.ifnull(each, "").label(each.name) if each.name in _TEXTS else each
        for each in _BATCH_COLUMNS
    )
)

_Part = TypeVar("_Part")


class Faults:
    """Batches that cannot be read: a sentence each, and what is not asked for again.

    Args:
        reader: reads a batch.
        current: returns the current catalog, in which a job may have moved or rewritten a batch.
        sentences: takes the sentences; each names a file.
    """

    def __init__(
        self,
        reader: BatchReader,
        current: Callable[[], Iterable[ArchivedBatch]],
        sentences: list[str],
    ) -> None:
        self._reader = reader
        self._current = current
        self._sentences = sentences
        self._refused: set[str | None] = set()

    def follow(
        self, batch: ArchivedBatch, read: Callable[[ArchivedBatch], _Part | None]
    ) -> _Part | None:
        """Return what a function reads of a batch, wherever it is by now; None if it cannot."""
        if batch.local_removed_at is not None and batch.uploaded_to in self._refused:
            # Each further request would be retried for a minute.
            self._sentences.append(f"{self._reader.name(batch)} is in that object storage too")
            return None
        try:
            return follow(batch, read, self._current)
        except ArchiveError as error:
            self._sentences.append(str(error))
            if _is_refusal(error):
                self._refused.add(batch.uploaded_to)
            return None


class Batches:
    """Reads the batches that a question needs, and collects faults of those that cannot be read.

    Args:
        reader: reads a batch.
        question: what is asked; its limit is ignored.
        most: greatest number of batches that it reads.
        current: returns the current catalog, in which a job may have moved or rewritten a batch.
    """

    def __init__(
        self,
        reader: BatchReader,
        question: Question,
        most: int,
        current: Callable[[], Iterable[ArchivedBatch]],
    ) -> None:
        self._sentences: list[str] = []
        self._faults = Faults(reader, current, self._sentences)
        self._reader = reader
        self._question = question
        self._most = most
        self._wanted = wanted_by(question.filters)
        self._done = 0

    def chosen(self, batch: ArchivedBatch, *, packed: bool = False) -> pa.Table:
        """Return the logs of a batch that match the question; none if the batch cannot be read.

        They have the question's `kept` columns; attributes may be packed if it names members.

        Args:
            batch: its catalog row.
            packed: whether all attributes may be packed.
        """
        return self._chosen(batch, None, packed=packed)

    def newest(self, batch: ArchivedBatch) -> pa.Table:
        """Return the newest logs of `chosen`, up to the question's limit, in no other order.

        The JSON of no other log is put together.
        """
        return self._chosen(batch, self._question.limit)

    def count(self, batch: ArchivedBatch) -> int:
        """Return the number of logs of a batch that match; 0 if the batch cannot be read."""
        asked = replace(self._question.within(batch), columns=(), order=None)
        table = self._read(batch, asked.needed, asked.needed_members)
        if table is None:
            return 0
        mask = matching(table, asked)
        return table.num_rows if mask is None else int(pc.sum(mask, min_count=0).as_py())

    def of_each(
        self, batches: Sequence[ArchivedBatch], take: Callable[[ArchivedBatch], _Part]
    ) -> Generator[_Part, None, None]:
        """Yield what a function makes of batches, in their order, several of them at a time.

        Args:
            batches: the batches.
            take: makes little of a batch, such as its `count`; several threads call it.
        """
        # Of object storage one at a time: the next is not asked for if it refuses one.
        is_local = all(each.local_removed_at is None for each in batches)
        with ThreadPoolExecutor(_AT_ONCE if is_local else 1) as pool:
            made: deque[Future[_Part]] = deque()
            try:
                for batch in batches:
                    # The context carries progress to the waiting thread.
                    made.append(pool.submit(copy_context().run, take, batch))
                    if len(made) > _AT_ONCE:
                        yield made.popleft().result()
                while made:
                    yield made.popleft().result()
            finally:
                for each in made:
                    each.cancel()

    def _chosen(self, batch: ArchivedBatch, most: int | None, *, packed: bool = False) -> pa.Table:
        asked = replace(self._question.within(batch), limit=most)
        by = asked.chosen_by
        choice = None
        if by.needed:
            choice = Choice(by.needed, by.needed_members, lambda table: _places(table, asked))
        table = self._read(batch, asked.kept, asked.members, choice)
        if table is None:
            return schema_of(asked.kept).empty_table()
        return kept(table, asked, may_be_packed=packed)

    def _read(
        self,
        batch: ArchivedBatch,
        columns: Sequence[str],
        members: Sequence[str] | None,
        choice: Choice | None = None,
    ) -> pa.Table | None:
        """Return what `BatchReader.read_packed` does.

        Returns:
            None if the batch cannot be read, or its filter tells that none of its logs matches.
        """
        tell("archive files", self._done, self._most)
        self._done += 1

        def read(now: ArchivedBatch) -> pa.Table | None:
            if rules_out(self._reader, now, self._wanted):
                return None
            return self._reader.read_packed(now, columns, members, choice)

        return self._faults.follow(batch, read)

    def prove(self, batch: ArchivedBatch, pin: Pin) -> None:
        """Check that a pin is of this past; a batch that cannot be read is a fault.

        Raises:
            UsageError: the pin is of another past.
        """
        self._faults.follow(batch, lambda now: prove(now, pin, self._reader.read))

    @property
    def faults(self) -> list[str]:
        """A sentence for each batch that could not be read; it names the file."""
        return [*dict.fromkeys(self._sentences)]

    def error(self) -> IncompleteAnswer:
        """Return an error that names the files that could not be read."""
        return incomplete(self.faults)


def incomplete(faults: Sequence[str]) -> IncompleteAnswer:
    """Return an error of sentences, each of which names a file that could not be read."""
    named, more = faults[:_NAMED], len(faults) - _NAMED
    return IncompleteAnswer("; ".join([*named, f"and {more} more"] if more > 0 else named))


def _is_refusal(error: ArchiveError) -> bool:
    """Return whether object storage refuses, so that it would refuse further requests too."""
    return isinstance(error, RemoteError) and not isinstance(error, ObjectMissing)


def kept(table: pa.Table, question: Question, *, may_be_packed: bool = False) -> pa.Table:
    """Return the `kept` columns; attributes are JSON texts unless the question names members.

    Args:
        table: logs with at least these columns.
        question: what is asked.
        may_be_packed: whether attributes may be packed in any case.
    """
    is_packed = may_be_packed or question.members is not None
    return as_stored(table.select(question.kept), may_be_packed=is_packed)


def _places(table: pa.Table, question: Question) -> pa.Array | None:
    """Return where the logs lie that match, the newest up to the limit; None is all."""
    mask = matching(table, question)
    places = None if mask is None else pc.indices_nonzero(mask).cast(pa.int64())
    most = question.limit
    if most is None or (table.num_rows if places is None else len(places)) <= most:
        return places
    times = table["timestamp"].cast(pa.int64())
    # Logs lie by seq, and a stable sort leaves those of one time so.
    by_time = np.argsort((times if places is None else times.take(places)).to_numpy(), stable=True)
    newest = pa.array(np.sort(by_time[len(by_time) - most :]))
    return newest if places is None else places.take(newest)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The moment of an answer, and the batches that may hold logs of it."""

    moment: Moment
    kept: tuple[ArchivedBatch, ...]
    pruned: tuple[ArchivedBatch, ...]
    proof: ArchivedBatch | None
    """Batch whose file has to be read to check that the question's pin is of this past."""
    indexed: tuple[Indexed, ...] = ()
    """Conditions that the index of hot logs answers."""


def read_catalog(view: View, question: Question) -> Catalog:
    """Read the moment and the batches that a question needs.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: the question's pin is of another folder or another past.
    """
    moment = read_moment(view)
    proof = None
    if question.pin is not None:
        moment.check(question.pin)
        proof = find_proof(view, question.pin)
    within: list[ColumnElement[bool]] = []
    if question.since is not None:
        within.append(archive_batches.c[f"last_{question.clock}"] >= question.since)
    if question.until is not None:
        within.append(archive_batches.c[f"first_{question.clock}"] < question.until)
    batches = [each for each in read_batches(view, *within) if question.selection.most(each)]
    return Catalog(
        moment,
        kept=tuple(each for each in batches if each.is_kept),
        pruned=tuple(each for each in batches if not each.is_kept),
        proof=proof,
        indexed=read_index(view, question, moment),
    )


def find_proof(view: View, pin: Pin) -> ArchivedBatch | None:
    """Check the last log of a pin against logs.db.

    Returns:
        The batch whose file has to be read to know; None if that is settled, or the log was pruned.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: another log has that seq.
    """
    if not pin.last:
        return None
    batches = read_batches(
        view, archive_batches.c.first_seq <= pin.seq, archive_batches.c.last_seq >= pin.seq
    )
    if any(
        each.last_seq == pin.seq and digits_of_batch(each.origin) == pin.last for each in batches
    ):
        return None
    rows = view.rows(select(*(logs.c[name] for name in ENDS_WITH)).where(logs.c.seq == pin.seq))
    if rows:
        if digits_of_log(rows[0]) != pin.last:
            raise _other_log(pin)
        return None
    if not batches:
        raise _other_log(pin)
    return batches[0] if batches[0].is_kept else None


def prove(batch: ArchivedBatch, pin: Pin, read: Read) -> None:
    """Check the last log of a pin against the file of a batch.

    Args:
        batch: holds the last log of the pin.
        pin: the pin.
        read: reads columns of a batch.

    Raises:
        ArchiveError: the file is missing or damaged.
        UsageError: another log has that seq.
    """
    if digits_within(batch, pin.seq, read) != pin.last:
        raise _other_log(pin)


def check_pin(database: Database, reader: BatchReader, pin: Pin) -> None:
    """Check that questions as of a pin can be answered.

    Args:
        database: logs.db.
        reader: reads a batch, where logs.db alone does not tell.
        pin: the pin.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: the pin is of another folder or another past.
    """
    with database.view() as view:
        read_moment(view).check(pin)
        batch = find_proof(view, pin)
    # A question that needs the file will fail by itself; others may do without it.
    if batch is not None:
        with suppress(ArchiveError):
            prove(batch, pin, reader.read)


def _other_log(pin: Pin) -> UsageError:
    return rewritten(pin, f"a backup was put back, and seq {pin.seq} is another log by now")


def read_batches(view: View, *criteria: ColumnElement[bool]) -> list[ArchivedBatch]:
    """Return batches that meet the criteria, pruned ones too, ordered by seq.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
    """
    ordered = _EVERY_BATCH.where(*criteria).order_by(archive_batches.c.first_seq)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in view.rows(ordered)]
    for row in rows:
        row.update({name: row[name] or None for name in _TEXTS})
    return [batch_of([*row.values()]) for row in rows]

"""The archived side of a question: what the catalog says of the batches, at one moment."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar, cast

import pyarrow as pa
from sqlalchemy import ColumnElement, Text, func, select

from waterline.archive.reader import BatchReader, follow
from waterline.errors import (
    ArchiveError,
    DataFolderError,
    IncompleteAnswer,
    ObjectMissing,
    RemoteError,
    UsageError,
)
from waterline.storage.catalog import COLUMNS, ArchivedBatch, batch_of
from waterline.storage.tables import archive_batches, logs
from workbench.query.attribute_index import Indexed, read_index
from workbench.query.database import Database, View
from workbench.query.moment import Moment, read_moment, rewritten
from workbench.query.piece import Chosen, Counted, Outcome, Piece, Take, TakeColumns
from workbench.query.pin import ENDS_WITH, Pin, Read, digits_of_batch, digits_of_log, digits_within
from workbench.query.progress import GivenUp, stopped_by, tell
from workbench.query.question import Question
from workbench.spreading.here import HERE
from workbench.spreading.spread import Cancelled, Spread

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
        sentences: takes the sentences, each of which names a file; None raises the first.
    """

    def __init__(
        self,
        reader: BatchReader,
        current: Callable[[], Iterable[ArchivedBatch]],
        sentences: list[str] | None,
    ) -> None:
        self._reader = reader
        self._current = current
        self._sentences = sentences
        self._refused: set[str | None] = set()

    def follow(
        self, batch: ArchivedBatch, read: Callable[[ArchivedBatch], _Part | None]
    ) -> _Part | None:
        """Return what a function reads of a batch, wherever it is by now; None if it cannot.

        Raises:
            ArchiveError: it cannot, and the first is to be raised.
        """
        if self._is_refused(batch):
            return None
        try:
            return follow(batch, read, self._current)
        except ArchiveError as error:
            if self._sentences is None:
                raise
            self._sentences.append(str(error))
            if _is_refusal(error):
                self._refused.add(batch.uploaded_to)
            return None

    def parts(
        self,
        spread: Spread,
        pieces: Iterable[Piece[_Part]],
        *,
        threads: int,
        is_probing: bool = False,
    ) -> Generator[_Part, None, None]:
        """Yield the parts of pieces, in their order; of batches that cannot be read, that of none.

        Args:
            spread: runs the pieces.
            pieces: the pieces; each is asked for just before it may be read.
            threads: see `Spread.map`.
            is_probing: see `Spread.map`.

        Raises:
            ArchiveError: one cannot be read, and the first is to be raised.
            DataFolderError: a machine of a cluster does not have the folder.
            GivenUp: the answer was abandoned.
        """
        waiting: deque[tuple[Piece[_Part], bool]] = deque()

        def asked() -> Iterator[Piece[_Part]]:
            for piece in pieces:
                is_refused = self._is_refused(piece.batch)
                waiting.append((piece, is_refused))
                if not is_refused:
                    yield piece

        outcomes = spread.map(asked(), threads=threads, is_probing=is_probing)
        try:
            with stopped_by(outcomes.cancel):
                outcome = next(outcomes, None)
                while waiting:
                    piece, is_refused = waiting.popleft()
                    if is_refused:
                        yield piece.of_none()
                        continue
                    assert outcome is not None, "each piece that is not refused has an outcome"
                    part, outcome = self._settled(piece, outcome), None
                    yield part
                    del part  # or it would lie beside the next one
                    outcome = next(outcomes, None)
        except Cancelled:
            raise GivenUp from None
        finally:
            outcomes.close()

    def _settled(self, piece: Piece[_Part], outcome: Outcome[_Part]) -> _Part:
        fault = outcome.fault
        if fault is None:
            return cast("_Part", outcome.part)
        if outcome.unseen_by is not None and self._reader.has_place(piece.batch):
            raise DataFolderError(
                f"the machine {outcome.unseen_by} does not have the folder of "
                f"{self._reader.name(piece.batch)}; have every worker see it under this path, or "
                "upload the archives to object storage"
            )

        def read(now: ArchivedBatch) -> tuple[_Part]:
            if now is piece.batch:
                raise fault
            # A job has moved it meanwhile.
            return (replace(piece, batch=now).made(),)

        found = self.follow(piece.batch, read)
        return piece.of_none() if found is None else found[0]

    def _is_refused(self, batch: ArchivedBatch) -> bool:
        if batch.local_removed_at is None or batch.uploaded_to not in self._refused:
            return False
        # Each further request would be retried for a minute.
        assert self._sentences is not None, "only what is noted goes on"
        self._sentences.append(f"{self._reader.name(batch)} is in that object storage too")
        return True


class Batches:
    """Reads the batches that a question needs, and collects faults of those that cannot be read.

    Args:
        reader: reads a batch.
        question: what is asked; its limit is ignored.
        most: greatest number of batches that it reads.
        current: returns the current catalog, in which a job may have moved or rewritten a batch.
        spread: runs what is taken from many batches.
    """

    def __init__(
        self,
        reader: BatchReader,
        question: Question,
        most: int,
        current: Callable[[], Iterable[ArchivedBatch]],
        spread: Spread = HERE,
    ) -> None:
        self._sentences: list[str] = []
        self._faults = Faults(reader, current, self._sentences)
        self._reader = reader
        self._question = question
        self._most = most
        self._spread = spread
        self._done = 0

    def chosen(self, batch: ArchivedBatch) -> pa.Table:
        """Return the logs of a batch that match the question; none if the batch cannot be read.

        They have the question's `kept` columns; attributes may be packed if it names members.

        Args:
            batch: its catalog row.
        """
        question = replace(self._question, limit=None)
        take = TakeColumns(question.kept)
        (table,) = self._parts([Chosen(self._reader, batch, question, take)], HERE, threads=1)
        return table

    def of_each(
        self, batches: Sequence[ArchivedBatch], take: Take[_Part], *, packed: bool = False
    ) -> Generator[_Part, None, None]:
        """Yield what a function takes from the matching logs of batches, in their order.

        Args:
            batches: the batches.
            take: takes little from logs with the question's `kept` columns. Several threads call
                it, or other processes. Attributes may be packed if the question names members.
            packed: whether all attributes may be packed.
        """
        question = replace(self._question, limit=None)
        pieces = (Chosen(self._reader, each, question, take, packed) for each in batches)
        return self._parts(pieces, self._spread, threads=_threads(batches))

    def newest_of_each(
        self, batches: Sequence[ArchivedBatch], take: Take[_Part]
    ) -> Generator[_Part, None, None]:
        """Yield what a function takes from the newest logs of batches, up to the question's limit.

        The JSON of no other log is put together. With a limit few batches are read ahead.

        Args:
            batches: the batches.
            take: as for `of_each`.
        """
        is_probing = self._question.limit is not None
        pieces = (Chosen(self._reader, each, self._question, take) for each in batches)
        threads = 1 if is_probing else _threads(batches)
        return self._parts(pieces, self._spread, threads=threads, is_probing=is_probing)

    def counts(self, batches: Sequence[ArchivedBatch]) -> Generator[int, None, None]:
        """Yield the numbers of logs of batches that match; 0 if a batch cannot be read."""
        pieces = (Counted(self._reader, each, self._question) for each in batches)
        return self._parts(pieces, self._spread, threads=_threads(batches))

    def _parts(
        self,
        pieces: Iterable[Piece[_Part]],
        spread: Spread,
        *,
        threads: int,
        is_probing: bool = False,
    ) -> Generator[_Part, None, None]:
        tell("archive files", self._done, self._most)
        for part in self._faults.parts(spread, pieces, threads=threads, is_probing=is_probing):
            self._done += 1
            tell("archive files", self._done, self._most)
            yield part
            del part  # or it would lie beside the next one

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


def _threads(batches: Sequence[ArchivedBatch]) -> int:
    """Return how many of these batches are read at a time in this process."""
    # Of object storage one at a time: the next is not asked for if it refuses one.
    return _AT_ONCE if all(each.local_removed_at is None for each in batches) else 1


def incomplete(faults: Sequence[str]) -> IncompleteAnswer:
    """Return an error of sentences, each of which names a file that could not be read."""
    named, more = faults[:_NAMED], len(faults) - _NAMED
    return IncompleteAnswer("; ".join([*named, f"and {more} more"] if more > 0 else named))


def _is_refusal(error: ArchiveError) -> bool:
    """Return whether object storage refuses, so that it would refuse further requests too."""
    return isinstance(error, RemoteError) and not isinstance(error, ObjectMissing)


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


def archived_seqs(catalog: Catalog) -> list[tuple[int, int]]:
    """Return the first and last seqs of ranges whose logs come from batches."""
    through = catalog.moment.archived_through
    # Those of adopted batches lie among those of hot rows.
    adopted = [each for each in catalog.kept if each.last_seq > through]
    return [(0, through), *((each.first_seq, each.last_seq) for each in adopted)]


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

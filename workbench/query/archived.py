"""The archived side of a question: what the catalog says of the batches, at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Text, and_, func, select

from waterline.archive.columns import schema_of
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError, IncompleteAnswer, ObjectMissing, RemoteError, UsageError
from waterline.storage.catalog import COLUMNS, ArchivedBatch, batch_of
from waterline.storage.tables import archive_batches, logs
from workbench.query.database import Database, View
from workbench.query.pin import ENDS_WITH, Pin, Read, digits_of_batch, digits_of_log, digits_within
from workbench.query.progress import tell
from workbench.query.question import Question
from workbench.query.snapshot import Moment, read_moment, rewritten
from workbench.query.sql_filter import attribute_criteria

# So many files an error names; of more it says how many.
_NAMED = 5


class Batches:
    """Reads the batches that a question needs, and goes on where one cannot be read.

    Args:
        reader: reads a batch.
        question: which logs of it are wanted; its limit is not heeded.
        most: so many it needs at most.

    Attributes:
        faults: a sentence for each batch that could not be read; it names the file.
    """

    def __init__(self, reader: BatchReader, question: Question, most: int) -> None:
        self.faults: list[str] = []
        self._reader = reader
        self._question = question
        self._refused: set[str | None] = set()
        self._most = most
        self._read = 0

    def chosen(self, batch: ArchivedBatch) -> pa.Table:
        """Return the logs of a batch that the question is about; none where it cannot be read.

        They have the question's `kept` columns.
        """
        tell("archive files", self._read, self._most)
        self._read += 1
        if batch.local_removed_at is not None and batch.uploaded_to in self._refused:
            # Each further request would be tried for a minute.
            self.faults.append(f"{self._reader.name(batch)} is in that object storage too")
            return self._none()
        try:
            table = self._reader.read(batch, self._question.needed)
            return choose(table, self._question).select(self._question.kept)
        except ArchiveError as error:
            self._fail(batch, error)
            return self._none()

    def prove(self, batch: ArchivedBatch, pin: Pin) -> None:
        """See that a pin is of this past; where the batch cannot be read, that is a fault.

        Raises:
            UsageError: it is of another.
        """
        try:
            prove(batch, pin, self._reader.read)
        except ArchiveError as error:
            self._fail(batch, error)

    def _fail(self, batch: ArchivedBatch, error: ArchiveError) -> None:
        if str(error) not in self.faults:
            self.faults.append(str(error))
        if isinstance(error, RemoteError) and not isinstance(error, ObjectMissing):
            self._refused.add(batch.uploaded_to)

    def _none(self) -> pa.Table:
        return schema_of(self._question.kept).empty_table()

    def error(self) -> IncompleteAnswer:
        """Return the error that names what could not be read."""
        named, more = self.faults[:_NAMED], len(self.faults) - _NAMED
        return IncompleteAnswer("; ".join([*named, f"and {more} more"] if more > 0 else named))


_MEMORY: Final = ":memory:"


def choose(table: pa.Table, question: Question) -> pa.Table:
    """Return the rows that a question is about, in their order; its limit is not heeded.

    Args:
        table: logs with the columns that the question needs, or more.
        question: what is asked.
    """
    table = question.selection.of(table)
    if question.contains is not None:
        table = table.filter(pc.match_substring(table["message"], question.contains))
    if question.where and table.num_rows:
        table = table.filter(pc.is_in(table["seq"], value_set=_meeting(table, question)))
    return table


def _meeting(table: pa.Table, question: Question) -> pa.ChunkedArray:
    """Return the seqs of the logs whose attributes meet the conditions.

    SQLite decides, by the same words as over hot rows: what numbers it reads in JSON, how it rounds
    them and compares an integer with a float is its own. It takes no longer than Python would.
    """
    with _as_logs(table.select(["seq", "attributes"])) as view:
        chosen = select(logs.c.seq).where(and_(*attribute_criteria(question)))
        return view.fetch(chosen)["seq"]


@contextmanager
def _as_logs(table: pa.Table) -> Iterator[View]:
    with (
        adbc_driver_sqlite.dbapi.connect(_MEMORY) as connection,
        connection.cursor() as cursor,
    ):
        cursor.adbc_ingest(logs.name, table, mode="create")
        yield View(cursor, Path(_MEMORY))


@dataclass(frozen=True, slots=True)
class Catalog:
    """The moment, and the batches that may hold logs that a question is about."""

    moment: Moment
    kept: tuple[ArchivedBatch, ...]
    pruned: tuple[ArchivedBatch, ...]
    proof: ArchivedBatch | None
    """The batch whose file alone can tell whether the question's pin is of this past."""


def read_catalog(view: View, question: Question) -> Catalog:
    """Read what the catalog has for a question.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: the question has a pin that is not of this folder, or of another past.
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
    )


def find_proof(view: View, pin: Pin) -> ArchivedBatch | None:
    """See that the log that a pin ends at is still the same, as far as logs.db can tell.

    Returns:
        The batch whose file has to tell; None where nothing is open, or the log was pruned.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: it is another log.
    """
    if not pin.last:
        return None
    batches = read_batches(
        view, archive_batches.c.first_seq <= pin.seq, archive_batches.c.last_seq >= pin.seq
    )
    if any(
        each.last_seq == pin.seq and digits_of_batch(each.sha256) == pin.last for each in batches
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
    """See by the file of a batch that the log that a pin ends at is still the same.

    Raises:
        ArchiveError: the file is missing or damaged.
        UsageError: it is another log.
    """
    if digits_within(batch, pin.seq, read) != pin.last:
        raise _other_log(pin)


def check_pin(database: Database, reader: BatchReader, pin: Pin) -> None:
    """See that answers as of a pin are to be had, as far as that can be told now.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: the pin is of another folder, or of a past that is not this one's.
    """
    with database.view() as view:
        read_moment(view).check(pin)
        batch = find_proof(view, pin)
    # Of a file that cannot be read the questions tell, which may do without it.
    if batch is not None:
        with suppress(ArchiveError):
            prove(batch, pin, reader.read)


def _other_log(pin: Pin) -> UsageError:
    return rewritten(pin, f"a backup was put back, and seq {pin.seq} is another log by now")


def read_batches(view: View, *criteria: ColumnElement[bool]) -> list[ArchivedBatch]:
    """Return the batches that meet criteria, those that were pruned too, in the order of seqs.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
    """
    columns = [archive_batches.c[name] for name in COLUMNS]
    # A column takes its type from its first thousand rows: null there and text behind is an error.
    texts = {each.name for each in columns if each.nullable and isinstance(each.type, Text)}
    chosen = select(
        *(
            func.ifnull(each, "").label(each.name) if each.name in texts else each
            for each in columns
        )
    )
    ordered = chosen.where(*criteria).order_by(archive_batches.c.first_seq)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in view.rows(ordered)]
    for row in rows:
        row.update({name: row[name] or None for name in texts})
    return [batch_of([*row.values()]) for row in rows]

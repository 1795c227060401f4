"""The batches of one question: each read once, and what is missing or damaged told together."""

import pyarrow as pa

from waterline.archive.columns import schema_of
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError, IncompleteAnswer, ObjectMissing, RemoteError
from waterline.storage.catalog import ArchivedBatch
from workbench.query.archive_filter import choose
from workbench.query.archived import prove
from workbench.query.pin import Pin
from workbench.query.progress import tell
from workbench.query.question import Question

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

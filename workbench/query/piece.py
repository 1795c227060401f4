"""A piece of an answer: what is taken from one batch, by whichever process reads it."""

import hashlib
import pickle
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.as_stored import as_stored
from waterline.archive.batch_formats import Choice
from waterline.archive.columns import NAMES, schema_of
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from workbench.query.filters import choose, matching
from workbench.query.question import Question
from workbench.query.ruled_out import rules_out, wanted_by

Part = TypeVar("Part")
Take = Callable[[pa.Table], Part]
"""Takes what an answer needs from some logs. It can be pickled: a function of a module, or a frozen
dataclass."""

# The same task has another key once what makes its result changes.
_FORM: Final = 1
# What says where the batch lies, and not what it holds.
_BATCHES: Final = ("reader", "batch")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Part]):
    """What came of a piece."""

    part: Part | None
    fault: ArchiveError | None
    """Why the batch cannot be read; None if it was."""
    unseen_by: str | None = None
    """Name of a machine that does not have the folder of archives at all, or None."""


@dataclass(frozen=True, slots=True)
class Piece(ABC, Generic[Part]):
    """What is taken from one batch.

    It can be sent to another process, which reads with credentials of its own: none go along.
    """

    reader: BatchReader
    batch: ArchivedBatch
    question: Question
    """What is asked."""

    def __call__(self) -> Outcome[Part]:
        """Return the part, or why the batch cannot be read."""
        try:
            return Outcome(self.made(), None)
        except ArchiveError as error:
            is_seen = self.reader.has_place(self.batch)
            return Outcome(None, error, None if is_seen else socket.gethostname())

    def name(self) -> str:
        """Return the path of the batch file, or its URL."""
        return self.reader.name(self.batch)

    def key(self) -> str:
        """Return a digest of the batch's content, of what is asked, and of what is taken."""
        others = [getattr(self, each.name) for each in fields(self) if each.name not in _BATCHES]
        batch = self.batch
        reach = (batch.first_seq, batch.last_seq, *batch.reach(self.question.clock))
        on = (_FORM, type(self).__name__, batch.sha256, batch.format, reach, others)
        return hashlib.sha256(pickle.dumps(on)).hexdigest()

    @abstractmethod
    def made(self) -> Part:
        """Return the part.

        Raises:
            ArchiveError: the file is missing or damaged; the sentence names it.
        """

    @abstractmethod
    def of_none(self) -> Part:
        """Return the part of no logs."""

    def _read(
        self,
        columns: Sequence[str],
        members: Sequence[str] | None,
        choice: Choice | None = None,
    ) -> pa.Table | None:
        """Return what `BatchReader.read_packed` does; None if the batch's filter tells of none."""
        if rules_out(self.reader, self.batch, wanted_by(self.question.filters)):
            return None
        return self.reader.read_packed(self.batch, columns, members, choice)


@dataclass(frozen=True, slots=True)
class Chosen(Piece[Part]):
    """What is taken from the matching logs of a batch, with the question's `kept` columns.

    With a limit these are the newest ones, in no other order, and the JSON of no other log is put
    together. Attributes may be packed if the question names members.
    """

    take: Take[Part]
    packed: bool = False
    """Whether all attributes may be packed."""

    def made(self) -> Part:
        """Return the part; see `Piece.made`."""
        asked = self.question.within(self.batch)
        by = asked.chosen_by
        choice = None
        if by.needed:
            choice = Choice(by.needed, by.needed_members, lambda table: _places(table, asked))
        table = self._read(asked.kept, asked.members, choice)
        if table is None:
            return self.of_none()
        return self.take(kept(table, asked, may_be_packed=self.packed))

    def of_none(self) -> Part:
        """Return the part of no logs."""
        return self.take(schema_of(self.question.kept).empty_table())


@dataclass(frozen=True, slots=True)
class Counted(Piece[int]):
    """Number of matching logs of a batch; the limit is ignored."""

    def made(self) -> int:
        """Return the number; see `Piece.made`."""
        asked = replace(self.question.within(self.batch), columns=(), order=None, limit=None)
        table = self._read(asked.needed, asked.needed_members)
        if table is None:
            return 0
        mask = matching(table, asked)
        return table.num_rows if mask is None else int(pc.sum(mask, min_count=0).as_py())

    def of_none(self) -> int:
        """Return 0."""
        return 0


@dataclass(frozen=True, slots=True)
class Scanned(Piece[Part]):
    """What is taken from the matching logs of a batch by seq; the limit is ignored."""

    take: Take[Part]
    packed: bool
    """Whether logs may come as they lie there: attributes packed, texts as dictionaries."""
    behind: int | None = None
    """Seq above which logs are taken; None is any."""
    through: int | None = None
    """Highest seq of a log that is taken; None is any."""

    @property
    def is_of_all(self) -> bool:
        """Whether every log of the batch is taken, with all columns in the order of storage."""
        asked = self.question.within(self.batch)
        bounds = (self.behind, self.through, asked.through)
        is_whole = asked.is_of_all and all(each is None for each in bounds)
        return is_whole and asked.columns == NAMES

    def made(self) -> Part:
        """Return the part; see `Piece.made`."""
        asked = replace(self.question.within(self.batch), limit=None)
        is_part = self.behind is not None or self.through is not None
        columns = (*(("seq",) if is_part and "seq" not in asked.needed else ()), *asked.needed)
        table = self._read(columns, asked.needed_members)
        if table is None:
            return self.of_none()
        if self.behind is not None:
            table = table.filter(pc.greater(table["seq"], self.behind))
        if self.through is not None:
            table = table.filter(pc.less_equal(table["seq"], self.through))
        chosen = choose(table, asked)
        return self.take(chosen.select(asked.kept) if self.packed else kept(chosen, asked))

    def of_none(self) -> Part:
        """Return the part of no logs."""
        return self.take(schema_of(self.question.kept).empty_table())


@dataclass(frozen=True, slots=True)
class TakeColumns:
    """Takes columns of logs as they are."""

    columns: tuple[str, ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns."""
        return table.select(self.columns)


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

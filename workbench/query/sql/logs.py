"""The relation `logs`: hot and archived ones, each once, as of one moment, in pieces."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import SCHEMA
from waterline.records import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.storage.folder import DataFolder
from workbench.query.database import Database
from workbench.query.execute import Logs
from workbench.query.pin import Pin
from workbench.query.question import Question
from workbench.query.scan import Walk
from workbench.query.sql.bounds import bounds
from workbench.query.sql.relation import Relation

_TIMESTAMPS: Final = range(MIN_TIMESTAMP, MAX_TIMESTAMP + 1)
# So many are read at once, by the index of timestamps; more are walked through by seq.
_FEW: Final = 100_000


class LogsRelation:
    """The logs of a data folder as a relation.

    Args:
        folder: the data folder.
        database: its logs.db.
        logs: answers questions about them.
        pin: the moment; every scan is of it.

    Attributes:
        lacks: a sentence about pruned logs that a scan was about, if any.
    """

    def __init__(self, folder: DataFolder, database: Database, logs: Logs, pin: Pin) -> None:
        self.lacks: str | None = None
        self._folder = folder
        self._database = database
        self._logs = logs
        self._pin = pin

    def relation(self) -> Relation:
        """Return it as SQL sees it."""
        return Relation(SCHEMA, self._read)

    def _read(
        self,
        columns: tuple[str, ...],
        filter: pc.Expression | None,  # noqa: A002 - Arrow's name
    ) -> Iterator[pa.Table]:
        seqs, times = range(1, self._pin.seq + 1), _TIMESTAMPS
        if filter is not None:
            seqs = bounds(filter, "seq", SCHEMA, seqs)
            times = bounds(filter, "timestamp", SCHEMA, times)
        if not seqs or not times:
            return
        question = Question(
            columns=columns,
            pin=self._pin,
            since=None if times[0] == MIN_TIMESTAMP else times[0],
            until=None if times[-1] == MAX_TIMESTAMP else times[-1] + 1,
        )
        if question.since is not None or question.until is not None:
            few = self._few(question)
            if few is not None:
                yield from few
                return
        walk = Walk(self._folder, self._database, question, seqs)
        self.lacks = self.lacks or walk.lacks
        yield from walk.tables()

    def _few(self, question: Question) -> list[pa.Table] | None:
        """Return the logs of a short range of time, or None where there are many in it."""
        if self._logs.most(question) > _FEW:
            return None
        answer = self._logs.parts(question, lambda part: part.select(question.columns))
        self.lacks = self.lacks or answer.lacks
        return answer.value

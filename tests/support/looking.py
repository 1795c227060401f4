"""Looks at all logs of a data folder, hot and archived, as they were at one consistent moment."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import apsw

from tests.support.load import message_of
from waterline.archive.reader import BatchReader
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark, read_watermark

_BUSY_TIMEOUT_MS: Final = 10_000

Row = tuple[int, str, str]
"""A log: seq, id, message."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    seqs: dict[str, int]
    """By id."""
    faults: list[str]
    """What must not be, each in a line."""

    def losses(self, acked: Mapping[str, int | None]) -> list[str]:
        """Return the acked ids that are not there with the seq of their first ack."""
        return [
            log_id
            for log_id, seq in acked.items()
            if log_id not in self.seqs or seq not in {None, self.seqs[log_id]}
        ]


@dataclass(frozen=True, slots=True)
class Moment:
    """What one read transaction finds."""

    watermark: Watermark
    batches: list[ArchivedBatch]
    hot: list[Row]


class Looker:
    """Looks at a folder as readers do: watermark, catalog and hot rows at once, then the files.

    A file is read again only when it is another one, or was written to.
    """

    def __init__(self, data: Path) -> None:
        self._folder = DataFolder(data)
        self._reader = BatchReader(self._folder)
        self._read: dict[tuple[str, int, int], list[Row]] = {}

    def look(self) -> Look:
        """Look at all logs.

        Raises:
            ArchiveError: a batch that is recorded cannot be read.
            FileNotFoundError: its file is not there.
        """
        moment = read_moment(self._folder.path)
        archived = [row for batch in moment.batches for row in self._rows(batch)]
        look = judge(archived + moment.hot)
        through = moment.watermark.archived_through
        if through != max((each.last_seq for each in moment.batches), default=0):
            look.faults.append(f"the watermark is at {through}, where no batch ends")
        return look

    def _rows(self, batch: ArchivedBatch) -> list[Row]:
        status = (self._folder.archives / batch.file).stat()
        key = (batch.sha256, status.st_ino, status.st_mtime_ns)
        if key not in self._read:
            found = self._reader.read(batch)
            columns = [found[name].to_pylist() for name in ("seq", "id", "message")]
            self._read[key] = cast("list[Row]", list(zip(*columns, strict=True)))
        return self._read[key]


def read_moment(data: Path) -> Moment:
    """Read all that logs.db says of the watermark, in one transaction."""
    with _opened(data) as connection:
        connection.execute("BEGIN")
        watermark = read_watermark(connection)
        batches = read_batches(connection)
        hot = connection.execute(
            "SELECT seq, id, message FROM logs WHERE seq > ? ORDER BY seq",
            (watermark.archived_through,),
        ).fetchall()
        connection.execute("COMMIT")
    return Moment(watermark, batches, cast("list[Row]", hot))


def number(data: Path, statement: str) -> int:
    """Return what a statement says of logs.db in one number."""
    with _opened(data) as connection:
        return cast("int", connection.execute(statement).get)


@contextmanager
def _opened(data: Path) -> Iterator[apsw.Connection]:
    path = str(DataFolder(data).logs)
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        yield connection


def judge(rows: Sequence[Row]) -> Look:
    """Say of logs in the order of their seqs what must not be so."""
    counted = Counter(row[1] for row in rows)
    faults = [f"{log_id} is there {count} times" for log_id, count in counted.items() if count > 1]
    faults += [f"{row[1]} holds {row[2]!r}" for row in rows if row[2] != message_of(row[1])]
    faults += [
        f"seq {later[0]} follows {earlier[0]}"
        for earlier, later in pairwise(rows)
        if later[0] <= earlier[0]
    ]
    return Look({row[1]: row[0] for row in rows}, faults)

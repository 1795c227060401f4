"""Logs that are moved in, stored by the store of hot logs: each once, whatever ran before."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import apsw
import msgspec

from waterline.metrics.rollup_store import RollupStore
from waterline.records import Record
from waterline.storage.folder import DataFolder
from waterline.storage.log_store import LARGE_ROW, LogStore, Rows
from waterline.storage.watermark import Position, read_position, read_watermark
from workbench.migration.entries import NAMESPACE, ORIGINAL_ID, OldLog
from workbench.migration.findings import Findings
from workbench.migration.known import Content, Known

# Rows, and bytes, of one transaction.
_ROWS_AT_ONCE: Final = 5_000
_BYTES_AT_ONCE: Final = 8 * 2**20

_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Tally:
    """Numbers of logs."""

    read: int = 0
    new: int = 0
    known: int = 0
    """Those that were there already, from another row or an earlier run."""


class Resolver:
    """Says which logs are new, and by which id each is stored.

    Args:
        known: the logs that are there.
        findings: takes ids that several logs have.
    """

    def __init__(self, known: Known, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._pending: dict[str, Content] = {}

    def new(self, log: OldLog) -> Record | None:
        """Return a log as it is to be stored; None if it is there already.

        One that has the id of another log, and says something else, gets an id made of its content.
        """
        repeated = not self._known.see(log.id)
        content = Content.of(log.record)
        found = self._find(log.id)
        if found is None:
            return self._take(log.record)
        if content.is_said_by(found):
            if repeated:
                what = "with an id that came before, of the same log, stored once"
                self._findings.note(log.table, what, f"{log.place}, {log.id}", "log")
            return None
        what = f"with an id that another log has, stored under one of its own; {ORIGINAL_ID} has it"
        self._findings.note(log.table, what, f"{log.place}, {log.id}", "log")
        renamed = renamed_record(log.record)
        assert renamed.id is not None
        return None if self._find(renamed.id) is not None else self._take(renamed)

    def settle(self) -> None:
        """Take it that all new logs so far are stored."""
        self._pending.clear()

    def _find(self, log_id: str) -> Content | None:
        return self._pending.get(log_id) or self._known.find(log_id)

    def _take(self, record: Record) -> Record:
        assert record.id is not None
        self._pending[record.id] = Content.of(record)
        return record


def renamed_record(record: Record) -> Record:
    """Return a log under an id that is made of its content, with its own as an attribute."""
    text = "\0".join(map(str, (record.id, *Content.of(record))))
    attributes = msgspec.json.decode(record.attributes)
    attributes[ORIGINAL_ID] = record.id
    return record._replace(
        id=str(uuid.uuid5(NAMESPACE, text)), attributes=_encode(attributes).decode()
    )


class Sink:
    """Stores new logs of one source, thousands in a transaction.

    Args:
        connection: a connection that writes logs.db; None in a dry run.
        known: the logs that are there.
        resolver: says which logs are new.
        source: their source.
        clock: returns milliseconds UTC.
    """

    def __init__(
        self,
        connection: apsw.Connection | None,
        known: Known,
        resolver: Resolver,
        source: str,
        clock: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._known = known
        self._resolver = resolver
        self._source = source
        self._clock = clock
        self._waiting: list[tuple[int, Record]] = []
        self._size = 0
        self._position = Position(0, 0) if connection is None else read_position(connection)
        self._last = self._position.last_received_at

    def put(self, log: OldLog, tally: Tally) -> None:
        """Store a log, soon.

        Args:
            log: the log.
            tally: counts it.
        """
        tally.read += 1
        record = self._resolver.new(log)
        if record is None:
            tally.known += 1
            return
        tally.new += 1
        # It never goes back along seq, and no clock of the old server's puts it into the future.
        self._last = max(self._last, min(log.received_at or 0, self._clock()))
        self._waiting.append((self._last, record))
        self._size += len(record.message) + len(record.attributes)
        if len(self._waiting) >= _ROWS_AT_ONCE or self._size >= _BYTES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Store what waits; all of it or nothing.

        Raises:
            apsw.Error: nothing of it was stored.
        """
        if self._waiting and self._connection is not None:
            store = LogStore(self._connection, 0)
            moments = [
                (received_at, rows)
                for received_at, found in groupby(self._waiting, lambda each: each[0])
                for rows in self._rows([record for _, record in found])
            ]
            stored = store.store_moments(moments, self._position.last_seq + 1, self._clock())
            self._position = Position(stored.last_new or self._position.last_seq, self._last)
        elif self._waiting:
            self._known.add(record for _, record in self._waiting)
        self._waiting.clear()
        self._size = 0
        self._resolver.settle()

    def _rows(self, records: Sequence[Record]) -> Iterator[Rows]:
        """Yield the rows of a moment; a large one alone."""
        texts: list[bytes] = []
        for record in records:
            text = _encode(
                (
                    record.id,
                    record.type,
                    record.timestamp,
                    self._source,
                    record.message,
                    msgspec.Raw(record.attributes.encode()),
                )
            )
            if len(text) > LARGE_ROW:
                if texts:
                    yield Rows(b",".join(texts), len(texts))
                    texts = []
                yield Rows(text, 1)
            else:
                texts.append(text)
        if texts:
            yield Rows(b",".join(texts), len(texts))


def begin_counting(folder: DataFolder, connection: apsw.Connection) -> None:
    """Have the next server count the logs of a new folder, in the seconds of their receipt.

    Args:
        folder: the data folder.
        connection: a connection to its logs.db.
    """
    if not read_position(connection).last_seq:
        with closing(RollupStore(folder.metrics)) as store:
            store.begin(read_watermark(connection).incarnation, 0, 0)

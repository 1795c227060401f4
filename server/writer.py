"""The one thread that writes logs: group commit, seq, duplicates. An ack it gives is durable."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import apsw
import uuid_utils

from server.clock import now_ms
from server.monitor.performance import PerformanceMonitor
from server.records import Record
from server.store.schema import LOGS
from server.store.seam import Position, ensure_seam, read_position
from server.store.sqlite import open_writer, sqlite_errors, transaction

logger = logging.getLogger(__name__)

# A transaction takes all that waits, up to this: more would only make the first ack wait longer.
MAX_COMMIT_LOGS: Final = 20_000

Row = tuple[int, str, str, int, int, str, str, str]
"""A log as stored: the columns of `logs` in their order."""

Answer = tuple[str, int, bool]
"""A stored log's id, its seq, and whether it was there already."""

_INSERT: Final = """
    INSERT INTO logs (seq, id, type, timestamp, received_at, source, message, attributes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_FIND: Final = "SELECT seq FROM logs WHERE source = ? AND id = ?"


class Refusal(StrEnum):
    """Why a batch was not stored; its producer may send it again."""

    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"


@dataclass(slots=True)
class Submission:
    """Logs of one producer, waiting for their commit.

    After the commit either `refusal` is set, or `answers` holds for each record its id, its seq
    and whether it is a duplicate, in the order of the records.
    """

    records: Sequence[Record]
    source: str
    size: int
    """Bytes they came as."""
    received: float
    """When they came, by `time.perf_counter`."""
    owner: object
    """Whoever is to hear of the answers; the writer does not look at it."""
    answers: list[Answer] = field(default_factory=list)
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction did: who gets answers, and the new rows in order of seq."""

    submissions: Sequence[Submission]
    rows: Sequence[Row]
    committed_at: int
    """Milliseconds UTC."""


def _new_id() -> str:
    return str(uuid_utils.uuid7())


class Writer:
    """Owns the connection that writes logs.db; everything that waits goes into one transaction.

    Args:
        path: logs.db; made where it is missing.
        monitor: takes commit times, ack latencies and counts.
        on_commit: called in the writer's thread after each commit, or each failure to.
        clock: returns milliseconds UTC.
        new_id: returns an id for a log that came without one; ids sort by time.

    Raises:
        DataFolderError: logs.db cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        monitor: PerformanceMonitor,
        on_commit: Callable[[Commit], None],
        clock: Callable[[], int] = now_ms,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._monitor = monitor
        self._on_commit = on_commit
        self._clock = clock
        self._new_id = new_id
        self._connection = open_writer(path, LOGS, "FULL")
        with sqlite_errors(path):
            self.seam = ensure_seam(self._connection)
            self._position = read_position(self._connection)
        self._waiting: list[Submission] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._refusal: Refusal | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def last_seq(self) -> int:
        """The highest seq that is committed."""
        return self._position.last_seq

    @property
    def refusal(self) -> Refusal | None:
        """Why the last commit failed; None once one has gone well again."""
        return self._refusal

    def start(self) -> None:
        """Begin to take submissions."""
        self._thread.start()

    def submit(self, submission: Submission) -> None:
        """Hand over logs from any thread; answers come by `on_commit`, in order.

        A submission without records is answered too, in its turn.
        """
        with self._changed:
            self._waiting.append(submission)
            self._changed.notify()

    def stop(self) -> None:
        """Commit all that waits, then close; may be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while submissions := self._take():
            self._handle(submissions)

    def _take(self) -> list[Submission]:
        """Wait for submissions and return the first of them; none when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            logs = 0
            for index, submission in enumerate(self._waiting):
                logs += len(submission.records)
                if index and logs > MAX_COMMIT_LOGS:
                    break
            else:
                index = len(self._waiting)
            taken, self._waiting = self._waiting[:index], self._waiting[index:]
            return taken

    def _handle(self, submissions: list[Submission]) -> None:
        begun = time.perf_counter()
        rows: list[Row] = []
        try:
            if any(each.records for each in submissions):
                rows = self._commit(submissions)
        except apsw.Error as error:
            self._refuse(submissions, error)
        else:
            self._refusal = None
            self._measure(submissions, rows, begun)
        self._on_commit(Commit(submissions, rows, self._clock()))

    def _commit(self, submissions: list[Submission]) -> list[Row]:
        """Store what is new in one transaction, fill in the answers, return the new rows."""
        received_at = max(self._clock(), self._position.last_received_at)
        rows = self._number(submissions, received_at)
        with transaction(self._connection):
            stored, answers = self._store(rows)
        remaining = iter(answers)
        for submission in submissions:
            submission.answers = [next(remaining) for _ in submission.records]
        if stored:
            self._position = Position(stored[-1][0], received_at)
        return stored

    def _number(self, submissions: list[Submission], received_at: int) -> list[Row]:
        next_seq = self._position.last_seq + 1
        records = ((each.source, record) for each in submissions for record in each.records)
        return [
            (
                seq,
                record.id or self._new_id(),
                record.type,
                received_at if record.timestamp is None else record.timestamp,
                received_at,
                source,
                record.message,
                record.attributes,
            )
            for seq, (source, record) in enumerate(records, next_seq)
        ]

    def _store(self, rows: list[Row]) -> tuple[list[Row], list[Answer]]:
        # Not apsw's `with connection`: when SQLite has rolled back by itself, as it does on a full
        # disk, that raises an error of its own in place of the cause.
        self._connection.execute("SAVEPOINT batch")
        try:
            self._connection.executemany(_INSERT, rows)
        except apsw.ConstraintError:
            self._connection.execute("ROLLBACK TO batch")
            # Duplicates are rare, so only now is each log looked at alone.
            return self._store_one_by_one(rows)
        return rows, [(row[1], row[0], False) for row in rows]

    def _store_one_by_one(self, rows: list[Row]) -> tuple[list[Row], list[Answer]]:
        connection = self._connection
        stored: list[Row] = []
        answers: list[Answer] = []
        next_seq = rows[0][0]
        for row in rows:
            log_id, source = row[1], row[5]
            first_seq = connection.execute(_FIND, (source, log_id)).get
            if first_seq is None:
                stored.append((next_seq, *row[1:]))
                connection.execute(_INSERT, stored[-1])
                answers.append((log_id, next_seq, False))
                next_seq += 1
            else:
                answers.append((log_id, first_seq, True))
        return stored, answers

    def _refuse(self, submissions: list[Submission], error: apsw.Error) -> None:
        full = isinstance(error, apsw.FullError)
        refusal = Refusal.STORAGE_FULL if full else Refusal.STORAGE_FAILED
        for submission in submissions:
            submission.refusal = refusal
        if refusal is not self._refusal:
            logger.error("logs cannot be stored and are refused until they can: %s", error)
        self._refusal = refusal

    def _measure(self, submissions: list[Submission], rows: list[Row], begun: float) -> None:
        now, monitor = time.perf_counter(), self._monitor
        latencies: list[float] = []
        for each in submissions:
            latencies += [1000 * (now - each.received)] * len(each.records)
        if not latencies:
            return
        monitor.record("commit_duration", 1000 * (now - begun))
        monitor.record("commit_logs", len(latencies))
        monitor.record_many("ack_latency", latencies)
        monitor.count("logs_duplicate", len(latencies) - len(rows))
        monitor.record("commit_bytes", sum(each.size for each in submissions))
        for log_type, amount in Counter(row[2] for row in rows).items():
            monitor.count("logs_stored", amount, log_type)

"""The one thread that writes logs: group commit, seq, duplicates. An ack it gives is durable."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Final, Protocol

import apsw

from server.batches import Batch
from server.clock import now_ms, utc_text
from server.records import StoredLog, decode_rows
from server.store.checkpoints import Checkpoints
from server.store.log_table import LogTable, Stored
from server.store.presence import Presence, lost_sentence
from server.store.schema import LOGS
from server.store.seam import Position, read_position, read_seam
from server.store.sqlite import open_writer, sqlite_errors, transaction

logger = logging.getLogger(__name__)

# A transaction takes all that waits, up to this: more would only make the first ack wait longer.
MAX_COMMIT_SIZE: Final = 2 * 2**20
# Where more waits, it is not simply taken in order.
CROWDED: Final = 3 * MAX_COMMIT_SIZE
# What one connection may then put into a transaction before others.
FAIR_SHARE: Final = 2**18
# So often is looked to what no commit tells, such as whether there is room again.
PROBE_SECONDS: Final = 1.0
# The clock may be set back a little at any time; beyond this somebody should know.
AHEAD_TOLERANCE: Final = 60_000  # milliseconds
# Rows take so many times their size: in the WAL and in the table, each time with their indexes.
ROOM_FACTOR: Final = 8


class Refusal(StrEnum):
    """Why a batch was not stored; its producer may send it again."""

    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"


# What a waiting log takes besides its row: its id and type, and places in lists.
LOG_OVERHEAD: Final = 200
# What a submission takes besides its logs.
SUBMISSION_OVERHEAD: Final = 1000


class Owner(Protocol):
    """Whoever handed logs over and waits for what becomes of them."""

    def answer(self, submission: "Submission", committed_at: int) -> None:
        """Take notice of it, on the event loop; `committed_at` is milliseconds UTC."""


@dataclass(slots=True)
class Submission:
    """Logs of one producer, waiting for their commit.

    After the commit either `refusal` is set, or `stored` says what became of each log; where the
    batch has no logs, neither is.
    """

    batch: Batch
    size: int
    """Bytes they came as."""
    received: float
    """When they came, by `time.perf_counter`."""
    owner: Owner
    stored: Stored | None = None
    refusal: Refusal | None = None
    lane: object = None
    """Whose order is kept; None is the owner's."""

    @property
    def weight(self) -> int:
        """About the bytes of memory that it takes while it waits."""
        batch = self.batch
        faults = 0 if batch.frames is None else sum(len(each.rejected) for each in batch.frames)
        return len(batch.rows) + LOG_OVERHEAD * (len(batch.ids) + faults) + SUBMISSION_OVERHEAD


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction did: who gets answers, and the rows, of which some may be known."""

    submissions: Sequence[Submission]
    committed_at: int
    """Milliseconds UTC."""
    rows: bytes = b"[]"
    stored: Stored | None = None
    received_at: int = 0
    after: int = 0
    """The highest seq that was in the file before it."""
    begun: float = 0.0
    """When the transaction began, by `time.perf_counter`."""
    durable: float = 0.0
    """When it was durable, by the same clock."""
    dated_at: int | None = None
    """The timestamp of logs that came without one, where that is not `received_at`."""

    @property
    def last_seq(self) -> int | None:
        """The highest new seq; None where nothing is new."""
        return None if self.stored is None else self.stored.last_new

    def new_logs(self) -> list[StoredLog]:
        """Return the new logs as stored, in order of seq."""
        if self.stored is None:
            return []
        logs = decode_rows(self.rows, self.stored.seqs, self.received_at, self.dated_at)
        return (
            logs
            if self.stored.known is None
            else list(compress(logs, map(not_, self.stored.known)))
        )


class Writer:
    """Owns the connection that writes logs.db; everything that waits goes into one transaction.

    Args:
        path: logs.db; made where it is missing.
        on_commit: called in the writer's thread after each commit, or each failure to.
        dedupe_window: milliseconds for which a log is recognised although it is archived.
        clock: returns milliseconds UTC.

    Raises:
        DataFolderError: logs.db cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        on_commit: Callable[[Commit], None],
        dedupe_window: int,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._on_commit = on_commit
        self._clock = clock
        self._connection = open_writer(path, LOGS, "FULL")
        self._table = LogTable(self._connection, dedupe_window)
        with sqlite_errors(path):
            self.seam = read_seam(self._connection)
            self._position = read_position(self._connection)
        self._presence = Presence(path)
        self._checkpoints = Checkpoints(self._connection)
        self._waiting: list[Submission] = []
        self._changed = threading.Condition()
        self._oldest_first = False
        self._stopping = False
        self._path = path
        self._refusal: Refusal | None = None
        self._refused_size = 0
        self._lost: Path | None = None
        self._look_at = 0.0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def last_seq(self) -> int:
        """The highest seq that is committed."""
        return self._position.last_seq

    @property
    def refusal(self) -> Refusal | None:
        """Why the last commit failed; None once one has gone well again."""
        return self._refusal

    @property
    def trouble(self) -> str | None:
        """Why logs are not stored now, in one sentence; None while they are."""
        if self._lost is not None:
            return f"{Refusal.STORAGE_FAILED}: {lost_sentence(self._lost)}"
        return self._refusal

    def warnings(self) -> list[str]:
        """Return what is worth a look, one sentence each, although logs are stored."""
        found = [] if self._checkpoints.warning is None else [self._checkpoints.warning]
        ahead = self._position.last_received_at - self._clock()
        if ahead > AHEAD_TOLERANCE:
            until = utc_text(self._position.last_received_at)
            found.append(
                f"a clock that was ahead gave the last logs {until} as received_at, which stays "
                "so until then, as it never goes back; timestamps are right, and logs are "
                "archived later"
            )
        return found

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
        while not (self._stopping and not self._waiting):
            if submissions := self._take():
                self._handle(submissions)
            self._look()

    def _look(self) -> None:
        """Once a second, see to what no commit tells: files that are gone, room, checkpoints."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + PROBE_SECONDS
        self._note(self._presence.lost())
        if self._refusal is not None and self._lost is None:
            self._probe()
        self._checkpoints.see_to(self._presence.wal_size)

    def _note(self, lost: Path | None) -> None:
        if lost is not None and self._lost is None:
            logger.error("logs are refused: %s", lost_sentence(lost))
            self._refusal, self._refused_size = Refusal.STORAGE_FAILED, 0
        self._lost = lost

    def _take(self) -> list[Submission]:
        """Wait for submissions and return the first of them; none when it is time to look up."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping, PROBE_SECONDS)
            taken, self._waiting = self._choose(self._waiting)
            return taken

    def _choose(self, waiting: list[Submission]) -> tuple[list[Submission], list[Submission]]:
        """Return what goes into one transaction, and what is left.

        Where much waits, those who sent little come first, each in its own order, and
        in each second transaction whoever came first: so nobody waits for all of another's load.
        """
        total = sum(len(each.batch.rows) for each in waiting)
        if total <= MAX_COMMIT_SIZE:
            return waiting, []
        self._oldest_first = total <= CROWDED or not self._oldest_first
        chosen: dict[int, Submission] = {}
        size = 0 if self._oldest_first else _fill(waiting, chosen, 0, FAIR_SHARE)
        if not chosen:
            chosen[0], size = waiting[0], len(waiting[0].batch.rows)
        if total > CROWDED:
            _fill(waiting, chosen, size, MAX_COMMIT_SIZE)
        else:
            _follow(waiting, chosen, size)
        left = [each for index, each in enumerate(waiting) if index not in chosen]
        return [chosen[index] for index in sorted(chosen)], left

    def _handle(self, submissions: list[Submission]) -> None:
        with_logs = [each for each in submissions if each.batch.ids]
        commit = Commit(submissions, self._clock())
        if with_logs:
            commit = self._store(commit, with_logs)
        self._on_commit(commit)

    def _store(self, nothing: Commit, with_logs: list[Submission]) -> Commit:
        """Store what can be; return `nothing` where it is refused."""
        commit = nothing
        if self._lost is None or self._is_back():
            try:
                commit = self._commit(nothing.submissions, with_logs)
            except apsw.Error as error:
                self._refuse(with_logs, error)
                return nothing
            # What went into files that were deleted meanwhile is gone with them.
            self._note(self._presence.lost_since())
        if self._lost is None:
            self._refusal = None
            return commit
        for each in with_logs:
            each.stored, each.refusal = None, Refusal.STORAGE_FAILED
        return nothing

    def _is_back(self) -> bool:
        self._note(self._presence.lost())
        return self._lost is None

    def _commit(self, submissions: Sequence[Submission], with_logs: list[Submission]) -> Commit:
        """Store what is new in one transaction, and say in each submission what became of it."""
        begun = time.perf_counter()
        if self._refusal is not None:
            # A commit that failed may be in the file all the same, or not: only the file knows.
            self._position = read_position(self._connection)
        after = self._position.last_seq
        dated_at = self._clock()
        received_at = max(dated_at, self._position.last_received_at)
        rows = b"[" + b",".join([each.batch.rows for each in with_logs]) + b"]"
        count = sum(len(each.batch.ids) for each in with_logs)
        stored = self._table.store(rows, count, after + 1, received_at, dated_at)
        durable, begin = time.perf_counter(), 0
        for each in with_logs:
            end = begin + len(each.batch.ids)
            known = None if stored.known is None else stored.known[begin:end]
            each.stored = Stored(stored.seqs[begin:end], known)
            begin = end
        if stored.last_new is not None:
            self._position = Position(stored.last_new, received_at)
        now = self._clock()
        return Commit(submissions, now, rows, stored, received_at, after, begun, durable, dated_at)

    def _probe(self) -> None:
        """See whether logs could be stored again, so that `/health` says so before one comes."""
        if self._refusal is Refusal.STORAGE_FULL and not self._has_room():
            return
        try:
            with transaction(self._connection):
                self._connection.execute(f"PRAGMA user_version = {LOGS.version}")
            # A commit that failed may be in the file all the same.
            self._position = read_position(self._connection)
        except apsw.Error as error:
            logger.debug("logs still cannot be stored: %s", error)
        else:
            self._refusal = None

    def _has_room(self) -> bool:
        # A small commit finds room in the WAL when the disk has none left.
        wanted = ROOM_FACTOR * self._refused_size
        try:
            return shutil.disk_usage(self._path.parent).free >= wanted
        except OSError:  # the folder is gone, or no longer ours
            return False

    def _refuse(self, submissions: list[Submission], error: apsw.Error) -> None:
        full = isinstance(error, apsw.FullError)
        self._refused_size = sum(len(each.batch.rows) for each in submissions)
        refusal = Refusal.STORAGE_FULL if full else Refusal.STORAGE_FAILED
        for submission in submissions:
            submission.refusal = refusal
        if refusal is not self._refusal:
            logger.error("logs cannot be stored and are refused until they can: %s", error)
        self._refusal = refusal


def _fill(
    waiting: Sequence[Submission], chosen: dict[int, Submission], size: int, share: int
) -> int:
    """Choose more for a transaction that has this size; return its size then.

    Args:
        waiting: all that waits, in order.
        chosen: what is chosen already, by index; is added to.
        size: bytes of its rows.
        share: bytes that one connection may add.
    """
    spent: dict[object, int] = {}
    for index, each in enumerate(waiting):
        if index in chosen:
            continue
        lane, more = each.lane or each.owner, len(each.batch.rows)
        used = spent.get(lane, 0) + more
        if used <= share and size + more <= MAX_COMMIT_SIZE:
            chosen[index] = each
            size, spent[lane] = size + more, used
        else:
            spent[lane] = share + 1  # what it sent later stays behind it
    return size


def _follow(waiting: Sequence[Submission], chosen: dict[int, Submission], size: int) -> None:
    """Choose what comes behind the first, in order, as long as it fits."""
    for index, each in enumerate(waiting[1:], 1):
        size += len(each.batch.rows)
        if size > MAX_COMMIT_SIZE:
            return
        chosen[index] = each

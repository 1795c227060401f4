"""Writer thread of logs.db: group commit, seqs, duplicates. Acked logs are durable."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Final

import apsw

from server.submissions import MAX_COMMIT_SIZE, Queue, Refusal, Submission
from waterline.clock import now_ms, utc_text
from waterline.records import StoredLog, decode_rows
from waterline.storage.attribute_index import AttributeIndex
from waterline.storage.checkpoints import Checkpoints
from waterline.storage.log_store import LARGE_ROW, LogStore, Rows, StoreResult
from waterline.storage.presence import Presence, lost_sentence
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors, transaction
from waterline.storage.watermark import Position, read_position, read_watermark

logger = logging.getLogger(__name__)

# Seconds between two checks of free space and checkpoints, and of lost files while no logs come.
PROBE_SECONDS: Final = 1.0
# Seconds between two slices of an index that is made, while no logs come.
INDEXING_SECONDS: Final = 0.001
# Seconds after a check of lost files in which commits need no other. Each stat releases the GIL,
# and a busy thread may then keep it for 5 ms.
PRESENCE_SECONDS: Final = 0.05
# Milliseconds that `received_at` may be ahead of the clock without a warning.
AHEAD_TOLERANCE: Final = 60_000
# Factor of the size of rows in WAL and table, each with indexes.
ROOM_FACTOR: Final = 8


@dataclass(frozen=True, slots=True)
class Commit:
    """Result of one transaction: submissions to answer, and rows, some of them duplicates."""

    submissions: Sequence[Submission]
    committed_at: int
    """Milliseconds UTC."""
    parts: Sequence[tuple[bytes, StoreResult]] = ()
    """Rows as JSON arrays joined by commas, with their result; several parts if there are many."""
    received_at: int = 0
    after: int = 0
    """Highest seq before the transaction."""
    begun: float = 0.0
    """Begin of the transaction, by `time.perf_counter`."""
    durable: float = 0.0
    """End of the transaction, by `time.perf_counter`."""
    dated_at: int | None = None
    """Timestamp of logs without one; None is `received_at`."""

    @property
    def last_seq(self) -> int | None:
        """Highest new seq; None if nothing is new."""
        return max((each.last_new or 0 for _, each in self.parts), default=0) or None

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return sum(len(rows) for rows, _ in self.parts)

    def new_logs(self) -> Iterator[list[StoredLog]]:
        """Yield the new logs by seq, some thousands at a time."""
        for rows, stored in self.parts:
            logs = decode_rows(b"[%b]" % rows, stored.seqs, self.received_at, self.dated_at)
            known = stored.known
            yield logs if known is None else list(compress(logs, map(not_, known)))


class Writer:
    """Thread with the connection that writes logs.db, one transaction for all waiting logs.

    Args:
        path: logs.db; created if missing.
        on_commit: called in the thread after each commit or failure.
        dedupe_window: milliseconds after receipt in which an archived log is recognised.
        clock: returns milliseconds UTC.
        indexed: names of the attributes to index.

    Raises:
        DataFolderError: logs.db cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        on_commit: Callable[[Commit], None],
        dedupe_window: int,
        clock: Callable[[], int] = now_ms,
        indexed: Sequence[str] = (),
    ) -> None:
        self._on_commit = on_commit
        self._clock = clock
        self._connection = open_writer(path, LOGS, "FULL")
        self._table = LogStore(self._connection, dedupe_window)
        with sqlite_errors(path):
            self.watermark = read_watermark(self._connection)
            self._position = read_position(self._connection)
            self._index = AttributeIndex(self._connection, indexed)
        self._presence = Presence(path)
        self._checkpoints = Checkpoints(self._connection)
        self._waiting = Queue()
        self._changed = threading.Condition()
        self._stopping = False
        self._path = path
        self._refusal: Refusal | None = None
        self._refused_size = 0
        self._lost: Path | None = None
        self._look_at = 0.0
        self._present_until = 0.0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def last_seq(self) -> int:
        """Highest committed seq."""
        return self._position.last_seq

    @property
    def refusal(self) -> Refusal | None:
        """Why the last commit failed; None after a success."""
        return self._refusal

    @property
    def trouble(self) -> str | None:
        """Why logs are not stored, in one sentence; None if they are."""
        if self._lost is not None:
            return f"{Refusal.STORAGE_FAILED}: {lost_sentence(self._lost)}"
        return self._refusal

    def warnings(self) -> list[str]:
        """Return warnings, one sentence each, while logs are stored."""
        found = [] if self._checkpoints.warning is None else [self._checkpoints.warning]
        ahead = self._position.last_received_at - self._clock()
        if ahead > AHEAD_TOLERANCE:
            until = utc_text(self._position.last_received_at)
            found.append(
                f"received_at of the last logs is {until}, as the clock was ahead, and stays so "
                "until then, as it never goes back; timestamps are right, and logs are archived "
                "later"
            )
        return found

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, *submissions: Submission) -> None:
        """Queue logs, from any thread; results come by `on_commit`, in order.

        Submissions of one call are of one owner and stored in one transaction, all or none. A
        submission without logs is answered too, in its turn.
        """
        with self._changed:
            self._waiting.add(submissions)
            self._changed.notify()

    def stop(self) -> None:
        """Commit all waiting logs, then close; safe to call twice."""
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
            self._go_on_indexing(is_idle=not submissions)

    def _look(self) -> None:
        """Once a second, check lost files, free space and checkpoints."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + PROBE_SECONDS
        self._check_presence()
        if self._refusal is not None and self._lost is None:
            self._probe()
        self._checkpoints.see_to(self._presence.wal_size)

    def _go_on_indexing(self, *, is_idle: bool) -> None:
        if self._refusal is None and self._lost is None:
            try:
                self._index.step(is_idle=is_idle)
            except apsw.Error as error:
                logger.debug("attributes are indexed later: %s", error)

    def _check_presence(self) -> None:
        self._present_until = time.monotonic() + PRESENCE_SECONDS
        lost = self._presence.lost()
        if lost is not None and self._lost is None:
            logger.error("logs are refused: %s", lost_sentence(lost))
            self._refusal, self._refused_size = Refusal.STORAGE_FAILED, 0
        self._lost = lost

    def _take(self) -> list[Submission]:
        """Wait for submissions and return those of the next transaction; none after a while."""
        with self._changed:
            wait = INDEXING_SECONDS if self._index.is_pending else PROBE_SECONDS
            self._changed.wait_for(lambda: self._waiting or self._stopping, wait)
            return self._waiting.take()

    def _handle(self, submissions: list[Submission]) -> None:
        with_logs = [each for each in submissions if each.decoded.ids]
        commit = self._store(submissions, with_logs) if with_logs else None
        self._on_commit(commit or Commit(submissions, self._clock()))

    def _store(
        self, submissions: Sequence[Submission], with_logs: list[Submission]
    ) -> Commit | None:
        """Store logs and return the commit; None after a refusal.

        Args:
            submissions: all submissions of the commit.
            with_logs: the submissions with logs.
        """
        commit = None
        if self._lost is None or self._is_back():
            try:
                commit = self._commit(submissions, with_logs)
            except apsw.Error as error:
                self._refuse(with_logs, error)
                return None
            # Commits into files that were deleted meanwhile are lost.
            if time.monotonic() >= self._present_until:
                self._check_presence()
        if self._lost is None:
            self._refusal = None
            return commit
        for each in with_logs:
            each.stored, each.refusal = None, Refusal.STORAGE_FAILED
        return None

    def _is_back(self) -> bool:
        self._check_presence()
        return self._lost is None

    def _commit(self, submissions: Sequence[Submission], with_logs: list[Submission]) -> Commit:
        """Store logs in one transaction, and set the result of each submission.

        Args:
            submissions: all submissions of the commit.
            with_logs: the submissions with logs.
        """
        begun = time.perf_counter()
        if self._refusal is not None:
            # A failed commit may be in the file all the same; only the file knows.
            self._position = read_position(self._connection)
        after = self._position.last_seq
        dated_at = self._clock()
        received_at = max(dated_at, self._position.last_received_at)
        rows = _parts(with_logs)
        stored = self._table.store_all(rows, after + 1, received_at, dated_at)
        durable = time.perf_counter()
        for each, of_it in zip(
            with_logs, _dealt(stored, [len(each.decoded.ids) for each in with_logs]), strict=True
        ):
            each.stored = of_it
        if stored.last_new is not None:
            self._position = Position(stored.last_new, received_at)
        of_parts = _dealt(stored, [each.number for each in rows])
        parts = [*zip([each.text for each in rows], of_parts, strict=True)]
        now = self._clock()
        return Commit(submissions, now, parts, received_at, after, begun, durable, dated_at)

    def _probe(self) -> None:
        """Try a transaction after a failure, so that `/health` recovers before logs come."""
        if self._refusal is Refusal.STORAGE_FULL and not self._has_room():
            return
        try:
            with transaction(self._connection):
                self._connection.execute(f"PRAGMA user_version = {LOGS.version}")
            # A failed commit may be in the file all the same.
            self._position = read_position(self._connection)
        except apsw.Error as error:
            logger.debug("logs still cannot be stored: %s", error)
        else:
            self._refusal = None

    def _has_room(self) -> bool:
        # A small commit may find room in the WAL on a full disk.
        wanted = ROOM_FACTOR * self._refused_size
        try:
            return shutil.disk_usage(self._path.parent).free >= wanted
        except OSError:  # the folder is gone or unreadable
            return False

    def _refuse(self, submissions: list[Submission], error: apsw.Error) -> None:
        full = isinstance(error, apsw.FullError)
        self._refused_size = sum(len(each.decoded.rows) for each in submissions)
        refusal = Refusal.STORAGE_FULL if full else Refusal.STORAGE_FAILED
        for submission in submissions:
            submission.refusal = refusal
        if refusal is not self._refusal:
            logger.error("logs cannot be stored and are refused until they can: %s", error)
        self._refusal = refusal


def _parts(submissions: Sequence[Submission]) -> list[Rows]:
    """Return all rows in as few parts as possible, each for one statement."""
    parts: list[Rows] = []
    texts: list[bytes] = []
    size = count = 0
    for each in submissions:
        rows = each.decoded.rows
        if texts and (size + len(rows) > MAX_COMMIT_SIZE or len(rows) > LARGE_ROW):
            parts.append(Rows(b",".join(texts), count))
            texts, size, count = [], 0, 0
        texts.append(rows)
        size, count = size + len(rows), count + len(each.decoded.ids)
    parts.append(Rows(b",".join(texts), count))
    return parts


def _dealt(stored: StoreResult, counts: Sequence[int]) -> Sequence[StoreResult]:
    """Split a result into results of consecutive rows.

    Args:
        stored: the result of all rows.
        counts: the number of rows of each part.
    """
    if len(counts) == 1:
        return [stored]
    results, begin = [], 0
    for count in counts:
        end = begin + count
        known = None if stored.known is None else stored.known[begin:end]
        results.append(StoreResult(stored.seqs[begin:end], known))
        begin = end
    return results

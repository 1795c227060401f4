"""Delivery of logs that are on disk first, and stay there until they are answered."""

import errno
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from waterline.errors import DeliveryError, ProducerFull, TokenError, UsageError
from workbench.clients.answers import Answer
from workbench.clients.delivery import Delivery
from workbench.clients.outbox import CLOSED, Counts, check_size
from workbench.clients.spool import Spool, Spooled
from workbench.clients.threads import ClientThread, renewed_in_children

# Seconds after which a log that has no answer is synced.
SYNC_SECONDS: Final = 1.0
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class SpooledDelivery:
    """Delivers logs by way of a spool: `put` writes them there, a thread hands them on.

    It sends first what processes that have ended left in the folder. It never gives up but for a
    refused token or certificate, and then takes logs still, as long as there is room.

    Args:
        url: the server's ingest address.
        token: a token with the scope `ingest`.
        window: number of logs that are sent without an answer.
        patience: seconds for which `flush` waits, unless it is told another time.
        on_answer: called with the ids of a frame and its answer, in order.
        folder: of the spool.
        size: bytes that the files of this process may take.
        asks_seqs: whether answers are to have the seqs.
        certificate: as `Producer` has it.

    Raises:
        UsageError: the address is none, or the folder cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        window: int,
        patience: float,
        on_answer: Callable[[Sequence[str], Answer], None],
        folder: Path,
        size: int,
        asks_seqs: bool = False,
        certificate: Path | None = None,
    ) -> None:
        self._patience = patience
        self._on_answer = on_answer
        self._delivery: Delivery[Spooled] = Delivery(
            url,
            token,
            window=window,
            patience=math.inf,
            on_answer=self._hear,
            asks_seqs=asks_seqs,
            certificate=certificate,
        )
        self._spool = Spool(folder, size)
        self._folder = folder
        self._begin()
        renewed_in_children(self)
        if self._spool.has_unread:
            self._start()

    def _begin(self) -> None:
        self.counts = Counts()
        self._is_closed = False
        self._waiters = 0
        # Guards the spool and the counts.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def renew(self) -> None:
        """Begin anew in a forked process; see `renewed_in_children`."""
        is_closed = self._is_closed
        self._begin()
        self._is_closed = is_closed
        self._spool.forget()

    @property
    def place(self) -> str:
        """The address without its query."""
        return self._delivery.place

    def move(self, url: str) -> None:
        """Deliver to another server from now on; see `Delivery.move`."""
        self._delivery.move(url)

    @property
    def failure(self) -> TokenError | DeliveryError | None:
        """Why it has given up, if it has."""
        return self._delivery.failure

    def put(self, log: bytes, log_id: str, patience: float | None = None) -> None:
        """Write a log to the spool; wait while that is full.

        Args:
            log: one JSON object in UTF-8, without a line break.
            log_id: its id.
            patience: seconds to wait at most; None has no end.

        Raises:
            UsageError: the log is too large, or the delivery is closed.
            ProducerFull: there was no room in that time.
            TokenError, DeliveryError: there is no room, and will be none; or the disk fails.
        """
        check_size(log)
        with self._lock:
            if self._is_closed:
                raise UsageError(CLOSED)
            if not self._append(log_id, log):
                self._wait_for_room(log_id, log, patience)
            self.counts.sent += 1
            if self._thread is None:
                self._start()
            if self._waiters:
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every log of the spool has its answer.

        Raises:
            TokenError, DeliveryError: it has given up, was closed before, or the time is over.
        """
        seconds = self._patience if timeout is None else timeout
        with self._lock:
            self._wait(
                lambda: self._spool.is_empty or self.failure is not None or self._is_closed, seconds
            )
            if self._spool.is_empty:
                return
        if self.failure is not None:
            raise self.failure
        raise DeliveryError(
            f"{self.counts.waiting:,} logs are not acked by {self.place} after {seconds:g} s; they "
            f"stay in {self._folder}, and are sent once it can be reached"
        )

    def drop(self) -> None:
        """Count a log that is not to be sent."""
        with self._lock:
            self.counts.dropped += 1

    def reject(self, log_id: str, reason: str) -> None:
        """Keep a rejected log until it is reported."""
        self._delivery.reject(log_id, reason)

    def rejected(self, *, forget: bool = False) -> str | None:
        """Return how many logs were rejected, and why the first of them; None if none was."""
        return self._delivery.rejected(forget=forget)

    def close(self) -> None:
        """End the connection without waiting for answers; what has none stays in the spool."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            self._changed.notify_all()
        self._delivery.close()
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()
        if not was_closed:
            with self._lock:
                self._spool.close()

    def _append(self, log_id: str, log: bytes) -> bool:
        try:
            return self._spool.append(log_id, log)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
            raise DeliveryError(
                f"the spool {self._folder} cannot be written ({error.strerror}); the log is not "
                "sent"
            ) from error

    def _wait_for_room(self, log_id: str, log: bytes, patience: float | None) -> None:
        """Append a log once there is room; `_lock` must be held."""
        is_written = False

        def is_over() -> bool:
            nonlocal is_written
            is_written = not self._is_closed and self._append(log_id, log)
            return is_written or self._is_closed or self.failure is not None

        self._wait(is_over, patience)
        if is_written:
            return
        if self._is_closed:
            raise UsageError(CLOSED)
        if self.failure is not None:
            raise self.failure
        raise ProducerFull(
            f"the spool {self._folder} is full, as {self.place} does not answer; send this log "
            "again later"
        )

    def _wait(self, what: Callable[[], bool], seconds: float | None) -> bool:
        """Wait for something; `_lock` must be held."""
        self._waiters += 1
        try:
            return self._changed.wait_for(what, seconds)
        finally:
            self._waiters -= 1

    def _start(self) -> None:
        thread = ClientThread(target=self._run, name="producer spool", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # from Python 3.12 on, as the process is about to end
            return  # the log is kept, and the next process sends it
        self._thread = thread

    def _run(self) -> None:
        """Hand on what comes into the spool, and have the disk keep what waits."""
        ready: deque[Spooled] = deque()
        synced_at = time.monotonic()
        while True:
            with self._lock:
                if not ready:
                    self._wait(
                        lambda: (
                            self._is_closed or (self._spool.has_unread and self.failure is None)
                        ),
                        SYNC_SECONDS,
                    )
                    if not self._is_closed and self.failure is None:
                        ready.extend(self._spool.read())
                        self.counts.sent += sum(each.file.is_left for each in ready)
                if self._is_closed:
                    return
                if self.failure is not None:
                    ready.clear()
                # A full disk may have room again, and who waits for answers may wait in vain.
                self._changed.notify_all()
            self._hand_on(ready)
            if time.monotonic() - synced_at >= SYNC_SECONDS:
                self._spool.sync()
                synced_at = time.monotonic()

    def _hand_on(self, ready: deque[Spooled]) -> None:
        """Hand on logs until there is no room for a while."""
        while ready:
            try:
                self._delivery.put(ready[0].log, ready[0], SYNC_SECONDS)
            except (UsageError, TokenError, DeliveryError):
                return  # closed, failed or full, as the loop sees
            ready.popleft()

    def _hear(self, logs: Sequence[Spooled], answer: Answer) -> None:
        """Pass an answer on, and let go of its logs, in the thread of the delivery."""
        self._on_answer([each.log_id for each in logs], answer)
        with self._lock:
            counts, now = self.counts, self._delivery.counts
            counts.stored, counts.duplicates = now.stored, now.duplicates
            counts.rejected = now.rejected
            self._spool.settle(logs[-1])
            if self._waiters:
                self._changed.notify_all()

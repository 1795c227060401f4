"""Delivery of logs to a server from a thread: many a frame, and every log kept until acked."""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Generic

from waterline.errors import DeliveryError, ProducerFull, TokenError, UsageError
from workbench.clients.address import Address, address_of
from workbench.clients.answers import Answer, Lost, read_answer
from workbench.clients.link import BROKEN, Link, connect
from workbench.clients.outbox import (
    CLOSED,
    FAREWELL_SECONDS,
    MAX_MESSAGE_SIZE,
    UNSENT_SIZE,
    Counts,
    Outbox,
    Pauses,
    Tag,
    check_size,
)
from workbench.clients.threads import ClientThread, renewed_in_children

logger = logging.getLogger(__name__)


class Delivery(Generic[Tag]):
    """Delivers logs to a server, in order, and keeps each until it is acked.

    What `Outbox` says of frames and connections holds. Logs should have an id, so that the server
    stores them once.

    One thread of its own connects, writes and reads, from the first log on. Any threads may put
    logs. A forked process begins anew: without the logs of its parent, which delivers them itself.

    Args:
        url: the server's ingest address, `ws://…` or `wss://…`.
        token: a token with the scope `ingest`.
        window: number of logs without an answer at which `put` waits.
        patience: seconds without an answer or connection after which it gives up.
        on_answer: called in the thread with the tags of a frame and its answer, in order.
        asks_seqs: whether answers are to have the seqs.
        certificate: as `Producer` has it.

    Raises:
        UsageError: the address is none.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        window: int,
        patience: float,
        on_answer: Callable[[Sequence[Tag], Answer], None],
        asks_seqs: bool = False,
        certificate: Path | None = None,
    ) -> None:
        self._address_of = partial(address_of, asks_seqs=asks_seqs, certificate=certificate)
        self._address = self._address_of(url)
        self._token = token
        self._window = window
        self._patience = patience
        self._on_answer = on_answer
        self._begin()
        renewed_in_children(self)

    def _begin(self) -> None:
        """Be without logs, a connection and a thread."""
        self.failure: TokenError | DeliveryError | None = None
        """Why it has given up, if it has."""
        # Guards the outbox. To enter the condition takes three times as long as to take its lock.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._outbox: Outbox[Tag] = Outbox(self.place, self._window, self._patience)
        self._has_ended = False
        self._closed_at: float | None = None
        self._closing = threading.Event()
        # Of the thread, from the first log on.
        self._link: Link | None = None
        self._thread: threading.Thread | None = None

    def renew(self) -> None:
        """Begin anew in a forked process; see `renewed_in_children`."""
        if self._thread is not None:
            self._wakes.close()
            self._waker.close()
        # The server would not see the end of the parent's connection while it is open here.
        if self._link is not None and self._link.sock is not None:
            self._link.sock.close()
        has_ended, failure, closed_at = self._has_ended, self.failure, self._closed_at
        self._begin()
        self._has_ended, self.failure, self._closed_at = has_ended, failure, closed_at
        if closed_at is not None:
            self._closing.set()

    @property
    def place(self) -> str:
        """The address without its query."""
        return self._address.place

    @property
    def counts(self) -> Counts:
        """Numbers of logs by outcome, so far."""
        return self._outbox.counts

    def move(self, url: str) -> None:
        """Deliver to another server from now on, which is sent all that has no answer.

        Args:
            url: its ingest address.

        Raises:
            UsageError: the address is none.
            TokenError, DeliveryError: it has given up.
        """
        address = self._address_of(url)
        with self._lock:
            if self.failure is not None:
                raise self.failure
            self._address, self._outbox.place = address, address.place
            if self._thread is not None and not self._closing.is_set():
                self._wake()
            self._changed.notify_all()

    def put(self, log: bytes, tag: Tag, patience: float | None = None) -> None:
        """Queue a log; wait while the window is full.

        Args:
            log: one JSON object in UTF-8, without a line break.
            tag: what the answer is to name it by.
            patience: seconds to wait at most; None has no end.

        Raises:
            UsageError: the log is larger than 16 MiB, or the delivery is closed.
            ProducerFull: there was no room in that time.
            TokenError, DeliveryError: it has given up.
        """
        size = len(log) + 1
        if size > MAX_MESSAGE_SIZE + 1:
            check_size(log)
        with self._lock:
            if self._has_ended or not self._outbox.append(log, tag, size):
                self._put_in_turn(log, tag, size, patience)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every log has its answer.

        Args:
            timeout: seconds to wait at most; None has no end.

        Raises:
            TokenError, DeliveryError: it has given up, was closed before, or the time is over.
        """
        with self._lock:
            outbox = self._outbox
            self._changed.wait_for(lambda: not outbox.has_logs or self._has_ended, timeout)
            if self.failure is not None:
                raise self.failure
            if not outbox.has_logs:
                return
            raise DeliveryError(outbox.unanswered(timeout, has_ended=self._has_ended))

    def drop(self) -> None:
        """Count a log that is not to be sent."""
        with self._lock:
            self.counts.dropped += 1

    def reject(self, log_id: str, reason: str) -> None:
        """Keep a rejected log until it is reported; for whoever is told the answers."""
        with self._lock:
            self._outbox.reject(log_id, reason)

    def rejected(self, *, forget: bool = False) -> str | None:
        """Return how many of the logs were rejected, and why the first of them; None if none was.

        Args:
            forget: whether they count as reported from now on.
        """
        with self._lock:
            return self._outbox.rejected(forget=forget)

    def close(self) -> None:
        """End the connection without waiting for answers; it may be called again."""
        with self._lock:
            if not self._closing.is_set():
                self._closed_at = time.monotonic()
                self._has_ended = True
                self._closing.set()
                if self._thread is not None:
                    self._wake()
            self._changed.notify_all()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        # One that still connects takes leave later, and nobody waits for that.
        thread.join(2 * FAREWELL_SECONDS)
        if not thread.is_alive():
            self._waker.close()
            self._wakes.close()

    def _put_in_turn(self, log: bytes, tag: Tag, size: int, patience: float | None) -> None:
        """Queue a log once there is room, and have the thread run; see `put`. Hold `_lock`."""
        outbox = self._outbox
        self._wait_for(lambda: not outbox.is_full, patience)
        if outbox.begins_frame(size):
            self._wait_for(lambda: outbox.has_room_for_frame, patience)
            if self._thread is None:
                self._thread = self._started()
            if outbox.is_idle:
                outbox.is_idle = False
                self._wake()
        outbox.add(log, tag, size)

    def _started(self) -> threading.Thread:
        self._wakes, self._waker = socket.socketpair()
        self._wakes.setblocking(False)
        thread = ClientThread(target=self._run, name="producer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # from Python 3.12 on
            self._wakes.close()
            self._waker.close()
            raise DeliveryError(
                f"this process is about to end, so no connection to {self.place} can be made"
            ) from error
        return thread

    def _wait_for(self, room: Callable[[], bool], patience: float | None) -> None:
        """Wait for room; `_lock` must be held."""
        has_room = self._changed.wait_for(lambda: self._has_ended or room(), patience)
        if self.failure is not None:
            raise self.failure
        if self._closing.is_set():
            raise UsageError(CLOSED)
        if not has_room:
            raise ProducerFull(self._outbox.full())

    def _wake(self) -> None:
        self._waker.send(b"\0")

    def _run(self) -> None:
        """Connect, exchange frames and answers, and connect again, until closed or given up."""
        try:
            self._connect_and_exchange()
        finally:
            if not self._has_ended:  # whoever is told the answers has failed
                self._give_up(DeliveryError(f"the answers of {self.place} could not be passed on"))

    def _connect_and_exchange(self) -> None:
        pauses, outbox = Pauses(self._patience), self._outbox
        while not self._closing.is_set():
            begun, address = time.monotonic(), self._address
            try:
                with contextlib.closing(Link(address.tls)) as link:
                    self._link = link
                    connect(link, address.url, self._token, address.place)
                    self._exchange(link, address)
                return
            except (TokenError, DeliveryError) as error:
                self._give_up(error)
                return
            except BROKEN as error:
                if self._closing.is_set():
                    return
                if outbox.is_passing_on:
                    raise  # it is no error of the connection
                if outbox.is_hopeless:
                    self._give_up(DeliveryError(outbox.unreachable(error)))
                    return
                if self._has_left(address):
                    logger.info("moving from %s to %s", address.place, self.place)
                    continue
                logger.info("%s: %s; connecting again", address.place, error)
                had_answers = outbox.last_progress > begun
                self._pause(pauses.after(error, had_answers=had_answers), address)

    def _pause(self, seconds: float, address: Address) -> None:
        """Wait before another connection to an address, unless closed or moved."""
        with self._lock:
            self._changed.wait_for(
                lambda: self._closing.is_set() or self._has_left(address), seconds
            )

    def _has_left(self, address: Address) -> bool:
        """Return whether the logs go to another address by now."""
        return self._address is not address

    def _exchange(self, link: Link, address: Address) -> None:
        """Write frames and read answers until the connection is lost, or this is closed or moved.

        Args:
            link: a connected one.
            address: where it is connected to.
        """
        outbox = self._outbox
        with self._lock:
            outbox.reconnect()
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        while True:
            if self._has_left(address):
                raise Lost("the logs go to another server from now on")
            self._fill(link)
            if self._closed_at is not None:
                if time.monotonic() - self._closed_at > FAREWELL_SECONDS:
                    return
                self._take_leave(link)
            link.write()
            poll.register(link, select.POLLIN | (select.POLLOUT if link.unsent else 0))
            is_closing = self._closing.is_set()
            poll.poll(
                1000 * outbox.seconds_to_wait(is_written=not link.unsent, is_closing=is_closing)
            )
            with contextlib.suppress(BlockingIOError):
                self._wakes.recv(4096)
            for text in link.texts():
                self._hear(text)
            outbox.check_silence(link.heard_at)

    def _fill(self, link: Link) -> None:
        """Hand frames to the link while it has room."""
        while link.unsent < UNSENT_SIZE:
            with self._lock:
                frame = self._outbox.take()
            if frame is None:
                return
            link.send(frame.payload())

    def _take_leave(self, link: Link) -> None:
        """Send a close frame behind all that was put; the server ends the connection then.

        Who closes a socket while answers come to it makes the peer drop what it has not read yet.
        """
        if self._outbox.is_idle and link.connected:
            link.send_close()

    def _hear(self, text: bytes) -> None:
        """Take a message of the server."""
        answer = read_answer(text)
        if answer is None:
            return
        with self._lock:
            frame = self._outbox.answered(answer)
        self._on_answer(frame.tags(), answer)
        with self._lock:
            self._outbox.settle(frame)
            self._changed.notify_all()

    def _give_up(self, failure: TokenError | DeliveryError) -> None:
        with self._lock:
            self.failure = failure
            self._has_ended = True
            self._changed.notify_all()

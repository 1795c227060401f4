"""Delivery of logs to a server: many a frame, and every log kept until it is acked."""

import contextlib
import logging
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import websocket

from waterline.errors import DeliveryError, ProducerFull, TokenError, UsageError
from workbench.clients.answers import Answer, NoAnswer, read_answer
from workbench.clients.link import Link, refusal, retry_after
from workbench.clients.threads import ClientThread, renewed_in_children
from workbench.clients.tls import client_options

logger = logging.getLogger(__name__)

# Seconds without a word of the server after which a connection with unacked logs counts as dead.
ANSWER_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
# Seconds that a closed delivery still gives the server to read what was sent.
FAREWELL_SECONDS: Final = 1.0
# The server takes no larger message: a larger log would end every connection.
MAX_MESSAGE_SIZE: Final = 16 * 2**20
# Bytes and logs of a frame, unless one log is larger. The server decodes that much in one call, and
# it names that many faults one by one.
FRAME_SIZE: Final = 2**16
FRAME_LOGS: Final = 1000
# Seconds between two frames that are not full, while others are without an answer: a program that
# logs without a pause would fill a frame with each log.
GATHER_SECONDS: Final = 0.001
# Bytes of logs without an answer, beyond which `put` waits.
MAX_WAITING_SIZE: Final = 32 * 2**20
# Bytes that are masked and kept ready for the network.
_UNSENT_SIZE: Final = 2**20

Tag = TypeVar("Tag")


@dataclass(slots=True)
class Counts:
    """Numbers of logs by outcome, so far."""

    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    dropped: int = 0
    """Logs that were not sent, as there was no room for them; not among `sent`."""

    @property
    def acked(self) -> int:
        """Logs that the server has: stored ones and duplicates."""
        return self.stored + self.duplicates

    @property
    def waiting(self) -> int:
        """Logs without an answer."""
        return self.sent - self.acked - self.rejected


@dataclass(slots=True)
class _Frame(Generic[Tag]):
    """Logs that travel together, one a line, each with its tag."""

    logs: list[tuple[bytes, Tag]] = field(default_factory=list)
    size: int = 0

    def has_room(self, size: int) -> bool:
        return self.size + size <= FRAME_SIZE and len(self.logs) < FRAME_LOGS

    def payload(self) -> bytes:
        return b"\n".join([log for log, _ in self.logs])

    def tags(self) -> list[Tag]:
        return [tag for _, tag in self.logs]


@dataclass(slots=True)
class _Rejections:
    """Counts rejected logs until they are reported."""

    count: int = 0
    first: str = ""
    """Id and reason of the first."""

    def add(self, log_id: str, reason: str) -> None:
        """Count one more."""
        if not self.count:
            self.first = f"{log_id!r}: {reason}"
        self.count += 1

    def told(self, sent: int) -> str:
        """Return the number of rejected logs of those sent, and the reason of the first."""
        return f"{self.count:,} of {sent:,} logs, the first of them {self.first}"


class _Lost(Exception):
    """The connection is lost; the sentence says why.

    Attributes:
        pause: seconds after which the server wants to be asked again.
    """

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Delivery(Generic[Tag]):
    """Delivers logs to a server, in order, and keeps each until it is acked.

    A log is sent at once while none is without an answer; what comes meanwhile goes with the next
    frame, a millisecond later at most. After a lost connection all that is not acked is sent again.
    Logs should have an id, so that the server stores them once.

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
        # A query may hold a token, so it is never printed.
        self.place = url.partition("?")[0]
        if not url.startswith(("ws://", "wss://")):
            raise UsageError(
                f"{self.place!r} is no WebSocket address; give one such as ws://127.0.0.1:3001/ingest"
            )
        self._url = _asking(url, {"ack": "batch"} | ({"seqs": "true"} if asks_seqs else {}))
        self._tls = client_options(certificate) if url.startswith("wss://") else {}
        self._token = token
        self._window = window
        self._patience = patience
        self._on_answer = on_answer
        self._begin()
        renewed_in_children(self)

    def _begin(self) -> None:
        """Be without logs, a connection and a thread."""
        self.counts = Counts()
        self.failure: TokenError | DeliveryError | None = None
        """Why it has given up, if it has."""
        # Guards the frames and what is known of them, from here to `_rejections`. To enter the
        # condition takes three times as long as to take its lock.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._in_flight: deque[_Frame[Tag]] = deque()
        self._is_passing_on = False
        self._ready: deque[_Frame[Tag]] = deque()
        self._open: _Frame[Tag] = _Frame()
        self._settled = 0  # logs that were answered
        self._unanswered_size = 0  # bytes of frames that are full or sent
        self._last_progress = time.monotonic()
        self._has_ended = False
        self._is_idle = False
        self._rejections = _Rejections()
        self._taken_at = self._asked_at = 0.0
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
            self.check_size(log)
        with self._lock:
            counts = self.counts
            if counts.sent - self._settled >= self._window or self._has_ended:
                self._wait_for(lambda: counts.sent - self._settled < self._window, patience)
            frame = self._open
            if not frame.logs or not frame.has_room(size):
                frame = self._next_frame(size, patience)
            frame.logs.append((log, tag))
            frame.size += size
            counts.sent += 1

    @staticmethod
    def check_size(log: bytes) -> None:
        """Raise UsageError for a log that no message has room for."""
        if len(log) > MAX_MESSAGE_SIZE:
            raise UsageError(f"a log may take 16 MiB as JSON, this one takes {len(log)} bytes")

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every log has its answer.

        Args:
            timeout: seconds to wait at most; None has no end.

        Raises:
            TokenError, DeliveryError: it has given up, was closed before, or the time is over.
        """
        with self._lock:
            self._changed.wait_for(lambda: not self._has_logs() or self._has_ended, timeout)
            if self.failure is not None:
                raise self.failure
            if not self._has_logs():
                return
            waiting = f"{self.counts.waiting:,} logs are not acked by {self.place}"
            if not self._has_ended:
                raise DeliveryError(f"{waiting} after {timeout:g} s; they are still being sent")
            raise DeliveryError(f"{waiting}, as the connection was closed before; send those again")

    def drop(self) -> None:
        """Count a log that is not to be sent."""
        with self._lock:
            self.counts.dropped += 1

    def reject(self, log_id: str, reason: str) -> None:
        """Keep a rejected log until it is reported; for whoever is told the answers."""
        with self._lock:
            self._rejections.add(log_id, reason)

    def rejected(self, *, forget: bool = False) -> str | None:
        """Return how many of the logs were rejected, and why the first of them; None if none was.

        Args:
            forget: whether they count as reported from now on.
        """
        with self._lock:
            rejections = self._rejections
            told = rejections.told(self.counts.sent) if rejections.count else None
            if forget:
                self._rejections = _Rejections()
        return told

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

    def _has_logs(self) -> bool:
        # Not by their number: Ctrl-C in `put` may leave that wrong.
        return bool(self._in_flight or self._ready or self._open.logs or self._is_passing_on)

    def _next_frame(self, size: int, patience: float | None) -> _Frame[Tag]:
        """Return a frame with room for a log, once there is room for it; `_lock` must be held."""
        self._wait_for(lambda: self._unanswered_size < MAX_WAITING_SIZE, patience)
        if self._thread is None:
            self._thread = self._started()
        if not self._has_logs():
            self._last_progress = time.monotonic()
        if self._is_idle:
            self._is_idle = False
            self._wake()
        if self._open.logs and not self._open.has_room(size):
            self._ready.append(self._open)
            self._unanswered_size += self._open.size
            self._open = _Frame()
        return self._open

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
            raise UsageError("this producer is closed; make a new one to send more")
        if not has_room:
            raise ProducerFull(
                f"{self.place} has not answered {self.counts.waiting:,} logs, and no more are "
                "kept; send this one again later"
            )

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
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            begun, wanted = time.monotonic(), 0.0
            try:
                with contextlib.closing(Link(self._tls)) as link:
                    self._link = link
                    self._connect(link)
                    self._exchange(link)
            except (TokenError, DeliveryError) as error:
                self._give_up(error)
                return
            except (OSError, websocket.WebSocketException, _Lost) as error:
                if self._closing.is_set():
                    return
                if self._is_passing_on:
                    raise  # it is no error of the connection
                if self._has_logs() and time.monotonic() - self._last_progress > self._patience:
                    self._give_up(DeliveryError(self._reason(error)))
                    return
                logger.info("%s: %s; connecting again", self.place, error)
                wanted = error.pause if isinstance(error, _Lost) else 0.0
            if self._last_progress > begun:
                pause = FIRST_PAUSE_SECONDS
            # Jitter, so that the producers of a restarted server do not all come at once.
            waited = max(pause * random.uniform(0.5, 1.0), min(wanted, self._patience))
            self._closing.wait(waited)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _connect(self, link: Link) -> None:
        try:
            link.open(self._url, self._token, ANSWER_SECONDS)
        except websocket.WebSocketBadStatusException as error:
            reason = refusal(error)
            if error.status_code in (401, 403):
                raise TokenError(f"{self.place} refused the token: {reason}") from error
            reason = f"HTTP status {error.status_code}: {reason}"
            raise _Lost(reason, retry_after(error)) from error
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(self._distrust(error)) from error

    def _exchange(self, link: Link) -> None:
        """Write frames and read answers until the connection is lost, or this is closed."""
        again = deque(self._in_flight)
        with self._lock:
            self._is_idle = False
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        while True:
            self._fill(link, again)
            if self._closed_at is not None:
                if time.monotonic() - self._closed_at > FAREWELL_SECONDS:
                    return
                self._take_leave(link)
            link.write()
            poll.register(link, select.POLLIN | (select.POLLOUT if link.unsent else 0))
            poll.poll(1000 * self._patience_now(link))
            with contextlib.suppress(BlockingIOError):
                self._wakes.recv(4096)
            for text in link.texts():
                self._hear(text)
            silent_since = max(link.heard_at, self._asked_at)
            if self._in_flight and time.monotonic() - silent_since > ANSWER_SECONDS:
                raise _Lost(f"the server said nothing for {ANSWER_SECONDS:.0f} s")

    def _fill(self, link: Link, again: "deque[_Frame[Tag]]") -> None:
        """Hand frames to the link while it has room: first those that were sent before."""
        while link.unsent < _UNSENT_SIZE:
            frame = again.popleft() if again else self._take()
            if frame is None:
                return
            link.send(frame.payload())

    def _take(self) -> "_Frame[Tag] | None":
        """Return the next frame; None if there is none yet.

        Without any log, `put` wakes the thread. A frame that is not full, while others are without
        an answer, is due a moment after the one before.
        """
        with self._lock:
            if self._ready:
                frame = self._ready.popleft()
            elif not self._open.logs:
                self._is_idle = True
                return None
            elif self._in_flight and time.monotonic() < self._taken_at + GATHER_SECONDS:
                return None
            else:
                frame, self._open = self._open, _Frame()
                self._unanswered_size += frame.size
            was_quiet = not self._in_flight
            self._in_flight.append(frame)
        self._taken_at = time.monotonic()
        if was_quiet:
            self._asked_at = self._taken_at
        return frame

    def _patience_now(self, link: Link) -> float:
        """Return how many seconds to wait for the network or a wake."""
        if not link.unsent and not self._is_idle:
            return GATHER_SECONDS
        return FAREWELL_SECONDS if self._closing.is_set() else ANSWER_SECONDS

    def _take_leave(self, link: Link) -> None:
        """Send a close frame behind all that was put; the server ends the connection then.

        Who closes a socket while answers come to it makes the peer drop what it has not read yet.
        """
        if self._is_idle and link.connected:
            link.send_close()

    def _hear(self, text: bytes) -> None:
        """Take a message of the server."""
        try:
            answer = read_answer(text)
        except NoAnswer as error:
            raise _Lost(str(error)) from error
        if answer is None:
            return
        if not self._in_flight:
            raise _Lost("the server answered a log that was not sent")
        frame = self._in_flight[0]
        if answer.count + len(answer.errors) != len(frame.logs):
            raise _Lost("the server answered another number of logs than were sent")
        counts = self.counts
        counts.stored += answer.count - answer.duplicates
        counts.duplicates += answer.duplicates
        counts.rejected += len(answer.errors)
        with self._lock:
            self._in_flight.popleft()
            self._is_passing_on = True
        self._on_answer(frame.tags(), answer)
        with self._lock:
            self._is_passing_on = False
            self._settled += len(frame.logs)
            self._unanswered_size -= frame.size
            self._last_progress = time.monotonic()
            self._changed.notify_all()

    def _give_up(self, failure: TokenError | DeliveryError) -> None:
        with self._lock:
            self.failure = failure
            self._has_ended = True
            self._changed.notify_all()

    def _reason(self, error: Exception) -> str:
        told = self.rejected()
        rejected = "" if told is None else f", rejected {told}"
        return (
            f"{self.place} could not be reached for {self._patience:.0f} s ({error}); "
            f"{self.counts.acked} logs are acked{rejected}, {self.counts.waiting} are not: send "
            "those again once the server runs"
        )

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        return (
            f"the certificate of {self.place} is not trusted "
            f"({error.verify_message.rstrip('.')}); use the name that it was made for, and let "
            "SSL_CERT_FILE name the PEM file of its authority where the system does not know it"
        )


def _asking(url: str, parameters: dict[str, str]) -> str:
    """Return an address with query parameters, which replace those of the same name."""
    parts = urlsplit(url)
    given = [each for each in parse_qsl(parts.query, True) if each[0] not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*given, *parameters.items()])))

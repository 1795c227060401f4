"""The producer: keeps a window of logs in flight, and every log until its ack."""

import contextlib
import logging
import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec
import uuid_utils
import websocket

from waterline.errors import DeliveryError, RejectedLogs, TokenError, UsageError
from workbench.clients.json_values import to_json
from workbench.clients.tls import SharedSocket, client_options

logger = logging.getLogger(__name__)

DEFAULT_WINDOW: Final = 5_000
# While a new connection is sent all waiting logs, nobody reads: the acks of this many logs fit into
# the buffers on the way.
MAX_WINDOW: Final = 10_000
# Seconds without an answer after which the connection counts as dead.
ANSWER_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
# The server takes no larger message: a larger log would end every connection.
MAX_MESSAGE_SIZE: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of the server to one log: stored (`seq`), a duplicate, or rejected (`error`)."""

    log_id: str
    seq: int | None = None
    duplicate: bool = False
    error: str | None = None


@dataclass(slots=True)
class Counts:
    """Numbers of logs by outcome, so far."""

    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def acked(self) -> int:
        """Logs that the server has: stored ones and duplicates."""
        return self.stored + self.duplicates

    @property
    def waiting(self) -> int:
        """Logs without an answer."""
        return self.sent - self.acked - self.rejected


class _Message(msgspec.Struct, rename={"log_id": "logId"}):
    """The parts of a server's message that matter here."""

    type: str
    log_id: str | None = None
    seq: int | None = None
    duplicate: bool = False
    error: str | None = None
    message: str | None = None
    retryable: bool = False


class _Interrupted(Exception):
    """The connection is lost; the sentence says why."""


_decode = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode


class _Connection(websocket.WebSocket):
    """A WebSocket that `contextlib.closing` closes at once, without a handshake."""

    def close(self, *_: object) -> None:
        """Close the socket."""
        self.shutdown()  # type: ignore[no-untyped-call]


class Producer:
    """Pushes logs to a server; an acked log is durable.

    After a lost connection it connects again, and sends again what was not acked. Each log has an
    id, so that the server stores it once. Replies come in the order of the logs. One thread may
    send; `on_reply` is called in another. Rejected logs are reported to `on_reply`, or else by
    `RejectedLogs` from `flush` and the end of the block, once the others are acked.

    Args:
        url: the server's ingest address, such as `ws://127.0.0.1:3001/ingest`, or `wss://…`. The
            certificate of a server with TLS is always verified: against the authorities of the
            system, or those in the file that the variable SSL_CERT_FILE names.
        token: a token with the scope `ingest`.
        window: number of logs without an answer at which `send` waits; 1 to 10,000.
        patience: seconds without an answer or connection after which it gives up.
        on_reply: called with the reply to each log, in order; rejected ones then raise nothing.
        certificate: a PEM file; a server with TLS must show the first certificate in it, and its
            name and authority do not matter then.

    Raises:
        UsageError: an argument has no meaning.
        TokenError: from `send`, `flush`: the server does not accept the token.
        DeliveryError: from `send`, `flush`: the server could not be reached for too long, or its
            certificate is not trusted.
        RejectedLogs: from `flush`: logs were rejected, and there is no `on_reply`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        window: int = DEFAULT_WINDOW,
        patience: float = 60.0,
        on_reply: Callable[[Reply], None] | None = None,
        certificate: Path | None = None,
    ) -> None:
        # A query may hold a token, so it is never printed.
        self._place = url.partition("?")[0]
        if not url.startswith(("ws://", "wss://")):
            raise UsageError(
                f"{self._place!r} is no WebSocket address; give one such as ws://127.0.0.1:3001/ingest"
            )
        if not 1 <= window <= MAX_WINDOW:
            raise UsageError(f"window={window} is out of range; give 1 to {MAX_WINDOW}")
        self.counts = Counts()
        self._url = url
        self._tls = client_options(certificate) if url.startswith("wss://") else {}
        self._token = token
        self._window = window
        self._patience = patience
        self._on_reply = on_reply
        self._untold = Rejections()
        self._in_flight: deque[tuple[str, bytes]] = deque()
        # `_sending` keeps the order of logs; `_changed` guards the counts and the window.
        # The receiver never takes the first: it must read on while a send is held back.
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._socket: _Connection | None = None
        self._failure: TokenError | DeliveryError | None = None
        self._closing = threading.Event()
        self._last_progress = time.monotonic()
        self._receiver = threading.Thread(target=self._run, name="producer", daemon=True)
        self._receiver.start()

    def send(self, log: Mapping[str, object]) -> str:
        """Queue a log to be sent, and return its id; wait only while the window is full.

        A log without an `id` gets one. Values may be of Python, numpy and pandas;
        `workbench.clients.json_values` says how they become JSON.

        Raises:
            UsageError: the log has no JSON, or is larger than 16 MiB.
            TokenError, DeliveryError: the producer has given up.
        """
        log = to_json(log)
        log_id = log.get("id")
        if log_id is None:
            log_id = str(uuid_utils.uuid7())
            log = {"id": log_id, **{key: log[key] for key in log if key != "id"}}
        try:
            payload = _encode(log)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"this log cannot be written as JSON: {error}") from error
        if len(payload) > MAX_MESSAGE_SIZE:
            raise UsageError(f"a log may take 16 MiB as JSON, this one takes {len(payload)} bytes")
        with self._changed:
            self._wait_for(lambda: len(self._in_flight) < self._window)
        with self._sending:
            with self._changed:
                if not self._in_flight:
                    self._last_progress = time.monotonic()
                self._in_flight.append((str(log_id), payload))
                self.counts.sent += 1
            self._put(payload)
        return str(log_id)

    def flush(self) -> None:
        """Wait until every log has its answer.

        Raises:
            TokenError, DeliveryError: the producer has given up.
            RejectedLogs: logs were rejected, and there is no `on_reply`.
        """
        with self._changed:
            self._wait_for(lambda: not self._in_flight)
            if not self._untold.count:
                return
            rejected = self._untold.told(self.counts.sent)
            self._untold.forget()
        raise RejectedLogs(
            f"{self._place} rejected {rejected}; mend what makes them, and send those again: all "
            "others are stored"
        )

    def close(self) -> None:
        """End the connection without waiting for answers; it may be called again."""
        self._closing.set()
        self._hang_up()
        if threading.current_thread() is not self._receiver:
            self._receiver.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        """Wait for all answers, unless the block ends in an error; then close.

        Rejected and unacked logs become a note of such an error.
        """
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()
            if error is not None and error is not self._failure:
                for note in self._unsettled():
                    error.add_note(note)

    def _unsettled(self) -> Iterator[str]:
        """Yield sentences about what was not reported yet."""
        if self._untold.count:
            yield f"{self._place} has rejected {self._untold.told(self.counts.sent)}"
        if self.counts.waiting:
            yield f"{self.counts.waiting} logs are not acked by {self._place}; send those again"

    def _wait_for(self, done: Callable[[], bool]) -> None:
        """Wait until done or given up; `_changed` must be held."""
        self._changed.wait_for(lambda: done() or self._failure is not None)
        if self._failure is not None:
            raise self._failure

    def _put(self, payload: bytes) -> None:
        """Send; `_sending` must be held. What fails is sent again by the next connection."""
        connection = self._socket
        if connection is None:
            return
        try:
            connection.send(payload)
        except (OSError, websocket.WebSocketException):
            self._hang_up()

    def _hang_up(self) -> None:
        """End the connection from any thread, and wake the receiver."""
        connection, self._socket = self._socket, None
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                connection.send_close()
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        """Connect, read answers, and connect again, until closed or given up."""
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            begun = time.monotonic()
            try:
                with contextlib.closing(self._connect()) as connection:
                    self._receive(connection)
            except (TokenError, DeliveryError) as error:
                self._give_up(error)
                return
            except (OSError, websocket.WebSocketException, _Interrupted) as error:
                self._hang_up()
                if self._in_flight and time.monotonic() - self._last_progress > self._patience:
                    self._give_up(DeliveryError(self._reason(error)))
                    return
                logger.info("%s: %s; connecting again", self._place, error)
            if self._last_progress > begun:
                pause = FIRST_PAUSE_SECONDS
            # Jitter, so that the producers of a restarted server do not all come at once.
            self._closing.wait(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _connect(self) -> "_Connection":
        try:
            connection = _Connection(
                enable_multithread=True,
                sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
                sslopt=self._tls,
            )
            connection.settimeout(ANSWER_SECONDS)
            header = {"Authorization": f"Bearer {self._token}"}
            # No origin, which is for browsers, and behind a proxy would look like another site's.
            connection.connect(  # type: ignore[no-untyped-call]
                self._url, header=header, suppress_origin=True
            )
        except websocket.WebSocketBadStatusException as error:
            reason = _refusal(error)
            if error.status_code in (401, 403):
                raise TokenError(f"{self._place} refused the token: {reason}") from error
            raise _Interrupted(f"HTTP status {error.status_code}: {reason}") from error
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(self._distrust(error)) from error
        if isinstance(connection.sock, SharedSocket):
            connection.sock.share()
        with self._sending:
            for _, payload in list(self._in_flight):
                connection.send(payload)
            self._socket = connection
        return connection

    def _receive(self, connection: "_Connection") -> None:
        while not self._closing.is_set():
            try:
                text = connection.recv()
            except websocket.WebSocketTimeoutException:
                if self._in_flight:
                    raise
                continue
            if not text:
                raise _Interrupted("the server closed the connection")
            try:
                message = _decode(text)
            except msgspec.DecodeError as error:
                raise _Interrupted(f"the server sent an unknown answer: {error}") from error
            self._take(message)

    def _take(self, message: _Message) -> None:
        if message.type not in ("ack", "error"):
            return
        if message.retryable:
            raise _Interrupted(f"the server cannot store now ({message.error})")
        with self._changed:
            if not self._in_flight:
                raise _Interrupted("the server answered a log that was not sent")
            log_id = self._in_flight[0][0]
            if message.log_id not in (log_id, None):
                raise _Interrupted("the server answered logs in another order than they were sent")
            reply = Reply(log_id, message.seq, message.duplicate, _error_of(message))
            self._in_flight.popleft()
            self._count(reply)
            self._last_progress = time.monotonic()
            self._changed.notify_all()
        if self._on_reply is not None:
            self._on_reply(reply)

    def _count(self, reply: Reply) -> None:
        if reply.error is not None:
            self.counts.rejected += 1
            if self._on_reply is None:
                self._untold.add(reply.log_id, reply.error)
        elif reply.duplicate:
            self.counts.duplicates += 1
        else:
            self.counts.stored += 1

    def _give_up(self, failure: TokenError | DeliveryError) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _reason(self, error: Exception) -> str:
        untold = self._untold
        rejected = f", rejected {untold.told(self.counts.sent)}" if untold.count else ""
        return (
            f"{self._place} could not be reached for {self._patience:.0f} s ({error}); "
            f"{self.counts.acked} logs are acked{rejected}, {self.counts.waiting} are not: send "
            "those again once the server runs"
        )

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        return (
            f"the certificate of {self._place} is not trusted "
            f"({error.verify_message.rstrip('.')}); use the name that it was made for, and let "
            "SSL_CERT_FILE name the PEM file of its authority where the system does not know it"
        )


def _error_of(message: _Message) -> str | None:
    if message.type == "ack":
        return None
    return message.message or message.error or "rejected without a reason"


def _refusal(error: websocket.WebSocketBadStatusException) -> str:
    """Return the sentence of the server, if it gave one."""
    try:
        body = msgspec.json.decode(error.resp_body or b"", type=_Message)
    except msgspec.DecodeError:
        return "no reason was given"
    return body.message or body.error or "no reason was given"


@dataclass(slots=True)
class Rejections:
    """Counts rejected logs until they are reported."""

    count: int = 0
    first: str = ""
    """Id and reason of the first."""

    def add(self, log_id: str, reason: str) -> None:
        """Count one more."""
        if not self.count:
            self.first = f"{log_id!r}: {reason}"
        self.count += 1

    def forget(self) -> None:
        """Start again, after a report."""
        self.count, self.first = 0, ""

    def told(self, sent: int) -> str:
        """Return the number of rejected logs of those sent, and the reason of the first."""
        return f"{self.count:,} of {sent:,} logs, the first of them {self.first}"

"""The producer: pushes logs of a program to a server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Self, get_args

from waterline.errors import DeliveryError, ProducerFull, TokenError, UsageError
from workbench.clients.answers import Answer
from workbench.clients.delivery import Delivery
from workbench.clients.encoding import encoded
from workbench.clients.nodes import Nodes
from workbench.clients.outbox import Counts
from workbench.clients.replies import Reply, replies
from workbench.clients.spooled_delivery import SpooledDelivery
from workbench.clients.telling import rejection, tell_drops, tell_first_drop, unsettled

__all__ = ["Counts", "Producer", "Reply", "WhenFull"]

WhenFull = Literal["block", "drop", "raise"]
"""What becomes of a log for which there is no room."""

DEFAULT_WINDOW: Final = 5_000
MAX_WINDOW: Final = 100_000
DEFAULT_SPOOL_SIZE: Final = 2**30


def check_window(window: int, when_full: str) -> None:
    """Raise UsageError unless a window has a size and a rule that there are."""
    if not 1 <= window <= MAX_WINDOW:
        raise UsageError(f"window={window} is out of range; give 1 to {MAX_WINDOW}")
    if when_full not in get_args(WhenFull):
        raise UsageError(f"when_full={when_full!r} is unknown; give block, drop or raise")


class Producer:
    """Pushes logs to a server; an acked log is durable.

    Logs are sent at once, and those that come while others are on their way travel together. After
    a lost connection it connects again, and sends again what was not acked. Each log has an id, so
    that the server stores it once. Any threads may send; `on_reply` is called in another, in the
    order of the logs. A forked process may go on with it: it delivers its own logs, over its own
    connection, and its parent those from before. Rejected logs are reported to `on_reply`, or else
    by `RejectedLogs` from `flush` and the end of the block, once the others are acked.

    Args:
        url: the server's ingest address, such as `ws://127.0.0.1:3001/ingest`, or `wss://…`. Of
            several addresses its token has one, the same in every program; while that server is
            down its logs wait, unless `move` is called. The certificate of a server with TLS is
            always verified: against the authorities of the system, or those in the file that the
            variable SSL_CERT_FILE names.
        token: a token with the scope `ingest`.
        window: number of logs without an answer at which it is full; 1 to 100,000. It is full too
            while 32 MiB are without one.
        when_full: what `send` does then. `block` waits; `drop` counts the log in `counts.dropped`
            and goes on without it; `raise` raises.
        max_wait: seconds for which `drop` and `raise` wait for room first; once in vain, and then
            not again until the server answers.
        spool: a folder on disk for logs that are not acked. They are written there first, and what
            a process that ended has left is sent by the next that has the folder, each log once.
            Then `send` waits only for room in the spool, whatever the window, and nothing but a
            refused token or certificate makes it give up.
        spool_size: bytes on disk that one producer may take; at which it is full.
        patience: seconds without an answer or connection after which it gives up; with a spool,
            after which `flush` does.
        on_reply: called with the reply to each log, in order; rejected ones then raise nothing.
        certificate: a PEM file; a server with TLS must show the first certificate in it, and its
            name and authority do not matter then.

    Raises:
        UsageError: an argument has no meaning.
        TokenError: from `send`, `flush`: the server does not accept the token.
        ProducerFull: from `send`: there is no room for the log.
        DeliveryError: from `send`, `flush`: the server could not be reached for too long, or its
            certificate is not trusted.
        RejectedLogs: from `flush`: logs were rejected, and there is no `on_reply`.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        token: str,
        *,
        window: int = DEFAULT_WINDOW,
        when_full: WhenFull = "block",
        max_wait: float = 0.0,
        spool: str | Path | None = None,
        spool_size: int = DEFAULT_SPOOL_SIZE,
        patience: float = 60.0,
        on_reply: Callable[[Reply], None] | None = None,
        certificate: str | Path | None = None,
    ) -> None:
        check_window(window, when_full)
        self._nodes = Nodes(url, token)
        self._on_reply = on_reply
        self._when_full = when_full
        self._max_wait = None if when_full == "block" else max_wait
        # Whether there was no room for the log before, and no answer since.
        self._is_full = False
        self._has_told = False
        self._has_spool = spool is not None
        trusted = None if certificate is None else Path(certificate)
        self._delivery: Delivery[str] | SpooledDelivery
        if spool is None:
            self._delivery = Delivery(
                self._nodes.url,
                token,
                window=window,
                patience=patience,
                on_answer=self._hear,
                asks_seqs=on_reply is not None,
                certificate=trusted,
            )
        else:
            self._delivery = SpooledDelivery(
                self._nodes.url,
                token,
                window=window,
                patience=patience,
                on_answer=self._hear,
                folder=Path(spool),
                size=spool_size,
                asks_seqs=on_reply is not None,
                certificate=trusted,
            )

    @property
    def counts(self) -> Counts:
        """Numbers of logs by outcome, so far."""
        return self._delivery.counts

    @property
    def place(self) -> str:
        """Address that logs are sent to, without its query."""
        return self._delivery.place

    def move(self) -> str:
        """Send to the next address from now on, what is not acked too, and return it.

        The server before may have stored some of that: then each has the log, with the same source
        and id. After the last address comes the first.

        Raises:
            UsageError: there is no other address.
            TokenError, DeliveryError: the producer has given up.
        """
        self._delivery.move(self._nodes.move())
        return self.place

    @property
    def failure(self) -> TokenError | DeliveryError | None:
        """Why it has given up, if it has."""
        return self._delivery.failure

    def drop(self) -> None:
        """Count a log as dropped, for a caller that has one which cannot be sent."""
        self._delivery.drop()

    def send(self, log: Mapping[str, object]) -> str:
        """Queue a log to be sent, and return its id; wait only while the window is full.

        A log without an `id` gets one. One without a `type` or `message` is read as other programs
        write logs, such as `{"level": "warn", "msg": "…"}`. Values may be of Python, numpy and
        pandas; `workbench.clients.json_values` says how they become JSON.

        Raises:
            UsageError: the log has no JSON, is larger than 16 MiB, or the producer is closed.
            ProducerFull: there is no room for it, and `when_full` is `raise`.
            TokenError, DeliveryError: the producer has given up.
        """
        log_id, text = encoded(log)
        self._put(text, log_id)
        return log_id

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every log has its answer.

        Args:
            timeout: seconds to wait at most; None has no end but `patience`.

        Raises:
            TokenError, DeliveryError: the producer has given up, or the time is over.
            RejectedLogs: logs were rejected, and there is no `on_reply`.
        """
        self._delivery.flush(timeout)
        rejected = self._delivery.rejected(forget=True)
        if rejected is not None:
            raise rejection(self._delivery.place, rejected)

    def close(self) -> None:
        """End the connection without waiting for answers; it may be called again."""
        self._delivery.close()
        if not self._has_told:
            self._has_told = True
            tell_drops(self.counts, self._delivery.place)

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
            if error is not None and error is not self._delivery.failure:
                for note in self._unsettled():
                    error.add_note(note)

    def _unsettled(self) -> Iterator[str]:
        """Return sentences about what was not reported yet."""
        what = "those stay in the spool" if self._has_spool else "send those again"
        rejected = self._delivery.rejected()
        return unsettled(self.counts, self._delivery.place, rejected, what)

    def _put(self, log: bytes, log_id: str) -> None:
        try:
            self._delivery.put(log, log_id, 0.0 if self._is_full else self._max_wait)
        except ProducerFull as error:
            self._is_full = True
            if self._when_full == "raise":
                raise
            self._delivery.drop()
            tell_first_drop(self.counts, error)

    def _hear(self, ids: Sequence[str], answer: Answer) -> None:
        """Pass an answer on, in the thread of the delivery."""
        self._is_full = False
        if self._on_reply is not None:
            for reply in replies(ids, answer):
                self._on_reply(reply)
            return
        for fault in answer.errors:
            self._delivery.reject(ids[fault.index], fault.message)

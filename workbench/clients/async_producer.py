"""The producer for programs of asyncio: pushes logs to a server without blocking the loop."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from waterline.errors import DeliveryError, ProducerFull, TokenError
from workbench.clients.answers import Answer
from workbench.clients.async_delivery import AsyncDelivery
from workbench.clients.encoding import encoded
from workbench.clients.nodes import Nodes
from workbench.clients.outbox import Counts
from workbench.clients.producer import DEFAULT_WINDOW, WhenFull, check_window
from workbench.clients.replies import Reply, replies
from workbench.clients.telling import rejection, tell_drops, tell_first_drop, unsettled


class AsyncProducer:
    """Pushes logs to a server from an event loop; an acked log is durable.

    It is `Producer` for asyncio: frames, connections, ids and errors are the same. It belongs to
    the loop in which its first log was sent, and any tasks there may send; those of one task keep
    their order. What is cancelled loses nothing: a `send` has queued its log or not, and a `flush`
    may be asked again. There is no spool.

    Args:
        url: the server's ingest address, such as `ws://127.0.0.1:3001/ingest`, or `wss://…`. Of
            several addresses its token has one, the same in every program; while that server is
            down its logs wait, unless `move` is called.
        token: a token with the scope `ingest`.
        window: number of logs without an answer at which it is full; 1 to 100,000. It is full too
            while 32 MiB are without one.
        when_full: what `send` does then. `block` waits; `drop` counts the log in `counts.dropped`
            and goes on without it; `raise` raises.
        max_wait: seconds for which `drop` and `raise` wait for room first; once in vain, and then
            not again until the server answers.
        patience: seconds without an answer or connection after which it gives up.
        on_reply: called in the loop with the reply to each log, in order; it must not block.
            Rejected logs then raise nothing.
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
        self._delivery: AsyncDelivery[str] = AsyncDelivery(
            self._nodes.url,
            token,
            window=window,
            patience=patience,
            on_answer=self._hear,
            asks_seqs=on_reply is not None,
            certificate=None if certificate is None else Path(certificate),
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

    async def send(self, log: Mapping[str, object]) -> str:
        """Queue a log to be sent, and return its id; wait only while the window is full.

        Logs are as `Producer.send` has them.

        Raises:
            UsageError: the log has no JSON, is larger than 16 MiB, or the producer is closed.
            ProducerFull: there is no room for it, and `when_full` is `raise`.
            TokenError, DeliveryError: the producer has given up.
        """
        log_id, text = encoded(log)
        try:
            await self._delivery.put(text, log_id, 0.0 if self._is_full else self._max_wait)
        except ProducerFull as error:
            self._is_full = True
            if self._when_full == "raise":
                raise
            self.counts.dropped += 1
            tell_first_drop(self.counts, error)
        return log_id

    async def flush(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Producer's
        """Wait until every log has its answer.

        Args:
            timeout: seconds to wait at most; None has no end but `patience`.

        Raises:
            TokenError, DeliveryError: the producer has given up, or the time is over.
            RejectedLogs: logs were rejected, and there is no `on_reply`.
        """
        await self._delivery.flush(timeout)
        rejected = self._delivery.outbox.rejected(forget=True)
        if rejected is not None:
            raise rejection(self._delivery.place, rejected)

    async def close(self) -> None:
        """End the connection without waiting for answers; it may be called again."""
        await self._delivery.close()
        if not self._has_told:
            self._has_told = True
            tell_drops(self.counts, self._delivery.place)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        """Wait for all answers, unless the block ends in an error; then close.

        Rejected and unacked logs become a note of such an error.
        """
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.close()
            if error is not None and error is not self._delivery.failure:
                place, rejected = self._delivery.place, self._delivery.outbox.rejected()
                for note in unsettled(self.counts, place, rejected, "send those again"):
                    error.add_note(note)

    def _hear(self, ids: Sequence[str], answer: Answer) -> None:
        """Pass an answer on."""
        self._is_full = False
        if self._on_reply is not None:
            for reply in replies(ids, answer):
                self._on_reply(reply)
            return
        for fault in answer.errors:
            self._delivery.outbox.reject(ids[fault.index], fault.message)

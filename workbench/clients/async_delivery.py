"""Delivery of logs to a server from an event loop: many a frame, and every log kept until acked."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Generic

from waterline.errors import DeliveryError, ProducerFull, TokenError, UsageError
from workbench.clients.address import Address, address_of
from workbench.clients.answers import Answer, Lost, read_answer
from workbench.clients.link import BROKEN, Link, connect
from workbench.clients.outbox import (
    CLOSED,
    FAREWELL_SECONDS,
    UNSENT_SIZE,
    Counts,
    Outbox,
    Pauses,
    Tag,
    check_size,
)
from workbench.clients.threads import ClientThread

logger = logging.getLogger(__name__)

# Logs that are queued before others have a turn of the loop, about a millisecond's: a task that
# sends without a pause waits for nothing else while there is room.
_TURN_LOGS: Final = 50


class AsyncDelivery(Generic[Tag]):
    """Delivers logs to a server, in order, and keeps each until it is acked; as `Delivery` does.

    One task of its own writes and reads, from the first log on, in the loop in which that was put.
    Only names are looked up, and hands shaken, in a thread.

    Args:
        url: the server's ingest address, `ws://…` or `wss://…`.
        token: a token with the scope `ingest`.
        window: number of logs without an answer at which `put` waits.
        patience: seconds without an answer or connection after which it gives up.
        on_answer: called in the loop with the tags of a frame and its answer, in order.
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
        self.failure: TokenError | DeliveryError | None = None
        """Why it has given up, if it has."""
        self._address_of = partial(address_of, asks_seqs=asks_seqs, certificate=certificate)
        self._address = self._address_of(url)
        self._token = token
        self._on_answer = on_answer
        self._patience = patience
        self.outbox: Outbox[Tag] = Outbox(self.place, window, patience)
        """What is known of the logs."""
        self._has_ended = False
        self._closed_at: float | None = None
        self._closing = asyncio.Event()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._since_turn = 0

    @property
    def place(self) -> str:
        """The address without its query."""
        return self._address.place

    @property
    def counts(self) -> Counts:
        """Numbers of logs by outcome, so far."""
        return self.outbox.counts

    def move(self, url: str) -> None:
        """Deliver to another server from now on; see `Delivery.move`."""
        if self.failure is not None:
            raise self.failure
        self._address = self._address_of(url)
        self.outbox.place = self.place
        self._wake.set()
        self._tell()

    async def put(self, log: bytes, tag: Tag, patience: float | None = None) -> None:
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
        check_size(log)
        self._since_turn += 1
        if self._since_turn >= _TURN_LOGS:
            self._since_turn = 0
            await asyncio.sleep(0)
        outbox, size = self.outbox, len(log) + 1
        if not self._has_ended and outbox.append(log, tag, size):
            return

        def has_room() -> bool:
            return not outbox.is_full and (
                not outbox.begins_frame(size) or outbox.has_room_for_frame
            )

        has_found = await self._wait_for(lambda: self._has_ended or has_room(), patience)
        if self.failure is not None:
            raise self.failure
        if self._closing.is_set():
            raise UsageError(CLOSED)
        if not has_found:
            raise ProducerFull(outbox.full())
        outbox.add(log, tag, size)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="producer")
        if outbox.is_idle:
            outbox.is_idle = False
            self._wake.set()

    async def flush(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Producer's
        """Wait until every log has its answer.

        Args:
            timeout: seconds to wait at most; None has no end.

        Raises:
            TokenError, DeliveryError: it has given up, was closed before, or the time is over.
        """
        outbox = self.outbox
        await self._wait_for(lambda: not outbox.has_logs or self._has_ended, timeout)
        if self.failure is not None:
            raise self.failure
        if not outbox.has_logs:
            return
        raise DeliveryError(outbox.unanswered(timeout, has_ended=self._has_ended))

    async def close(self) -> None:
        """End the connection without waiting for answers; it may be called again."""
        if not self._closing.is_set():
            self._closed_at = time.monotonic()
            self._has_ended = True
            self._closing.set()
            self._wake.set()
            self._tell()
        task = self._task
        if task is None or task.done() or task is asyncio.current_task():
            return
        try:
            # The server reads what was sent before.
            await asyncio.wait({task}, timeout=2 * FAREWELL_SECONDS)
        finally:
            task.cancel()
        await asyncio.wait({task})

    async def _wait_for(self, what: Callable[[], bool], seconds: float | None) -> bool:
        """Wait for something that an answer or the end may bring; return whether it has come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not what():
                    await self._changed.wait()
        return what()

    def _tell(self) -> None:
        """Have all who wait look again."""
        self._changed.set()
        self._changed.clear()

    async def _run(self) -> None:
        """Connect, exchange frames and answers, and connect again, until closed or given up."""
        try:
            await self._connect_and_exchange()
        finally:
            if not self._has_ended:  # whoever is told the answers has failed, or the loop ends
                self._give_up(DeliveryError(f"the answers of {self.place} could not be passed on"))

    async def _connect_and_exchange(self) -> None:
        pauses, outbox = Pauses(self._patience), self.outbox
        while not self._closing.is_set():
            begun, address = time.monotonic(), self._address
            try:
                with contextlib.closing(await self._connected(address)) as link:
                    await self._exchange(link, address)
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
                pause = pauses.after(error, had_answers=outbox.last_progress > begun)
            await self._pause(pause, address)

    async def _pause(self, seconds: float, address: Address) -> None:
        """Wait before another connection to an address, unless closed or moved."""
        await self._wait_for(lambda: self._closing.is_set() or self._has_left(address), seconds)

    def _has_left(self, address: Address) -> bool:
        """Return whether the logs go to another address by now."""
        return self._address is not address

    async def _connected(self, address: Address) -> Link:
        """Return a connected link; it connects in a thread, which a cancelled task leaves alone.

        Not in the loop's own threads: a program that ends would wait for them.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Link] = loop.create_future()

        def tell(link: Link, error: Exception | None) -> None:
            if error is None and not found.done():
                found.set_result(link)
                return
            link.close()
            if error is not None and not found.done():
                found.set_exception(error)

        def try_it() -> None:
            link, error = Link(address.tls), None
            try:
                connect(link, address.url, self._token, address.place)
            except (TokenError, DeliveryError, *BROKEN) as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(tell, link, error)
            except RuntimeError:  # the loop has ended
                link.close()

        ClientThread(target=try_it, name="producer connects", daemon=True).start()
        return await found

    async def _exchange(self, link: Link, address: Address) -> None:
        """Write frames and read answers until the connection is lost, or this is closed or moved.

        Args:
            link: a connected one.
            address: where it is connected to.
        """
        loop, outbox = asyncio.get_running_loop(), self.outbox
        outbox.reconnect()
        with _watched(link, self._wake) as watch_room:
            while True:
                self._wake.clear()
                if self._has_left(address):
                    raise Lost("the logs go to another server from now on")
                self._fill(link)
                if self._closed_at is not None:
                    if time.monotonic() - self._closed_at > FAREWELL_SECONDS:
                        return
                    if outbox.is_idle and link.connected:
                        link.send_close()  # behind all that was put; the server ends it then
                link.write()
                watch_room()
                seconds = outbox.seconds_to_wait(
                    is_written=not link.unsent, is_closing=self._closing.is_set()
                )
                alarm = loop.call_later(seconds, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    alarm.cancel()
                for text in link.texts():
                    self._hear(text)
                outbox.check_silence(link.heard_at)

    def _fill(self, link: Link) -> None:
        """Hand frames to the link while it has room."""
        while link.unsent < UNSENT_SIZE:
            frame = self.outbox.take()
            if frame is None:
                return
            link.send(frame.payload())

    def _hear(self, text: bytes) -> None:
        """Take a message of the server."""
        answer = read_answer(text)
        if answer is None:
            return
        frame = self.outbox.answered(answer)
        self._on_answer(frame.tags(), answer)
        self.outbox.settle(frame)
        self._tell()

    def _give_up(self, failure: TokenError | DeliveryError) -> None:
        self.failure = failure
        self._has_ended = True
        self._tell()


@contextmanager
def _watched(link: Link, wake: asyncio.Event) -> Iterator[Callable[[], None]]:
    """Set an event whenever a link may be read; yield what has it set at room for the unsent too.

    Args:
        link: a connected one.
        wake: the event.
    """
    assert link.sock is not None
    loop, descriptor, is_watched = asyncio.get_running_loop(), link.sock.fileno(), False

    def watch_room() -> None:
        nonlocal is_watched
        if is_watched and not link.unsent:
            loop.remove_writer(descriptor)
        elif link.unsent and not is_watched:
            loop.add_writer(descriptor, wake.set)
        is_watched = bool(link.unsent)

    loop.add_reader(descriptor, wake.set)
    try:
        yield watch_room
    finally:
        loop.remove_reader(descriptor)
        loop.remove_writer(descriptor)

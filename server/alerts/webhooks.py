"""Webhooks: each event is sent until it is taken, the events of a rule one after the other.

An event is durable before it is sent, and has the same id at each attempt. A receiver that answered
and was not heard, or a crash right behind its answer, makes it come twice with one id.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from server.alerts.book import Book
from waterline.alerts.rules import AlertRule
from waterline.alerts.state import Delivery

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10.0
FIRST_PAUSE: Final = 1.0
LAST_PAUSE: Final = 300.0
"""Seconds between two attempts, doubled from the first to the last."""
_MOST_AT_ONCE: Final = 10
_MOST_ANSWER: Final = 2**20
_LOOK_SECONDS: Final = 0.1


class Webhooks:
    """Sends the events of a book.

    Args:
        rules: the rules, with the addresses.
        book: has the events.
        save: makes the book durable.
    """

    def __init__(self, rules: Sequence[AlertRule], book: Book, save: Callable[[], None]) -> None:
        self._addresses = {each.name: each.webhook for each in rules}
        self._receivers = {each.name: each.receiver for each in rules}
        self._book = book
        self._save = save
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send events until cancelled."""
        client = SimpleAsyncHTTPClient(
            force_instance=True, max_clients=_MOST_AT_ONCE, max_body_size=_MOST_ANSWER
        )
        try:
            while True:
                self._look(client)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for task in self._sending.values():
                task.cancel()
            client.close()

    def _look(self, client: AsyncHTTPClient) -> None:
        """Begin to send the first event of each rule that sends none."""
        for alert, task in [*self._sending.items()]:
            if task.done():
                del self._sending[alert]
                task.result()  # raises its error, a fault of ours
        for delivery in self._book.deliveries:
            alert = delivery.event.alert
            if alert not in self._sending:
                self._sending[alert] = asyncio.create_task(self._send(client, delivery))

    async def _send(self, client: AsyncHTTPClient, delivery: Delivery) -> None:
        """Send an event until it is taken, or given up."""
        alert = delivery.event.alert
        address = self._addresses[alert]
        assert address is not None, "the book has no events of such rules"
        pause = FIRST_PAUSE
        while delivery in self._book.deliveries:
            failure = await _post(client, address, delivery)
            delivery.attempts += 1
            if failure is None:
                self._book.delivered(delivery)
                self._save()
                return
            if delivery.failure != failure:
                logger.warning(
                    "alert %s: %s does not take the event %s, which is sent again: %s",
                    alert,
                    self._receivers[alert],
                    delivery.event.id,
                    failure,
                )
            delivery.failure = failure
            await asyncio.sleep(pause)
            pause = min(LAST_PAUSE, 2 * pause)


async def _post(client: AsyncHTTPClient, address: str, delivery: Delivery) -> str | None:
    """Send an event once; return why it was not taken, or None."""
    request = HTTPRequest(
        address,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "waterline",
            "Idempotency-Key": delivery.event.id,
        },
        body=msgspec.json.encode(delivery.event),
        connect_timeout=TIMEOUT_SECONDS,
        request_timeout=TIMEOUT_SECONDS,
        follow_redirects=False,
    )
    try:
        answer = await client.fetch(request, raise_error=False)
    except HTTPClientError as error:
        # 599 is Tornado's own, for an answer that did not come.
        return f"it did not answer: {error.message}" if error.code == 599 else str(error)
    except (OSError, ssl.SSLError, ValueError) as error:
        # Without the address, which may hold a secret.
        return f"it cannot be reached: {type(error).__name__}"
    if 200 <= answer.code < 300:
        return None
    return f"it answered {answer.code}"

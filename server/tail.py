"""WebSocket endpoint /live, where readers follow the logs."""

import asyncio
import logging

from server.connections import Connection, Connections
from server.endpoint import RETRY_SECONDS
from server.live.catch_up import catch_up
from server.live.filters import EVERYTHING, read_query
from server.live.hub import MAX_FILTERS
from waterline.errors import DataFolderError, UsageError
from waterline.storage.pages import LogPages
from waterline.tokens import Scope

logger = logging.getLogger(__name__)


class LiveReader(Connection):
    """Connection that receives matching logs as they are committed, or from a seq on.

    A reader that asks for a seq in the future joins the present. Its first position is then lower
    than the requested one.
    """

    scope = Scope.READ
    wanted = EVERYTHING
    _after: int | None = None
    _catching_up: asyncio.Task[None] | None = None

    def initialize(self, connections: Connections, pages: LogPages) -> None:  # type: ignore[override]
        """Store the shared state, and the reader of past logs."""
        super().initialize(connections)
        self._pages = pages

    def prepare(self) -> None:
        """Admit a token with a valid filter."""
        super().prepare()
        if self._finished:
            return
        try:
            self.wanted, self._after = read_query(self.request.query_arguments)
        except UsageError as error:
            self.fail(400, "bad_request", str(error))
            return
        others = (each for each in self.connections.open if isinstance(each, LiveReader))
        filters = {each.wanted for each in others}
        if self.wanted not in filters and len(filters) >= MAX_FILTERS:
            message = f"readers have {MAX_FILTERS} different filters already; share one of them"
            self.fail(503, "too_many_filters", message, retry_after=RETRY_SECONDS)

    def get_compression_options(self) -> None:
        """Refuse permessage-deflate: all readers are sent the same bytes."""
        return

    def open(self) -> None:
        """Greet the reader and begin to send."""
        super().open()
        hub = self.connections.hub
        if self._after is None or self._after >= hub.last_seq:
            hub.subscribe(self, self.wanted)
        else:
            self._catching_up = asyncio.create_task(self._catch_up(self._after))

    def on_close(self) -> None:
        """End the subscription."""
        self._stop_catching_up()
        self.connections.hub.unsubscribe(self)
        super().on_close()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection and end the subscription."""
        self._stop_catching_up()
        self.connections.hub.unsubscribe(self)
        super().close(code, reason)

    def on_message(self, message: str | bytes) -> None:
        """Drop messages of readers."""

    async def _catch_up(self, after: int) -> None:
        try:
            await catch_up(self, self.connections.hub, self._pages, self.wanted, after)
        except DataFolderError as error:
            logger.error("a reader cannot be sent the past: %s", error)
            self.close(1011, "the logs cannot be read")

    def _stop_catching_up(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()

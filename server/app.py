"""The server: wires the rooms together, starts them, drains and stops them."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import tornado.httpserver
import tornado.netutil
import tornado.web

from server.addresses import Addresses, bind, is_loopback, port_of
from server.auth import TokenFile
from server.errors import ServerFailed
from server.ingest import MAX_MESSAGE_SIZE, Connections, LiveReader, Producer
from server.live import TICK_SECONDS, LiveHub
from server.monitor.performance import PerformanceMonitor
from server.monitor.rollups import Rollups
from server.monitoring import Health, Metrics, Overview
from server.settings import Settings
from server.store.folder import DataFolder, ServerLock
from server.web import NotFound, log_request
from server.writer import Commit, Writer

logger = logging.getLogger(__name__)

# `waterline up` gives the whole of us 5 s, so the connections get less.
CLOSE_SECONDS: Final = 2.0


async def serve(settings: Settings, on_ready: Callable[[Addresses], None]) -> None:
    """Run the server until SIGTERM or SIGINT; then commit and ack all that it holds.

    Raises:
        DataFolderError: the data folder cannot be used, or is in use.
        AddressError: a port cannot be listened on.
        ServerFailed: a thread of the server died.
    """
    folder = DataFolder(settings.data)
    folder.create()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    failed_threads: list[str] = []

    def stop_on_failure(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread else "unknown"
        logger.critical("the %s thread failed", name, exc_info=failure.exc_value)
        failed_threads.append(name)
        loop.call_soon_threadsafe(stopping.set)

    # Without its writer a server would look healthy and ack nothing: better none at all.
    threading.excepthook = stop_on_failure
    with ServerLock(folder), ExitStack() as opened:
        server = _Server(settings, folder, opened)
        on_ready(server.listen())
        try:
            await server.run_until(stopping)
        finally:
            await server.drain()
    if failed_threads:
        raise ServerFailed(
            f"the server stopped because its {failed_threads[0]} thread failed, as told above; "
            "what was acked is safe, start it again"
        )


class _Server:
    """The rooms of one server; whatever is opened here is closed by `opened`."""

    def __init__(self, settings: Settings, folder: DataFolder, opened: ExitStack) -> None:
        self._settings = settings
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self._tokens = TokenFile(folder.tokens)
        self._monitor = PerformanceMonitor()
        self._rollups = Rollups(folder.metrics, self._monitor, settings.metrics_retention)
        opened.callback(self._rollups.stop)
        self._writer = Writer(folder.logs, self._monitor, self._hand_over)
        opened.callback(self._writer.stop)
        self._hub = LiveHub(settings.live_buffer, self._writer.last_seq)
        self._connections = Connections(
            self._writer, self._hub, self._monitor, self._tokens, settings.queue_size
        )
        self._overview = Overview(folder, self._connections, self._monitor, self._rollups)
        self._listening: list[tornado.httpserver.HTTPServer] = []

    def listen(self) -> Addresses:
        """Start to accept.

        Raises:
            AddressError: a port cannot be listened on.
        """
        settings = self._settings
        ingest = bind(settings.host, settings.port, "port")
        self._opened.callback(_close_sockets, ingest)
        monitoring = bind(settings.host, settings.monitoring_port, "monitoring_port")
        self._opened.callback(_close_sockets, monitoring)
        self._rollups.start()
        self._writer.start()
        self._listening = [
            _listen(self._ingest_app(), ingest),
            _listen(self._monitoring_app(), monitoring),
        ]
        return Addresses(settings.host, port_of(ingest), port_of(monitoring))

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Keep the live readers going until told to stop."""
        while not stopping.is_set():
            try:
                await asyncio.wait_for(stopping.wait(), TICK_SECONDS)
            except TimeoutError:
                self._hub.tick()

    async def drain(self) -> None:
        """Take nothing more, commit and ack what is held, close every connection."""
        for each in self._listening:
            each.stop()
        self._connections.draining = True
        await self._loop.run_in_executor(None, self._writer.stop)
        # The last commits were handed over to the loop; let it deliver them first.
        await asyncio.sleep(0)
        self._hub.tick()
        await self._connections.close(CLOSE_SECONDS)
        for each in self._listening:
            await each.close_all_connections()

    def _hand_over(self, commit: Commit) -> None:
        self._loop.call_soon_threadsafe(self._connections.deliver, commit)

    def _ingest_app(self) -> tornado.web.Application:
        shared = {"connections": self._connections}
        # A ping each half: a peer that is gone is noticed within the whole.
        ping = self._settings.idle_timeout / 2000
        return tornado.web.Application(
            [(r"/(?:ingest)?", Producer, shared), (r"/live", LiveReader, shared)],
            default_handler_class=NotFound,
            log_function=log_request,
            paths="/ingest and /live, for WebSockets",
            websocket_max_message_size=MAX_MESSAGE_SIZE,
            websocket_ping_interval=ping,
            websocket_ping_timeout=ping,
        )

    def _monitoring_app(self) -> tornado.web.Application:
        tokens = None if is_loopback(self._settings.host) else self._tokens
        shared = {"overview": self._overview, "tokens": tokens}
        return tornado.web.Application(
            [(r"/metrics", Metrics, shared), (r"/health", Health, shared)],
            default_handler_class=NotFound,
            log_function=log_request,
            paths="/metrics and /health",
        )


def _close_sockets(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _listen(
    app: tornado.web.Application, sockets: list[socket.socket]
) -> tornado.httpserver.HTTPServer:
    server = tornado.httpserver.HTTPServer(app)
    server.add_sockets(sockets)
    return server

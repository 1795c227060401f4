"""Monitoring thread, which serves the pages with an event loop of its own.

The loop of ingest and live may be busy with many logs before it comes to a scrape, and no producer
should wait for a report.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import tornado.httpserver

# More threads would not help, as long reports read the same file in turn.
_REPORT_THREADS: Final = 2

Listen = Callable[[], tornado.httpserver.HTTPServer]
"""Starts to accept connections on the running event loop."""


class MonitoringThread:
    """Thread with an HTTP server.

    Args:
        listen: starts to accept connections.
        interrupt: aborts reports under way; called in any thread.
    """

    def __init__(self, listen: Listen, interrupt: Callable[[], None]) -> None:
        self._listen = listen
        self._interrupt = interrupt
        self._loop = asyncio.new_event_loop()
        self._refusing = asyncio.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="monitoring", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def refuse(self) -> None:
        """Stop accepting connections; open ones are still answered."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._refusing.set)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread.is_alive():
            self.refuse()
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._interrupt()
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop.set_default_executor(ThreadPoolExecutor(_REPORT_THREADS, "reports"))
        server = self._listen()
        await self._refusing.wait()
        server.stop()
        await self._stopping.wait()
        await server.close_all_connections()

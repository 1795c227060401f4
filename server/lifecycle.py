"""Life of the server in a process: its lock, its signals, its end, and who follows it."""

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from server.app import Server
from server.background import running
from server.copied import mark_serving, unmark_serving
from server.handover import Predecessor, start_successor
from server.inherited import NO_SOCKETS, Sockets
from server.rollback import refuse_lost_logs
from server.service_manager import READY, notify
from waterline.addresses import Addresses
from waterline.archive.ahead import refuse_earlier_logs
from waterline.descriptors import raise_limit
from waterline.errors import ServerFailed, WaterlineError
from waterline.settings.model import LoadedSettings
from waterline.storage.folder import DataFolder, ServerLock

logger = logging.getLogger(__name__)


async def serve(
    loaded: LoadedSettings,
    load: Callable[[], LoadedSettings],
    on_ready: Callable[[Addresses], None],
    *,
    inherited: Sockets = NO_SOCKETS,
    predecessor: Predecessor | None = None,
    supervised: bool = False,
) -> None:
    """Run the server until SIGTERM or SIGINT, then commit and ack all waiting logs.

    At SIGHUP the settings are read again. At SIGUSR2 a new server is started, which is given the
    sockets, and this one ends, unless it is supervised.

    Args:
        loaded: the settings.
        load: reads them again.
        on_ready: called with the addresses once connections are accepted.
        inherited: listening sockets that this process was given.
        predecessor: the server that gave them and is to end; None without one.
        supervised: whether a parent starts this process again when it ends, so that no successor
            may follow it.

    Raises:
        DataFolderError: the data folder cannot be used, or is in use.
        ArchiveError: logs.db is older than its archives.
        AddressError: a port cannot be listened on.
        ServerFailed: a thread of the server died.
    """
    settings = loaded.settings
    limit = raise_limit()
    folder = DataFolder(settings.data)
    folder.create()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    handing_over = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR2, handing_over.set)
    reloading = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    failed_threads: list[str] = []

    def stop_on_failure(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread else "unknown"
        logger.critical("the %s thread failed", name, exc_info=failure.exc_value)
        failed_threads.append(name)
        loop.call_soon_threadsafe(stopping.set)

    # Without its writer a server would look healthy and ack nothing, so it stops instead.
    threading.excepthook = stop_on_failure
    async with _locked(folder, predecessor):
        with ExitStack() as opened:
            refuse_lost_logs(folder)
            refuse_earlier_logs(folder)
            server = Server(settings, folder, opened, limit, loaded.alerts)
            mark_serving(folder)
            on_ready(server.listen(inherited))
            notify(READY)
            try:
                async with (
                    running(
                        _hand_over(handing_over, stopping, server, supervised=supervised)
                    ) as handing,
                    running(_reload(reloading, load, server)) as reading,
                ):
                    await server.run_until(stopping, handing, reading)
            finally:
                await server.drain()
            if not failed_threads:
                opened.close()
                unmark_serving(folder)
    if failed_threads:
        raise ServerFailed(
            f"the server stopped because its {failed_threads[0]} thread failed, as told above; "
            "what was acked is safe, start it again"
        )


@asynccontextmanager
async def _locked(folder: DataFolder, predecessor: Predecessor | None) -> AsyncIterator[None]:
    """Hold the lock of the folder, once the server before this one has ended."""
    lock = ServerLock(folder)
    if predecessor is None:
        with lock:
            yield
        return
    await predecessor.lock(lock)
    try:
        yield
    finally:
        lock.__exit__()


async def _reload(asked: asyncio.Event, load: Callable[[], LoadedSettings], server: Server) -> None:
    """Read the settings again whenever that is asked for."""
    while True:
        await asked.wait()
        asked.clear()
        try:
            server.reload(load())
        except WaterlineError as error:
            logger.error("nothing was reloaded: %s", error)


async def _hand_over(
    asked: asyncio.Event, stopping: asyncio.Event, server: Server, *, supervised: bool
) -> None:
    """Start a successor whenever that is asked for, and stop once one has loaded."""
    while True:
        await asked.wait()
        asked.clear()
        if supervised:
            logger.error(
                "no new server is started, as the process that runs this one would start another; "
                "end that and start it again, or run `waterline serve`"
            )
            continue
        logger.warning("a new server is started, which takes over")
        if await start_successor(server.sockets):
            stopping.set()
            return

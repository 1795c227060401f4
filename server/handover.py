"""Hand-over to a new server process that keeps the listening sockets, so none is refused.

The old server starts the new one, as it is installed by then, and goes on until that one has
loaded. Then it acks what it holds and ends; meanwhile new connections wait in the sockets.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
from typing import Final

from server.inherited import Sockets, format_sockets
from server.service_manager import main_process, notify
from waterline.errors import DataFolderInUse, UsageError
from waterline.processes import python_command
from waterline.storage.folder import ServerLock

logger = logging.getLogger(__name__)

# Seconds in which a new server loads; a busy machine needs several.
_LOADING_SECONDS: Final = 60.0
# Seconds for which a new server waits until the old one has ended.
_ENDING_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 0.002
_LOADED: Final = b"1"
# Bytes that a pipe takes at once.
_MOST_REASON: Final = 4096


class Predecessor:
    """The server before this one, which gives it its sockets and then ends.

    Args:
        ready: descriptor of a pipe to it.
    """

    def __init__(self, ready: int) -> None:
        self._ready = ready

    async def lock(self, lock: ServerLock) -> None:
        """Tell it that this process has loaded, and take the lock of the folder when it has ended.

        Raises:
            DataFolderInUse: it does not end.
            UsageError: it is gone already.
        """
        notify(main_process())
        try:
            os.write(self._ready, _LOADED)
        except BrokenPipeError as error:
            raise UsageError("the server that was to hand over is gone; start one") from error
        finally:
            os.close(self._ready)
        until = asyncio.get_running_loop().time() + _ENDING_SECONDS
        while True:
            try:
                lock.__enter__()
            except DataFolderInUse:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_STEP_SECONDS)
            else:
                return


def tell_reason(ready: int, reason: str) -> None:
    """Tell the server before this one why this one does not load.

    Args:
        ready: descriptor of a pipe to it.
        reason: one sentence.
    """
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, reason.encode(errors="replace")[:_MOST_REASON])


async def start_successor(sockets: Sockets) -> bool:
    """Start a new server and wait until it has loaded; return whether it has.

    It reads its settings anew. It fails alone where it cannot load, as by a setting that has no
    meaning in the new version, and this server goes on.

    Args:
        sockets: listening sockets of this server.
    """
    try:
        read, write = os.pipe()
    except OSError as error:
        logger.error("no new server can be started, and this one goes on: %s", error.strerror)
        return False
    numbers = [each.fileno() for several in sockets.values() for each in several]
    command = python_command("server", "--sockets", format_sockets(sockets), "--ready", str(write))
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this process, and its loop
            command,
            pass_fds=[*numbers, write],
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        logger.error("no new server can be started, and this one goes on: %s", error.strerror)
        os.close(read)
        return False
    finally:
        os.close(write)
    try:
        async with asyncio.timeout(_LOADING_SECONDS):
            told = await _first_piece(read)
    except TimeoutError:
        told = f"it took longer than {_LOADING_SECONDS:.0f} s".encode()
        process.kill()
    finally:
        os.close(read)
    if told == _LOADED:
        return True
    code = await asyncio.get_running_loop().run_in_executor(None, process.wait)
    reason = told.decode(errors="replace") or "its own log says why"
    logger.error("the new server did not load (code %d), and this one goes on: %s", code, reason)
    return False


async def _first_piece(descriptor: int) -> bytes:
    """Return what comes first of a pipe; nothing if its writers have gone."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _MOST_REASON)

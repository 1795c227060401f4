"""Process that evaluates alerts, `python -m server.alerts`, with the rules on standard input.

It ends with its server: standard input is a pipe that nobody writes to, and that the server's end
closes, however it ends.
"""

import asyncio
import fcntl
import logging
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from server.alerts.evaluator import Evaluator
from server.alerts.webhooks import Webhooks
from waterline.alerts.rules import AlertRule
from waterline.clock import now_ms
from waterline.endings import ended_in_order
from waterline.process_log import LogFormat, logged_failure, start_log
from waterline.settings.model import Settings, load_settings
from waterline.storage.folder import PRIVATE_FILE

logger = logging.getLogger(__name__)

# Where ingest wants the processor too, this gets next to nothing of it, and is late.
_NICE: Final = 19
_SECOND: Final = 1_000
_LOCK: Final = "alerts.lock"


def main() -> None:
    """Evaluate alerts until standard input ends, or SIGTERM."""
    with ended_in_order():
        rules = msgspec.json.decode(sys.stdin.buffer.readline(), type=list[AlertRule])
        settings = load_settings({}, os.environ, Path.cwd(), check_queries=False).settings
        # The server reads these lines, and puts them into its own log.
        start_log("alerts", LogFormat.JSON, None)
        os.nice(_NICE)
        descriptor = os.open(
            settings.data / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE
        )
        # The one of a server that was killed ends as its standard input does.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with logged_failure(LogFormat.JSON, None):
            asyncio.run(_run(rules, settings))


async def _run(rules: list[AlertRule], settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_reader(sys.stdin.fileno(), _heed_end, stopping)
    while not stopping.is_set():
        with closing(Evaluator(rules, settings)) as evaluator:
            webhooks = Webhooks(rules, evaluator.book, evaluator.save)
            sending = asyncio.create_task(webhooks.run())
            try:
                await _evaluate(evaluator, sending, stopping)
            finally:
                sending.cancel()
                await asyncio.wait([sending])


def _heed_end(stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        stopping.set()
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


async def _evaluate(
    evaluator: Evaluator, sending: "asyncio.Task[None]", stopping: asyncio.Event
) -> None:
    """Evaluate once a second until told to stop, or until rules are to be read another way."""
    while not stopping.is_set() and not evaluator.is_outdated:
        for _ in evaluator.look():
            await asyncio.sleep(0)
            if stopping.is_set():
                return
        if sending.done():
            sending.result()
        try:
            await asyncio.wait_for(stopping.wait(), 1 - now_ms() % _SECOND / _SECOND)
        except TimeoutError:
            continue


if __name__ == "__main__":
    main()

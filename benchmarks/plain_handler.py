"""The plain Tornado handler, a baseline: what one would write first, with durable acks.

Each message is decoded and put into a queue; one thread stores what waits there in one transaction
and has each log acked by a message of its own. It checks nothing and knows no duplicates.
"""

import asyncio
import json
import queue
import sys
import threading
from pathlib import Path
from typing import Any, Final

import apsw
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket

from benchmarks.raw_inserts import INSERT
from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, transaction

_COLUMNS: Final = {"id", "type", "timestamp", "message"}


class PlainHandler(tornado.websocket.WebSocketHandler):
    """Takes one log a message."""

    def initialize(self, waiting: "queue.SimpleQueue[Waiting]") -> None:
        """Take the way to the thread that stores."""
        self.waiting = waiting

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Greet."""
        self.write_message({"type": "connection"})

    def on_message(self, message: str | bytes) -> None:
        """Decode a log and hand it on."""
        self.waiting.put((self, json.loads(message)))


Waiting = tuple[PlainHandler, dict[str, Any]]


def store_forever(
    path: Path, waiting: queue.SimpleQueue[Waiting], loop: asyncio.AbstractEventLoop
) -> None:
    """Store what waits, all of it in one transaction, and have it acked."""
    connection = open_writer(DataFolder(path).logs, LOGS, "FULL")
    seq = 0
    while True:
        taken = [waiting.get()]
        while not waiting.empty():
            taken.append(waiting.get())
        _store(connection, [log for _, log in taken], seq)
        loop.call_soon_threadsafe(_acknowledge, taken, seq)
        seq += len(taken)


def _store(connection: apsw.Connection, logs: list[dict[str, Any]], seq: int) -> None:
    received_at = now_ms()
    rows = []
    for number, log in enumerate(logs, seq + 1):
        attributes = json.dumps({name: log[name] for name in log if name not in _COLUMNS})
        given = (log["id"], log["type"], log["timestamp"])
        rows.append((number, *given, received_at, "plain", log["message"], attributes))
    with transaction(connection):
        connection.executemany(INSERT, rows)


def _acknowledge(taken: list[Waiting], seq: int) -> None:
    for number, (handler, log) in enumerate(taken, seq + 1):
        if handler.ws_connection is not None:
            handler.write_message(
                {"type": "ack", "logId": log["id"], "seq": number, "timestamp": now_ms()}
            )


async def serve(path: Path) -> None:
    """Listen on a free port of loopback, which is printed, until the process is ended."""
    waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
    application = tornado.web.Application(
        [("/ingest", PlainHandler, {"waiting": waiting})], log_function=lambda _: None
    )
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    tornado.httpserver.HTTPServer(application).add_sockets(sockets)
    threading.Thread(
        target=store_forever, args=(path, waiting, asyncio.get_running_loop()), daemon=True
    ).start()
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

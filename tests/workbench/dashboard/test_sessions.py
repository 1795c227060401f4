"""Sessions over real WebSockets: they leave nothing behind when they end."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec
import panel as pn
import pytest
import websocket
from bokeh.client import pull_session
from bokeh.document import Document
from bokeh.io import curdoc
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.ioloop import IOLoop

from tests.support.browser import DashboardProcess, serving_dashboard
from tests.support.processes import PATIENCE, ServerProcess, resident_bytes, serving
from tests.support.waiting import wait_until
from workbench.dashboard.origin import Origin
from workbench.dashboard.viewer import Dashboard
from workbench.dashboard.watched import watched
from workbench.snapshots.poller import FolderPoller

pytestmark = pytest.mark.slow

SESSIONS = 50
# A session that is open costs half a megabyte, so 50 that were kept would cost 23. A process that
# lets them go was seen to grow by 12 MB in the first 50, as memory that is free is not given back,
# and by nothing in 50 more.
MAX_GROWTH = 10 * 2**20
# Bokeh's own are 15 s and 17 s: the test would only wait longer.
QUICKLY = ("--unused-session-lifetime", "300", "--check-unused-sessions", "100")


def open_and_close(url: str) -> None:
    """Have a session made, and its page told whole, as a browser does; then leave.

    Bokeh's own client would make models of the page, which takes half as long as the server takes.
    """
    token = generate_jwt_token(generate_session_id())
    with closing(
        websocket.create_connection(
            url.replace("http", "ws", 1) + "/ws", subprotocols=["bokeh", token], timeout=PATIENCE
        )
    ) as socket:
        assert receive(socket)[0]["msgtype"] == "ACK"
        for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
            socket.send(msgspec.json.encode(part).decode())
        header, content = receive(socket)
        while header["msgtype"] != "PULL-DOC-REPLY":
            header, content = receive(socket)
        assert len(content["doc"]["roots"]) > 1


def receive(socket: websocket.WebSocket) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and content of Bokeh's next message."""
    header, _, content = (msgspec.json.decode(socket.recv()) for _ in range(3))
    for _ in range(header.get("num_buffers", 0)):
        socket.recv()  # its own header
        socket.recv()
    return header, content


@pytest.fixture(autouse=True)
def current_loop() -> Iterator[None]:
    """Give Bokeh's client the current loop that it asks for; since Python 3.12 there is none."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def served(data: Path) -> Iterator[ServerProcess]:
    """A server whose folder holds enough for a session to be as large as they get."""
    with serving(data) as server:
        socket = server.connect()
        for number in range(500):
            log = {"type": "info", "message": f"number {number} " + "word " * 40}
            socket.send(msgspec.json.encode(log).decode())
            socket.recv()
        socket.close()
        yield server


@contextmanager
def serving_in_process(app: Callable[[], Dashboard]) -> Iterator[str]:
    """Serve an app from a thread of this process, so that what it leaves can be looked at."""
    ready: Queue[tuple[IOLoop, str]] = Queue()

    def run() -> None:
        with asyncio.Runner() as runner:
            runner.run(serve())

    async def serve() -> None:
        server = pn.io.server.get_server(
            {"dashboard": app},
            port=0,
            loop=IOLoop.current(),
            start=True,
            unused_session_lifetime_milliseconds=100,
            check_unused_sessions_milliseconds=50,
        )
        stopping = asyncio.Event()
        ready.put((IOLoop.current(), f"http://localhost:{server.port}/dashboard"))
        stop.append(stopping.set)
        await stopping.wait()
        server.stop()

    stop: list[Callable[[], None]] = []
    thread = threading.Thread(target=run)
    thread.start()
    loop, url = ready.get(timeout=PATIENCE)
    try:
        yield url
    finally:
        wait_until(lambda: bool(stop), "the server did not start")
        loop.add_callback(stop[0])
        thread.join(PATIENCE)


@pytest.mark.logs  # Bokeh may warn that a session came back within so short a lifetime
def test_closed_sessions_leave_no_callback_and_nothing_else(data: Path) -> None:
    poller = FolderPoller(data)
    dashboards: list[weakref.ref[Dashboard]] = []
    documents: list[weakref.ref[Document]] = []

    def app() -> Dashboard:
        dashboard = Dashboard(watched(Origin(data), poller))
        dashboards.append(weakref.ref(dashboard))
        documents.append(weakref.ref(curdoc()))
        return dashboard

    def living() -> list[object]:
        gc.collect()
        found: list[object] = [each() for each in dashboards]
        found += [each() for each in documents]
        return [each for each in found if each is not None]

    with serving_in_process(app) as url:
        sessions = [pull_session(url=url) for _ in range(5)]
        assert len(living()) == 10
        assert all(each.session_callbacks for each in living() if isinstance(each, Document))
        for session in sessions:
            session.close()
        sessions.clear()
        wait_until(lambda: not living(), "something holds a dashboard or a document")


@pytest.mark.slow
def test_fifty_sessions_opened_and_closed_do_not_grow_the_process(served: ServerProcess) -> None:
    with serving_dashboard(served.data, *QUICKLY) as dashboard:
        for _ in range(SESSIONS):  # what is loaded and cached once, and what becomes free
            open_and_close(dashboard.url)
        before = settled_memory(dashboard)
        for _ in range(SESSIONS):
            open_and_close(dashboard.url)
        growth = settled_memory(dashboard) - before
        assert growth < MAX_GROWTH


def settled_memory(dashboard: DashboardProcess) -> int:
    """Return the least of some seconds, in which closed sessions are discarded."""
    seen = []
    end = time.monotonic() + 3
    while time.monotonic() < end:
        seen.append(resident_bytes(dashboard.process))
        time.sleep(0.2)
    return min(seen)

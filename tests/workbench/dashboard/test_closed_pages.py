"""Pages that are closed and loaded anew at any moment: the dashboard prints nothing."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import websocket
from bokeh.util.token import generate_jwt_token, generate_session_id
from playwright.sync_api import Browser, BrowserContext, Error, Page, ViewportSize

from tests.support.browser import (
    DashboardProcess,
    patient_context,
    serving_dashboard,
    wait_until_searched,
)
from tests.support.meanwhile import meanwhile
from tests.support.processes import PATIENCE, ServerProcess, serving, stalled
from workbench.clients.producer import Producer

pytestmark = pytest.mark.browser

Moment = Literal["commit", "domcontentloaded", "load"]
MOMENTS: tuple[Moment, ...] = ("commit", "domcontentloaded", "load")
RELOADS = 2
# Of a process that stands still, closed pages leave most behind: messages that they sent are read.
CLOSED_WHILE_STALLED = (True, False, True)
SMALL: ViewportSize = {"width": 320, "height": 240}  # what is painted is not looked at


def streaming(server: ServerProcess) -> AbstractContextManager[None]:
    """Send logs without end, so that every second has something for all pages."""

    def feed(enough: threading.Event) -> None:
        with Producer(server.ingest, server.token) as producer:
            while not enough.wait(0.2):
                for number in range(40):
                    producer.send({"type": f"t{number % 9}", "message": f"{number} " * 50})

    return meanwhile(feed)


@contextmanager
def tabs(context: BrowserContext, dashboard: DashboardProcess) -> Iterator[list[Page]]:
    """Open tabs side by side, each left at a moment of its own; at the end they are closed."""
    opened = [context.new_page() for _ in MOMENTS]
    for tab, moment in zip(opened, MOMENTS, strict=True):
        tab.set_viewport_size(SMALL)
        tab.goto(dashboard.url, wait_until=moment)
    yield opened
    for tab in opened:
        tab.close()


def leave_at_each_message(dashboard: DashboardProcess) -> None:
    """Leave as pages do, after each message that they send and get, with a farewell or without.

    A browser costs too much to be closed at each.
    """
    request: tuple[dict[str, str], ...] = ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {})
    for sent, taken, is_polite in product(range(len(request) + 1), range(3), (True, False)):
        token = generate_jwt_token(generate_session_id())
        socket = websocket.create_connection(
            dashboard.url.replace("http", "ws", 1) + "/ws",
            subprotocols=["bokeh", token],
            timeout=PATIENCE,
        )
        for _ in range(3 if sent else taken):  # the acknowledgement, which a page waits for
            socket.recv()
        for part in request[:sent]:
            socket.send(msgspec.json.encode(part).decode())
        for _ in range(taken if sent == len(request) else 0):
            socket.recv()
        if is_polite:
            socket.send_close()
        assert socket.sock is not None
        socket.sock.close()


def load_anew(tab: Page, moment: Moment) -> None:
    """Load a tab anew, unless it does so itself: what was lost for long on a slow machine does."""
    try:
        tab.reload(wait_until=moment)
    except Error as error:
        if "ERR_ABORTED" not in str(error):
            raise


def wait_until_connected(tabs: Sequence[Page]) -> None:
    """Wait until tabs show something, which comes over their WebSockets."""
    for tab in tabs:
        wait_until_searched(tab)


def test_not_a_line_is_printed_when_pages_go(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    # What it prints is looked at where it ends.
    with serving(data) as server, streaming(server), serving_dashboard(data) as dashboard:
        context = patient_context(browser)
        with tabs(context, dashboard) as opened:
            for number in range(RELOADS):
                # The others are loaded anew before they were there.
                wait_until_connected([opened[number], opened[-1]])
                for tab, moment in zip(opened, MOMENTS, strict=True):
                    load_anew(tab, moment)
        for number, is_stalled in enumerate(CLOSED_WHILE_STALLED):
            with tabs(context, dashboard) as opened:
                wait_until_connected([opened[number]])
                if is_stalled:
                    with stalled(dashboard.process):
                        for tab in opened:
                            tab.close()
        leave_at_each_message(dashboard)
        # It is told to stop while pages are open.
        last = context.new_page()
        last.goto(dashboard.url)
        wait_until_connected([last])
    context.close()

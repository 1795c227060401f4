"""What the page says when nothing comes: silence, no server, or no dashboard at all."""

import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.support.browser import open_at, open_with_one_log, rows, serving_dashboard
from tests.support.processes import ServerProcess, serving, stalled
from tests.support.sockets import send
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

# The page says it within 15 s; the rest is for a machine that has other things to do.
NOTICED = 30.0


def expect_lost(page: Page, since: float) -> None:
    """Expect that the page says by itself that it hears nothing, and calls nothing live."""
    expect(page.locator("#lost")).to_be_visible()
    assert time.monotonic() - since < NOTICED
    expect(page.locator("#lost time")).to_have_text(
        re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
    )
    expect(page.get_by_text("Dashboard lost")).to_be_visible()
    expect(page.locator(".state")).to_be_hidden()


def expect_live(page: Page, server: ServerProcess) -> None:
    """Expect that the page calls a server live to which logs come, however slow the machine."""

    def is_live() -> bool:
        send(server, {"type": "info", "message": "m"})
        with suppress(AssertionError):
            expect(page.locator(".state")).to_have_text("Live", timeout=3000)
            return True
        return False

    wait_until(is_live, "it does not say that it is live")


def test_dashboard_that_hangs_is_noticed_and_heard_again(lenient_page: Page, data: Path) -> None:
    page = lenient_page
    with serving(data) as server, serving_dashboard(data) as dashboard:
        open_at(page, dashboard)
        expect_live(page, server)
        page.evaluate("window.isTheSame = true")
        with stalled(dashboard.process):
            expect_lost(page, time.monotonic())
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator(".state")).to_be_visible()
        send(server, {"type": "info", "message": "after"})
        expect(rows(page).filter(has_text="after")).to_be_visible()


def test_connection_that_carries_nothing_any_more_is_noticed(
    lenient_page: Page, data: Path
) -> None:
    page = lenient_page
    is_cut = False

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if is_cut else socket.send(message))

    page.route_web_socket(re.compile(".*/dashboard/ws.*"), route)
    with serving(data) as server, serving_dashboard(data) as dashboard:
        open_with_one_log(page, server, dashboard)
        is_cut = True
        expect_lost(page, time.monotonic())
        # The dashboard answers, over another connection: the page begins anew.
        is_cut = False
        page.unroute_all()
        send(server, {"type": "info", "message": "after"})
        expect(rows(page).filter(has_text="after")).to_be_visible()
        expect(page.locator("#lost")).to_be_hidden()


def test_closed_connection_is_noticed_at_once_and_mended(lenient_page: Page, data: Path) -> None:
    page = lenient_page
    sockets: list[WebSocketRoute] = []

    def route(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile(".*/dashboard/ws.*"), route)
    with serving(data) as server, serving_dashboard(data) as dashboard:
        open_with_one_log(page, server, dashboard)
        page.evaluate("window.isTheSame = true")
        sockets[0].close()
        page.wait_for_function("window.isTheSame === undefined")
        expect(page.locator("#lost")).to_be_hidden()
        expect(rows(page)).to_have_count(1)


def test_silence_is_told_from_a_server_that_does_not_run(page: Page, data: Path) -> None:
    state = page.locator(".state")
    with serving_dashboard(data) as dashboard:
        with serving(data) as server:
            open_at(page, dashboard)
            expect(state).to_have_text("No logs yet")
            send(server, {"type": "info", "message": "m"})
            expect(state).to_have_text("Live")
            expect(state).to_have_text(re.compile("^Silent since"))
            expect(page.locator(".notice")).to_have_count(0)
        expect(state).to_have_text(re.compile("^No server since"))
        expect(page.locator(".notice")).to_contain_text("No server writes to this data folder")
        expect(page.locator(".notice code")).to_have_text(f"waterline serve --data {data}")
        with serving(data, token=server.token):
            expect(state).to_have_text(re.compile("^Silent since"))
            expect(page.locator(".notice")).to_have_count(0)


def test_server_that_hangs_is_not_called_silent(page: Page, data: Path) -> None:
    with serving(data) as server, serving_dashboard(data) as dashboard:
        open_at(page, dashboard)
        expect_live(page, server)
        with stalled(server.process):
            expect(page.locator(".state")).to_have_text(re.compile("^No server since"))
        expect(page.locator(".state")).to_have_text(re.compile("^Silent since"))

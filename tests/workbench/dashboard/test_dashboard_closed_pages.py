"""Pages that are closed and loaded anew at any moment: the dashboard prints nothing."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import DashboardProcess, serving_dashboard
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import send

pytestmark = pytest.mark.browser

Moment = Literal["commit", "domcontentloaded", "load"]
MOMENTS: tuple[Moment, ...] = ("commit", "domcontentloaded", "load")


@contextmanager
def streaming(server: ServerProcess) -> Iterator[None]:
    """Send logs without end."""
    enough = threading.Event()

    def feed() -> None:
        while not enough.wait(0.05):
            send(server, *({"type": f"t{n % 9}", "message": f"{n} " * 50} for n in range(100)))

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def stalled(dashboard: DashboardProcess) -> Iterator[None]:
    """Let the process of the dashboard stand still."""
    os.kill(dashboard.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(dashboard.process.pid, signal.SIGCONT)


def test_not_a_line_is_printed_when_pages_go(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    # What it prints is looked at where it ends.
    with serving(data) as server, streaming(server), serving_dashboard(data) as dashboard:
        page = browser.new_page()
        page.goto(dashboard.url)
        expect(page.locator(".tiles")).to_be_visible()
        for number in range(30):
            page.reload(wait_until=MOMENTS[number % 3])
            if number % 3 == 0:
                expect(page.locator(".tiles")).to_be_visible()
        for number in range(30):
            tab = browser.new_page()
            tab.goto(dashboard.url, wait_until=MOMENTS[number % 3])
            if number % 3 == 0:
                expect(tab.locator(".tiles")).to_be_visible()
            if number % 5 == 0:
                with stalled(dashboard):
                    tab.close()
            else:
                tab.close()
        expect(page.locator(".tiles")).to_be_visible()
        page.close()

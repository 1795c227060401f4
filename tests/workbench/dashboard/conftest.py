"""Fixtures: a page in a real Chromium that minds errors and strange hosts, and dashboards."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.support.browser import (
    WINDOW,
    DashboardProcess,
    find_chromium,
    patient_context,
    serving_dashboard,
)
from tests.support.processes import PATIENCE, ServerProcess, serving

# A foreign name that its owner has made to resolve to this machine.
REBOUND = "rebound.example"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium; its event loop must not outlive the file, others run loops too."""
    path = find_chromium()
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Tab:
    """A tab that tests use in turn: another page in it costs half of what a fresh tab costs."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self._session = context.new_cdp_session(self.page)
        self._faults: list[str] = []
        self.page.on("pageerror", lambda error: self._faults.append(f"page error: {error}"))
        self.page.on("console", self._take_line)
        self.page.on("request", self._take_request)

    def _take_line(self, line: ConsoleMessage) -> None:
        # A page that outlives its dashboard looks for it.
        if line.type == "error" and "ERR_CONNECTION_REFUSED" not in line.text:
            self._faults.append(f"console: {line.text}")

    def _take_request(self, request: Request) -> None:
        if _is_far(request.url):
            self._faults.append(f"request: {request.url}")

    def leave(self) -> list[str]:
        """Leave the page as if it had never been there, and return the faults that it met."""
        self.page.goto("about:blank")
        everything = {"origin": "*", "storageTypes": "all"}
        self._session.send("Storage.clearDataForOrigin", everything)
        self.page.set_viewport_size(WINDOW)
        self.page.emulate_media(color_scheme="light")
        faults, self._faults = self._faults, []
        return faults


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    """A tab that the tests of this file share."""
    context = patient_context(browser)
    yield Tab(context)
    context.close()


@pytest.fixture
def page(tab: Tab) -> Iterator[Page]:
    """An empty page; at the end it must have met no error and asked no other host."""
    yield tab.page
    faults = tab.leave()
    assert not faults, "\n".join(faults)


@pytest.fixture
def lenient_page(browser: Browser) -> Iterator[Page]:
    """An empty page to which it is no error that nobody answers."""
    context = patient_context(browser)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the tests of this file share; each sends types of its own."""
    with serving(tmp_path_factory.mktemp("page") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def dashboard(running: ServerProcess) -> Iterator[DashboardProcess]:
    """A dashboard of the shared server's folder."""
    with serving_dashboard(running.data) as process:
        yield process


def _is_far(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1"

"""Fixtures: a page in a real Chromium that minds errors and strange hosts, and dashboards."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.browser import (
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


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; at the end it must have met no error and asked no other host."""
    context = patient_context(browser)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(f"page error: {error}"))
    opened.on(
        "console",
        # A page that outlives its dashboard looks for it.
        lambda line: (
            faults.append(f"console: {line.text}")
            if line.type == "error" and "ERR_CONNECTION_REFUSED" not in line.text
            else None
        ),
    )
    opened.on(
        "request",
        lambda request: faults.append(f"request: {request.url}") if _is_far(request.url) else None,
    )
    yield opened
    context.close()
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

"""A real browser, and a real dashboard process for it to open."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from tests.support.forking import Started
from tests.support.processes import PATIENCE, ServerProcess
from tests.support.sockets import send
from waterline.settings.model import variable_name
from workbench.running.ports import choose_port

WINDOW: ViewportSize = {"width": 1600, "height": 1000}
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


_NONE = f"there is no Chromium: none of {', '.join(_NAMES)} is on the PATH"


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def find_chromium() -> str:
    """Return where Chromium is; skip the test where there is none, but fail it in CI."""
    found = _chromium()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_NONE)
        pytest.skip(_NONE)
    return found


@dataclass
class DashboardProcess:
    """A running process of the dashboard."""

    process: subprocess.Popen[str]
    url: str


@contextmanager
def serving_dashboard(
    data: Path, *options: str, port: int = 0, **settings: str
) -> Iterator[DashboardProcess]:
    """Serve the dashboard of a data folder; at the end it must have printed nothing.

    Args:
        data: the data folder.
        options: of `python -m workbench.dashboard`.
        port: where; 0 picks a free one, and another where somebody else is faster to take it.
        settings: further settings by name, as text.
    """
    log_path = data.parent / "dashboard.log"
    process, chosen = _start(data, options, port, settings, log_path)
    try:
        yield DashboardProcess(process, f"http://127.0.0.1:{chosen}/dashboard")
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert log_path.read_text() == "", log_path.read_text()


def patient_context(browser: Browser) -> BrowserContext:
    """Return a context of its own, as a user in Britain has it, that bears a slow machine."""
    context = browser.new_context(viewport=WINDOW, color_scheme="light", locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    return context


def open_at(page: Page, dashboard: DashboardProcess, asked: str = "") -> None:
    """Open the page, and wait until it has searched for what it shows.

    Args:
        page: the page.
        dashboard: its dashboard.
        asked: the query of its address, such as `?q=error`.
    """
    page.goto(f"{dashboard.url}{asked}")
    wait_until_searched(page)


def wait_until_searched(page: Page) -> None:
    """Wait until the page says what it has searched."""
    expect(said(page)).not_to_be_empty()
    expect(page.locator(".explorer.searches")).to_have_count(0)


def said(page: Page) -> Locator:
    """Return the sentence of the page about its search."""
    return page.locator(".explorer .said span")


def go_to_tab(page: Page, name: str) -> None:
    """Go to another part of the page."""
    page.locator("#tabs").get_by_role("link", name=name).click()
    expect(page.locator(f"main > [data-tab={name.lower()}]")).to_be_visible()


def asked(page: Page) -> dict[str, list[str]]:
    """Return what the page's address says."""
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def messages(page: Page) -> list[str]:
    """Return the messages that the table shows, from the top."""
    return page.locator("#logs tbody tr .message").all_text_contents()


def open_with_one_log(page: Page, server: ServerProcess, dashboard: DashboardProcess) -> None:
    """Open the page when a server has its first log, and wait until that is shown."""
    send(server, {"type": "info", "message": "before"})
    open_at(page, dashboard)
    expect(rows(page)).to_have_count(1)


def rows(page: Page) -> Locator:
    """Return the rows of the table of logs."""
    return page.locator("#logs .scroll:not(.patterns) tr[data-seq]")


def detail(row: Locator) -> Locator:
    """Return what an open row shows below it."""
    return row.locator("xpath=following-sibling::tr[1][contains(@class, 'detail-row')]")


def choice(page: Page, log_type: str) -> Locator:
    """Return the button that chooses a type."""
    return page.locator(f'#logs button[data-type="{log_type}"]')


def tooltips(page: Page, *, having: str) -> str:
    """Return what the charts tell of their seconds, as soon as it has a text.

    A chart draws a second later than the texts beside it name what came in it.
    """
    told = page.wait_for_function(
        """(having) => {
            const told = [...Bokeh.documents[0]._all_models.values()]
                .flatMap((model) => [...(model.data?.said ?? [])]).join("\\n\\n");
            return told.includes(having) && told;
        }""",
        arg=having,
    )
    return str(told.json_value())


def _start(
    data: Path,
    options: Sequence[str],
    port: int,
    settings: Mapping[str, str],
    log_path: Path,
) -> tuple[subprocess.Popen[str], int]:
    while True:
        chosen = choose_port("127.0.0.1", port, "dashboard_port")
        given = {**settings, "data": str(data), "dashboard_port": str(chosen)}
        with log_path.open("w") as log:
            process = Started(
                [sys.executable, "-m", "workbench.dashboard", *options],
                env=os.environ | {variable_name(name): text for name, text in given.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        if _is_answered(process, chosen):
            return process, chosen
        process.kill()
        process.wait(PATIENCE)
        said = log_path.read_text()
        # Between the choice of a free port and its use, tests beside this one may take it.
        if port or "is in use" not in said:
            raise AssertionError(f"the dashboard did not start:\n{said}")


def _is_answered(process: subprocess.Popen[str], port: int) -> bool:
    """Wait until it answers; say whether it did before it ended or patience did."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/liveness", timeout=PATIENCE):
            return process.poll() is None
        time.sleep(0.05)
    return False


if __name__ == "__main__" and _chromium() is None:
    print(f"The browser tests were skipped: {_NONE}.")  # noqa: T201 - the end of `make test`

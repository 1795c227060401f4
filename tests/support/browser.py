"""A real browser, and a real dashboard process for it to open."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import workbench.dashboard
from tests.support.processes import PATIENCE

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
    """A running `panel serve` of the dashboard."""

    process: subprocess.Popen[str]
    url: str

    def resident_bytes(self) -> int:
        """Return the memory that it occupies now."""
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.check_output(command, text=True)) * 1024


@contextmanager
def serving_dashboard(data: Path, *options: str) -> Iterator[DashboardProcess]:
    """Serve the dashboard of a data folder on a free port; at the end no error may be logged."""
    command = [sys.executable, "-m", "panel", "serve", str(workbench.dashboard.__path__[0])]
    command += ["--address", "127.0.0.1", "--port", "0", "--warm", "--liveness", *options]
    environment = os.environ | {"WATERLINE_DATA": str(data)}
    log_path = data.parent / "dashboard.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=log, text=True
        )
        try:
            yield DashboardProcess(process, _wait_for_url(process, log_path))
        finally:
            process.terminate()
            process.wait(PATIENCE)
    _check(log_path.read_text())


def open_at(page: Page, dashboard: DashboardProcess) -> None:
    """Open the page and wait until it shows something."""
    page.goto(dashboard.url)
    expect(page.locator(".tiles")).to_be_visible()


def rows(page: Page) -> Locator:
    """Return the rows of the table of newest logs."""
    return page.locator("#logs tbody tr")


def choice(page: Page, log_type: str) -> Locator:
    """Return the button that chooses a type."""
    return page.locator(f'#logs button[data-type="{log_type}"]')


def _wait_for_url(process: subprocess.Popen[str], log_path: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if (found := re.search(r"app running at: (http://\S+)", log_path.read_text())) is not None:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the dashboard did not start:\n{log_path.read_text()}")


def _check(log: str) -> None:
    # Bokeh itself logs a traceback when a page goes away while something is sent to it.
    assert not re.search(r'File ".*/workbench/', log), log


if __name__ == "__main__" and _chromium() is None:
    print(f"The browser tests were skipped: {_NONE}.")  # noqa: T201 - the end of `make test`

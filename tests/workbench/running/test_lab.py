"""`waterline lab`: a real JupyterLab in a real browser, with the dashboard in it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import nbformat
import pytest
import websocket
from click.testing import CliRunner
from playwright.sync_api import Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

import workbench
from tests.support.browser import find_chromium, patient_context
from tests.support.folders import fill
from tests.support.forking import WATERLINE
from tests.support.ports import lasting_port
from tests.support.processes import PATIENCE, serving
from tests.support.waiting import wait_until
from workbench.cli.main import main
from workbench.running.lab import copy_notebooks

pytestmark = pytest.mark.slow

TOKEN = "of-the-test"
BASE = "/user/ann/"
LONG = PATIENCE * 1_000
ROOT = Path(__file__).parents[3]


@dataclass
class Lab:
    """A running `waterline lab`."""

    process: subprocess.Popen[str]
    folder: Path
    url: str

    def at(self, path: str) -> str:
        """Return an address of JupyterLab, with its token."""
        return f"{self.url}{path}?token={TOKEN}"

    def descendants(self) -> set[int]:
        """Return the ids of the processes below it."""
        listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True)
        parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}


@contextmanager
def running_lab(folder: Path, *options: str) -> Iterator[Lab]:
    port = lasting_port()
    jupyter = [
        *("--no-browser", f"--port={port}", f"--ServerApp.base_url={BASE}", "--allow-root"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
    ]
    homes = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(folder.parent / "home") for name in homes}
    log = folder.parent / "lab.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [WATERLINE, "lab", str(folder), *options, "--", *jupyter],
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=environment,
        )
        lab = Lab(process, folder, f"http://127.0.0.1:{port}{BASE}")
        try:
            wait_until(lambda: answers(lab, "api") == 200, "JupyterLab")
            yield lab
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)


def answers(lab: Lab, path: str, token: str = TOKEN) -> int:
    """Return the status of a page; 0 if nobody answers."""
    parts = urlsplit(lab.url + path)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"token {token}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def begin_kernel(lab: Lab, notebook: str) -> None:
    """Begin the kernel of a notebook.

    JupyterLab connects to it when it opens the notebook. Where it has to begin one itself, cells
    that are run at once are not run: it asks which kernel is meant.
    """
    body = {"kernel": {"name": "python3"}, "name": "", "path": notebook, "type": "notebook"}
    asked = Request(lab.at("api/sessions"), json.dumps(body).encode(), method="POST")
    with urlopen(asked, timeout=PATIENCE) as answer:
        assert answer.status == 201


def run_all_cells(page: Page, cells: int) -> None:
    """Run all cells of the open notebook, again where a dialog comes in place of it."""
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    answered = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]:"))
    for patience in (10, 20, PATIENCE):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with suppress(PlaywrightTimeoutError):
            answered.nth(cells - 1).wait_for(timeout=patience * 1_000)
            return
        page.keyboard.press("Escape")
    pytest.fail(f"the cells do not run: {page.get_by_role('dialog').all_inner_texts()}")


@contextmanager
def opened(lab: Lab, path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium())
        page = patient_context(browser).new_page()
        page.goto(lab.at(path))
        yield page
        browser.close()


@pytest.mark.browser
def test_tile_opens_the_dashboard_of_the_demo_under_any_base_url(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "lab"
    folder.parent.mkdir()
    with running_lab(folder) as lab:
        assert {each.name for each in folder.glob("*.ipynb")} == {
            each.name for each in (ROOT / "notebooks").glob("*.ipynb")
        }
        with workbench.connect(folder / "data") as wb:
            wait_until(lambda: wb.count() > 20, "demo logs")
        with opened(lab, "lab") as page:
            tile = page.locator(".jp-LauncherCard", has_text="Waterline")
            expect(tile.locator("img")).to_have_attribute(
                "src", re.compile("icon/waterline"), timeout=LONG
            )
            tile.click()
            dashboard = page.frame_locator("iframe")
            expect(dashboard.get_by_text("Waterline").first).to_be_visible(timeout=LONG)
            expect(dashboard.locator("tbody tr").first).to_be_visible(timeout=LONG)
        # Jupyter is asked first: it lets nobody through without a token, nor pages of others.
        socket = lab.url.replace("http", "ws", 1) + "waterline/dashboard/ws"
        with urlopen(lab.at("api"), timeout=PATIENCE) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        for origin in ("http://evil.example", "http://127.0.0.1"):
            with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
                websocket.create_connection(socket, origin=origin, cookie=cookie, timeout=PATIENCE)
        assert answers(lab, "waterline/dashboard") == 200
        assert answers(lab, "waterline/dashboard", token="of-another") == 302
        processes = lab.descendants()
        assert len(processes) >= 4
        lab.process.send_signal(signal.SIGINT)
        printed, _ = lab.process.communicate(timeout=PATIENCE)
        assert lab.process.returncode == 0
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), "their end")
    assert f"workbench.connect('{folder / 'data'}')" in printed


@pytest.mark.browser
def test_keys_of_the_search_are_no_commands_of_the_notebook(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "lab"
    data = tmp_path / "data"
    fill(data, [{"type": "info", "message": f"order {name}"} for name in ("add", "bdd", "c")])
    folder.mkdir(parents=True)
    cells = [
        nbformat.v4.new_code_cell("import os, workbench"),  # type: ignore[no-untyped-call]
        nbformat.v4.new_code_cell("workbench.connect(os.environ['WATERLINE_DATA']).logs()"),  # type: ignore[no-untyped-call]
    ]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=python)  # type: ignore[no-untyped-call]
    nbformat.write(notebook, folder / "search.ipynb")  # type: ignore[no-untyped-call]
    with running_lab(folder, "--data", str(data)) as lab:
        begin_kernel(lab, "search.ipynb")
        with opened(lab, "lab/tree/search.ipynb") as page:
            assert not (folder / "data").exists()
            run_all_cells(page, 2)
            box = page.get_by_role("searchbox", name="search these 3 rows")
            box.click()
            # Each is a command of JupyterLab: delete, insert above and below, undo, copy.
            box.press_sequentially("dd")
            rows = page.locator(".wl-table tbody tr:visible")
            expect(rows).to_have_count(2)
            for key in "abxzcvm":
                box.press(key)
            expect(box).to_have_value("ddabxzcvm")
            expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)


def test_notebook_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    mine = folder / "01_explore_logs.ipynb"
    mine.write_text("mine")
    copied = copy_notebooks(folder)
    assert copied == len([*folder.glob("*.ipynb")]) - 1
    assert mine.read_text() == "mine"
    assert copy_notebooks(folder) == 0


def test_lab_beside_a_server_of_its_folder_starts_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "lab"
    folder.mkdir(parents=True)
    with serving(folder / "data"), running_lab(folder) as lab:
        lab.process.send_signal(signal.SIGINT)
        printed, _ = lab.process.communicate(timeout=PATIENCE)
    assert "a server is running on" in printed


def test_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["lab", str(tmp_path / "file" / "x")])
    assert done.exit_code == 1
    assert "cannot hold the notebooks: Not a directory" in done.stderr

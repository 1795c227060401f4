"""A folder with a `waterline.py` and the like of the user's own: everything works in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.folders import NOON, fill
from tests.support.looking import number
from tests.support.processes import PATIENCE, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.processes import python_command

pytestmark = pytest.mark.slow

LOG = {"type": "info", "message": "m"}
CONNECT = "import sys, workbench; print(workbench.connect(sys.argv[1]).count())"


def run(folder: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        errors="replace",  # a module may answer in bytes
        timeout=PATIENCE * 4,
        check=False,
    )


@pytest.fixture
def only_ours(users_folder: Path) -> Path:
    """The same with no module but those that have the name of a package of ours."""
    for each in users_folder.iterdir():
        if each.name not in ("waterline.py", "server.py"):
            each.unlink()
    return users_folder


def test_workbench_connects_in_it(data: Path, only_ours: Path) -> None:
    fill(data, [LOG])
    done = run(only_ours, sys.executable, "-c", CONNECT, data)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_module_of_ours_runs_in_it_as_python_runs_modules(only_ours: Path) -> None:
    done = run(only_ours, sys.executable, "-m", "workbench", "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_users_own_waterline_loaded_before_is_told(only_ours: Path) -> None:
    (only_ours / "waterline.py").write_text("mine = 1\n")
    done = run(only_ours, sys.executable, "-c", "import waterline, workbench")
    said = done.stderr.splitlines()[-1]
    assert said == (
        f"ImportError: {only_ours / 'waterline.py'} is loaded as `waterline`, which is the name of "
        "a package that Waterline needs; restart Python and import workbench first, or rename that "
        "file"
    )


@pytest.mark.parametrize(
    "module", ["waterline.archive.jobs", "waterline.archive.jobs.count", "workbench"]
)
def test_process_of_ours_is_not_led_astray_by_a_path_that_names_it(
    data: Path, only_ours: Path, module: str
) -> None:
    fill(data, [LOG])
    arguments = {"waterline.archive.jobs.count": ["0", "1"], "workbench": ["--version"]}
    command = python_command(module, *arguments.get(module, []))
    done = run(only_ours, *command, PYTHONPATH=".", WATERLINE_DATA=str(data))
    assert (done.returncode, done.stderr) == (0, "")


def test_server_started_in_it_archives_on_schedule(data: Path, users_folder: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    options = ("--archive-after", "1s", "--archive-every", "1s")
    with serving(data, *options, cwd=users_folder) as server:
        send(server, LOG)
        wait_until(lambda: number(data, "SELECT count(*) FROM logs") == 0, "nothing is archived")
        _, told = server.get("/health")
        assert (told["status"], told["warnings"]) == ("healthy", [])


def test_server_started_in_it_counts_what_was_archived(data: Path, users_folder: Path) -> None:
    fill(data, [LOG] * 3, received_at=NOON)
    with serving(data, "--archive-after", "never") as first:
        pass  # metrics.db begins
    fill(data, [LOG] * 4, received_at=NOON)
    command = ("archive", "run", "--data", str(data), "--older-than", "0s")
    assert run(users_folder, *python_command("workbench", *command)).returncode == 0
    with serving(data, "--archive-after", "never", token=first.token, cwd=users_folder) as server:

        def uncounted() -> object:
            _, told = server.get("/health")
            return told["metrics"]

        wait_until(
            lambda: uncounted() == {"counted_through": 7, "uncounted": 0}, "logs are not counted"
        )


def test_notebook_in_it_asks_for_logs(data: Path, only_ours: Path) -> None:
    fill(data, [LOG])
    source = f"import workbench\nprint(workbench.connect({str(data)!r}).count())"
    cell: dict[str, object] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "only",
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (only_ours / "mine.ipynb").write_text(json.dumps(notebook))
    convert = Path(sys.executable).with_name("jupyter-nbconvert")
    options = ("--to", "notebook", "--execute", "--stdout", "mine.ipynb")
    done = run(only_ours, convert, *options, PYDEVD_DISABLE_FILE_VALIDATION="1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cells"][0]["outputs"][0]["text"] == ["1\n"]

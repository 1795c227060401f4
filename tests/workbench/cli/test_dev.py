"""`waterline dev`: a checkout that runs again when it is changed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forking import PATIENCE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PORTS = [f"--{each}port=0" for each in ("", "monitoring-", "dashboard-", "query-")]


def copied(into: Path) -> list[str]:
    """Copy the code; return the command that runs the copy."""
    for each in ("waterline", "server", "workbench"):
        shutil.copytree(ROOT / each, into / each, ignore=shutil.ignore_patterns("__pycache__"))
    return [sys.executable, "-P", str(into / "waterline" / "launcher.py"), "workbench", "dev"]


def test_change_of_the_code_starts_everything_again(tmp_path: Path, data: Path) -> None:
    command = copied(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    with subprocess.Popen(
        [*command, "--data", str(data), *PORTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        wait_for_welcome(process)
        first = (data / "server.lock").read_text()
        page = tmp_path / "workbench" / "dashboard" / "explorer" / "row.js"
        page.write_text(f"{page.read_text()}\n")
        wait_for_welcome(process)
        assert (data / "server.lock").read_text() != first
        server = Path(f"/proc/{(data / 'server.lock').read_text().strip()}")
        assert server.exists()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        wait_until(lambda: not server.exists(), "the server goes on")


def wait_for_welcome(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ctrl-C ends it"):
            return
    raise AssertionError(process.communicate())


def test_installed_package_has_nothing_to_watch(tmp_path: Path) -> None:
    done = subprocess.run(copied(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("waterline: waterline dev starts the code of a checkout again")

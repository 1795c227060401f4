"""README's blocks, run as a newcomer types them in an empty folder."""

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.folders import DAY, Batch, fill_batches
from tests.support.forking import WATERLINE
from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.rollups import counted
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.clock import now_ms

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
NEW_YEAR: Final = 1_767_225_600_000 + DAY
"""In the January of 2026 that README restores."""

ELSEWHERE: Final = {
    "waterline up": "it runs to Ctrl-C: running/test_up.py",
    "waterline serve": "it runs to Ctrl-C: every test of a server",
    "waterline dashboard": "it runs to Ctrl-C: cli/test_endings.py",
    "waterline archive adopt": "it wants a lost logs.db: cli/archive/test_adopt.py",
    "pip": "it installs: test_package.py",
    "make": "it installs, or is the whole suite; that there is such a target is seen here",
}
"""Commands that are not run here, and where they are."""


def blocks() -> Iterator[str]:
    """Yield the indented blocks."""
    for block in re.findall(r"(?:^(?: {4}.*)?\n)+", README, flags=re.MULTILINE):
        if block.strip():
            yield re.sub(r"^ {4}", "", block, flags=re.MULTILINE).strip("\n")


def is_python(block: str) -> bool:
    return re.search(r"^(import|from) ", block, flags=re.MULTILINE) is not None


SHELL: Final = [each for each in blocks() if not is_python(each)]
PYTHON: Final = [each for each in blocks() if is_python(each)]


def is_elsewhere(command: str) -> bool:
    return command.startswith(tuple(f"{each} " for each in ELSEWHERE))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose folder `data` holds old logs, beside files that README sends."""
    folder = tmp_path_factory.mktemp("newcomer")
    log = '{"type":"error","message":"timed out","source":"web","status":500,"path":"/"}\n'
    (folder / "access.log").write_text(log * 3)
    (folder / "logs.jsonl.gz").write_bytes(gzip.compress(log.encode()))
    old = [
        {"type": "error", "message": f"{each}", "service": "web", "duration_ms": each}
        for each in range(50)
    ]
    fill_batches(folder / "data", [Batch(old, "web", NEW_YEAR - 500 * DAY)])
    fill_batches(folder / "data", [Batch(old, "web", NEW_YEAR)])
    fill_batches(folder / "data", [Batch(old, "web", now_ms() - DAY)])
    fill_batches(folder / "data", [Batch(old, "web", now_ms())])
    with serving(folder / "data") as server:
        # What is measured is written down within seconds, and README asks for months of it.
        send(server, {"type": "info", "message": "order accepted", "duration_ms": 12.5})
        wait_until(lambda: bool(counted(server.data, "duration_ms", "type")))
        yield server


def addressed(text: str, server: ServerProcess) -> str:
    """Return a text with the addresses of this server in place of the usual ones."""
    ingest = server.ingest.removeprefix("ws://").removesuffix("/ingest")
    monitoring = server.monitoring.removeprefix("http://")
    return text.replace("127.0.0.1:3001", ingest).replace("127.0.0.1:3002", monitoring)


def run(command: list[str], server: ServerProcess, stdin: str = "") -> str:
    path = f"{Path(WATERLINE).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=server.data.parent, input=stdin, capture_output=True, text=True,
        env=os.environ | {"PATH": path, "WATERLINE_TOKEN": server.token, "MPLBACKEND": "agg"},
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_shell_block_runs_as_it_is_written(served: ServerProcess) -> None:
    commands = [
        line.partition(" #")[0].rstrip()
        for block in SHELL
        for line in block.replace("\\\n", " ").splitlines()
    ]
    run_here = [each for each in commands if each and not is_elsewhere(f"{each} ")]
    assert len(run_here) >= 20
    script = "\n".join(run_here)
    # What has no end is ended; the others find the server by its address.
    script = script.replace("waterline send", f"waterline send --url {served.ingest}")
    script = re.sub(
        r"^waterline tail(.*)",
        rf"timeout -s INT 20 waterline tail --after 0 --url {served.live}\1 || test $? = 124",
        script,
        flags=re.MULTILINE,
    )
    said = run(["bash", "-euo", "pipefail", "-c", addressed(script, served)], served, "y\n")
    for expected in ('"message":"timed out"', "sound: ", "my-app", '"status":', "stored 3"):
        assert expected in said
    assert (served.data.parent / "january" / "logs.db").exists()
    assert (served.data.parent / "errors.csv").exists()
    assert (served.data.parent / "report.html").exists()


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.splitlines()[0])
def test_every_python_block_runs_as_it_is_written(served: ServerProcess, block: str) -> None:
    run([sys.executable, "-c", addressed(block, served)], served)


def test_every_make_target_that_is_named_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", README, flags=re.MULTILINE)
    assert len(named) > 8
    assert set(named) <= set(targets)

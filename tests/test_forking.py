"""A process that is forked off one with all imports is as one that is started plainly."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.archive_runs import archive, fill_three_days
from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE

pytestmark = pytest.mark.slow

COMMANDS = [
    ["--version"],
    ["nonsense"],
    ["settings"],
    ["token", "list"],
    ["send", "none.log"],
    ["tail", "--url", "ws://127.0.0.1:1/live"],
    ["serve", "--host", "nowhere.invalid"],
    ["archive", "list"],
    ["archive", "run", "--older-than", "9999d"],
    ["archive", "verify"],
    ["archive", "prune", "--older-than", "9999d", "--yes"],
    ["archive", "adopt", "nothing"],
    ["archive", "rebuild"],
    ["archive", "restore", "--into", "data"],
    ["archive", "export", "-"],
    ["report", "--html", "-", "--since", "nonsense"],
]


def run(kind: type[subprocess.Popen[Any]], *command: str, cwd: Path) -> tuple[int, str, str]:
    pipe = subprocess.PIPE
    environment = os.environ | {"WATERLINE_DATA": "data", "WATERLINE_TOKEN": "none"}
    with kind(
        [WATERLINE, *command],
        stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, cwd=cwd, env=environment,
    ) as process:  # fmt: skip
        printed, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, printed, errors


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_says_and_returns_what_a_plain_process_does(tmp_path: Path, command: list[str]) -> None:
    fill_three_days(tmp_path / "data")
    archive(tmp_path / "data")
    plain = run(subprocess.Popen, *command, cwd=tmp_path)
    assert run(Started, *command, cwd=tmp_path) == plain
    assert plain[1:] != ("", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_its_standard_files_are_those_of_a_plain_process(unbuffered: str) -> None:
    program = (
        "import sys\n"
        "for each in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(each.encoding, each.errors, each.line_buffering, each.write_through)\n"
        "    print(type(each.buffer).__name__)"
    )
    printed = [
        kind(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        ).communicate(timeout=PATIENCE)
        for kind in (subprocess.Popen, Started)
    ]
    assert printed[0] == printed[1]
    assert printed[0] != (b"", b"")


def test_it_is_a_child_of_its_own_that_signals_reach(data: Path) -> None:
    serve = [WATERLINE, "serve", "--data", str(data), "--port", "0", "--monitoring-port", "0"]
    codes = {signal.SIGTERM: 0, signal.SIGINT: 0, signal.SIGKILL: -signal.SIGKILL}
    pids = set()
    for sent, code in codes.items():
        with Started(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("waterline serves")
            pids.add(process.pid)
            process.send_signal(sent)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == code, sent
    assert len(pids) == 3


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="others run beside it alone")
def test_processes_started_beside_others_are_not_measured() -> None:
    # Measured, each starts from nothing, takes twice as long, and may stop at an interrupt.
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ

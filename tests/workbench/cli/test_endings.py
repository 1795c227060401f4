"""How commands end before they are done: by Ctrl-C, and when nobody reads their output any more."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.archive_runs import archive, catalog, fill_three_days, hot_rows, opened
from tests.support.folders import Batch, fill_batches
from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

INTERRUPTED, CLOSED_PIPE = 130, 141


@contextmanager
def started(
    *arguments: str | Path,
    command: Sequence[str] = (WATERLINE,),
    cwd: Path | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    **environment: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command with pipes, and end it whatever happens."""
    with Started(
        [*command, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=stdout, stderr=stderr,
        env=os.environ | environment, cwd=cwd,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def unread() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def interrupted(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Press Ctrl-C until it is looked at; return the exit code and what was said."""
    # First, as `communicate` closes standard input: a question then ends without an answer.
    process.send_signal(signal.SIGINT)
    # One that comes just before a read begins is only looked at once the read has ended.
    threading.Thread(target=_press_until_gone, args=[process], daemon=True).start()
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors.decode().strip()


def _press_until_gone(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # nothing happens once its end is known
            continue
        return


def errors_of(process: subprocess.Popen[bytes]) -> str:
    """Return what a process that has ended wrote to standard error."""
    assert process.stderr is not None
    return process.stderr.read().decode()


@contextmanager
def held(pipe: Path) -> Iterator[None]:
    """Wait until somebody reads a named pipe, and let them wait for its content."""
    opened = []

    def is_read() -> bool:
        try:
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        return bool(opened)

    wait_until(is_read)
    try:
        yield
    finally:
        os.close(opened[0])


# Ctrl-C


@pytest.mark.parametrize(
    "command",
    [
        ["archive", "verify"],
        ["archive", "restore", "--into", "into"],
        ["archive", "export", "logs.csv", "--format", "csv"],
        ["archive", "export", "-", "--format", "parquet"],
    ],
    ids=" ".join,
)
def test_ctrl_c_at_work_ends_in_a_sentence_and_leaves_nothing_half(
    data: Path, tmp_path: Path, command: list[str]
) -> None:
    fill_three_days(data)
    archive(data)
    batch = data / "archives" / catalog(data)[-1].file
    batch.unlink()
    os.mkfifo(batch)
    with started(*command, "--data", data, cwd=tmp_path) as process, held(batch):
        assert interrupted(process) == (INTERRUPTED, "waterline: interrupted")
    assert not (tmp_path / "logs.csv").exists()
    assert not (tmp_path / "into" / "logs.db").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["archive", "run", "--older-than", "1d"],
        ["archive", "prune", "--older-than", "1d", "--yes"],
        ["archive", "adopt", "old"],
        ["archive", "list"],
        ["report", "--since", "2026-03-01", "--html", "report.html"],
        ["serve", "--port", "0", "--monitoring-port", "0"],
        ["up"],
        ["dashboard"],
        ["settings"],
        ["token", "list"],
    ],
    ids=" ".join,
)
def test_ctrl_c_at_the_start_ends_in_a_sentence_and_changes_nothing(
    data: Path, tmp_path: Path, command: list[str]
) -> None:
    fill_three_days(data)
    before = hot_rows(data)
    settings = tmp_path / "waterline.toml"
    os.mkfifo(settings)
    with started(*command, "--data", data, cwd=tmp_path) as process, held(settings):
        assert interrupted(process) == (INTERRUPTED, "waterline: interrupted")
    assert hot_rows(data) == before
    assert not (tmp_path / "report.html").exists()


def test_ctrl_c_while_a_run_waits_for_the_database_ends_in_a_sentence(data: Path) -> None:
    fill_three_days(data)
    rows = hot_rows(data)
    with opened(data) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with started("archive", "run", "--older-than", "1d", "--data", data) as process:
            wait_until((data / "archive.lock").exists)
            assert interrupted(process) == (INTERRUPTED, "waterline: interrupted")
    assert hot_rows(data) == rows


def test_ctrl_c_at_a_question_is_no_answer(data: Path) -> None:
    fill_three_days(data)
    archive(data)
    before = catalog(data)
    with started("archive", "prune", "--older-than", "1d", "--data", data) as process:
        assert process.stdout is not None
        shown = b""
        while not shown.endswith(b"[y/N]: "):
            shown += process.stdout.read(1)
        assert interrupted(process) == (INTERRUPTED, "waterline: interrupted")
    assert catalog(data) == before


@pytest.mark.parametrize("command", [[WATERLINE], [sys.executable, "-m", "workbench"]])
@pytest.mark.parametrize("module", ["asyncio", "tomllib", "click"])
def test_ctrl_c_while_the_command_is_loaded_says_nothing(
    tmp_path: Path, module: str, command: list[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / f"{module}.py").write_text(f"open({str(pipe)!r}).read()\n")
    path = str(tmp_path)
    with started("settings", command=command, PYTHONPATH=path) as process, held(pipe):
        assert interrupted(process) == (INTERRUPTED, "")


def test_ctrl_c_while_the_command_ends_says_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "sitecustomize.py").write_text(
        f"import atexit\n@atexit.register\ndef end():\n    open({str(pipe)!r}).read()\n"
    )
    with started("settings", PYTHONPATH=str(tmp_path)) as process, held(pipe):
        assert interrupted(process) == (INTERRUPTED, "")


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--port", "0", "--monitoring-port", "0"],
        ["dashboard", "--port", "0"],
    ],
    ids=" ".join,
)
def test_ctrl_c_is_the_end_of_what_serves(data: Path, command: list[str]) -> None:
    fill_three_days(data)
    with started(*command, "--data", data) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert interrupted(process) == (0, "")


# A pipe that nobody reads


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_export_into_a_pipe_that_closes_ends_at_once(
    data: Path, form: str, unbuffered: str
) -> None:
    # No format makes them as small as what a pipe takes.
    logs = [{"type": "a", "message": os.urandom(500).hex()} for _ in range(1000)]
    fill_batches(data, [Batch(logs)])
    export = ["archive", "export", "-", "--format", form, "--data", str(data)]
    with started(*export, PYTHONUNBUFFERED=unbuffered) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert (process.wait(PATIENCE), errors_of(process)) == (CLOSED_PIPE, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["serve", "--help"],
        ["settings"],
        ["token", "create", "me", "--scope", "read"],
        ["archive", "list"],
        ["archive", "verify"],
        ["archive", "run", "--older-than", "1d"],
        ["archive", "export", "-"],
        ["archive", "prune", "--older-than", "1d", "--yes"],
        ["report"],
        ["report", "--html", "-"],
        ["serve", "--port", "0", "--monitoring-port", "0"],
        ["dashboard", "--port", "0"],
    ],
    ids=" ".join,
)
def test_command_whose_output_nobody_reads_says_nothing(
    data: Path, command: list[str], unbuffered: str
) -> None:
    fill_three_days(data)
    archive(data)
    before = catalog(data)
    with (
        unread() as output,
        started(
            *command, stdout=output, WATERLINE_DATA=str(data), PYTHONUNBUFFERED=unbuffered
        ) as process,
    ):
        assert (process.wait(PATIENCE), errors_of(process)) == (CLOSED_PIPE, "")
    assert catalog(data) == before


@pytest.mark.parametrize(
    "command", [["nonsense"], ["report", "--data", "none"], ["send", "none"]], ids=" ".join
)
def test_mistake_that_nobody_reads_ends_as_quietly(tmp_path: Path, command: list[str]) -> None:
    with (
        unread() as output,
        started(*command, cwd=tmp_path, stderr=output, WATERLINE_TOKEN="") as process,
    ):
        assert process.wait(PATIENCE) == CLOSED_PIPE


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_export_that_a_full_disk_cuts_off_is_told(
    data: Path, tmp_path: Path, unbuffered: str
) -> None:
    fill_batches(data, [Batch([{"type": "a", "message": "x" * 1000}] * 1000)])
    # SQLite's own files take 32 KiB at most, and the export a MiB.
    limited = ["bash", "-c", 'ulimit -f 100 && exec "$@" > out', "bash", WATERLINE]
    environment = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}
    done = subprocess.run(
        [*limited, "archive", "export", "-", "--data", data],
        env=environment | {"PYTHONUNBUFFERED": unbuffered}, cwd=tmp_path,
        stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "waterline: the stream cannot be written: File too large\n"

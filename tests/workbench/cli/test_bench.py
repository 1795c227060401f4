"""`waterline bench`: real figures, and nothing left, however it ends."""

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.support.forking import OBEYING, PATIENCE, WATERLINE, Started
from tests.support.processes import run_waterline
from tests.support.waiting import wait_until
from workbench.bench.figures import Bench

pytestmark = pytest.mark.slow


def test_every_figure_is_taken_and_the_folder_is_empty_again(tmp_path: Path) -> None:
    done = run_waterline("bench", "--logs", "1000", "--folder", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout, type=Bench)
    assert (found.folder, found.logs, found.archive.logs) == (str(tmp_path), 7_000, 7_000)
    assert [each.logs_a_frame for each in found.ingest] == [1, 100]
    times = (found.fsync, found.ack)
    assert all(0 < each.p50_ms <= each.p99_ms < 10_000 for each in times)
    assert all(each.logs_per_second > 0 for each in found.ingest)
    assert all(0 < each.seconds < found.seconds < 60 for each in found.questions)
    assert 0 < found.archive.stored_bytes < found.archive.raw_bytes
    assert [*tmp_path.iterdir()] == []


def test_figures_are_a_table_and_are_of_the_disk_of_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "not" / "there" / "yet"
    done = run_waterline("bench", "--logs", "1000", WATERLINE_DATA=str(data))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["what", "how", "much"]
    assert lines[-1].startswith(f"in {tmp_path}: cores ")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("point", ["frames with 1 ", "acks", "archiving"])
def test_nothing_is_left_of_one_that_is_ended(
    tmp_path: Path, number: signal.Signals, point: str
) -> None:
    process = Started(
        [WATERLINE, "bench", "--logs", "3000", "--folder", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while point not in (line := process.stderr.readline()):
        assert line, "it ended"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert [*tmp_path.iterdir()] == []
    wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in children), "a server")


def test_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        command = [*OBEYING, WATERLINE, "bench", "--folder", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        tmp_path.chmod(0o700)
    assert (done.returncode, done.stderr) == (
        1,
        f"waterline: {tmp_path} cannot hold a folder to measure in: Permission denied\n",
    )


def test_settings_of_another_server_are_not_its_own(tmp_path: Path) -> None:
    done = run_waterline(
        "bench",
        "--logs",
        "1000",
        "--folder",
        tmp_path,
        WATERLINE_TOKEN_RATE="1B",
        WATERLINE_LOG_FILE=str(tmp_path / "own.log"),
        WATERLINE_PORT=str(os.getpid() % 1000 + 1),
    )
    assert done.returncode == 0, done.stderr
    assert [*tmp_path.iterdir()] == []

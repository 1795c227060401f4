"""`waterline send --follow`: real files that grow, rotate and vanish, sent by the real command."""

import gzip
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

import workbench
from tests.support.forking import PATIENCE, WATERLINE, Started
from tests.support.processes import ServerProcess
from tests.support.waiting import wait_until
from workbench.clients.positions import Positions

pytestmark = pytest.mark.slow


@contextmanager
def following(
    server: ServerProcess, state: Path, *names: str | Path
) -> Iterator["subprocess.Popen[str]"]:
    command = [WATERLINE, "send", "--follow", "--state", str(state), *map(str, names)]
    addressed = {"WATERLINE_URL": server.ingest, "WATERLINE_TOKEN": server.token}
    pipe = subprocess.PIPE
    with Started(command, env=os.environ | addressed, stdout=pipe, stderr=pipe, text=True) as it:
        try:
            yield it
        finally:
            if it.poll() is None:
                it.kill()


def stop(process: "subprocess.Popen[str]") -> str:
    """End it by Ctrl-C; return what it printed."""
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    return printed + errors


def stored(server: ServerProcess) -> int:
    with closing(sqlite3.connect(f"file:{server.data}/logs.db?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM logs").fetchone()[0])


def wait_for(server: ServerProcess, count: int) -> None:
    wait_until(lambda: stored(server) >= count, patience=30)


def messages(server: ServerProcess) -> list[str]:
    with workbench.connect(server.data) as wb:
        return list(wb.logs().sort_values("seq")["message"])


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def numbered(*numbers: int) -> list[str]:
    return [f"2026-01-01T00:00:{number:02d}Z INFO number {number}" for number in numbers]


def test_growth_renaming_and_absence_are_followed(server: ServerProcess, tmp_path: Path) -> None:
    log, other = tmp_path / "app.log", tmp_path / "other.log"
    append(log, *numbered(0))
    with following(server, tmp_path / "state", log, other) as process:
        wait_for(server, 1)
        append(log, *numbered(1))
        wait_for(server, 2)
        append(other, *numbered(2))  # it did not exist
        wait_for(server, 3)
        append(log, *numbered(3))
        log.rename(tmp_path / "app.log.1")
        append(log, *numbered(4))
        wait_for(server, 5)
        append(tmp_path / "app.log.1", *numbered(5))  # its writer was not told yet
        wait_for(server, 6)
        log.unlink()
        append(log, *numbered(6))
        wait_for(server, 7)
        printed = stop(process)
    assert messages(server) == numbered(*range(7))
    assert "sent 7, " in printed
    assert f"{other} does not exist yet; waiting for it" in printed


def test_truncated_file_is_read_anew_and_its_copy_to_the_end(
    server: ServerProcess, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    append(log, *numbered(0, 1))
    with following(server, tmp_path / "state", log) as process:
        wait_for(server, 2)
        os.kill(process.pid, signal.SIGSTOP)
        append(log, *numbered(2, 3))  # nobody has read them when the copy is made
        (tmp_path / "app.log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
        append(log, *numbered(4))
        os.kill(process.pid, signal.SIGCONT)
        wait_for(server, 5)
        printed = stop(process)
    assert messages(server) == numbered(*range(5))
    assert "duplicates 0" in printed
    assert f"{log} was truncated" in printed


def test_killed_follower_goes_on_where_acks_ended(server: ServerProcess, tmp_path: Path) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    append(log, "time,level,room", *(f"2026-01-01T00:00:{n:02d}Z,warn,{n}" for n in range(50)))
    with following(server, state, log) as first:
        wait_for(server, 51)
        wait_until(partial(has_kept, state, server, log))
        first.kill()
    assert first.returncode == -signal.SIGKILL
    append(log, "2026-01-01T00:00:50Z,warn,50")
    with following(server, state, log) as second:
        wait_for(server, 52)
        printed = stop(second)
    assert "sent 1, " in printed  # the server may have it before its ack is read
    with workbench.connect(server.data) as wb:
        logs = wb.logs(attributes=["room"]).sort_values("seq")
    rows = logs[logs["message"] != "time,level,room"]
    assert list(rows["room"]) == list(range(51))
    assert set(rows["type"]) == {"warning"}


def has_kept(state: Path, server: ServerProcess, log: Path) -> bool:
    status = log.stat()
    with closing(Positions(state, server.ingest)) as positions:
        kept = positions.of((status.st_dev, status.st_ino))
    return kept is not None and kept.offset == status.st_size


def test_what_was_rotated_away_meanwhile_is_sent_first(
    server: ServerProcess, tmp_path: Path
) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    append(log, *numbered(0, 1))
    with following(server, state, log) as process:
        wait_for(server, 2)
        stop(process)
    append(log, *numbered(2))
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(tmp_path / "app.log.1", *numbered(3))
    append(log, *numbered(4))
    append(tmp_path / "app.log.3", *numbered(9))  # older than what was followed
    with following(server, state, log) as process:
        wait_for(server, 5)
        stop(process)
    assert messages(server) == numbered(*range(5))
    append(log, *numbered(5))
    with following(server, state, log) as process:
        wait_for(server, 6)
        assert "sent 1, " in stop(process)


def test_folder_is_followed_with_what_comes_into_it(server: ServerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    append(folder / "a.log.1", *numbered(0))
    append(folder / "a.log", *numbered(1))
    with following(server, tmp_path / "state", folder) as process:
        wait_for(server, 2)
        append(folder / "b.log", *numbered(2))
        wait_for(server, 3)
        (folder / "a.log.1").rename(folder / "a.log.2")
        (folder / "a.log").rename(folder / "a.log.1")
        append(folder / "a.log", *numbered(3))
        wait_for(server, 4)
        assert "sent 4, " in stop(process)
    assert messages(server) == numbered(*range(4))


def test_every_line_is_stored_once_through_rotations_and_kills(
    server: ServerProcess, tmp_path: Path
) -> None:
    log, state = tmp_path / "app.log", tmp_path / "state"
    count, most = 30_000, 3_000
    rotations = [log, *(tmp_path / f"app.log.{number}" for number in range(1, 20))]
    written = 0
    append(log, "the start")
    while written < count:
        with following(server, state, log) as process:
            before = stored(server)
            if not before:
                wait_for(server, 1)
            # Rotations one after the other, while it is starting, and while none runs.
            for _ in range(3):
                append(log, *(f"line {number}" for number in range(written, written + most)))
                written += most
                for newer, older in reversed(list(pairwise(rotations))):
                    if newer.exists():
                        newer.rename(older)
                wait_for(server, before + most // 10)
            process.kill()
    append(log, "the end")
    with following(server, state, log) as process:
        wait_for(server, written + 2)
        stop(process)
    found = messages(server)
    assert len(found) == written + 2
    assert set(found) == {"the start", "the end", *(f"line {number}" for number in range(written))}

"""A stopped folder that one may only read: all that reads works there, and leaves no trace."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import forking
from tests.support.archive_runs import archive, fill_three_days
from tests.support.folders import DAY, NOON, fill
from tests.support.forking import OBEYING, WATERLINE, Started
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LOG = {"type": "info", "message": "hot"}
COUNT = "import sys, workbench as w; wb = w.connect(sys.argv[1]); "

# Each reads, tells how much, and goes on once it is told to.
LOOKS = {
    "archive commands": """
import sys
from pathlib import Path
from waterline.storage.sqlite import reading
with reading(Path(sys.argv[1], "logs.db")) as connection:
    print(connection.execute("SELECT count(*) FROM logs").get, flush=True)
    sys.stdin.readline()
""",
    "workbench": """
import sys
from pathlib import Path
from waterline.storage.schema import LOGS
from workbench.query.database import Database
with Database(Path(sys.argv[1], "logs.db"), LOGS).view() as view:
    print(view.rows("SELECT count(*) FROM logs")[0][0], flush=True)
    sys.stdin.readline()
""",
}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return forking.run([*OBEYING, *command])


def python(data: Path, statement: str) -> str:
    done = run(sys.executable, "-c", COUNT + statement, data)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def listed(data: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in data.rglob("*"))


def _health(server: ServerProcess) -> str:
    _, told = server.get("/health")
    return json.dumps(told)


@pytest.fixture(params=["clean", "wal", "wal without shm"])
def locked(request: pytest.FixtureRequest, data: Path) -> Iterator[Path]:
    """A folder with archived logs, two hot ones and measurements; its modes let nobody write.

    Where a WAL was left, the two hot logs are in it.
    """
    fill_three_days(data)
    archive(data, now=NOON + 100 * DAY)
    fill(data)
    with serving(data, "--archive-after", "never") as server:
        send(server, LOG, LOG)
        if request.param != "clean":
            wait_until(lambda: '"uncounted": 0' in _health(server), "logs are not counted")
            server.kill()
    if request.param == "wal without shm":
        for each in data.glob("*-shm"):
            each.unlink()
    for path in data.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    data.chmod(0o555)
    yield data
    for path in (data, *data.rglob("*")):
        path.chmod(0o755)


@pytest.fixture(autouse=True)
def _can_obey() -> None:
    if OBEYING and shutil.which("setpriv") is None:
        pytest.skip("root cannot give up its rights here without setpriv")


def test_questions_are_answered_whole_and_the_cache_says_why_it_is_not_used(locked: Path) -> None:
    before = listed(locked)
    assert python(locked, "print(wb.count())") == "8"
    assert python(locked, "print(len(wb.logs()), wb.logs().attrs['cache'])") == "8 miss"
    assert python(locked, "print(wb.sql('SELECT count(*) AS n FROM logs')['n'][0])") == "8"
    assert (
        python(locked, "print(len(wb.logs(at=wb.pin())), sum(map(len, wb.iter_logs())))") == "8 8"
    )
    assert python(locked, "print(len(wb.throughput(since='-1d')) > 0)") == "True"
    assert "cache.db cannot be" in python(locked, "wb.logs(); print(wb.cache)")
    assert listed(locked) == before


@pytest.mark.parametrize(
    "command",
    [
        ("archive", "list"),
        ("archive", "verify"),
        ("report",),
        ("archive", "export", "-"),
        ("settings",),
        ("token", "list"),
    ],
)
def test_command_that_reads_works(locked: Path, command: tuple[str, ...]) -> None:
    before = listed(locked)
    done = run(WATERLINE, *command, "--data", locked)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert listed(locked) == before


@pytest.mark.parametrize(
    "command", [("archive", "run"), ("serve",), ("archive", "prune", "--yes", "--older-than", "1d")]
)
def test_command_that_writes_says_in_a_sentence_that_it_cannot(
    locked: Path, command: tuple[str, ...]
) -> None:
    done = run(WATERLINE, *command, "--data", locked)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_archived_logs_are_restored_from_it(locked: Path, tmp_path: Path) -> None:
    into = tmp_path / "into"
    done = run(WATERLINE, "archive", "restore", "--data", locked, "--into", into)
    assert done.returncode == 0, done.stderr
    assert python(into, "print(wb.count())") == "6"


@pytest.mark.parametrize("look", LOOKS)
def test_frozen_file_that_is_written_meanwhile_is_told(locked: Path, look: str) -> None:
    is_frozen = not (locked / "logs.db-shm").exists()
    with Started(
        [*OBEYING, sys.executable, "-c", LOOKS[look], locked],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "2\n"
        for path in (locked, *locked.iterdir()):
            path.chmod(0o755)
        fill(locked, [LOG])
        _, said = reader.communicate("\n", timeout=60)
    assert ("was written while it was read as a file that nobody writes" in said) == is_frozen
    assert (reader.returncode == 0) != is_frozen, said

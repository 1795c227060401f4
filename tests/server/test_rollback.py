"""A logs.db that ends before what others have counted: it is said, and old pins are refused."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import workbench
from server.rollback import renew_changed_past
from tests.support.folders import fill
from tests.support.processes import ServerProcess, serving, start_server
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder

LOGS = [{"type": "info", "message": f"m{each}"} for each in range(10)]
OTHERS = [{"type": "info", "message": f"other{each}"} for each in range(20)]
SAID = "it is an older copy, such as a backup, or its last commits were lost"


def lose(data: Path) -> None:
    for path in data.glob("logs.db*"):
        path.unlink()


@contextmanager
def counted(data: Path, token: str = "") -> Iterator[ServerProcess]:
    """Run a server, and let it count what it has before it ends."""
    with serving(data, token=token) as server:
        server.expected_errors.append(SAID)
        yield server
        wait_until(lambda: _uncounted(server) == 0, "logs are not counted")


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["backup", "wal"])
def test_rolled_back_logs_warn_and_refuse_earlier_pins(data: Path, lost: str) -> None:
    with counted(data) as server:
        send(server, *LOGS[:4])
    shutil.copy(data / "logs.db", data.with_name("backup"))
    running = serving(data, token=server.token) if lost == "wal" else counted(data, server.token)
    with running as server:
        send(server, *LOGS[4:])
        with workbench.connect(data, cache=False) as wb:
            pin = wb.pin()
        if lost == "wal":
            wait_until(lambda: _uncounted(server) == 0, "logs are not counted")
            server.kill()
            (data / "logs.db-wal").unlink()
            (data / "logs.db-shm").unlink()
    if lost == "backup":
        lose(data)
        shutil.copy(data.with_name("backup"), data / "logs.db")
    with counted(data, server.token) as server:
        send(server, *OTHERS)
        _, told = server.get("/health")
        assert str(told["warnings"]).count(SAID) == 1
    with (
        workbench.connect(data) as wb,
        pytest.raises(UsageError, match="the past of this folder was rewritten"),
    ):
        wb.logs(at=pin)
    with serving(data, token=server.token) as server:
        _, told = server.get("/health")
        assert told["warnings"] == [], "it was told once, and the rest agrees"


def _uncounted(server: ServerProcess) -> object:
    _, told = server.get("/health")
    measured = told["metrics"]
    assert isinstance(measured, dict)
    return measured["uncounted"]


def _with_cache(data: Path) -> None:
    with workbench.connect(data) as wb:
        assert len(wb.logs()) == 10
        assert wb.cache is not None


@pytest.mark.logs
def test_cache_proves_rollback_without_measurements(data: Path) -> None:
    fill(data, LOGS[:4])
    backup = (data / "logs.db").read_bytes()
    fill(data, LOGS[4:])
    _with_cache(data)
    lose(data)
    (data / "logs.db").write_bytes(backup)
    (said,) = renew_changed_past(DataFolder(data))
    assert f"ends at seq 4, and {data / 'cache.db'} knows of logs up to 10" in said
    assert renew_changed_past(DataFolder(data)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database at all, but long enough to look like one"),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
    ],
)
def test_cache_that_cannot_be_read_proves_nothing(
    data: Path, spoil: Callable[[Path], object]
) -> None:
    fill(data, LOGS)
    _with_cache(data)
    spoil(data / "cache.db")
    assert renew_changed_past(DataFolder(data)) == []


def test_folder_that_grows_keeps_its_past(data: Path) -> None:
    fill(data, LOGS)
    _with_cache(data)
    fill(data, OTHERS)
    assert renew_changed_past(DataFolder(data)) == []


@pytest.mark.slow
def test_server_begins_no_empty_logs_db_where_one_was_lost(data: Path) -> None:
    with counted(data) as server:
        send(server, *LOGS)
    lose(data)
    with pytest.raises(AssertionError, match="the server did not start") as refused:
        start_server(data, token=server.token)
    assert f"{data / 'metrics.db'} has counted logs up to seq 10" in str(refused.value)
    assert not (data / "logs.db").exists()
    (data / "metrics.db").rename(data / "elsewhere.db")
    with serving(data, token=server.token) as anew:
        assert anew.get("/health")[1]["last_seq"] == 0

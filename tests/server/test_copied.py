"""Data folders that were copied by hand: recognised where the server was not stopped before."""

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

import workbench
from tests.support.archive_runs import watermark_of
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.rollups import assert_counted_as_stored
from tests.support.sockets import send
from waterline.errors import UsageError

pytestmark = pytest.mark.slow

LOGS = [{"id": f"{each}", "type": "info", "message": "m" * 200} for each in range(300)]
SAID = "is a copy that was made while its server ran"
LOGGED = [SAID, "another file than its last server had"]


def warnings(server: ServerProcess) -> list[str]:
    return msgspec.convert(server.get("/health")[1]["warnings"], list[str])


def test_copy_of_a_running_folder_is_told_and_has_a_past_of_its_own(
    data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with serving(data) as server:
        send(server, *LOGS)
        shutil.copytree(data, copy)
        with workbench.connect(data) as wb:
            pin = wb.pin()
    with serving(copy, token=server.token) as again:
        again.expected_errors += LOGGED
        (warning,) = warnings(again)
        assert f"{copy} {SAID}" in warning
        send(again, {"id": "new", "type": "info", "message": "m"})
    assert watermark_of(copy).incarnation != watermark_of(data).incarnation
    assert_counted_as_stored(copy)
    with workbench.connect(copy) as wb, pytest.raises(UsageError, match="rewritten"):
        wb.logs(at=pin)
    with serving(copy, token=server.token) as again:
        assert warnings(again) == [], "it was told once"


def test_copy_of_a_stopped_folder_is_that_folder(data: Path, tmp_path: Path) -> None:
    with serving(data) as server:
        send(server, *LOGS)
    shutil.copytree(data, tmp_path / "copy")
    with serving(tmp_path / "copy", token=server.token) as again:
        assert warnings(again) == []
    assert watermark_of(tmp_path / "copy") == watermark_of(data)


def test_folder_of_a_killed_server_is_no_copy(data: Path) -> None:
    with serving(data) as server:
        send(server, *LOGS)
        server.kill()
    before = watermark_of(data)
    with serving(data, token=server.token) as again:
        assert warnings(again) == []
    assert watermark_of(data) == before


def test_torn_copy_is_refused(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with serving(data) as server:
        send(server, *LOGS)
    with serving(data, token=server.token):
        shutil.copytree(data, copy)
    with closing(apsw.Connection(str(copy / "logs.db"))) as connection:
        leaf = connection.execute(
            "SELECT min(pageno) FROM dbstat WHERE name = 'logs_timestamp' AND pagetype = 'leaf'"
        ).get
        size = connection.pragma("page_size")
    assert isinstance(leaf, int)
    content = bytearray((copy / "logs.db").read_bytes())
    content[(leaf - 1) * size : leaf * size] = bytes(size)
    (copy / "logs.db").write_bytes(content)
    done = run_waterline("serve", "--data", copy, "--port", "0", "--monitoring-port", "0")
    assert done.returncode == 1
    assert SAID in done.stderr
    assert "logs.db in it is damaged" in done.stderr

"""Moving up: folders of every schema version there was, brought to this one, with a copy beside.

`versions/` holds a small data folder of each, made by the code of that time: eight logs sent to its
server, and from version 3 of logs.db on the first five archived (with `metrics-2` on).
"""

import re
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.archive_runs import all_rows
from tests.support.disk import PowerCut
from tests.support.doomed_step import bring_forward_until
from tests.support.processes import serving
from waterline.archive.jobs.verify import verify
from waterline.errors import DataFolderError, NewerSchema
from waterline.metrics.rollup_store import RollupStore
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS, METRICS, Schema
from waterline.storage.sqlite import open_writer

pytestmark = pytest.mark.logs

VERSIONS = Path(__file__).with_name("versions")
FOLDERS = sorted(VERSIONS.glob("*.tar.xz"))
FIRST = 1_795_400_000_000
WEB = [
    (
        number + 1,
        f"log-{number}",
        ("info", "warning", "error")[number % 3],
        FIRST + number * 1000,
        "web",
        f"pump {number} grüße",
        f'{{"duration_ms":{number}.5,"service":"web"}}',
    )
    for number in range(8)
]
BOTH = pytest.mark.parametrize(
    ("schema", "name"), [(LOGS, "logs.db"), (METRICS, "metrics.db")], ids=["logs", "metrics"]
)
every_version = pytest.mark.parametrize(
    "kept", FOLDERS, ids=[each.name.removesuffix(".tar.xz") for each in FOLDERS]
)


def unpacked(kept: Path, data: Path) -> DataFolder:
    with tarfile.open(kept) as tar:
        tar.extractall(data, filter="data")
    return DataFolder(data)


def stored(data: Path) -> list[tuple[object, ...]]:
    """Return all logs but for the time of receipt, which is that of the making."""
    return [(*each[:4], *each[5:]) for each in all_rows(data)]


def version_of(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return int(connection.pragma("user_version"))


def logs_in(path: Path) -> list[object]:
    with closing(apsw.Connection(str(path))) as connection:
        return list(connection.execute("SELECT * FROM logs ORDER BY seq"))


def test_there_is_folder_of_every_version_of_schemas() -> None:
    kept = {tuple(map(int, each.name.split(".tar")[0].split("-")[2::2])) for each in FOLDERS}
    assert {logs for logs, _ in kept} >= set(range(1, LOGS.version))
    assert {metrics for _, metrics in kept} >= set(range(1, METRICS.version))


@every_version
def test_folder_of_earlier_version_has_all_its_logs_and_copies_beside(
    data: Path, kept: Path
) -> None:
    folder = unpacked(kept, data)
    before = {each.name: version_of(each) for each in (folder.logs, folder.metrics)}
    hot = logs_in(folder.logs)
    open_writer(folder.logs, LOGS, "FULL").close()
    RollupStore(folder.metrics).close()
    assert stored(data) == WEB
    assert verify(folder).faults == []
    now = {"logs.db": LOGS.version, "metrics.db": METRICS.version}
    for name, version in before.items():
        if version == now[name]:
            continue
        copy = data / f"{name}.schema-{version}"
        assert version_of(copy) == version
        assert copy.stat().st_mode & 0o777 == 0o600
    assert logs_in(data / f"logs.db.schema-{before['logs.db']}") == hot
    assert not list(data.glob(".*"))


@pytest.mark.slow
def test_server_takes_logs_into_folder_of_first_version(data: Path) -> None:
    folder = unpacked(FOLDERS[0], data)
    with serving(data) as server:
        server.expected_errors.append(
            r"(logs|metrics)\.db goes from schema version 1 to \d+; as it was"
        )
        socket = server.connect(f"{server.ingest}?ack=batch")
        socket.send('{"type":"info","message":"new"}')
        assert '"count":1' in str(socket.recv())
        socket.close()
    assert stored(data)[:8] == WEB
    assert version_of(folder.logs) == LOGS.version
    assert version_of(folder.metrics) == METRICS.version


def test_power_cut_at_any_point_leaves_logs_and_next_start_goes_on(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """With `--power-cuts 40` it is every one of the writes, syncs and renames."""
    cuts = pytestconfig.getoption("power_cuts")
    went = [
        hold_after_power_cut(tmp_path / f"{after}-{tears}", PowerCut(after, tears, seed=after))
        for after in range(0, 40, -(-40 // cuts))
        for tears in (True, False)
    ]
    assert went[0]
    assert sum(went) > len(went) // 2, "there are that many writes, syncs and renames"


def hold_after_power_cut(data: Path, cut: PowerCut) -> bool:
    """Let the power go while a folder is brought forward; say whether it went before the end."""
    folder = unpacked(FOLDERS[0], data)
    hot = logs_in(folder.logs)
    went = bring_forward_until(folder.logs, cut)
    assert version_of(folder.logs) in {1, LOGS.version}
    copy = data / "logs.db.schema-1"
    if version_of(folder.logs) == LOGS.version:
        assert logs_in(copy) == hot, "it goes nowhere without a copy"
    elif copy.exists():
        assert (version_of(copy), logs_in(copy)) == (1, hot)
    open_writer(folder.logs, LOGS, "FULL").close()
    assert version_of(folder.logs) == LOGS.version
    assert (version_of(copy), logs_in(copy)) == (1, hot)
    assert stored(data) == WEB
    assert not list(data.glob(".*.part"))
    return went


@BOTH
def test_file_says_which_waterline_brought_it_to_its_version(
    tmp_path: Path, schema: Schema, name: str
) -> None:
    path = tmp_path / name
    with closing(open_writer(path, schema, "FULL")) as connection:
        ((version, waterline),) = connection.execute(
            "SELECT version, waterline FROM schema_history"
        ).fetchall()
    assert version == schema.version
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(waterline))


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[Path]:
    """A logs.db that a later Waterline, 7.8.9, has brought forward."""
    path = tmp_path / "logs.db"
    later = Schema(LOGS.application_id, (*LOGS.steps, "ALTER TABLE seam ADD COLUMN extra TEXT"))
    with closing(open_writer(path, later, "FULL")) as connection:
        connection.execute(
            "UPDATE schema_history SET waterline = '7.8.9' WHERE version = ?", (later.version,)
        )
    yield path
    assert version_of(path) == later.version


def test_newer_file_is_refused_with_version_that_can_read_it(newer: Path) -> None:
    with pytest.raises(NewerSchema) as raised:
        open_writer(newer, LOGS, "FULL")
    assert str(raised.value) == (
        f"{newer} has schema version {LOGS.version + 1}, this Waterline knows {LOGS.version}; "
        "use Waterline 7.8.9, or a later one"
    )


def test_archive_jobs_refuse_newer_file_in_the_same_way(newer: Path) -> None:
    with pytest.raises(NewerSchema, match=r"use Waterline 7\.8\.9, or a later one"):
        verify(DataFolder(newer.parent))


def test_file_without_room_for_copy_stays_as_it_is(data: Path) -> None:
    folder = unpacked(FOLDERS[0], data)
    before = folder.logs.read_bytes()
    with (data / "logs.db-wal").open("wb") as wal:
        wal.truncate(2**50)  # a WAL without a frame, and without a byte on the disk
    with pytest.raises(DataFolderError) as raised:
        open_writer(folder.logs, LOGS, "FULL")
    assert re.fullmatch(
        rf"there is no room beside {re.escape(str(folder.logs))} for a copy of it before it goes "
        rf"from schema version 1 to {LOGS.version}: 1048576\.0 GiB are needed, .+ are free; "
        r"make room on its disk",
        str(raised.value),
    )
    assert folder.logs.read_bytes() == before

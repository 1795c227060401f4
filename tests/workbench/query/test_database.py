"""Reading a database: one moment a view, nothing written, a sentence for what cannot be read."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.folders import Log, alter, alter_elsewhere, fill
from waterline.errors import DataFolderError, NewerSchema, UsageError
from waterline.storage.schema import LOGS, METRICS
from workbench.query.database import Database

INSERT = "INSERT INTO logs VALUES ({seq}, 'id-{seq}', 'info', 0, 0, 'test', 'm', '{{}}')"
LOG: Log = {"type": "info", "message": "m"}


@pytest.fixture
def path(data: Path) -> Path:
    """The logs.db of a folder with two logs."""
    fill(data, [LOG, LOG])
    return data / "logs.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with Database(path, LOGS) as opened:
        yield opened


def count(database: Database) -> int:
    with database.view() as view:
        return int(view.rows("SELECT count(*) FROM logs")[0][0])


def refusal(path: Path) -> DataFolderError:
    """Return why a database cannot be opened, or read once it is."""
    with (
        pytest.raises(DataFolderError) as refused,
        Database(path, LOGS) as database,
        database.view() as view,
    ):
        view.fetch("SELECT * FROM logs ORDER BY timestamp")
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return refused.value


def test_values_come_back_as_python_values(database: Database) -> None:
    with database.view() as view:
        rows = view.rows("SELECT seq, type, NULL, 1.5, ? FROM logs ORDER BY seq", ["ä\x00"])
        assert rows == [(1, "info", None, 1.5, "ä\x00"), (2, "info", None, 1.5, "ä\x00")]
        assert view.rows("SELECT seq FROM logs WHERE seq > 5") == []


# As a server that was killed does when it starts again: for a moment nobody else may read.
RECOVERING = """
import apsw, sys, time
connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("UPDATE seam SET archived_through = archived_through")
print("recovering", flush=True)
time.sleep(0.2)
"""


@pytest.mark.slow
def test_reader_waits_while_a_server_recovers_the_file(path: Path) -> None:
    program = [sys.executable, "-c", RECOVERING, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as recovering:
        assert recovering.stdout is not None
        assert recovering.stdout.readline() == b"recovering\n"
        with Database(path, LOGS) as database:
            assert count(database) == 2
    assert recovering.returncode == 0


@pytest.mark.slow
def test_view_stays_at_its_moment_while_another_process_writes(
    path: Path, database: Database
) -> None:
    with database.view() as view:
        assert view.rows("SELECT count(*) FROM logs") == [(2,)]
        alter_elsewhere(path, INSERT.format(seq=3))
        assert view.rows("SELECT count(*), max(seq) FROM logs") == [(2, 2)]
        alter_elsewhere(path, "DELETE FROM logs WHERE seq = 1")
        assert view.rows("SELECT count(*), min(seq) FROM logs") == [(2, 1)]
    with database.view() as view:
        assert view.rows("SELECT seq FROM logs ORDER BY seq") == [(2,), (3,)]


@pytest.mark.slow
def test_another_thread_does_not_end_the_moment_of_a_view(path: Path, database: Database) -> None:
    with ThreadPoolExecutor(1) as pool:
        with database.view() as view:
            assert view.rows("SELECT count(*) FROM logs") == [(2,)]
            other = pool.submit(count, database)
            alter_elsewhere(path, INSERT.format(seq=3))
            assert view.rows("SELECT count(*) FROM logs") == [(2,)]
        assert other.result() == 3


@pytest.mark.slow
def test_view_that_ended_lets_the_wal_shrink(path: Path, database: Database) -> None:
    wal = path.with_name("logs.db-wal")
    checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
    with database.view() as view:
        view.rows("SELECT * FROM logs")
        ((busy, *_),) = alter_elsewhere(path, INSERT.format(seq=3), checkpoint)
        assert busy == 1
        assert wal.stat().st_size > 0
    assert alter_elsewhere(path, checkpoint) == [[0, 0, 0]]
    assert wal.stat().st_size == 0

    with pytest.raises(DataFolderError), database.view() as view:
        view.rows("SELECT * FROM logs, nowhere")
    with pytest.raises(ZeroDivisionError), database.view() as view:
        assert 1 / len(view.rows("SELECT * FROM logs WHERE seq > 9"))
    assert alter_elsewhere(path, INSERT.format(seq=4), checkpoint) == [[0, 0, 0]]
    assert count(database) == 4


@pytest.mark.parametrize(
    "statement",
    [
        INSERT.format(seq=9),
        "UPDATE logs SET message = 'x'",
        "DELETE FROM logs",
        "DROP TABLE logs",
        "PRAGMA user_version = 7",
        "VACUUM",
    ],
)
def test_database_cannot_be_written(path: Path, database: Database, statement: str) -> None:
    before = path.read_bytes()
    with pytest.raises(DataFolderError), database.view() as view:
        view.fetch(statement)
    assert count(database) == 2
    assert path.read_bytes() == before


def test_reading_leaves_every_byte_as_it_was(path: Path) -> None:
    before = path.read_bytes()
    with Database(path, LOGS) as database:
        assert count(database) == 2
        assert path.with_name("logs.db-wal").stat().st_size == 0
    assert path.read_bytes() == before


def test_threads_take_turns(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: count(database), range(64))) == {2}


def test_closed_database_says_so(path: Path) -> None:
    database = Database(path, LOGS)
    database.close()
    database.close()
    with pytest.raises(UsageError) as refused:
        count(database)
    assert str(refused.value) == f"{path} is closed here; connect to its folder again"


def test_database_may_be_read_twice_at_once(path: Path, database: Database) -> None:
    with Database(path, LOGS) as other:
        assert count(other) == 2
    assert count(database) == 2


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "100%",
        "%20",
        "a#b",
        "a?mode=rwc",
        "a&b=c",
        "übung",
        "日志 📜",
        "quote'\"quote",
        "back\\slash",
        "a;b",
        "line\nbreak",
        ":memory:",
        "file:x",
    ],
)
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    fill(data, [LOG])
    with Database(data / "logs.db", LOGS) as database:
        assert count(database) == 1
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_name_that_is_no_unicode_will_do(path: Path) -> None:
    odd = path.parent.with_name(os.fsdecode(b"data-\xff"))
    try:
        path.parent.rename(odd)
    except OSError:
        pytest.skip("this file system knows Unicode names only")
    with Database(odd / "logs.db", LOGS) as database:
        assert count(database) == 2


def test_relative_path_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with Database(Path("logs.db"), LOGS) as database:
        assert count(database) == 2


def test_missing_file_is_not_made(tmp_path: Path) -> None:
    refusal(tmp_path / "logs.db")
    assert list(tmp_path.iterdir()) == []


def test_later_schema_is_refused(path: Path) -> None:
    alter(path, "PRAGMA user_version = 99")
    error = refusal(path)
    assert isinstance(error, NewerSchema)
    assert str(error) == (
        f"{path} has schema version 99, this Waterline knows {LOGS.version}; "
        "use the Waterline that made it, or a later one"
    )


def test_earlier_schema_is_refused_with_the_way_to_bring_it_up(path: Path) -> None:
    alter(path, f"PRAGMA user_version = {LOGS.version - 1}")
    assert str(refusal(path)) == (
        f"{path} has schema version {LOGS.version - 1}, this Waterline reads {LOGS.version}; "
        "start its server once to bring it up to date"
    )


@pytest.mark.parametrize("application_id", [0, 5, METRICS.application_id])
def test_foreign_database_is_refused(path: Path, application_id: int) -> None:
    alter(path, f"PRAGMA application_id = {application_id}")
    assert str(refusal(path)) == (f"{path} is not a database of Waterline's; name another folder")


def test_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"these are words, and quite a lot of them\n" * 500)
    assert "file is not a database" in str(refusal(path))


def test_file_that_a_server_is_just_making_is_refused_as_such(path: Path) -> None:
    path.write_bytes(b"")
    assert str(refusal(path)) == (
        f"{path} is empty; a server is just making it, or was stopped at that: "
        "start one and try again"
    )


def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs.db").mkdir()
    assert "cannot be read: " in str(refusal(tmp_path / "logs.db"))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 0.97])
def test_damaged_file_is_refused_wherever_the_damage_is(data: Path, share: float) -> None:
    """Also where the first rows are fine: what was read of them is no answer."""
    fill(data, [{"type": "info", "message": "m" * 200}] * 4000)
    path = data / "logs.db"
    content = bytearray(path.read_bytes())
    begin = int(len(content) * share)
    content[begin : begin + 16 * 4096] = b"\xff" * min(16 * 4096, len(content) - begin)
    path.write_bytes(content)
    error = refusal(path)
    # Damage may look like the length of a text that no memory can hold.
    assert re.search("malformed|not a database|out of memory", str(error))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_file_cut_short_is_refused(data: Path, share: float) -> None:
    fill(data, [{"type": "info", "message": "m" * 200}] * 1000)
    path = data / "logs.db"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "malformed" in str(refusal(path))

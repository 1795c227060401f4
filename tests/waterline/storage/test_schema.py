"""The tables: what a fresh file holds, what is refused, and that tables.py says the same."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest
from sqlalchemy import Float, Integer, LargeBinary, Table, Text
from sqlalchemy.types import NullType

from tests.support.processes import run_waterline
from waterline.errors import DataFolderError, NewerSchema
from waterline.storage import tables
from waterline.storage.schema import LOGS, METRICS, Schema
from waterline.storage.sqlite import Synchronous, open_writer, sqlite_errors, transaction
from waterline.storage.tables import (
    archive_batches,
    archived_ids,
    attribute_values,
    indexed_attributes,
    logs,
    seam,
    seq_gaps,
)

BOTH = pytest.mark.parametrize(
    ("schema", "name"), [(LOGS, "logs.db"), (METRICS, "metrics.db")], ids=["logs", "metrics"]
)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A connection that writes a new logs.db."""
    with closing(open_writer(tmp_path / "logs.db", LOGS, "FULL")) as connection:
        yield connection


def names_of(connection: apsw.Connection, kind: str) -> set[str]:
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,))
    return {str(name) for (name,) in found if not str(name).startswith("sqlite_")}


def create_foreign(path: Path) -> bytes:
    """Make some other program's database and return its bytes."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")
    return path.read_bytes()


def test_fresh_file_has_tables(fresh: apsw.Connection) -> None:
    tables = {"logs", "seam", "archive_batches", "archived_ids", "seq_gaps"}
    tables |= {"indexed_attributes", "attribute_values", "schema_history"}
    assert names_of(fresh, "table") == tables
    assert names_of(fresh, "index") == {"logs_source_id", "logs_timestamp"}


def test_fresh_file_of_metrics_has_rollups_and_view_over_them(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "metrics.db", METRICS, "NORMAL")) as connection:
        assert names_of(connection, "table") == {
            "series",
            "seconds",
            "minutes",
            "hours",
            "progress",
            "sources",
            "schema_history",
        }
        assert names_of(connection, "view") == {"performance_metrics"}


@BOTH
def test_every_table_is_strict(tmp_path: Path, schema: Schema, name: str) -> None:
    with closing(open_writer(tmp_path / name, schema, "FULL")) as connection:
        tables = connection.execute("PRAGMA table_list").fetchall()
        strict = {row[1]: row[5] for row in tables if row[2] == "table"}
        ours = names_of(connection, "table")
        assert {strict[name] for name in ours} == {1}


@BOTH
def test_fresh_file_is_marked_as_ours(tmp_path: Path, schema: Schema, name: str) -> None:
    with closing(open_writer(tmp_path / name, schema, "FULL")) as connection:
        assert connection.pragma("application_id") == schema.application_id
        assert connection.pragma("user_version") == schema.version


def test_marks_of_files_spell_their_names() -> None:
    assert LOGS.application_id.to_bytes(4, "big") == b"WLLG"
    assert METRICS.application_id.to_bytes(4, "big") == b"WLMT"


@BOTH
def test_fresh_file_is_in_wal_mode_and_gives_space_back(
    tmp_path: Path, schema: Schema, name: str
) -> None:
    with closing(open_writer(tmp_path / name, schema, "FULL")) as connection:
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("auto_vacuum") == 2  # incremental
        assert connection.pragma("journal_size_limit") == 64 * 2**20


@pytest.mark.parametrize(("synchronous", "value"), [("FULL", 2), ("NORMAL", 1)])
def test_connection_syncs_as_it_is_told(
    tmp_path: Path, synchronous: Synchronous, value: int
) -> None:
    for _ in range(2):  # new, and opened again
        with closing(open_writer(tmp_path / "logs.db", LOGS, synchronous)) as connection:
            assert connection.pragma("synchronous") == value


def test_opening_file_again_changes_no_table(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    statement = "SELECT sql FROM sqlite_schema ORDER BY name"
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        before = connection.execute(statement).fetchall()
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert connection.execute(statement).fetchall() == before
        assert connection.pragma("auto_vacuum") == 2


def test_id_is_stored_once_source(fresh: apsw.Connection) -> None:
    insert = "INSERT INTO logs VALUES (?, 'a', 'info', 0, 0, ?, 'm', '{}')"
    fresh.execute(insert, (1, "x"))
    fresh.execute(insert, (2, "y"))
    with pytest.raises(apsw.ConstraintError):
        fresh.execute(insert, (3, "x"))


def test_seam_has_one_row(fresh: apsw.Connection) -> None:
    for only in (1, 2):
        with pytest.raises(apsw.ConstraintError):
            fresh.execute("INSERT INTO seam VALUES (?, 'f', 'i', 0, 0)", (only,))


def test_transaction_that_fails_leaves_nothing(fresh: apsw.Connection) -> None:
    with suppress(KeyError), transaction(fresh):
        fresh.execute("UPDATE seam SET generation = 7")
        raise KeyError
    assert fresh.execute("SELECT generation FROM seam").get == 0
    assert not fresh.in_transaction


@pytest.mark.logs
def test_schema_of_more_steps_brings_older_file_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    open_writer(path, LOGS, "FULL").close()
    later = Schema(LOGS.application_id, (*LOGS.steps, "ALTER TABLE seam ADD COLUMN extra TEXT"))
    with closing(open_writer(path, later, "FULL")) as connection:
        assert connection.pragma("user_version") == LOGS.version + 1
        columns = [row[1] for row in connection.execute("PRAGMA table_info(seam)")]
        assert columns[-1] == "extra"
    with pytest.raises(NewerSchema):
        open_writer(path, LOGS, "FULL")


@pytest.mark.logs
def test_file_of_first_version_gets_table_of_archived_ids_and_keeps_its_logs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "logs.db"
    row = (1, "a", "info", 2, 3, "web", "m", "{}")
    first = Schema(LOGS.application_id, LOGS.steps[:1])
    with closing(open_writer(path, first, "FULL")) as connection:
        assert "archived_ids" not in names_of(connection, "table")
        connection.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert connection.execute("SELECT count(*) FROM archived_ids").get == 0
        assert connection.execute("SELECT * FROM logs").fetchall() == [row]


def test_archived_id_is_kept_once_source(fresh: apsw.Connection) -> None:
    insert = "INSERT INTO archived_ids VALUES (?, 'a', 1, 0)"
    fresh.execute(insert, ("x",))
    fresh.execute(insert, ("y",))
    with pytest.raises(apsw.ConstraintError):
        fresh.execute(insert, ("x",))


@pytest.mark.logs
def test_step_that_fails_leaves_file_at_version_before(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    open_writer(path, LOGS, "FULL").close()
    broken = Schema(LOGS.application_id, (*LOGS.steps, "CREATE TABLE t (a); SELECT * FROM none"))
    with pytest.raises(apsw.SQLError):
        open_writer(path, broken, "FULL")
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert connection.pragma("user_version") == LOGS.version
        assert "t" not in names_of(connection, "table")


def test_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        connection.execute(f"PRAGMA user_version = {LOGS.version + 1}")
    before = path.read_bytes()
    with pytest.raises(NewerSchema) as raised:
        open_writer(path, LOGS, "FULL")
    assert str(raised.value) == (
        f"{path} has schema version {LOGS.version + 1}, this Waterline knows {LOGS.version}; "
        "use the Waterline that made it, or a later one"
    )
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    before = create_foreign(path)
    with pytest.raises(DataFolderError) as raised:
        open_writer(path, LOGS, "FULL")
    assert str(raised.value) == f"{path} is not a database of Waterline's; name another folder"
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["logs.db"]


def test_database_that_only_bears_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(DataFolderError, match="is not a database of Waterline's"):
        open_writer(path, LOGS, "FULL")


def test_file_of_metrics_is_no_file_of_logs(tmp_path: Path) -> None:
    open_writer(tmp_path / "logs.db", METRICS, "FULL").close()
    with pytest.raises(DataFolderError, match="is not a database of Waterline's"):
        open_writer(tmp_path / "logs.db", LOGS, "FULL")


@pytest.mark.parametrize("content", [b"hello\n", b"not a database " * 1000])
def test_text_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "logs.db"
    path.write_bytes(content)
    with pytest.raises(DataFolderError) as raised:
        open_writer(path, LOGS, "FULL")
    sentence = str(raised.value)
    assert sentence.startswith(f"{path} is damaged or no database (")
    assert sentence.endswith("); put it aside and restore a copy")
    assert path.read_bytes() == content


def test_folder_in_place_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs.db").mkdir()
    with pytest.raises(DataFolderError, match=r"logs\.db cannot be opened: "):
        open_writer(tmp_path / "logs.db", LOGS, "FULL")


def test_empty_file_is_new_one(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.touch()
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        assert connection.pragma("user_version") == LOGS.version
        assert connection.pragma("auto_vacuum") == 2


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (apsw.NotADBError, "is damaged or no database (why); put it aside and restore a copy"),
        (apsw.CorruptError, "is damaged or no database (why); put it aside and restore a copy"),
        (apsw.CantOpenError, "cannot be opened: why; check the rights on its folder"),
        (apsw.ReadOnlyError, "cannot be written: why; check the rights on it and its folder"),
        (apsw.FullError, "cannot be written: why; make room on its disk"),
        (apsw.IOError, "cannot be read or written: why; check its disk"),
        (apsw.BusyError, "is held by another process; stop it first"),
    ],
)
def test_sqlite_errors_are_sentences(error: type[apsw.Error], sentence: str) -> None:
    with pytest.raises(DataFolderError) as raised, sqlite_errors(Path("logs.db")):
        raise error("why")
    assert str(raised.value) == f"logs.db {sentence}"
    assert isinstance(raised.value.__cause__, error)


TABLES = [
    pytest.param(LOGS, logs, id="logs"),
    pytest.param(LOGS, seam, id="seam"),
    pytest.param(LOGS, seq_gaps, id="seq_gaps"),
    pytest.param(LOGS, indexed_attributes, id="indexed_attributes"),
    pytest.param(LOGS, attribute_values, id="attribute_values"),
    pytest.param(LOGS, archive_batches, id="archive_batches"),
    pytest.param(LOGS, archived_ids, id="archived_ids"),
    pytest.param(METRICS, tables.series, id="series"),
    pytest.param(METRICS, tables.seconds, id="seconds"),
    pytest.param(METRICS, tables.minutes, id="minutes"),
    pytest.param(METRICS, tables.hours, id="hours"),
    pytest.param(METRICS, tables.progress, id="progress"),
    pytest.param(METRICS, tables.sources, id="sources"),
]
SQL_TYPES = {Integer: "INTEGER", Text: "TEXT", Float: "REAL", LargeBinary: "BLOB", NullType: "ANY"}


@pytest.mark.parametrize(("schema", "table"), TABLES)
def test_tables_of_sqlalchemy_are_those_of_file(
    tmp_path: Path, schema: Schema, table: Table
) -> None:
    with closing(open_writer(tmp_path / "fresh.db", schema, "FULL")) as connection:
        info = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
    # SQLite says of an INTEGER PRIMARY KEY that it may be null, which it never is.
    in_file = [
        (name, kind, bool(not_null or key), bool(key)) for _, name, kind, not_null, _, key in info
    ]
    in_code = [
        (each.name, SQL_TYPES[type(each.type)], not each.nullable, each.primary_key)
        for each in table.columns
    ]
    assert in_code == in_file


def test_every_table_of_files_is_known_to_sqlalchemy(tmp_path: Path) -> None:
    known = {
        schema: {each.name for each in table.metadata.sorted_tables}
        for schema, table in ((LOGS, logs), (METRICS, tables.seconds))
    }
    for schema, names in known.items():
        path = tmp_path / f"{schema.application_id}.db"
        with closing(open_writer(path, schema, "FULL")) as connection:
            assert names_of(connection, "table") == names


READ_WITH_PYTHONS_SQLITE = """
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as connection:
    print(sqlite3.sqlite_version)
    for row in connection.execute("SELECT * FROM logs ORDER BY seq"):
        print(row)
    print(connection.execute("SELECT attributes ->> '$.a' FROM logs").fetchone()[0])
connection.close()
"""


@pytest.mark.slow
def test_any_sqlite_from_3_40_reads_logs(tmp_path: Path) -> None:
    """Python's own SQLite is such a one; in a process of its own, as two libraries may not meet."""
    path = tmp_path / "logs.db"
    row = (1, "a", "info", 2, 3, "web", "grüße", '{"a":7}')
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        connection.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        # Read while the writer has it open, as an analyst would.
        done = subprocess.run(
            [sys.executable, "-c", READ_WITH_PYTHONS_SQLITE, str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    version, *rest = done.stdout.splitlines()
    assert tuple(map(int, version.split("."))) >= (3, 40)
    assert rest == [str(row), "7"]


@pytest.mark.slow
def test_server_refuses_newer_folder_with_one_sentence(data: Path) -> None:
    data.mkdir()
    with closing(open_writer(data / "logs.db", LOGS, "FULL")) as connection:
        connection.execute(f"PRAGMA user_version = {LOGS.version + 1}")
    done = run_waterline("serve", "--data", data, "--port", "0", "--monitoring-port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"waterline: \S+logs\.db has schema version \d+, .*\n", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logs.db", "metrics.db"])
def test_server_refuses_file_that_is_not_its_own_with_one_sentence(data: Path, name: str) -> None:
    data.mkdir()
    before = create_foreign(data / name)
    done = run_waterline("serve", "--data", data, "--port", "0", "--monitoring-port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"waterline: {data / name} is not a database of Waterline's; name another folder\n"
    )
    assert (data / name).read_bytes() == before


@pytest.mark.slow
def test_server_refuses_damaged_file_with_one_sentence(data: Path) -> None:
    data.mkdir()
    path = data / "logs.db"
    with closing(open_writer(path, LOGS, "FULL")) as connection:
        connection.execute("INSERT INTO logs VALUES (1, 'a', 'info', 0, 0, 'x', 'm', '{}')")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page
    path.write_bytes(content)
    done = run_waterline("serve", "--data", data, "--port", "0", "--monitoring-port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"waterline: {re.escape(str(path))} is damaged or no database \(.*\); "
        r"put it aside and restore a copy\n",
        done.stderr,
    )

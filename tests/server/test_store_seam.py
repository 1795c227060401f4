"""The seam: made once, kept for ever, and the position behind which no seq is given."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from server.store.schema import LOGS
from server.store.seam import Position, ensure_seam, read_position
from server.store.sqlite import open_writer
from tests.support.processes import serving

LOG = "INSERT INTO logs VALUES (?, ?, 'info', 0, ?, 'x', 'm', '{}')"
BATCH = """
    INSERT INTO archive_batches VALUES
    (1, '2026-11-23', 'f', 'parquet', 1, 1, ?, 0, 0, 0, ?, '{}', '{}', 0, 0, '', 0, ?,
     NULL, NULL, NULL, NULL)
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(open_writer(tmp_path / "logs.db", LOGS, "FULL")) as opened:
        yield opened


def test_the_seam_is_made_once(connection: apsw.Connection) -> None:
    seam = ensure_seam(connection)
    assert (seam.generation, seam.archived_through) == (0, 0)
    assert ensure_seam(connection) == seam
    assert connection.execute("SELECT count(*) FROM seam").get == 1


def test_every_folder_has_an_id_and_an_incarnation_of_its_own(tmp_path: Path) -> None:
    found = set()
    for name in ("a.db", "b.db"):
        with closing(open_writer(tmp_path / name, LOGS, "FULL")) as opened:
            seam = ensure_seam(opened)
            found |= {seam.folder_id, seam.incarnation}
    assert len(found) == 4


def test_an_empty_folder_begins_at_nothing(connection: apsw.Connection) -> None:
    ensure_seam(connection)
    assert read_position(connection) == Position(0, 0)


def test_the_position_is_that_of_the_last_log(connection: apsw.Connection) -> None:
    ensure_seam(connection)
    connection.executemany(LOG, [(1, "a", 500), (2, "b", 700)])
    assert read_position(connection) == Position(2, 700)


def test_the_position_stays_when_all_logs_are_archived(connection: apsw.Connection) -> None:
    ensure_seam(connection)
    connection.execute(BATCH, (9, 700, None))
    connection.execute("UPDATE seam SET archived_through = 9")
    assert read_position(connection) == Position(9, 700)


def test_the_position_stays_when_all_batches_are_pruned(connection: apsw.Connection) -> None:
    ensure_seam(connection)
    connection.execute(BATCH, (9, 700, 800))
    connection.execute("UPDATE seam SET archived_through = 9")
    assert read_position(connection) == Position(9, 700)


def test_the_position_minds_hot_and_archived_logs(connection: apsw.Connection) -> None:
    ensure_seam(connection)
    connection.execute(BATCH, (9, 700, None))
    connection.execute("UPDATE seam SET archived_through = 9")
    connection.executemany(LOG, [(9, "i", 700), (10, "j", 900)])
    assert read_position(connection) == Position(10, 900)


@pytest.mark.slow
def test_a_restart_keeps_the_seam(data: Path) -> None:
    def seam() -> list[tuple[object, ...]]:
        with closing(apsw.Connection(str(data / "logs.db"))) as opened:
            return opened.execute("SELECT * FROM seam").fetchall()

    with serving(data) as first:
        pass
    before = seam()
    assert len(before) == 1
    with serving(data, token=first.token):
        pass
    assert seam() == before

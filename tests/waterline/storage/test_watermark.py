"""The watermark: made once, kept for ever, and the position behind which no seq is given."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.processes import serving
from waterline.storage.schema import LOGS, Schema
from waterline.storage.sqlite import open_writer
from waterline.storage.watermark import Position, read_position, read_watermark

LOG = "INSERT INTO logs VALUES (?, ?, 'info', 0, ?, 'x', 'm', '{}')"
BATCH = """
    INSERT INTO archive_batches VALUES
    (1, '2026-11-23', 'f', 'parquet', 1, 1, ?, 0, 0, 0, ?, '{}', '{}', 0, 0, '', 0, ?,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(open_writer(tmp_path / "logs.db", LOGS, "FULL")) as opened:
        yield opened


def test_seam_is_made_once(connection: apsw.Connection, tmp_path: Path) -> None:
    watermark = read_watermark(connection)
    assert (watermark.generation, watermark.archived_through) == (0, 0)
    connection.close()
    with closing(open_writer(tmp_path / "logs.db", LOGS, "FULL")) as again:
        assert read_watermark(again) == watermark
        assert again.execute("SELECT count(*) FROM seam").get == 1


@pytest.mark.logs
def test_folder_of_before_keeps_its_watermark_and_one_without_gets_it(tmp_path: Path) -> None:
    before = Schema(LOGS.application_id, LOGS.steps[:2])
    for name, rows in (("a.db", []), ("b.db", [("folder", "incarnation", 3, 9)])):
        with closing(open_writer(tmp_path / name, before, "FULL")) as opened:
            opened.executemany("INSERT INTO seam VALUES (1, ?, ?, ?, ?)", rows)
        with closing(open_writer(tmp_path / name, LOGS, "FULL")) as opened:
            watermark = read_watermark(opened)
            assert (watermark.generation, watermark.archived_through) == (
                (3, 9) if rows else (0, 0)
            )
            assert (watermark.folder_id == "folder") == bool(rows)


def test_every_folder_has_id_and_incarnation_of_its_own(tmp_path: Path) -> None:
    found = set()
    for name in ("a.db", "b.db"):
        with closing(open_writer(tmp_path / name, LOGS, "FULL")) as opened:
            watermark = read_watermark(opened)
            found |= {watermark.folder_id, watermark.incarnation}
    assert len(found) == 4


def test_empty_folder_begins_at_nothing(connection: apsw.Connection) -> None:
    assert read_position(connection) == Position(0, 0)


def test_position_is_that_of_last_log(connection: apsw.Connection) -> None:
    connection.executemany(LOG, [(1, "a", 500), (2, "b", 700)])
    assert read_position(connection) == Position(2, 700)


def test_position_stays_when_all_logs_are_archived(connection: apsw.Connection) -> None:
    connection.execute(BATCH, (9, 700, None))
    connection.execute("UPDATE seam SET archived_through = 9")
    assert read_position(connection) == Position(9, 700)


def test_position_stays_when_all_batches_are_pruned(connection: apsw.Connection) -> None:
    connection.execute(BATCH, (9, 700, 800))
    connection.execute("UPDATE seam SET archived_through = 9")
    assert read_position(connection) == Position(9, 700)


def test_position_minds_hot_and_archived_logs(connection: apsw.Connection) -> None:
    connection.execute(BATCH, (9, 700, None))
    connection.execute("UPDATE seam SET archived_through = 9")
    connection.executemany(LOG, [(9, "i", 700), (10, "j", 900)])
    assert read_position(connection) == Position(10, 900)


@pytest.mark.slow
def test_restart_keeps_watermark(data: Path) -> None:
    def watermark() -> list[tuple[object, ...]]:
        with closing(apsw.Connection(str(data / "logs.db"))) as opened:
            return opened.execute("SELECT * FROM seam").fetchall()

    with serving(data) as first:
        pass
    before = watermark()
    assert len(before) == 1
    with serving(data, token=first.token):
        pass
    assert watermark() == before

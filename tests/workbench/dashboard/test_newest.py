"""The newest log of a logs.db, and whether its past is still the same."""

from pathlib import Path

from tests.support.folders import alter_elsewhere, fill
from waterline.storage.schema import LOGS
from workbench.query.database import Database
from workbench.snapshots.newest import NewestReader
from workbench.snapshots.snapshot import Newest


def read(reader: NewestReader, data: Path) -> Newest:
    with Database(data / "logs.db", LOGS) as database, database.view() as view:
        return reader.read(view)


def test_highest_seq_is_followed_and_is_the_same_object_while_nothing_comes(data: Path) -> None:
    fill(data)
    reader = NewestReader()
    empty = read(reader, data)
    assert (empty.last_seq, empty.timestamp) == (0, None)
    fill(data, [{"type": "info", "message": "m", "timestamp": 7 - each} for each in range(3)])
    newest = read(reader, data)
    assert newest == Newest(3, empty.revision, timestamp=5)
    assert read(reader, data) is newest


def test_other_past_has_another_revision(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}] * 3)
    reader = NewestReader()
    before = read(reader, data)
    alter_elsewhere(data / "logs.db", "UPDATE seam SET incarnation = 'other'")
    after = read(reader, data)
    assert after.revision > before.revision
    assert after.last_seq == 3
    reader.forget()
    assert reader.newest.last_seq == 0
    assert reader.newest.revision > after.revision

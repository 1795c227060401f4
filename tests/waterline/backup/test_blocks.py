"""Databases as blocks: they come back byte by byte, and only what changed is stored again."""

import hashlib
from contextlib import closing
from pathlib import Path
from threading import Event

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.meanwhile import meanwhile
from waterline.backup.blocks import BLOCK, store_database, write_database
from waterline.backup.record import DatabaseCopy
from waterline.errors import ArchiveError
from waterline.storage.copies import copy_database
from waterline.storage.sqlite import open_reader


class Stored:
    """Files by their SHA-256, as a place of backups has them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def add(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.files[sha256] = content
        return sha256

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))


@pytest.fixture
def stored() -> Stored:
    return Stored()


def written(path: Path, pages: list[bytes]) -> Path:
    path.write_bytes(b"".join(pages))
    return path


def back(copy: DatabaseCopy, stored: Stored, path: Path) -> bytes:
    write_database(copy, stored.files.__getitem__, path)
    return path.read_bytes()


contents = st.lists(
    st.integers(0, 5).map(lambda each: bytes([each]) * 4096), min_size=1, max_size=60
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(versions=st.lists(contents, min_size=1, max_size=4))
def test_each_version_comes_back_as_it_was(tmp_path: Path, versions: list[list[bytes]]) -> None:
    stored, known = Stored(), None
    copies = []
    for pages in versions:
        known = store_database(written(tmp_path / "copy", pages), known, stored.add)
        copies.append(known)
    for pages, copy in zip(versions, copies, strict=True):
        assert back(copy, stored, tmp_path / "back") == b"".join(pages)


def noise(number: int, blocks: int) -> list[bytes]:
    """Return blocks that no codec makes smaller."""
    return [hashlib.shake_128(b"%d %d" % (number, each)).digest(BLOCK) for each in range(blocks)]


def test_only_changed_blocks_are_stored_again(tmp_path: Path, stored: Stored) -> None:
    blocks = noise(0, 20)
    known = store_database(written(tmp_path / "copy", blocks), None, stored.add)
    before = stored.size
    blocks[7:8] = noise(1, 1)
    again = store_database(written(tmp_path / "copy", blocks), known, stored.add)
    assert BLOCK <= stored.size - before < 2 * BLOCK
    assert back(again, stored, tmp_path / "back") == b"".join(blocks)


def test_files_of_little_use_are_left_behind(tmp_path: Path, stored: Stored) -> None:
    blocks = noise(0, 20)
    known = store_database(written(tmp_path / "copy", blocks), None, stored.add)
    (first,) = known.files
    blocks[:12] = noise(1, 12)
    again = store_database(written(tmp_path / "copy", blocks), known, stored.add)
    assert first not in again.files
    assert sum(again.files.values()) < 1.1 * 20 * BLOCK
    assert back(again, stored, tmp_path / "back") == b"".join(blocks)


def test_copy_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE pairs (one INTEGER, other INTEGER, text TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO pairs SELECT 0, 0, hex(randomblob(50)) FROM n"
        )

    def write(over: Event) -> None:
        with closing(apsw.Connection(str(path))) as connection:
            while not over.is_set():
                connection.execute("UPDATE pairs SET one = one + 1 WHERE rowid % 500 = 1")

    for number in range(5):
        with meanwhile(write):
            copy = tmp_path / f"copy-{number}"
            with closing(open_reader(path)) as source:
                copy_database(source, copy)
        with closing(apsw.Connection(str(copy))) as connection:
            assert connection.execute("PRAGMA integrity_check").get == "ok"
            changed = "SELECT DISTINCT one FROM pairs WHERE rowid % 500 = 1"
            assert len(connection.execute(changed).fetchall()) == 1


@pytest.fixture
def damaged(tmp_path: Path, stored: Stored) -> DatabaseCopy:
    return store_database(written(tmp_path / "copy", noise(0, 3)), None, stored.add)


@pytest.mark.parametrize("place", [0, BLOCK, -1])
def test_damage_in_a_file_is_told(
    tmp_path: Path, stored: Stored, damaged: DatabaseCopy, place: int
) -> None:
    (name,) = stored.files
    content = bytearray(stored.files[name])
    content[place] ^= 1
    stored.files[name] = bytes(content)
    with pytest.raises(ArchiveError, match=r"block \d of the measurements is damaged"):
        back(damaged, stored, tmp_path / "back")

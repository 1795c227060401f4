"""Positions in followed files that are kept on disk, so that a restart goes on where acks ended."""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from waterline.errors import UsageError

BEGIN_BYTES: Final = 1024
# A file that was not written for longer has hardly kept its place in the file system.
_KEPT_SECONDS: Final = 90 * 24 * 60 * 60
_WAIT_SECONDS: Final = 10
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS positions (
        server TEXT NOT NULL,
        file TEXT NOT NULL,
        path TEXT NOT NULL,
        position BLOB NOT NULL,
        finished INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        PRIMARY KEY (server, file)
    )
"""

Identity = tuple[int, int]
"""Device and inode of a file: the same under any name."""


class Position(msgspec.Struct, frozen=True):
    """A place in a file; all logs of the lines before it are acked.

    Attributes:
        offset: bytes of its text before, to the start of a line.
        number: lines before.
        encoding: what was judged of its text.
        begin_size: bytes at its beginning by which it is known again.
        begin_hash: what `hash_of` gave for those.
    """

    offset: int
    number: int
    encoding: str | None
    begin_size: int
    begin_hash: str

    def fits(self, begin: bytes) -> bool:
        """Return whether it is a place in a file that begins like this, by BEGIN_BYTES."""
        return hash_of(begin[: self.begin_size]) == self.begin_hash


class Kept(msgspec.Struct, frozen=True):
    """What is kept of a file.

    Attributes:
        identity: of the file.
        path: by which it is followed.
        position: up to which its logs are acked.
        finished: whether it was read to its end, and has lost its name.
    """

    identity: Identity
    path: Path
    position: Position
    finished: bool


_decode: Final = msgspec.msgpack.Decoder(Position).decode
_encode: Final = msgspec.msgpack.Encoder().encode


def hash_of(begin: bytes) -> str:
    """Return what tells a beginning from others."""
    return blake2b(begin, digest_size=16).hexdigest()


def default_folder() -> Path:
    """Return where programs keep what they must know after a restart, by the XDG rules."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local/state") / "waterline"


class Positions:
    """The positions of files that are sent to one server; several processes may keep theirs."""

    def __init__(self, folder: Path, server: str) -> None:
        """Open the file in a folder, which is made if it is missing.

        Args:
            folder: where it lies.
            server: address of the server that acks.

        Raises:
            UsageError: it cannot be opened.
        """
        self._path = folder / "positions.db"
        self._server = server
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be made: {error.strerror}; name another with --state"
            ) from error
        with self._explained():
            self._database = sqlite3.connect(self._path, timeout=_WAIT_SECONDS)
            with self._database:
                self._database.execute(_SCHEMA)
                self._database.execute(
                    "DELETE FROM positions WHERE changed < ?", [int(time.time()) - _KEPT_SECONDS]
                )

    def of(self, identity: Identity) -> Position | None:
        """Return what is kept of a file; None if it is new."""
        with self._explained():
            row = self._database.execute(
                "SELECT position FROM positions WHERE server = ? AND file = ?",
                [self._server, _key(identity)],
            ).fetchone()
        return None if row is None else _decode(row[0])

    def unfinished(self, path: Path) -> list[Kept]:
        """Return the files that were followed by a path and not read to their end, as known."""
        with self._explained():
            rows = self._database.execute(
                "SELECT file, position FROM positions "
                "WHERE server = ? AND path = ? AND NOT finished ORDER BY changed",
                [self._server, str(path)],
            ).fetchall()
        return [
            Kept((int(device), int(inode)), path, _decode(position), finished=False)
            for file, position in rows
            for device, _, inode in [file.partition(":")]
        ]

    def keep(self, files: Iterable[Kept]) -> None:
        """Write positions, all or none; they outlast a crash."""
        now = int(time.time())
        rows = [
            (self._server, _key(each.identity), str(each.path), _encode(each.position),
             each.finished, now)
            for each in files
        ]  # fmt: skip
        with self._explained(), self._database:
            self._database.executemany("REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise UsageError(
                f"positions cannot be kept in {self._path}: {error}; remove the file to begin "
                "anew, as what is stored is not stored twice, or name a folder with --state"
            ) from error


def _key(identity: Identity) -> str:
    return f"{identity[0]}:{identity[1]}"

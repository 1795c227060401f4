"""The file cache.db: opened when needed, replaced when damaged; questions never fail with it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import apsw

from waterline.errors import DamagedCache, DataFolderError
from waterline.storage.schema import Schema
from waterline.storage.sqlite import open_writer, sqlite_errors, transaction
from workbench.query.cache.entries import DamagedEntry
from workbench.query.progress import warn_of

CACHE: Final = Schema(
    application_id=0x574C_4341,  # "WLCA"
    steps=(
        """
        CREATE TABLE log_cache (            -- one row an answer; it is never changed
            id TEXT PRIMARY KEY,            -- SHA-256 of the question with its since
            question TEXT NOT NULL,         -- SHA-256 of the question without its since
            since INTEGER NOT NULL,         -- it holds all logs of the question from here on
            log_type TEXT NOT NULL,         -- those that were asked for, or *
            incarnation TEXT NOT NULL,
            pruned INTEGER NOT NULL,        -- batches that were gone
            rows INTEGER NOT NULL,
            created_at INTEGER NOT NULL,    -- milliseconds UTC, as all times here
            expires_at INTEGER NOT NULL,
            data BLOB NOT NULL              -- an Arrow stream
        ) STRICT;
        CREATE INDEX log_cache_question ON log_cache (question, since);

        CREATE TABLE log_cache_state (      -- apart, for a change there would write data again
            id TEXT PRIMARY KEY,
            last_seq INTEGER NOT NULL,      -- it holds all logs of the question up to here
            last TEXT NOT NULL,             -- the log that has it, or its batch
            last_used_at INTEGER NOT NULL,
            hits INTEGER NOT NULL,
            checksum INTEGER NOT NULL       -- CRC-32 of the answer and all it is known by
        ) STRICT;

        CREATE TABLE query_duration (       -- the last questions
            id INTEGER PRIMARY KEY,
            timestamp INTEGER NOT NULL,     -- when it was answered
            milliseconds REAL NOT NULL,
            rows INTEGER NOT NULL,
            outcome TEXT NOT NULL           -- hit, merged or miss
        ) STRICT;
        """,
    ),
)


# Milliseconds to wait for another writer: an answer must not wait for its being kept.
_BUSY_MS: Final = 1_000

# What SQLite says of damage; and what it comes to where the schema or a text is hit, as our
# statements are sound.
_DAMAGED: Final = (apsw.NotADBError, apsw.CorruptError)
_DAMAGES: Final = (DamagedEntry, apsw.Error, UnicodeDecodeError)

_Result = TypeVar("_Result")


class CacheFile:
    """A cache.db, which several threads and processes may use at once.

    A fault of the file never keeps an answer from an analyst.

    Args:
        path: the file, created when first needed.

    Attributes:
        fault: reason why it could not be used; None after the next successful change.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault: str | None = None
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._inode: int | None = None

    def look(self, read: Callable[[apsw.Connection], _Result]) -> _Result | None:
        """Return what a function reads from the file; None if it cannot be used.

        Warns:
            DamagedCache: the file was damaged; it is put aside, and created anew when next needed.
        """
        with self._lock:
            try:
                connection = self._opened()
                with sqlite_errors(self.path):
                    return read(connection)
            except (DataFolderError, *_DAMAGES) as error:
                self.fault = str(error)
                if not isinstance(error, _DAMAGES) and not isinstance(error.__cause__, _DAMAGED):
                    return None
                self._put_aside()
        warn_of(f"{self.path} was damaged and is put aside; answers are kept anew", DamagedCache)
        return None

    def change(self, work: Callable[[apsw.Connection], _Result]) -> _Result | None:
        """Change the file in one transaction; None if it cannot be used.

        Warns:
            DamagedCache: the file was damaged; it is put aside, and created anew when next needed.
        """

        def at_once(connection: apsw.Connection) -> _Result:
            with transaction(connection):
                result = work(connection)
            self.fault = None
            return result

        return self.look(at_once)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        with self._lock:
            self._close()

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            self._inode = self._present_inode()  # of a file that may turn out to be damaged
            self._connection = open_writer(self.path, CACHE, "NORMAL")
            self._connection.set_busy_timeout(_BUSY_MS)
            self._inode = self._present_inode()
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _put_aside(self) -> None:
        self._close()
        # Another process may have replaced it already.
        if self._present_inode() != self._inode:
            return
        try:
            self.path.rename(self.path.with_name(f"{self.path.name}.damaged"))
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            self.fault = f"{self.path} is damaged and cannot be put aside: {error.strerror}"

    def _present_inode(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except OSError:
            return None

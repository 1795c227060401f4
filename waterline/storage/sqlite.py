"""Connections that write: the SQLite build, pragmas, migrations, and errors in our words."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import apsw

from waterline.errors import DataFolderError
from waterline.storage.folder import PRIVATE_FILE, sync_folder
from waterline.storage.frozen import Opening, opening
from waterline.storage.schema import Schema

# Earlier ones can lose committed pages at a checkpoint: sqlite.org/wal.html#walresetbug
OLDEST_WRITER: Final = 3_051_003
# The WAL is cut back to this after a checkpoint, so that a burst does not keep its space.
WAL_SIZE_LIMIT: Final = 64 * 2**20
# With less than this there is not even room for what SQLite keeps beside a database.
LEAST_ROOM: Final = 2**16
# Pages in the WAL before they go to the database: 32 MB. Ids in no order touch the same index pages
# again and again, which are then written there once; measured, a quarter more rows a second.
CHECKPOINT_PAGES: Final = 8_000
# Another process (a backup, an archive run) holds the write lock for moments only. SQLite's own
# way to wait sleeps longer and longer: beside an archive run that makes some acks 80 ms late.
BUSY_STEP_SECONDS: Final = 0.0005
BUSY_STEPS: Final = 20_000  # 10 s at least
# A reader in WAL mode waits for nobody but one who recovers the file.
READER_TIMEOUT_MS: Final = 1_000

Synchronous = Literal["FULL", "NORMAL"]


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Translate what SQLite says about a file into one sentence.

    Raises:
        DataFolderError: SQLite could not open, read or write the file.
    """
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DataFolderError(
            f"{path} is damaged or no database ({error}); put it aside and restore a copy"
        ) from error
    except apsw.CantOpenError as error:
        raise DataFolderError(
            f"{path} cannot be opened: {error}; check the rights on its folder"
        ) from error
    except apsw.ReadOnlyError as error:
        raise DataFolderError(
            f"{path} cannot be written: {error}; check the rights on it and its folder"
        ) from error
    except apsw.FullError as error:
        raise DataFolderError(
            f"{path} cannot be written: {error}; make room on its disk"
        ) from error
    except apsw.IOError as error:
        # SQLite says no more where what it keeps beside the database finds no room.
        advice = "make room on its disk" if _is_full(path.parent) else "check its disk"
        raise DataFolderError(f"{path} cannot be read or written: {error}; {advice}") from error
    except apsw.BusyError as error:
        raise DataFolderError(f"{path} is held by another process; stop it first") from error


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < LEAST_ROOM
    except OSError:
        return False


def open_writer(path: Path, schema: Schema, synchronous: Synchronous) -> apsw.Connection:
    """Open a database for writing, made or brought to the present version where needed.

    Args:
        path: the database file; made where it is missing.
        schema: the tables it is to have.
        synchronous: FULL makes every commit durable; NORMAL may lose the last at a power cut.

    Raises:
        NewerSchema: a later Waterline made it.
        DataFolderError: the file is not ours, or cannot be opened or written.
    """
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_WRITER:
        raise DataFolderError(
            f"SQLite {apsw.sqlite_lib_version()} can lose data in WAL mode; "
            "install apsw 3.51.3 or later"
        )
    _make_private(path)
    with sqlite_errors(path):
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_handler(_wait)
            is_new = connection.pragma("page_count") == 0
            if is_new:
                # Only takes effect before the file has a page, so before WAL.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # Before WAL mode, which would change another program's file.
            _check_origin(connection, schema, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_SIZE_LIMIT}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            _migrate(connection, schema)
        except BaseException:
            connection.close()
            raise
        if is_new:
            sync_folder(path.parent)
        return connection


def open_reader(path: Path) -> apsw.Connection:
    """Open a database that is there for reading only, beside whoever writes it.

    Raises:
        DataFolderError: it cannot be opened.
    """
    return _open(opening(path))


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """Open a database for one short look at it, and see that nobody came to write it unseen.

    Raises:
        DataFolderError: it cannot be opened or read.
    """
    look = opening(path)
    with closing(_open(look)) as connection, sqlite_errors(path):
        yield connection
    look.check()


def _open(look: Opening) -> apsw.Connection:
    with sqlite_errors(look.path):
        connection = apsw.Connection(
            look.uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
    connection.set_busy_timeout(READER_TIMEOUT_MS)
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Commit what is done inside, all of it or, when anything fails, nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite has rolled back by itself after some errors, not after others.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def one_moment(connection: apsw.Connection) -> Iterator[None]:
    """Let all that is read inside be of one moment; keep it short, as it holds the WAL back."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _make_private(path: Path) -> None:
    """Make a database that is missing, for us alone; its -wal and -shm get the same mode."""
    # Not one that is there: closing it would drop the locks that a connection of ours holds. What
    # goes wrong here does so again with SQLite, which is told.
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))


def _wait(steps: int) -> bool:
    """Wait a step for a lock; say whether to try again."""
    time.sleep(BUSY_STEP_SECONDS)
    return steps < BUSY_STEPS


def _check_origin(connection: apsw.Connection, schema: Schema, path: Path) -> None:
    """See that a database is ours, or has nothing in it yet."""
    application_id = connection.pragma("application_id")
    version = connection.pragma("user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application_id or version or tables:
        schema.check(path, application_id, version)


def _migrate(connection: apsw.Connection, schema: Schema) -> None:
    """Take the steps that a database lacks, all at once: readers see it before or after."""
    if connection.pragma("user_version") == schema.version:
        return
    with transaction(connection):
        for step in schema.steps[connection.pragma("user_version") :]:
            connection.execute(step)
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {schema.version}")

"""SQLite connections: pragmas, migrations, transactions, and errors as sentences."""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version as version_of_package
from pathlib import Path
from typing import Final, Literal, cast

import apsw

from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.storage.copies import copy_database, make_private, refuse_without_room
from waterline.storage.folder import sync_folder
from waterline.storage.frozen import Opening, opening
from waterline.storage.schema import HAS_HISTORY, MADE_BY, Schema

logger = logging.getLogger(__name__)

# Earlier versions can lose committed pages at a checkpoint: sqlite.org/wal.html#walresetbug
OLDEST_WRITER: Final = 3_051_003
# Bytes. A checkpoint cuts the WAL back to this, so that a burst does not keep its space.
WAL_SIZE_LIMIT: Final = 64 * 2**20
# Bytes. With less free space there is no room even for the files beside a database.
LEAST_ROOM: Final = 2**16
# Pages in the WAL before a checkpoint: 32 MB. Random ids touch the same index pages again and
# again, and a checkpoint writes each once. Measured: a quarter more rows a second.
CHECKPOINT_PAGES: Final = 8_000
# Other processes (a backup, an archive run) hold the write lock for moments only. SQLite's own busy
# handler sleeps longer and longer, which makes some acks 80 ms late beside an archive run.
BUSY_STEP_SECONDS: Final = 0.0005
BUSY_STEPS: Final = 20_000  # 10 s at least
# In WAL mode a reader waits only for a recovery of the file.
READER_TIMEOUT_MS: Final = 1_000

Synchronous = Literal["FULL", "NORMAL"]


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Translate errors of SQLite into one sentence.

    Args:
        path: the database, for errors.

    Raises:
        DataFolderError: SQLite cannot open, read or write the file.
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
        # SQLite gives no other error if the files beside the database find no room.
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
    """Open a database for writing, and create it or bring it forward if needed.

    Before a file of an earlier schema version is brought forward, it is copied beside itself.

    Args:
        path: the database.
        schema: its schema.
        synchronous: FULL makes every commit durable; NORMAL may lose the last in a power cut.

    Raises:
        NewerSchema: a later Waterline wrote the database.
        DataFolderError: the file is foreign, or cannot be opened or written.
    """
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_WRITER:
        raise DataFolderError(
            f"SQLite {apsw.sqlite_lib_version()} can lose data in WAL mode; "
            "install apsw 3.51.3 or later"
        )
    make_private(path)
    with sqlite_errors(path):
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_handler(_wait)
            is_new = connection.pragma("page_count") == 0
            if is_new:
                # Takes effect only before the first page, so before WAL mode.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # Before WAL mode, which would change a foreign file.
            _check_origin(connection, schema, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_SIZE_LIMIT}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            _bring_forward(connection, schema, path)
        except BaseException:
            connection.close()
            raise
        if is_new:
            sync_folder(path.parent)
        return connection


def open_reader(path: Path) -> apsw.Connection:
    """Open an existing database for reading, beside its writer.

    Raises:
        DataFolderError: the database cannot be opened.
    """
    return open_as(opening(path))


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """Open a database for one short read, and check that no unseen writer changed it.

    Raises:
        DataFolderError: the database cannot be opened or read.
    """
    look = opening(path)
    with closing(open_as(look)) as connection, sqlite_errors(path):
        yield connection
    look.check()


def open_as(look: Opening) -> apsw.Connection:
    """Open a database for reading, in a way that was chosen.

    Raises:
        DataFolderError: the database cannot be opened.
    """
    with sqlite_errors(look.path):
        connection = apsw.Connection(
            look.uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
    connection.set_busy_timeout(READER_TIMEOUT_MS)
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Run a block as one transaction, rolled back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite rolls back by itself after some errors only.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def one_moment(connection: apsw.Connection) -> Iterator[None]:
    """Read a consistent snapshot inside the block; keep it short, as it holds back the WAL."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _wait(steps: int) -> bool:
    """Wait one step for a lock; return whether to try again."""
    time.sleep(BUSY_STEP_SECONDS)
    return steps < BUSY_STEPS


def made_by(connection: apsw.Connection) -> str | None:
    """Return the version of Waterline that made a database; None if it does not say."""
    if connection.execute(HAS_HISTORY).get is None:
        return None
    return cast("str | None", connection.execute(MADE_BY).get)


def _check_origin(connection: apsw.Connection, schema: Schema, path: Path) -> None:
    """Refuse a foreign database; an empty one passes."""
    application_id = connection.pragma("application_id")
    version = connection.pragma("user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application_id or version or tables:
        schema.check(path, application_id, version, lambda: made_by(connection))


def _bring_forward(connection: apsw.Connection, schema: Schema, path: Path) -> None:
    """Apply the missing steps in one transaction, after a copy of the file as it was."""
    before = connection.pragma("user_version")
    if before == schema.version:
        return
    if before:
        kept = path.with_name(f"{path.name}.schema-{before}")
        refuse_without_room(
            path, f"a copy of it before it goes from schema version {before} to {schema.version}"
        )
        copy_database(connection, kept)
        logger.warning(
            "%s goes from schema version %d to %d; as it was it is kept as %s, to be removed when "
            "you like",
            path,
            before,
            schema.version,
            kept.name,
        )
    with transaction(connection):
        for step in schema.steps[before:]:
            connection.execute(step)
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {schema.version}")
        if connection.execute(HAS_HISTORY).get is not None:
            connection.execute(
                "INSERT OR REPLACE INTO schema_history VALUES (?, ?, ?)",
                (schema.version, version_of_package("waterline"), now_ms()),
            )

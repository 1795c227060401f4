"""Detection of a rolled-back logs.db, by files that know of later logs."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.errors import DataFolderError
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, reading, sqlite_errors
from waterline.storage.watermark import read_position, read_watermark, renew_incarnation

logger = logging.getLogger(__name__)

# Table and query for the highest counted seq of an incarnation.
_METRICS: Final = (
    "progress",
    "SELECT counted_through FROM progress WHERE incarnation = ?",
)
_EVER_COUNTED: Final = ("progress", "SELECT max(counted_through) FROM progress")
_CACHE: Final = (
    "log_cache_state",
    "SELECT max(last_seq) FROM log_cache_state JOIN log_cache USING (id) WHERE incarnation = ?",
)


def renew_changed_past(folder: DataFolder) -> list[str]:
    """Set a new incarnation if logs.db ends before the logs that other files know.

    Then it is a restored backup, or its last commits were lost with its WAL. New logs will reuse
    the lost seqs, so earlier pins must become invalid.

    Args:
        folder: the data folder; the caller is its one server and has not begun to write.

    Returns:
        One sentence about the rollback, which is logged too; nothing without one.

    Raises:
        DataFolderError: logs.db or metrics.db cannot be read or written.
    """
    with closing(open_writer(folder.logs, LOGS, "FULL")) as logs, sqlite_errors(folder.logs):
        last_seq, incarnation = read_position(logs).last_seq, read_watermark(logs).incarnation
        for path, seq in _counted(folder, incarnation):
            if seq > last_seq:
                renew_incarnation(logs)
                found = (
                    f"{folder.logs} ends at seq {last_seq}, and {path} knows of logs up to {seq}: "
                    "it is an older copy, such as a backup, or its last commits were lost; "
                    "earlier pins are refused from now on"
                )
                logger.warning(found)
                return [found]
    return []


def refuse_lost_logs(folder: DataFolder) -> None:
    """Refuse to start with an empty logs.db in a folder that has lost its own.

    Such a server would look healthy, and nobody would notice the loss.

    Raises:
        DataFolderError: logs.db is missing beside archives or counted logs.
    """
    folder.refuse_lost_logs()
    if file_size(folder.logs):
        return
    try:
        counted = _ask(folder.metrics, *_EVER_COUNTED)
    except DataFolderError:
        return  # it proves nothing; what needs it says what is wrong with it
    if counted:
        raise DataFolderError(
            f"{folder.logs} is missing, and {folder.metrics} has counted logs up to seq {counted}; "
            "put logs.db back, or move metrics.db away to begin anew without those logs"
        )


def _counted(folder: DataFolder, incarnation: str) -> Iterator[tuple[Path, int]]:
    """Yield files and the highest seq of an incarnation that each knows."""
    for path, asked in ((folder.metrics, _METRICS), (folder.cache, _CACHE)):
        try:
            seq = _ask(path, *asked, incarnation)
        except DataFolderError:
            continue  # it proves nothing; what needs it says what is wrong with it
        if seq is not None:
            yield path, seq


def _ask(path: Path, table: str, statement: str, *bindings: str) -> int | None:
    if not path.exists():
        return None
    with reading(path) as connection:
        try:
            if not connection.table_exists("main", table):
                return None
            return cast("int | None", connection.execute(statement, bindings).get)
        except apsw.SQLError as error:
            raise DataFolderError(f"{path} has other tables than expected: {error}") from error

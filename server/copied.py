"""Detection of a data folder that was copied while its server ran.

A running server leaves a mark that names the inode of its logs.db, and removes it when it has
stopped. After a crash the mark is there and is right; in a copy it names another file.
"""

import logging
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import apsw
import msgspec

from waterline.archive.files import Files
from waterline.errors import ArchiveError, DataFolderError
from waterline.metrics.rollup_store import RollupStore
from waterline.storage.folder import DataFolder
from waterline.storage.integrity import faults_in
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors
from waterline.storage.watermark import read_watermark, renew_incarnation

logger = logging.getLogger(__name__)

_NAME: Final = "serving.json"


class _Mark(msgspec.Struct, frozen=True):
    """Content of `serving.json`."""

    logs_inode: int


_decode: Final = msgspec.json.Decoder(_Mark).decode


def mark_serving(folder: DataFolder) -> None:
    """Leave the mark of a running server, where the disk takes it.

    Raises:
        OSError: logs.db is missing.
    """
    mark = _Mark(folder.logs.stat().st_ino)
    # A server that makes room must start on a full disk; a copy is not recognised then.
    with suppress(ArchiveError):
        Files().publish(folder.path / _NAME, msgspec.json.encode(mark) + b"\n")


def unmark_serving(folder: DataFolder) -> None:
    """Remove the mark of a server that has stopped in order."""
    (folder.path / _NAME).unlink(missing_ok=True)


def check_copy(folder: DataFolder) -> list[str]:
    """Check a folder that was copied while its server ran, and set a new incarnation.

    Its files are of different moments, so its databases are read as a whole. The original may go
    on elsewhere, so that pins of one must not be taken for those of the other.

    Args:
        folder: the data folder; the caller is its one server and has not begun to write.

    Returns:
        One sentence about the copy, which is logged too; nothing if it is none.

    Raises:
        DataFolderError: a database is damaged.
    """
    if not _is_copy(folder):
        return []
    logger.warning(
        "logs.db of %s is another file than its last server had; it is checked", folder.path
    )
    for path in (folder.logs, folder.metrics):
        _check(folder, path)
    with closing(open_writer(folder.logs, LOGS, "FULL")) as logs, sqlite_errors(folder.logs):
        before = read_watermark(logs).incarnation
        renew_incarnation(logs)
        after = read_watermark(logs).incarnation
    if folder.metrics.exists():
        with closing(RollupStore(folder.metrics)) as measurements:
            measurements.rename_incarnation(before, after)
    found = (
        f"{folder.path} is a copy that was made while its server ran, or its logs.db was replaced: "
        "logs may be missing, and earlier pins are refused from now on; `waterline backup` copies "
        "a running folder as of one moment"
    )
    logger.warning("%s", found)
    return [found]


def _is_copy(folder: DataFolder) -> bool:
    try:
        mark = _decode((folder.path / _NAME).read_bytes())
        return folder.logs.stat().st_ino != mark.logs_inode
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    except OSError as error:
        raise DataFolderError(f"{folder.path} cannot be read: {error.strerror}") from error


def _check(folder: DataFolder, path: Path) -> None:
    if not path.exists():
        return
    with sqlite_errors(path), closing(apsw.Connection(str(path))) as connection:
        try:
            faults = faults_in(connection)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            faults = [str(error)]
    if faults:
        raise DataFolderError(
            f"{folder.path} is a copy that was made while its server ran, and {path.name} in it is "
            f"damaged: {faults[0].splitlines()[-1]}; copy it again from a server that has stopped, "
            "or restore a backup: waterline restore"
        )

"""Target folder of a restore: its origin and its catalog."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import apsw
import msgspec

from waterline.archive.files import Files, unfinished_name
from waterline.archive.jobs.tidy import publish_manifests, tidy
from waterline.errors import ArchiveError, DataFolderError, UsageError
from waterline.storage.catalog import ArchivedBatch, add_batches, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, sqlite_errors, transaction
from waterline.storage.watermark import read_watermark, renew_incarnation

NAME: Final = "restore.json"
"""File in the restored folder that names source and filter."""
VERSION: Final = "1.0"


class Origin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Content of `restore.json`: source and filter. Times are milliseconds UTC."""

    version: str = VERSION
    folder_id: str
    incarnation: str
    since: int | None
    until: int | None
    types: list[str] | None
    sources: list[str] | None


_decode: Final = msgspec.json.Decoder(Origin).decode


class RestoredFolder:
    """Target folder of a restore; the caller holds its locks for changes.

    Args:
        folder: the target folder.
        files: file operations.
    """

    def __init__(self, folder: DataFolder, files: Files) -> None:
        self._folder = folder
        self._files = files
        self._path = folder.path / NAME

    def is_begun(self, origin: Origin) -> bool:
        """Return whether the same restore was begun there.

        Raises:
            UsageError: the folder holds something else.
        """
        target, path = self._folder, self._path
        if path.exists():
            if _origin_in(self._files.read(path), path) != origin:
                raise UsageError(
                    f"{target.path} was restored from other logs, or with another range or "
                    "filter; name a new folder with --into"
                )
            return True
        ours = {target.server_lock.name, target.archive_lock.name, unfinished_name(path).name}
        if any(name not in ours for name in _names(target.path)):
            raise UsageError(
                f"{target.path} holds other files than a restore's; name a new folder with --into"
            )
        return False

    def begin(self, origin: Origin) -> None:
        """Write `restore.json`."""
        self._files.publish(self._path, _text(origin))

    def give_up(self) -> None:
        """Remove `restore.json`, as there was nothing to restore."""
        self._files.remove(self._path)

    def held(self, catalog: Iterable[ArchivedBatch]) -> dict[int, ArchivedBatch]:
        """Return the catalog of the target by number.

        Args:
            catalog: the catalog of the source.

        Raises:
            UsageError: the target has logs that are not of the source.
        """
        if not self._folder.logs.exists():
            return {}
        with (
            closing(open_writer(self._folder.logs, LOGS, "FULL")) as connection,
            sqlite_errors(self._folder.logs),
        ):
            has_own = connection.execute("SELECT EXISTS (SELECT 1 FROM logs)").get
            held = {each.batch: each for each in read_batches(connection)}
        origins = {each.batch: each for each in catalog}
        if has_own or not all(_is_of(each, origins.get(each.batch)) for each in held.values()):
            raise UsageError(
                f"{self._folder.path} has taken in logs of its own since it was restored; "
                "name a new folder with --into"
            )
        return held

    def record(
        self, batches: list[ArchivedBatch], held: Mapping[int, ArchivedBatch]
    ) -> list[ArchivedBatch]:
        """Record batches whose files are written; return the whole catalog.

        Args:
            batches: the rows to record.
            held: the rows recorded already, by number.

        Raises:
            ArchiveError: a file cannot be written.
            DataFolderError: logs.db cannot be written.
        """
        if not self._folder.logs.exists():
            self._publish_database(batches)
            held = {each.batch: each for each in batches}
        with (
            closing(open_writer(self._folder.logs, LOGS, "FULL")) as connection,
            sqlite_errors(self._folder.logs),
        ):
            _amend(connection, batches, held)
            publish_manifests(self._folder, connection, self._files)
            tidy(self._folder, connection, self._files)
            return read_batches(connection)

    def _publish_database(self, batches: list[ArchivedBatch]) -> None:
        """Make logs.db elsewhere and publish it with all batches."""
        content = _database(batches)
        for suffix in ("-wal", "-shm"):
            # Left by a removed database; SQLite would apply it to the new one.
            self._files.remove(Path(f"{self._folder.logs}{suffix}"))
        self._files.publish(self._folder.logs, content)
        if self._files.read(self._folder.logs) != content:
            self._files.remove(self._folder.logs)
            raise ArchiveError(
                f"{self._folder.logs} does not hold what was written to it; check its disk and run "
                "the command again"
            )


def _database(batches: list[ArchivedBatch]) -> bytes:
    """Return the bytes of a logs.db with these batches and no logs."""
    try:
        with TemporaryDirectory() as elsewhere:
            path = Path(elsewhere) / "logs.db"
            with closing(open_writer(path, LOGS, "FULL")) as connection, sqlite_errors(path):
                _amend(connection, batches, {})
            return path.read_bytes()
    except OSError as error:
        raise DataFolderError(
            f"no temporary file can be written: {error.strerror}; make room, or set TMPDIR"
        ) from error


def _amend(
    connection: apsw.Connection,
    batches: list[ArchivedBatch],
    held: Mapping[int, ArchivedBatch],
) -> None:
    """Update a catalog: the watermark first, so that no batch lies above it.

    Args:
        connection: a connection that writes logs.db.
        batches: the rows to record.
        held: the rows recorded already, by number.
    """
    new = [each for each in batches if each.batch not in held]
    changed = [each for each in batches if each.batch in held and held[each.batch] != each]
    if new:
        before = read_watermark(connection).archived_through
        with transaction(connection):
            connection.execute(
                "UPDATE seam SET archived_through = ?",
                (max(before, *(each.last_seq for each in new)),),
            )
            if min(each.first_seq for each in new) <= before:
                # Answers pinned to the earlier state would differ now.
                renew_incarnation(connection)
        add_batches(connection, new)
    if changed:
        change_batches(connection, changed)


def _is_of(held: ArchivedBatch, origin: ArchivedBatch | None) -> bool:
    """Return whether a batch of the target is one of the source, or a part of it."""
    return origin is not None and (
        origin.archived_at == held.archived_at
        and origin.first_seq <= held.first_seq <= held.last_seq <= origin.last_seq
    )


def _text(origin: Origin) -> bytes:
    return msgspec.json.format(msgspec.json.encode(origin), indent=2) + b"\n"


def _origin_in(content: bytes, path: Path) -> Origin:
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} does not say what was restored there; name a new folder with --into"
        ) from error


def _names(path: Path) -> list[str]:
    """Return the names in a folder; none if the folder is missing."""
    if not path.is_dir():
        return []
    try:
        return [each.name for each in path.iterdir()]
    except OSError as error:
        raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error

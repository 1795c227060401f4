"""Backup of a data folder whose server may run: one moment of it, and only what is new."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

from waterline.archive.catalog import read_catalog
from waterline.archive.files import Buffer
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader
from waterline.backup.blocks import store_database
from waterline.backup.hot_segments import Archived, HotRange, new_segments, reusable
from waterline.backup.last import LastBackup, absolute, write_last
from waterline.backup.record import DatabaseCopy, Record, file_of, is_local, moment_of
from waterline.backup.repository import Repository
from waterline.clock import now_ms
from waterline.errors import ArchiveError, DataFolderError, UsageError
from waterline.settings.model import FILE_NAME
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.copies import copy_database
from waterline.storage.folder import BackupLock, DataFolder
from waterline.storage.sqlite import one_moment, open_reader, reading, sqlite_errors
from waterline.storage.watermark import Watermark, read_position, read_watermark
from waterline.units import counted

# Attempts; each fails only if an archive job came between two steps.
_ATTEMPTS: Final = 10
# Lost files that are named each.
_MOST_TOLD: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Result of a backup. Sizes are bytes."""

    record: Record
    new_files: int
    """Number of files written; the others were there already."""
    size: int
    """Bytes written."""
    removed: int
    """Number of earlier backups that went."""
    warnings: list[str]
    """A sentence for each thing that is wrong with earlier backups. This one is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What logs.db says of itself in one transaction."""

    taken_at: int
    watermark: Watermark
    last_seq: int
    hot_rows: int
    batches: list[ArchivedBatch]
    gaps: list[tuple[int, int, int]]


class BackupJob:
    """One backup.

    Args:
        folder: the data folder; its server and archive jobs may run.
        repository: the backups that this one joins.
        dedupe_window: for how long archived logs are recognised, milliseconds.
        keep: how many backups stay, this one included; None is all.
        clock: returns milliseconds UTC.
        progress: called with the files done and the total.
    """

    def __init__(
        self,
        folder: DataFolder,
        repository: Repository,
        *,
        dedupe_window: int,
        keep: int | None = None,
        clock: Callable[[], int] = now_ms,
        progress: Progress = silent,
    ) -> None:
        self._folder = folder
        self._repository = repository
        self._dedupe_window = dedupe_window
        self._keep = keep
        self._clock = clock
        self._progress = progress
        self._reader = BatchReader(folder)
        self._there: set[str] = set()
        self._last_named = 0
        self._warnings: list[str] = []
        self._new_files = 0
        self._size = 0

    def run(self) -> Taken:
        """Take the backup, then let earlier ones go.

        Raises:
            UsageError: the place holds something else, or is inside the data folder.
            BackupInUse: another backup of the folder is under way.
            ArchiveError: the place cannot be read or written, or an archive job keeps coming
                between. What was written is of use to the next backup.
            DataFolderError: the data folder cannot be read.
        """
        place = self._repository.path
        if place is not None and place.is_relative_to(self._folder.path.resolve()):
            raise UsageError(
                f"{place} is inside the data folder, and would be lost with it; name a place for "
                "backups elsewhere"
            )
        folder_id = read_catalog(self._folder)[0].folder_id
        with BackupLock(self._folder):
            known = self._begin(folder_id)
            # First: measurements that lag behind the logs are completed at the next start, and
            # those of logs that are not there would stay wrong.
            metrics = self._store_metrics(known)
            record = self._store_logs(known, metrics)
            self._size += self._repository.add(record)
            removed = 0 if self._keep is None else self._repository.keep(self._keep)
            write_last(
                self._folder,
                LastBackup(
                    place=absolute(str(self._repository)),
                    name=record.name,
                    taken_at=record.taken_at,
                    logs=record.rows,
                    size=self._size,
                    lacks=len(record.lacks),
                ),
            )
        return Taken(
            record=record,
            new_files=self._new_files,
            size=self._size,
            removed=removed,
            warnings=self._warnings,
        )

    def _begin(self, folder_id: str) -> Record | None:
        """Return the newest backup that is there already, as far as its files are."""
        there = self._repository.begin(folder_id)
        names = self._repository.names()
        self._last_named = moment_of(names[-1]) if names else 0
        if self._last_named > self._clock():
            self._warnings.append(
                f"the backup {names[-1]} in {self._repository} is named by a time to come, as the "
                "clock is or was wrong; this one is named after it, so that it counts as the newest"
            )
        known = self._repository.newest(self._warnings.append)
        if known is None:
            return None
        holds = known.files()
        lost = {each for each, size in known.sizes().items() if there.get(each) != size}
        self._warnings += [
            f"{self._repository}/{file_of(each)}, with {holds[each]}, "
            f"{'has another size' if each in there else 'is missing'}; this backup has it anew, "
            "and earlier ones lack it: check the disk, and try them with --verify --at NAME"
            for each in sorted(lost)[:_MOST_TOLD]
        ]
        if len(lost) > _MOST_TOLD:
            self._warnings.append(f"likewise {counted(len(lost) - _MOST_TOLD, 'more file')}")
        self._there = {*holds} - lost
        return known.without(lost)

    def _store_metrics(self, known: Record | None) -> DatabaseCopy | None:
        if not self._folder.metrics.exists():
            return None
        try:
            with TemporaryDirectory(dir=self._folder.path, prefix=".backup-") as elsewhere:
                copy = Path(elsewhere) / self._folder.metrics.name
                with (
                    closing(open_reader(self._folder.metrics)) as connection,
                    sqlite_errors(self._folder.metrics),
                ):
                    copy_database(connection, copy)
                return store_database(
                    copy, None if known is None else known.metrics, self._add_file
                )
        except OSError as error:
            raise DataFolderError(
                f"{self._folder.path} cannot be written, where measurements are copied for a "
                f"moment: {error.strerror}; make room"
            ) from error

    def _store_logs(self, known: Record | None, metrics: DatabaseCopy | None) -> Record:
        for _ in range(_ATTEMPTS):
            moment = self._read_moment()
            wanted = HotRange(
                folder_id=moment.watermark.folder_id,
                incarnation=moment.watermark.incarnation,
                archived_through=moment.watermark.archived_through,
                last_seq=moment.last_seq,
            )
            hot = reusable(known, wanted)
            after = hot[-1].last_seq if hot else 0
            try:
                hot += new_segments(self._folder, wanted, after, moment.taken_at, self._add_file)
            except Archived:
                continue
            lacks = self._store_batches(moment.batches)
            if lacks and moment.batches != self._read_moment().batches:
                continue  # a job has moved them meanwhile
            return Record(
                waterline=version("waterline"),
                taken_at=moment.taken_at,
                named_at=max(moment.taken_at, self._last_named + 1),
                folder_id=wanted.folder_id,
                incarnation=wanted.incarnation,
                generation=moment.watermark.generation,
                archived_through=wanted.archived_through,
                last_seq=wanted.last_seq,
                dedupe_window=self._dedupe_window,
                batches=moment.batches,
                gaps=moment.gaps,
                hot=hot,
                hot_rows=moment.hot_rows,
                metrics=metrics,
                settings=self._small_files(),
                lacks=lacks,
            )
        raise ArchiveError(
            f"archive jobs moved the logs of {self._folder.path} {_ATTEMPTS} times while they were "
            "backed up; try again when they have ended"
        )

    def _read_moment(self) -> _Moment:
        with reading(self._folder.logs) as connection, one_moment(connection):
            watermark = read_watermark(connection)
            # Before the end of the log is read: all that is acked by then is in it.
            taken_at = self._clock()
            rows = connection.execute(
                "SELECT count(*) FROM logs WHERE seq > ?", (watermark.archived_through,)
            ).get
            gaps = connection.execute(
                "SELECT after, through, missing FROM seq_gaps ORDER BY after"
            ).fetchall()
            return _Moment(
                taken_at=taken_at,
                watermark=watermark,
                last_seq=read_position(connection).last_seq,
                hot_rows=cast("int", rows),
                batches=read_batches(connection),
                gaps=cast("list[tuple[int, int, int]]", gaps),
            )

    def _store_batches(self, batches: list[ArchivedBatch]) -> dict[str, str]:
        """Store the files of batches; tell of each that is missing or damaged, by SHA-256."""
        new = [each for each in batches if is_local(each) and each.sha256 not in self._there]
        lacks = {}
        for done, batch in enumerate(new, 1):
            try:
                content = self._reader.local_content(batch)
            except ArchiveError as error:
                lacks[batch.sha256] = str(error)
            else:
                self._add_file(content)
            self._progress("stored", done, len(new))
        return lacks

    def _small_files(self) -> dict[str, bytes]:
        found = {}
        for path in (self._folder.tokens, self._folder.path / FILE_NAME):
            try:
                found[path.name] = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error
        return found

    def _add_file(self, content: bytes | memoryview | Buffer) -> str:
        # Of Arrow's buffers it has signed bytes, and would equal no others.
        view = memoryview(content).cast("B")
        sha256 = self._repository.add_file(view)
        if sha256 not in self._there:
            self._there.add(sha256)
            self._new_files += 1
            self._size += len(view)
        return sha256

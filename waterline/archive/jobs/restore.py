"""Restore of archived logs into a data folder of their own, with their seqs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from waterline.archive.ahead import read_whole_catalog
from waterline.archive.batch import batch_number, describe_again, label_of
from waterline.archive.batch_formats import decode, encode
from waterline.archive.catalog import read_catalog
from waterline.archive.files import Files
from waterline.archive.jobs.restored_folder import Origin, RestoredFolder
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader, checked, follow
from waterline.archive.selection import Selection
from waterline.encoding import format_named
from waterline.errors import ArchiveError, UsageError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock
from waterline.storage.watermark import Watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Content of a restored folder. Sizes are bytes."""

    batches: list[ArchivedBatch]
    """Catalog of the restored folder, by seq."""
    written: int
    """Number of files written in this run; the others were there already."""
    pruned: int
    """Upper bound of the logs missing because they were pruned."""

    @property
    def logs(self) -> int:
        """Number of logs."""
        return sum(each.rows for each in self.batches)

    @property
    def size(self) -> int:
        """Bytes of the batch files."""
        return sum(each.stored_bytes for each in self.batches)


def restore(
    folder: DataFolder,
    into: Path,
    *,
    since: int | None = None,
    until: int | None = None,
    types: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    files: Files | None = None,
    progress: Progress = silent,
) -> Restored:
    """Restore archived logs into another data folder; a second run completes and repairs it.

    Files are copied first and recorded in one transaction. Until then the folder cannot be opened.
    If no log is selected, no folder is made.

    Args:
        folder: the data folder to read; its server and jobs may run.
        into: the folder to build: new, empty, or of the same restore.
        since: lower bound of `timestamp`, milliseconds UTC, inclusive.
        until: upper bound of `timestamp`, milliseconds UTC, exclusive.
        types: log types to select; None is all.
        sources: sources to select; None is all.
        files: file operations.
        progress: called with the logs done and the total.

    Raises:
        UsageError: `into` holds something else, or overlaps `folder`; nothing was changed.
        ArchiveError: a batch is missing, damaged or was pruned meanwhile, or a file cannot be
            written; files written so far stay for the next run. Or logs.db is older than its
            archives; nothing was changed.
        DataFolderInUse, ArchiveInUse: a server or a job is running on `into`.
        DataFolderError: a folder cannot be read or written.
    """
    wanted = Selection(since=since, until=until, types=_tuple(types), sources=_tuple(sources))
    target = DataFolder(into)
    _check_place(folder, target)
    work = _Work(folder, target, wanted, files or Files(), progress)
    return work.run()


def _tuple(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _check_place(source: DataFolder, target: DataFolder) -> None:
    here, there = source.path.resolve(), target.path.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise UsageError(
            f"{target.path} and the data folder {source.path} lie in each other; "
            "name a folder elsewhere with --into"
        )


def _alone(batch: ArchivedBatch) -> ArchivedBatch:
    """Return a batch whose only copy is local."""
    return replace(batch, uploaded_to=None, uploaded_at=None, local_removed_at=None)


class _Work:
    """One restore."""

    def __init__(
        self,
        source: DataFolder,
        target: DataFolder,
        wanted: Selection,
        files: Files,
        progress: Progress,
    ) -> None:
        self._source = source
        self._target = target
        self._wanted = wanted
        self._files = files
        self._progress = progress
        self._reader = BatchReader(source, files)
        self._restoring = RestoredFolder(target, files)
        self._written = 0

    def run(self) -> Restored:
        """Copy the files, then record them."""
        watermark, catalog = read_whole_catalog(self._source)
        planned = [each for each in catalog if each.is_kept and self._wanted.most(each)]
        origin = self._origin(watermark)
        if not self._restoring.is_begun(origin) and not planned:
            return self._restored([], catalog)
        self._target.create()
        with ServerLock(self._target), ArchiveLock(self._target):
            if not self._restoring.is_begun(origin):
                self._restoring.begin(origin)
            held = self._restoring.held(catalog)
            batches = self._bring(planned, held, watermark.folder_id)
            if batches or held:
                batches = self._restoring.record(batches, held)
            else:
                self._restoring.give_up()
        return self._restored(batches, catalog)

    def _restored(self, batches: list[ArchivedBatch], catalog: Iterable[ArchivedBatch]) -> Restored:
        there = {each.batch for each in batches}
        gone = [each for each in catalog if not each.is_kept and each.batch not in there]
        pruned = sum(map(self._wanted.most, gone))
        return Restored(batches=batches, written=self._written, pruned=pruned)

    def _origin(self, watermark: Watermark) -> Origin:
        wanted = self._wanted
        return Origin(
            folder_id=watermark.folder_id,
            incarnation=watermark.incarnation,
            since=wanted.since,
            until=wanted.until,
            types=None if wanted.types is None else list(wanted.types),
            sources=None if wanted.sources is None else list(wanted.sources),
        )

    def _bring(
        self, planned: list[ArchivedBatch], held: Mapping[int, ArchivedBatch], folder_id: str
    ) -> list[ArchivedBatch]:
        """Write the missing files; return the catalog rows.

        Args:
            planned: batches of the source with selected logs.
            held: batches in the catalog of the target, by number, which no rewrite changes.
            folder_id: id of the source folder.
        """
        batches = []
        done, total = 0, sum(each.rows for each in planned)
        for batch in planned:
            known = held.get(batch.batch)
            if known is not None and not (known.is_kept and known.local_removed_at is None):
                batches.append(known)  # pruned or moved in the target, on purpose
            elif self._wanted.exactly(batch) == batch.rows:
                batches.append(self._bring_whole(batch, known))
            elif part := self._bring_part(batch, known, folder_id):
                batches.append(part)
            done += batch.rows
            self._progress("restored", done, total)
        return batches

    def _bring_whole(self, batch: ArchivedBatch, known: ArchivedBatch | None) -> ArchivedBatch:
        there = _alone(batch)
        if known is not None and (known.sha256 == batch.sha256 or self._is_there(known)):
            there = known
        if not self._is_there(there):
            now, content = follow(batch, self._row_and_content, self._catalog)
            there = there if there.sha256 == now.sha256 else _alone(now)
            self._publish(there, content)
        return there

    def _row_and_content(self, batch: ArchivedBatch) -> tuple[ArchivedBatch, bytes]:
        return batch, self._reader.content(batch)

    def _bring_part(
        self, batch: ArchivedBatch, known: ArchivedBatch | None, folder_id: str
    ) -> ArchivedBatch | None:
        """Write the selected logs of a batch; return its row, or None if there are none."""
        if known is not None and self._is_there(known):
            return known
        if known is None and (found := self._unrecorded(batch)) is not None:
            return found
        logs = self._wanted.of(follow(batch, self._reader.read, self._catalog))
        if not logs.num_rows:
            return None
        encoding = format_named(batch.format).encoding()
        # The label depends on the source alone, so that each run writes the same bytes.
        label = label_of(
            logs, encoding, batch_number(batch.file) or 0, folder_id, batch.archived_at
        )
        content = memoryview(encode(logs, label, encoding))
        part = describe_again(batch, logs, content)
        self._publish(part, content)
        return part

    def _unrecorded(self, batch: ArchivedBatch) -> ArchivedBatch | None:
        """Return the row of a file that an interrupted run left; None if there is no such file."""
        path = self._path(batch)
        if not path.exists():
            return None
        try:
            content = self._files.read(path)
            logs = decode(content, format_named(batch.format)).logs
        except ArchiveError:
            return None
        seqs = logs["seq"]
        is_of = logs.num_rows and seqs[0].as_py() >= batch.first_seq
        is_of = is_of and seqs[-1].as_py() <= batch.last_seq
        if not is_of or self._wanted.of(logs).num_rows < logs.num_rows:
            return None
        return describe_again(batch, logs, content)

    def _is_there(self, batch: ArchivedBatch) -> bool:
        """Return whether the target has the sound file of a batch."""
        path = self._path(batch)
        if not path.exists():
            return False
        try:
            checked(batch, self._files.read(path), str(path))
        except ArchiveError:
            return False
        return True

    def _publish(self, batch: ArchivedBatch, content: bytes | memoryview) -> None:
        path = self._path(batch)
        self._files.publish(path, content)
        checked(batch, self._files.read(path), str(path))
        self._written += 1

    def _path(self, batch: ArchivedBatch) -> Path:
        return self._target.archives / batch.file

    def _catalog(self) -> list[ArchivedBatch]:
        return read_catalog(self._source)[1]

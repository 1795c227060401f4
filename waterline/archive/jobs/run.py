"""The archive job: old logs become verified batch files, and then their rows go."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import apsw

from waterline.archive.files import Files
from waterline.archive.hot_rows import HotRows
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.policy import Policy
from waterline.archive.jobs.prune import finish_pruned_uploads
from waterline.archive.jobs.remove import Removed, RowRemover
from waterline.archive.jobs.tidy import publish_manifests, remove_former_manifests, tidy
from waterline.archive.jobs.upload import Uploaded, Uploader
from waterline.archive.progress import Progress, silent
from waterline.archive.writer import write_batch
from waterline.clock import now_ms
from waterline.storage.catalog import ArchivedBatch, archive_batch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import read_watermark


@dataclass(slots=True)
class Outcome:
    """What a run has done. Sizes are bytes, times are seconds."""

    batches: list[ArchivedBatch] = field(default_factory=list)
    seconds: float = 0.0
    """To read, encode, write, sync, check and record the batches."""
    removed: Removed = field(default_factory=Removed)
    uploaded: Uploaded = field(default_factory=Uploaded)

    @property
    def logs(self) -> int:
        """How many logs were archived."""
        return sum(each.rows for each in self.batches)


class ArchiveJob:
    """One run: finishes what another left, archives, removes, gives space back, uploads.

    Args:
        folder: the data folder; its server may run or not.
        policy: what is archived, how, and where to.
        files: how files are written and read.
        clock: returns milliseconds UTC.
        progress: is told how far it is.
    """

    def __init__(
        self,
        folder: DataFolder,
        policy: Policy,
        *,
        files: Files | None = None,
        clock: Callable[[], int] = now_ms,
        progress: Progress = silent,
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._files = files or Files()
        self._clock = clock
        self._progress = progress
        self.outcome = Outcome()
        """What was done so far, also when the run failed."""

    def run(self) -> Outcome:
        """Do all there is to do now.

        Raises:
            ArchiveInUse: another job works on the folder.
            ArchiveError: a file cannot be written, or is not what was written; nothing is lost,
                and the next run goes on.
            RemoteError: object storage refuses; the local files are there.
            DataFolderError: logs.db cannot be read or written.
        """
        with changing(self._folder) as connection:
            tidy(self._folder, connection, self._files)
            removal = RowRemover(
                connection, self._policy.dedupe_window, self._clock, self._progress
            )
            self.outcome.removed = removal.removed
            # On a full disk, what an earlier run has left takes the room that new files need.
            removal.run()
            self._archive(connection)
            publish_manifests(self._folder, connection, self._files)
            removal.run()
            if finish_pruned_uploads(self._folder, connection, self._progress):
                publish_manifests(self._folder, connection, self._files)
            destination = self._policy.destination
            remove_former_manifests(
                self._folder,
                connection,
                self._files,
                None if destination is None else destination.address,
            )
            if destination is not None:
                upload = Uploader(
                    self._folder,
                    connection,
                    self._files,
                    destination,
                    self._clock,
                    self._progress,
                )
                self.outcome.uploaded = upload.uploaded
                upload.run()
        return self.outcome

    def _archive(self, connection: apsw.Connection) -> None:
        begun, policy = time.perf_counter(), self._policy
        rows, watermark = HotRows(connection), read_watermark(connection)
        known = {each.file for each in read_batches(connection)}
        after = begin = watermark.archived_through
        through = rows.last_received(self._clock() - policy.older_than, after)
        while wanted := rows.next_range(after, through, policy.batch_rows):
            batch = write_batch(
                self._folder,
                rows.read(wanted),
                known=known,
                folder_id=watermark.folder_id,
                encoding=policy.encoding,
                archived_at=self._clock(),
                files=self._files,
            )
            self.outcome.batches.append(archive_batch(connection, batch, after))
            self.outcome.seconds = time.perf_counter() - begun
            known.add(batch.file)
            after = batch.last_seq
            self._progress("archived", after - begin, through - begin)

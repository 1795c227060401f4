"""Archive job: writes old logs to verified batch files, then removes their rows."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import apsw
import pyarrow as pa

from waterline.archive.files import Files
from waterline.archive.hot_rows import HotRows
from waterline.archive.jobs.exclusive import changing
from waterline.archive.jobs.pace import Pace
from waterline.archive.jobs.prune import finish_pruned_uploads
from waterline.archive.jobs.remove import Removed, RowRemover
from waterline.archive.jobs.run_options import RunOptions
from waterline.archive.jobs.tidy import publish_manifests, remove_former_manifests, tidy
from waterline.archive.jobs.upload import Destination, Uploaded, Uploader
from waterline.archive.progress import Progress, silent
from waterline.archive.writer import write_batch
from waterline.clock import now_ms
from waterline.storage.catalog import ArchivedBatch, archive_batch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import open_reader
from waterline.storage.watermark import read_position, read_watermark


@dataclass(slots=True)
class Outcome:
    """Result of a run. Sizes are bytes, times are seconds."""

    batches: list[ArchivedBatch] = field(default_factory=list)
    seconds: float = 0.0
    """Time to read, encode, write, sync, verify and record the batches."""
    removed: Removed = field(default_factory=Removed)
    uploaded: Uploaded = field(default_factory=Uploaded)

    @property
    def logs(self) -> int:
        """Number of archived logs."""
        return sum(each.rows for each in self.batches)


class ArchiveJob:
    """One archive run: tidies, archives, removes rows, frees space and uploads.

    Args:
        folder: the data folder; its server may run.
        options: which logs, in which encoding, to which destination.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the work done and the total.
    """

    def __init__(
        self,
        folder: DataFolder,
        options: RunOptions,
        *,
        files: Files | None = None,
        clock: Callable[[], int] = now_ms,
        progress: Progress = silent,
    ) -> None:
        self._folder = folder
        self._options = options
        self._files = files or Files()
        self._clock = clock
        self._progress = progress
        self.outcome = Outcome()
        """Result so far, also after a failure."""

    def run(self) -> Outcome:
        """Do all work that is due.

        Raises:
            ArchiveInUse: another archive job is running.
            ArchiveError: a file cannot be written, or reads back differently; no log is lost, and
                the next run goes on.
            RemoteError: object storage refuses; the local files stay.
            DataFolderError: logs.db cannot be read or written.
        """
        with changing(self._folder) as connection:
            destination = self._options.destination
            upload = None if destination is None else self._upload(connection, destination)
            if upload is not None:
                upload.refuse_earlier()
            tidy(self._folder, connection, self._files)
            silent_for = self._clock() - read_position(connection).last_received_at
            pace = Pace(connection, silent_for / 1000)
            removal = RowRemover(
                connection, self._options.dedupe_window, self._clock, self._progress, pace
            )
            self.outcome.removed = removal.removed
            # Rows that an earlier run left take room that new files need.
            removal.run()
            self._archive(connection, pace)
            publish_manifests(self._folder, connection, self._files)
            removal.run()
            if finish_pruned_uploads(self._folder, connection, self._files, self._progress):
                publish_manifests(self._folder, connection, self._files)
            remove_former_manifests(
                self._folder,
                connection,
                self._files,
                None if destination is None else destination.address,
            )
            if upload is not None:
                self.outcome.uploaded = upload.uploaded
                upload.run()
        return self.outcome

    def _upload(self, connection: apsw.Connection, destination: Destination) -> Uploader:
        return Uploader(
            self._folder, connection, self._files, destination, self._clock, self._progress
        )

    def _archive(self, connection: apsw.Connection, pace: Pace) -> None:
        """Write and record all batches; while nobody commits, read the next one meanwhile.

        Args:
            connection: the connection that writes logs.db.
            pace: tells whether somebody else commits.
        """
        begun, options = time.perf_counter(), self._options
        watermark = read_watermark(connection)
        known = {each.file for each in read_batches(connection)}
        after = begin = watermark.archived_through
        with (
            closing(open_reader(self._folder.logs)) as reader,
            ThreadPoolExecutor(1, "rows") as reading,
        ):
            rows = HotRows(reader)
            through = rows.last_received(self._clock() - options.older_than, after)

            def read_next(after: int) -> pa.Table | None:
                wanted = rows.next_range(after, through, options.batch_rows)
                return None if wanted is None else rows.read(wanted)

            ahead: Future[pa.Table | None] | None = None
            while True:
                logs = read_next(after) if ahead is None else ahead.result()
                if logs is None:
                    return
                pace.look()
                ahead = (
                    None if pace.is_shared else reading.submit(read_next, logs["seq"][-1].as_py())
                )
                batch = write_batch(
                    self._folder,
                    logs,
                    known=known,
                    folder_id=watermark.folder_id,
                    encoding=options.encoding,
                    archived_at=self._clock(),
                    files=self._files,
                )
                self.outcome.batches.append(archive_batch(connection, batch, after))
                self.outcome.seconds = time.perf_counter() - begun
                known.add(batch.file)
                after = batch.last_seq
                self._progress("archived", after - begin, through - begin)

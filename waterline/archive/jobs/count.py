"""Process that measures logs which were archived before they were measured."""

import sys
from typing import Final

import pyarrow.compute as pc

from waterline.archive.catalog import read_catalog
from waterline.archive.jobs.beside_server import run_beside_server
from waterline.archive.json_gz import stored_logs
from waterline.archive.reader import BatchReader, follow
from waterline.errors import ArchiveError
from waterline.metrics.log_stats import record_stored
from waterline.metrics.parcel import pack_seconds
from waterline.metrics.recorder import MetricsRecorder
from waterline.settings.model import Settings
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

# As Python objects logs take ten times the space that they take in Arrow.
_SLICE: Final = 10_000


class ArchivedCount:
    """Measures the archived logs of a range of seqs, without adopted ones.

    Args:
        folder: the data folder.
        after: a seq, exclusive.
        through: a seq, inclusive.
        measured: names of the measured attributes.

    Attributes:
        recorder: the measurements.
        missing: one sentence for each unreadable batch.
    """

    def __init__(
        self, folder: DataFolder, after: int, through: int, measured: tuple[str, ...]
    ) -> None:
        self.recorder = MetricsRecorder()
        self.missing: list[str] = []
        self._folder = folder
        self._reader = BatchReader(folder)
        self._after = after
        self._through = through
        self._measured = measured

    def record(self) -> None:
        """Measure the logs of all readable batches.

        Raises:
            DataFolderError: the catalog cannot be read.
        """
        _, catalog = read_catalog(self._folder)
        for batch in catalog:
            is_in_range = batch.first_seq <= self._through and batch.last_seq > self._after
            if is_in_range and batch.adopted_from is None:
                self._try(batch)

    def _try(self, batch: ArchivedBatch) -> None:
        try:
            if not batch.is_kept:
                raise ArchiveError(f"{batch.file} was pruned")
            logs = follow(batch, self._reader.read, lambda: read_catalog(self._folder)[1])
        except ArchiveError as error:
            self.missing.append(str(error))
            return
        seqs = logs["seq"]
        is_wanted = pc.and_(pc.greater(seqs, self._after), pc.less_equal(seqs, self._through))
        wanted = logs.filter(is_wanted)
        for begin in range(0, wanted.num_rows, _SLICE):
            some = stored_logs(wanted.slice(begin, _SLICE))
            record_stored(self.recorder, some, self._measured)


def main() -> int:
    """Measure the logs in `(after, through]`, print the parcel, and return the exit code."""
    return run_beside_server(_count)


def _count(settings: Settings) -> bytes:
    after, through = map(int, sys.argv[1:])
    folder = DataFolder(settings.data)
    count = ArchivedCount(folder, after, through, settings.measured_attributes)
    count.record()
    return pack_seconds(count.recorder.take(), count.missing)


if __name__ == "__main__":
    sys.exit(main())

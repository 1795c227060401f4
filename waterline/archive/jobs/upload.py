"""Upload of batches to object storage, verified there; the manifest of a day comes last.

In a lake the record of the node comes after all manifests.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import apsw

from waterline.archive.files import Files
from waterline.archive.jobs.remote_manifests import publish_remote_manifest
from waterline.archive.jobs.tidy import publish_manifests, remove_former_manifests, tidy
from waterline.archive.lake.registry import NodeDay, NodeRecord, Registry
from waterline.archive.manifest import days_of
from waterline.archive.manifest_places import local_paths
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.progress import Progress
from waterline.archive.reader import BatchReader
from waterline.errors import RemoteError
from waterline.storage.catalog import ArchivedBatch, change_batches, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import read_watermark


@dataclass(slots=True)
class Uploaded:
    """Result of an upload."""

    batches: int = 0
    size: int = 0
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Address of object storage, and whether local files stay."""

    address: str
    """`s3://bucket/prefix`, below which batches lie by day."""
    keep_local: bool
    lake: str | None = None
    """Address of the lake that the batches are a part of; None for a folder of its own."""
    node: str = ""
    """Name of this node in the lake."""


class Uploader:
    """Uploads batches that object storage lacks.

    Args:
        folder: the data folder.
        connection: a connection that writes its logs.db.
        files: file operations.
        destination: address, and whether local files stay.
        clock: returns milliseconds UTC.
        progress: called with the work done and the total.
    """

    def __init__(
        self,
        folder: DataFolder,
        connection: apsw.Connection,
        files: Files,
        destination: Destination,
        clock: Callable[[], int],
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._files = files
        self._destination = destination
        self._clock = clock
        self._progress = progress
        self._reader = BatchReader(folder, files)
        self.uploaded = Uploaded()
        """Result so far, also after a failure."""

    def refuse_earlier(self) -> None:
        """Refuse a catalog that is earlier than the lake; call it before anything is archived.

        While object storage is away nothing is refused: logs are archived without it.

        Raises:
            ArchiveError: the lake has logs of this node that it does not have itself.
        """
        if self._destination.lake is None:
            return
        batches = read_batches(self._connection)
        with suppress(RemoteError):  # the upload tells of it
            registry = Registry(open_bucket(self._destination.lake))
            registry.refuse_earlier(self._record(batches), batches)

    def tell_lake(self) -> None:
        """Have the lake know the node as it is now, unless it never was there, or is retired.

        A record that tells of more stays until an upload has put in place what is lacking.

        Raises:
            ArchiveError: the record of the node is damaged.
            RemoteError: object storage refuses.
        """
        if self._destination.lake is None:
            return
        registry = Registry(open_bucket(self._destination.lake))
        own = self._record(read_batches(self._connection))
        known = registry.read(own.node)
        if known is None or own.node in registry.retired() or known.through > own.through:
            return
        registry.tell(own)

    def run(self) -> None:
        """Upload day by day; a day is recorded once its manifest is uploaded.

        Raises:
            ArchiveError: a local file is damaged.
            RemoteError: object storage refuses; recorded days stay, the next run does the rest.
        """
        batches, lake = read_batches(self._connection), self._destination.lake
        registry = None if lake is None else Registry(open_bucket(lake))
        total = sum(map(self._is_due, batches))
        days = days_of(batches)
        to_move = [day for day, of_day in days.items() if self._is_to_move(day, of_day)]
        if not total and not to_move:
            if registry is not None and self._is_in_the_lake(batches):
                registry.join(self._record(batches), batches)
                registry.tell(self._record(batches))  # unless a run was cut off, the lake knows it
            return
        if registry is not None:
            registry.join(self._record(batches), batches)
        bucket = open_bucket(self._destination.address)
        for day, of_day in days.items():
            if any(map(self._is_due, of_day)):
                self._upload_day(bucket, day, of_day, total)
            elif day in to_move:
                self._publish(bucket, day, of_day)
        publish_manifests(self._folder, self._connection, self._files)
        remove_former_manifests(self._folder, self._connection, self._files, None)
        tidy(self._folder, self._connection, self._files)
        if registry is not None:
            registry.tell(self._record(read_batches(self._connection)))

    def _record(self, batches: list[ArchivedBatch]) -> NodeRecord:
        """Return what this node tells of itself in a lake, as the catalog has it."""
        destination, watermark = self._destination, read_watermark(self._connection)
        through, days = _uploaded_through(batches, destination.address)
        ends = {each.last_seq: each.origin for each in batches}
        return NodeRecord(
            node=destination.node,
            folder_id=watermark.folder_id,
            incarnation=watermark.incarnation,
            prefix=destination.address.removeprefix(f"{destination.lake}/"),
            through=through,
            days=days,
            updated_at=self._clock(),
            origin=ends.get(through),
        )

    def _is_in_the_lake(self, batches: list[ArchivedBatch]) -> bool:
        return any(each.uploaded_to == self._destination.address for each in batches)

    def _upload_day(
        self, bucket: Bucket, day: str, batches: list[ArchivedBatch], total: int
    ) -> None:
        now = self._clock()
        local_removed_at = None if self._destination.keep_local else now
        changed = []
        for batch in batches:
            if not self._is_due(batch):
                continue
            content = self._reader.content(batch)
            bucket.put_new(batch.file, content)
            changed.append(
                replace(
                    batch,
                    uploaded_to=bucket.address,
                    uploaded_at=now,
                    local_removed_at=batch.local_removed_at or local_removed_at,
                )
            )
            self.uploaded.batches += 1
            self.uploaded.size += len(content)
            self._progress("uploaded", self.uploaded.batches, total)
        # Before the record: if this fails, the next run checks the whole day again.
        changes = {each.batch: each for each in changed}
        of_day = [changes.get(each.batch, each) for each in batches]
        self._publish(bucket, day, of_day)
        change_batches(self._connection, changed)

    def _publish(self, bucket: Bucket, day: str, batches: list[ArchivedBatch]) -> None:
        watermark = read_watermark(self._connection)
        publish_remote_manifest(bucket, self._folder, day, batches, watermark)

    def _is_to_move(self, day: str, batches: list[ArchivedBatch]) -> bool:
        """Return whether the manifest of an uploaded day still lies at the place before 2.1."""
        is_there = any(each.uploaded_to == self._destination.address for each in batches)
        return is_there and local_paths(self._folder, day, batches).former.exists()

    def _is_due(self, batch: ArchivedBatch) -> bool:
        if not batch.is_kept:
            return False
        is_there = batch.uploaded_to == self._destination.address
        may_stay = self._destination.keep_local or batch.local_removed_at is not None
        return not (is_there and may_stay)


def _uploaded_through(batches: list[ArchivedBatch], address: str) -> tuple[int, dict[str, NodeDay]]:
    """Return up to which seq all that is kept is uploaded, and the days up to there.

    Days whose manifest is not there, as they were pruned before, are left out.

    Args:
        batches: the whole catalog.
        address: where batches are uploaded.
    """
    published = {each.day for each in batches if each.uploaded_to == address}
    through, days = 0, dict[str, NodeDay]()
    for batch in sorted(batches, key=lambda each: each.first_seq):
        if batch.is_kept and batch.uploaded_to != address:
            break
        through = batch.last_seq
        if batch.day in published:
            days[batch.day] = _with(days.get(batch.day), batch)
    return through, days


def _with(day: NodeDay | None, batch: ArchivedBatch) -> NodeDay:
    """Return a day with one batch more."""
    if day is None:
        return NodeDay(
            logs=batch.rows,
            first_seq=batch.first_seq,
            last_seq=batch.last_seq,
            first_timestamp=batch.first_timestamp,
            last_timestamp=batch.last_timestamp,
        )
    return NodeDay(
        logs=day.logs + batch.rows,
        first_seq=min(day.first_seq, batch.first_seq),
        last_seq=max(day.last_seq, batch.last_seq),
        first_timestamp=min(day.first_timestamp, batch.first_timestamp),
        last_timestamp=max(day.last_timestamp, batch.last_timestamp),
    )

"""Catching up of an earlier logs.db, such as a restored backup, with archives that are ahead."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final, cast

import apsw
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.ahead import readable_manifests, refuse_ahead
from waterline.archive.attribute_types import load_types, save_types
from waterline.archive.batch import batch_format, batch_number, counts_of, describe
from waterline.archive.batch_formats import decode
from waterline.archive.consistency import overlaps, row_fault
from waterline.archive.discover import check_manifest
from waterline.archive.files import Files
from waterline.archive.hot_rows import HotRows, RowRange
from waterline.archive.jobs.rebuild import found_in
from waterline.archive.jobs.tidy import publish_manifests, tidy
from waterline.archive.jobs.upload import Destination, Uploader
from waterline.archive.lake.registry import Registry, node_of
from waterline.archive.manifest import parse_manifest
from waterline.archive.manifest_places import manifests_here, manifests_there
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.archive.parquet import layout_of
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import checked, decoded
from waterline.archive.sqlite_rows import remember_ids
from waterline.clock import now_ms
from waterline.encoding import PARQUET
from waterline.errors import ArchiveError, UsageError
from waterline.recognition.time_values import parse_rfc3339
from waterline.storage.catalog import (
    ArchivedBatch,
    count_generation,
    insert_batch,
    read_batches,
    update_batch,
)
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, reading, sqlite_errors, transaction
from waterline.storage.watermark import read_watermark

_HOT: Final = "SELECT count(*) FROM logs WHERE seq > ? AND seq <= ?"


@dataclass(slots=True)
class CaughtUp:
    """What a folder has taken in."""

    batches: int = 0
    """Number of batches that the catalog did not have; pruned ones are recorded, not counted."""
    logs: int = 0
    """Number of logs in them."""
    brought_back: int = 0
    """Number of these logs that were not hot here either."""
    changed: int = 0
    """Number of known batches that were pruned or rewritten since."""


def holds_logs(folder: DataFolder) -> bool:
    """Return whether a folder has a logs.db with logs or batches, so that it is not rebuilt.

    Raises:
        DataFolderError: it cannot be read.
    """
    if not file_size(folder.logs):
        return False
    with reading(folder.logs) as connection:
        return bool(
            connection.execute(
                "SELECT EXISTS (SELECT 1 FROM logs) OR EXISTS (SELECT 1 FROM archive_batches)"
            ).get
        )


def catch_up(
    folder: DataFolder,
    *,
    origin: str | None = None,
    dedupe_window: int,
    files: Files | None = None,
    clock: Callable[[], int] = now_ms,
    progress: Progress = silent,
) -> CaughtUp:
    """Take batches that the catalog lacks into it, and raise the watermark to their end.

    They are of the same folder, archived after its logs.db was backed up. Every file is read and
    verified, and hot logs with the same seqs must be the same. Logs that came after the backup are
    there again. One transaction records all, so a run that is cut off changes nothing and can be
    repeated. A lake then knows the folder's new incarnation.

    Args:
        folder: the data folder, which has a logs.db; its server must not run.
        origin: `s3://bucket/prefix` with its batches; None for the local archives alone.
        dedupe_window: milliseconds after receipt in which an archived log is recognised.
        files: file operations.
        clock: returns milliseconds UTC.
        progress: called with the batches taken in and the total.

    Raises:
        UsageError: there are no archives, or credentials for `origin` are missing.
        ArchiveError: archives are of another folder or another past, damaged, or have a gap.
            Nothing was changed.
        RemoteError: object storage refuses. Nothing was changed, or only the lake is not told yet,
            which the next run does.
        DataFolderInUse, ArchiveInUse: a server or a job is running.
        DataFolderError: the folder or logs.db cannot be read or written.
    """
    files = files or Files()
    folder.create()
    with (
        ServerLock(folder),
        ArchiveLock(folder),
        closing(open_writer(folder.logs, LOGS, "FULL")) as connection,
        sqlite_errors(folder.logs),
    ):
        if origin is not None:
            # What the local archives know is asked of them.
            refuse_ahead(folder, connection, readable_manifests(folder, files))
        bucket = None if origin is None else open_bucket(origin)
        work = _CatchUp(folder, connection, bucket, files, clock, dedupe_window)
        work.run(progress)
        publish_manifests(folder, connection, files)
        tidy(folder, connection, files)
        if origin is not None:
            lake, node = node_of(origin)
            destination = Destination(
                address=origin, keep_local=True, lake=lake if node else None, node=node or ""
            )
            # The incarnation is another since the restore: who reads the lake is to know it.
            Uploader(folder, connection, files, destination, clock, progress).tell_lake()
    return work.outcome


class _CatchUp:
    """One run, under the locks."""

    def __init__(
        self,
        folder: DataFolder,
        connection: apsw.Connection,
        bucket: Bucket | None,
        files: Files,
        clock: Callable[[], int],
        dedupe_window: int,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._bucket = bucket
        self._files = files
        self._clock = clock
        self._dedupe_window = dedupe_window
        self._watermark = read_watermark(connection)
        self._known = read_batches(connection)
        self._rows = HotRows(connection)
        self._types = load_types(folder, [each.file for each in self._known])
        self._last_hot = cast("int", connection.execute("SELECT ifnull(max(seq), 0) FROM logs").get)
        self.outcome = CaughtUp()

    def run(self, progress: Progress) -> None:
        new, changed = self._lacking(self._told())
        if not (new or changed):
            return
        ends = [each.last_seq for each in new if each.adopted_from is None]
        through = max([self._watermark.archived_through, *ends])
        with transaction(self._connection):
            for batch in changed:
                update_batch(self._connection, self._taken(batch)[0])
            numbers, hot = {each.batch for each in self._known}, 0
            for done, batch in enumerate(new, 1):
                taken, logs = self._taken(batch)
                hot += self._compare(taken, logs)
                insert_batch(
                    self._connection, replace(taken, batch=0) if taken.batch in numbers else taken
                )
                numbers.add(taken.batch)
                progress("taken in", done, len(new))
            self._refuse_gap(through, hot)
            self._connection.execute("UPDATE seam SET archived_through = ?", (through,))
            count_generation(self._connection)
            # Before the end of the transaction: with types of batches that it does not know the
            # folder is sound, without those that it does not.
            save_types(self._folder, self._types)
        self.outcome.changed = len(changed)
        files = {each.batch: each.file for each in self._known}
        for batch in changed:
            if (former := files[batch.batch]) != batch.file:
                self._files.remove(self._folder.archives / former)

    def _told(self) -> list[ArchivedBatch]:
        """Return the batches that are there, each as it was rewritten or pruned last.

        Raises:
            ArchiveError: a manifest is damaged or of another folder, or less is there than the lake
                tells of.
        """
        told: dict[str, ArchivedBatch] = {}
        for day, name, content in self._manifests():
            manifest = parse_manifest(content, name)
            check_manifest(manifest, name, day)
            if manifest.folder_id != self._watermark.folder_id:
                raise ArchiveError(
                    f"{name} is of the data folder {manifest.folder_id}, and {self._folder.path} "
                    f"is {self._watermark.folder_id}; name the archives of this one"
                )
            for batch in manifest.batches:
                before = told.get(batch.origin)
                if before is None or batch.is_rewrite_of(before) or not batch.is_kept:
                    told[batch.origin] = batch
        if not told:
            where = self._folder.archives if self._bucket is None else self._bucket.address
            raise UsageError(f"there are no archives in {where}; name the place that has them")
        if self._bucket is not None:
            told |= {each.origin: each for each in self._unnamed(self._bucket, told.values())}
            self._refuse_less_than_lake(self._bucket, told.values())
        return sorted(told.values(), key=lambda each: each.first_seq)

    def _manifests(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield day, name and content of each manifest in object storage, or else of those here."""
        if self._bucket is None:
            for day, path in manifests_here(self._folder):
                yield day, str(path), self._files.read(path)
            return
        for day, key in manifests_there(self._bucket.names()):
            yield day, self._bucket.url(key), self._bucket.get(key)

    def _unnamed(self, bucket: Bucket, told: Collection[ArchivedBatch]) -> Iterator[ArchivedBatch]:
        """Yield the batches of which an upload that was cut off has written no manifest.

        Raises:
            ArchiveError: one is damaged, or of another folder.
        """
        named = [*told, *self._known]
        known = {each.file for each in named}
        seqs = {(each.first_seq, each.last_seq) for each in named}
        for key in bucket.names():
            if key in known or batch_number(key) is None:
                continue
            name, content = bucket.url(key), bucket.get(key)
            try:
                found = decode(content, batch_format(key))
            except ArchiveError as error:
                raise ArchiveError(f"{name} is damaged: {error}; put it aside") from error
            label = found.label
            if label is None or label.folder_id != self._watermark.folder_id:
                raise ArchiveError(f"{name} is of another data folder; put it aside")
            batch = describe(
                found.logs,
                content,
                day=key.rpartition("/")[0],
                file=key,
                format=batch_format(key),
                archived_at=parse_rfc3339(label.archive_date),
            )
            # Those of the same seqs are what a rewrite that was cut off has left.
            if row_fault(batch) is None and (batch.first_seq, batch.last_seq) not in seqs:
                yield batch

    def _refuse_less_than_lake(self, bucket: Bucket, told: Iterable[ArchivedBatch]) -> None:
        """Refuse where the record of a lake tells of more logs than the manifests.

        Raises:
            ArchiveError: a manifest is missing or of an earlier time.
        """
        lake, node = node_of(bucket.address)
        record = None if node is None else Registry(open_bucket(lake)).read(node)
        if record is None:
            return
        found: dict[str, int] = {}
        for each in told:
            if each.last_seq <= record.through:
                found[each.day] = found.get(each.day, 0) + each.rows
        for day, of_day in record.days.items():
            if found.get(day, 0) != of_day.logs:
                raise ArchiveError(
                    f"{lake} tells of {of_day.logs:,} logs of {day} from node {node}, and the "
                    f"manifest of that day of {found.get(day, 0):,}; put the manifest that was "
                    "written last in its place"
                )

    def _lacking(
        self, told: Iterable[ArchivedBatch]
    ) -> tuple[list[ArchivedBatch], list[ArchivedBatch]]:
        """Return the batches that the catalog lacks, and those that it has in an earlier state.

        Raises:
            ArchiveError: one has seqs of a batch in the catalog, and is none.
        """
        by_origin = {each.origin: each for each in self._known}
        files = {each.file for each in self._known}
        new, changed = [], []
        for batch in told:
            known = by_origin.get(batch.origin)
            if known is None and batch.file in files:
                raise self._other_past(batch)
            if known is None:
                new.append(batch)
            elif batch.is_rewrite_of(known) or (known.is_kept and not batch.is_kept):
                changed.append(replace(batch, batch=known.batch))
        for one, other in overlaps([*self._known, *new]):
            raise self._other_past(other if other in new else one)
        return new, changed

    def _taken(self, batch: ArchivedBatch) -> tuple[ArchivedBatch, pa.Table | None]:
        """Return a batch as it is recorded, and its logs, which are verified; None if pruned.

        Raises:
            ArchiveError: the file is missing or damaged.
            RemoteError: object storage refuses.
        """
        if not batch.is_kept:
            return batch, None
        located, content, name = self._located(batch)
        found = found_in(located, content, name)
        if batch.format == PARQUET.name:
            self._types.learn(layout_of(pa.BufferReader(content)))
        return found, decoded(found, content, name)

    def _located(self, batch: ArchivedBatch) -> tuple[ArchivedBatch, bytes, str]:
        path, bucket = self._folder.archives / batch.file, self._bucket
        if path.exists():
            try:
                content = checked(batch, self._files.read(path), str(path))
            except ArchiveError:
                if bucket is None and batch.uploaded_to is None:
                    raise
            else:
                return replace(batch, local_removed_at=None), content, str(path)
        if bucket is None:
            if batch.uploaded_to is None:
                raise ArchiveError(f"{path} is missing; put a copy in its place")
            bucket = open_bucket(batch.uploaded_to)
        name, now = bucket.url(batch.file), self._clock()
        content = checked(batch, bucket.get(batch.file), name)
        if batch.uploaded_to is None:  # named by no manifest there, which the next upload writes
            self._files.publish(path, content)
            return batch, content, str(path)
        located = replace(
            batch,
            uploaded_to=bucket.address,
            local_removed_at=batch.local_removed_at or now,
        )
        return located, content, name

    def _compare(self, batch: ArchivedBatch, logs: pa.Table | None) -> int:
        """Compare hot logs with those of a batch that have the same seqs; return their number.

        Logs that are in the batch alone count as brought back, and young ones are recognised when
        they are sent again.

        Raises:
            ArchiveError: they are other logs.
        """
        after, last = batch.first_seq - 1, batch.last_seq
        hot = cast("int", self._connection.execute(_HOT, (after, last)).get)
        if logs is None:
            same = counts_of(self._rows.read(RowRange(after, last, 0))) if hot else {}
            if any(getattr(batch, name) != value for name, value in same.items()):
                raise self._other_past(batch)
            return hot
        both = logs.filter(pc.less_equal(logs["seq"], self._last_hot))
        if hot != both.num_rows or (hot and not self._rows.holds(after, last, both)):
            raise self._other_past(batch)
        self.outcome.batches += 1
        self.outcome.logs += batch.rows
        only = logs.slice(both.num_rows)
        self.outcome.brought_back += only.num_rows
        remember_ids(self._connection, only, self._clock() - self._dedupe_window)
        return hot

    def _refuse_gap(self, through: int, compared: int) -> None:
        """Refuse where hot logs up to the new watermark are in no batch.

        Args:
            through: the new watermark.
            compared: the number of hot logs that are in the new batches.

        Raises:
            ArchiveError: some are not.
        """
        after = self._watermark.archived_through
        hot = cast("int", self._connection.execute(_HOT, (after, through)).get)
        if hot != compared:
            raise ArchiveError(
                f"the archives go up to seq {through}, and lack {hot - compared:,} logs above "
                f"{after} that {self._folder.logs} has; put the missing manifest or batch in its "
                "place"
            )

    def _other_past(self, batch: ArchivedBatch) -> ArchiveError:
        node = None if self._bucket is None else node_of(self._bucket.address)[1]
        way_on = (
            "archive to another address"
            if node is None
            else f"retire the node with `waterline lake retire {node}`, then give this folder a "
            "node_name of its own"
        )
        return ArchiveError(
            f"{batch.file} with the seqs {batch.first_seq} to {batch.last_seq} is of another past "
            f"than {self._folder.path}, which took in or archived logs since its backup; nothing "
            f"was changed: {way_on}"
        )

"""Discovery of archives from manifests and batch files, without a catalog."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from waterline.archive.batch import Label, batch_format, batch_number, day_text, describe
from waterline.archive.batch_formats import decode
from waterline.archive.consistency import overlaps, row_fault
from waterline.archive.files import Files
from waterline.archive.hot_rows import DAY
from waterline.archive.manifest import Manifest, parse_manifest
from waterline.archive.manifest_places import manifests_here, manifests_there
from waterline.archive.object_store.client import Bucket
from waterline.errors import ArchiveError
from waterline.recognition.time_values import parse_rfc3339
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder


@dataclass(slots=True)
class Findings:
    """Archives of one data folder. Faults and skipped are sentences that begin with a file."""

    folder_id: str = ""
    """Id of the data folder; empty if nothing was found."""
    batches: list[ArchivedBatch] = field(default_factory=list)
    """Batches by seq; `batch` is 0 for those that no manifest names."""
    faults: list[str] = field(default_factory=list)
    """Unreadable manifests and batch files."""
    skipped: list[str] = field(default_factory=list)
    """Batch files of other archives."""


def find_archives(folder: DataFolder, bucket: Bucket | None, files: Files) -> Findings:
    """Read all manifests, and the batch files that no manifest names.

    A local manifest precedes that of the same day in object storage, as it is written first.

    Args:
        folder: the data folder.
        bucket: object storage with more manifests, if any.
        files: file operations.

    Raises:
        ArchiveError: manifests are of several data folders, or contradict each other.
        RemoteError: object storage refuses.
    """
    return _Search(folder, bucket, files).run()


def check_manifest(manifest: Manifest, name: str, day: str) -> None:
    """Refuse a manifest with batches that are impossible, or of another day.

    Args:
        manifest: the manifest.
        name: its path or URL, for errors.
        day: the day in its name, such as 2026-11-23.

    Raises:
        ArchiveError: it has such a batch.
    """
    for batch in manifest.batches:
        fault = row_fault(batch)
        if fault is not None or not batch.day == manifest.archive_date == day:
            raise ArchiveError(
                f"{name} is damaged: {fault or f'{batch.file} is of another day'}; "
                "put a copy in its place"
            )


class _Search:
    """One search of one data folder."""

    def __init__(self, folder: DataFolder, bucket: Bucket | None, files: Files) -> None:
        self._folder = folder
        self._bucket = bucket
        self._files = files
        self._found = Findings()
        self._batches: dict[str, ArchivedBatch] = {}
        self._files_by_origin: dict[str, str] = {}
        self._numbers: set[int] = set()
        self._whose = ""

    def run(self) -> Findings:
        for name, manifest in self._manifests():
            self._take_manifest(name, manifest)
        for one, other in overlaps(self._batches.values()):
            raise ArchiveError(
                f"the manifests contradict each other: {one.file} and {other.file} have seqs from "
                f"{other.first_seq} on; put one of the two files and its manifest aside"
            )
        for path in self._unnamed():
            self._take_file(path)
        self._found.batches = sorted(self._batches.values(), key=lambda each: each.first_seq)
        return self._found

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        """Yield name and content of each readable manifest, local ones first."""
        for day, path in manifests_here(self._folder):
            yield from self._parsed(self._files.read(path), str(path), day)
        if self._bucket is None:
            return
        for day, key in manifests_there(self._bucket.names()):
            yield from self._parsed(self._bucket.get(key), self._bucket.url(key), day)

    def _parsed(self, content: bytes, name: str, day: str) -> Iterator[tuple[str, Manifest]]:
        try:
            manifest = parse_manifest(content, name)
            check_manifest(manifest, name, day)
        except ArchiveError as error:
            self._found.faults.append(str(error))
        else:
            yield name, manifest

    def _take_manifest(self, name: str, manifest: Manifest) -> None:
        if self._found.folder_id not in ("", manifest.folder_id):
            raise ArchiveError(
                f"{name} is of the data folder {manifest.folder_id}, {self._whose} of "
                f"{self._found.folder_id}; put those of one of them aside"
            )
        self._found.folder_id, self._whose = manifest.folder_id, name
        for batch in manifest.batches:
            if self._is_superseded(batch):
                continue
            known = self._batches.get(batch.file)
            if known is None:
                self._batches[batch.file] = self._numbered(batch)
                self._files_by_origin[batch.origin] = batch.file
            elif known.sha256 != batch.sha256:
                raise ArchiveError(
                    f"{name} tells of another {batch.file} than a manifest before it; "
                    "put one of them aside"
                )

    def _is_superseded(self, batch: ArchivedBatch) -> bool:
        """Return whether another manifest tells of a later rewrite; drop what this one replaces.

        A manifest may be behind: in object storage until the next upload of the day, and here
        after a rewrite that was cut off.
        """
        file = self._files_by_origin.get(batch.origin)
        if file is None:
            return False
        known = self._batches[file]
        if batch.is_rewrite_of(known):
            del self._batches[file]
            self._numbers.discard(known.batch)
        return known.is_rewrite_of(batch)

    def _numbered(self, batch: ArchivedBatch) -> ArchivedBatch:
        """Return a batch with its number, or with 0 if another batch has that number."""
        if batch.batch in self._numbers:
            return replace(batch, batch=0)
        self._numbers.add(batch.batch)
        return batch

    def _unnamed(self) -> list[Path]:
        """Return the local batch files that no manifest names."""
        return [
            path
            for day in self._folder.day_folders()
            for path in sorted(day.iterdir())
            if batch_number(path.name) is not None
            and f"{day.name}/{path.name}" not in self._batches
        ]

    def _take_file(self, path: Path) -> None:
        """Add a batch that a job wrote but did not record, if it is of this folder."""
        try:
            content = self._files.read(path)
            contents = decode(content, batch_format(path.name))
        except ArchiveError as error:
            self._found.faults.append(f"{path}: {error}")
            return
        reason = self._reason_against(path, contents.logs, contents.label)
        if contents.label is None or reason is not None:
            self._found.skipped.append(f"{path}: {reason}")
            return
        batch = describe(
            contents.logs,
            content,
            day=path.parent.name,
            file=f"{path.parent.name}/{path.name}",
            format=batch_format(path.name),
            archived_at=parse_rfc3339(contents.label.archive_date),
        )
        fault = row_fault(batch) or self._overlap(batch)
        if fault is not None:
            self._found.skipped.append(f"{path}: {fault}")
            return
        self._found.folder_id = contents.label.folder_id
        self._batches[batch.file] = batch

    def _reason_against(self, path: Path, logs: pa.Table, label: Label | None) -> str | None:
        """Return why a file is skipped; None if it belongs to these archives."""
        if label is None:
            return "it does not say whose it is"
        if self._found.folder_id not in ("", label.folder_id):
            return f"it is of another data folder, {label.folder_id}"
        if not logs.num_rows:
            return "it holds no logs"
        days = {
            day_text(each.value // DAY)
            for each in (logs["received_at"][0], logs["received_at"][-1])
        }
        if days != {path.parent.name}:
            return "its logs were received on another day"
        try:
            parse_rfc3339(label.archive_date)
        except (ValueError, OverflowError):
            return f"its archiveDate {label.archive_date} is no time"
        return None

    def _overlap(self, batch: ArchivedBatch) -> str | None:
        for one, other in overlaps([*self._batches.values(), batch]):
            other_one = other if one is batch else one
            return f"its seqs are those of {other_one.file}"
        return None

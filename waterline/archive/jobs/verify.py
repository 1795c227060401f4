"""Verification of all batches and manifests against the catalog; changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from waterline.archive.ahead import ahead_of, earlier, readable_manifests
from waterline.archive.batch import batch_number
from waterline.archive.catalog import read_catalog
from waterline.archive.consistency import overlaps, row_fault, watermark_fault
from waterline.archive.files import UNFINISHED_PREFIX, UNFINISHED_SUFFIX, Files
from waterline.archive.jobs.comparison import as_found, differing, strange_days
from waterline.archive.jobs.remote_manifests import read_remote_manifest
from waterline.archive.manifest import days_of, manifest_of, parse_manifest
from waterline.archive.manifest_places import local_paths, remote_keys
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import BatchReader, decoded
from waterline.errors import ArchiveError, ArchiveInUse, DataFolderError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder
from waterline.storage.sqlite import reading
from waterline.storage.watermark import Watermark

# Queries see the hot rows above the watermark. An adopted batch there must not have the same seqs.
_TWICE: Final = """
    SELECT file FROM archive_batches, seam
    WHERE last_seq > archived_through
    AND EXISTS (SELECT 1 FROM logs WHERE seq BETWEEN first_seq AND last_seq)
    ORDER BY first_seq
"""


@dataclass(slots=True)
class Verdict:
    """Result of a verification. Faults and warnings are sentences that begin with a path or URL."""

    batches: int = 0
    """Number of batches that passed."""
    logs: int = 0
    """Number of logs in them."""
    size: int = 0
    """Bytes of their files."""
    faults: list[str] = field(default_factory=list)
    """Missing or damaged logs or manifests."""
    warnings: list[str] = field(default_factory=list)
    """Findings without loss."""


def verify(
    folder: DataFolder,
    *,
    files: Files | None = None,
    all_copies: bool = False,
    progress: Progress = silent,
) -> Verdict:
    """Read every batch and manifest and compare them with the catalog.

    Servers and archive jobs may run meanwhile. A batch that a job moves is read at its new place.

    Args:
        folder: the data folder.
        files: file operations.
        all_copies: whether uploaded copies of local files are read too.
        progress: called with the batches done and the total.

    Raises:
        DataFolderError: logs.db is missing or cannot be read.
        UsageError: credentials for object storage are needed and missing.
    """
    return _Verification(folder, files or Files(), all_copies, progress).run()


class _Verification:
    """One verification."""

    def __init__(
        self, folder: DataFolder, files: Files, all_copies: bool, progress: Progress
    ) -> None:
        self._folder = folder
        self._files = files
        self._all_copies = all_copies
        self._progress = progress
        self._reader = BatchReader(folder, files)
        self._verdict = Verdict()

    def run(self) -> Verdict:
        """Check catalog, batches, manifests and unknown files."""
        # Before the catalog, which a job may change meanwhile.
        manifests = readable_manifests(self._folder, self._files)
        watermark, batches = read_catalog(self._folder)
        if found := ahead_of(manifests, watermark.folder_id, batches):
            self._fault(self._folder.logs, str(earlier(self._folder, found)))
        self._look_at_catalog(watermark, batches)
        kept = [each for each in batches if each.is_kept and row_fault(each) is None]
        for done, batch in enumerate(kept, 1):
            self._look_at(batch)
            self._progress("verified", done, len(kept))
        self._look_at_manifests()
        self._look_at_remote_manifests(kept)
        self._look_around()
        return self._verdict

    def _look_at_catalog(self, watermark: Watermark, batches: list[ArchivedBatch]) -> None:
        for batch in batches:
            for fault in (row_fault(batch), watermark_fault(batch, watermark)):
                if fault is not None:
                    self._fault(self._path(batch), fault)
        for one, other in overlaps(batches):
            self._fault(
                self._path(other),
                f"the catalog gives it seqs from {other.first_seq} on, and {one.file} those up to "
                f"{one.last_seq}",
            )
        for file in _twice(self._folder.logs):
            self._fault(self._folder.archives / file, "logs.db has logs with its seqs too")
        for batch in batches:
            if not batch.is_kept and batch.uploaded_to is not None:
                self._warn(
                    f"{batch.uploaded_to}/{batch.file}",
                    "it was pruned and may still be there; the next prune removes it",
                )

    def _look_at(self, batch: ArchivedBatch) -> None:
        """Check a batch, again if a job has changed its row meanwhile."""
        while (found := self._fault_of(batch)) is not None:
            _, batches = read_catalog(self._folder)
            now = next((each for each in batches if each.batch == batch.batch), None)
            if now is None or now == batch:
                self._fault(*found)
                return
            if not now.is_kept:
                return
            batch = now
        self._verdict.batches += 1
        self._verdict.logs += batch.rows
        self._verdict.size += batch.stored_bytes

    def _fault_of(self, batch: ArchivedBatch) -> tuple[str, str] | None:
        """Return path or URL and fault of a damaged copy; None if all copies are sound."""
        name = self._reader.name(batch)
        try:
            content = self._reader.content(batch)
            logs = decoded(batch, content, name)
            if differences := _differing(batch, content, logs):
                return name, "it does not hold what the catalog says: " + "; ".join(differences)
            if self._all_copies and batch.uploaded_to is not None:
                name = f"{batch.uploaded_to}/{batch.file}"
                if batch.local_removed_at is None:
                    self._reader.remote_content(batch)
        except ArchiveError as error:
            return name, str(error)
        return None

    def _look_at_manifests(self) -> None:
        if not self._lagging():
            return
        try:
            # No job runs under the lock, so a difference is a fault.
            with ArchiveLock(self._folder):
                lagging = self._lagging()
        except ArchiveInUse:
            for path in self._lagging():
                self._warn(path, "it is behind the catalog; an archive job is at work")
            return
        except DataFolderError:  # a read-only folder, in which no job runs
            lagging = self._lagging()
        for path in lagging:
            reason = "it is not what the catalog says" if path.exists() else "it is missing"
            self._fault(path, f"{reason}; the next archive run writes it again")

    def _lagging(self) -> list[Path]:
        """Return the paths of manifests that differ from the catalog."""
        watermark, batches = read_catalog(self._folder)
        lagging = []
        for day, of_day in days_of(batches).items():
            content, paths = (
                manifest_of(day, of_day, watermark),
                local_paths(self._folder, day, of_day),
            )
            if not any(self._holds(path, content) for path in paths):
                is_moved = paths.place.exists() or not paths.former.exists()
                lagging.append(paths.place if is_moved else paths.former)
        return lagging

    def _holds(self, path: Path, content: bytes) -> bool:
        """Return whether a manifest says the same; one of an earlier version has fewer members."""
        try:
            found = self._files.read(path)
            name = str(path)
            return found == content or parse_manifest(found, name) == parse_manifest(content, name)
        except ArchiveError:
            return False

    def _look_at_remote_manifests(self, batches: Iterable[ArchivedBatch]) -> None:
        """Check that the manifests in object storage name all uploaded batches."""
        by_manifest: dict[tuple[str, str], list[ArchivedBatch]] = {}
        for batch in batches:
            if batch.uploaded_to and (self._all_copies or batch.local_removed_at is not None):
                by_manifest.setdefault((batch.uploaded_to, batch.day), []).append(batch)
        for (address, day), uploaded in by_manifest.items():
            try:
                bucket = self._reader.bucket(uploaded[0])
                name, manifest = read_remote_manifest(bucket, day, uploaded)
            except ArchiveError as error:
                self._fault(f"{address}/{remote_keys(day, uploaded).place}", str(error))
                continue
            told = {(each.file, each.sha256) for each in manifest.batches}
            for batch in uploaded:
                if (batch.file, batch.sha256) not in told:
                    self._fault(name, f"it does not tell of {batch.file}")

    def _look_around(self) -> None:
        """Warn of files that the catalog does not know."""
        days = self._folder.day_folders()
        tops = [each for each in (self._folder.archives, self._folder.manifests) if each.is_dir()]
        paths = [path for top in tops for path in top.iterdir() if path not in days]
        paths += [path for day in days if day.is_dir() for path in day.iterdir()]
        # Read after the folders, so that it knows files that a job has just written.
        _, batches = read_catalog(self._folder)
        known = {self._path(each): each for each in batches}
        places = [local_paths(self._folder, *each) for each in days_of(batches).items()]
        manifests, former = {each.place for each in places}, {each.former for each in places}
        for path in sorted(paths):
            reason = _strange(path, known.get(path))
            if path in former:
                reason = "it lies where a manifest should not; the next archive run moves it"
            if reason is not None and path not in manifests and path.exists():
                self._warn(path, reason)

    def _path(self, batch: ArchivedBatch) -> Path:
        return self._folder.archives / batch.file

    def _fault(self, name: Path | str, reason: str) -> None:
        self._verdict.faults.append(_sentence(name, reason))

    def _warn(self, name: Path | str, reason: str) -> None:
        self._verdict.warnings.append(_sentence(name, reason))


def _sentence(name: Path | str, reason: str) -> str:
    return reason if reason.startswith(str(name)) else f"{name}: {reason}"


def _twice(logs: Path) -> list[str]:
    """Return the files of batches whose seqs are also in hot rows."""
    with reading(logs) as connection:
        return [str(file) for (file,) in connection.execute(_TWICE).fetchall()]


def _differing(batch: ArchivedBatch, content: bytes, logs: pa.Table) -> list[str]:
    """Return one sentence for each difference between a file and its catalog row."""
    found = as_found(batch, content, logs)
    day = strange_days(found)
    return [*differing(found, batch), *([] if day is None else [day])]


def _strange(path: Path, batch: ArchivedBatch | None) -> str | None:
    """Return why a file is unexpected; None if the catalog keeps it."""
    if batch is not None:
        if not batch.is_kept:
            return "it was pruned; the next archive run removes it"
        if batch.local_removed_at is not None:
            return "it is in object storage; the next archive run removes it here"
        return None
    if path.name.startswith(UNFINISHED_PREFIX) and path.name.endswith(UNFINISHED_SUFFIX):
        return "a job is writing it or was cut off at that; the next archive run removes it"
    if batch_number(path.name) is not None:
        return "the catalog does not know it; a job is recording it now, or was cut off"
    return "it is unknown to Waterline"

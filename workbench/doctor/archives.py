"""The archives: catalog, batch files and manifests, and whether archive runs take place."""

from collections.abc import Iterable, Iterator
from typing import Final, cast

from waterline.archive.ahead import ahead_of, earlier, readable_manifests
from waterline.archive.consistency import overlaps, row_fault, watermark_fault
from waterline.archive.jobs.verify import verify
from waterline.archive.missing import is_missing, missing_sentence
from waterline.clock import now_ms, utc_text
from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import file_size
from waterline.storage.watermark import Watermark
from waterline.units import counted, format_duration, human_size
from workbench.doctor.databases import catalog_of, looking
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told, warning
from workbench.doctor.subject import Subject

LATE: Final = 3_600_000
"""Milliseconds that due logs may wait for a run: one looks each minute, and pauses after faults."""
STUCK: Final = 6 * 3_600_000
"""Milliseconds after which a run counts as stuck."""
_MOST_TOLD: Final = 5
_OLDEST: Final = """
    SELECT received_at FROM logs WHERE seq > (SELECT archived_through FROM seam)
    ORDER BY seq LIMIT 1
"""
_COPY: Final = "put a copy in its place"


def archives(subject: Subject) -> Iterator[Finding]:
    """Compare the batch files with the catalog: there and as long; with `--full` read each."""
    folder = subject.folder
    if not file_size(folder.logs):
        yield skipped("there are no logs yet")
        return
    manifests = readable_manifests(folder)
    watermark, batches = catalog_of(subject)
    kept = [each for each in batches if each.is_kept]
    found = []
    if ahead := ahead_of(manifests, watermark.folder_id, batches):
        found.append(told(Verdict.FAULT, str(earlier(folder, ahead))))
    found += _of_catalog(watermark, batches)
    found += _files(subject, kept)
    if subject.is_full and not found:
        found += _verified(subject)
    size = human_size(sum(each.stored_bytes for each in kept))
    how = "read and sound" if subject.is_full else "there and as long as they should be"
    told_of = counted(len(kept), "batch", "batches")
    yield from found or [ok(f"{told_of}, {size}, {how}" if kept else "nothing is archived yet")]


def _of_catalog(watermark: Watermark, batches: list[ArchivedBatch]) -> Iterator[Finding]:
    """Yield what is impossible in the catalog."""
    for batch in batches:
        wrong = row_fault(batch) or watermark_fault(batch, watermark)
        if wrong is not None:
            yield fault(f"{batch.file}: {wrong}", "put back the logs.db that belongs here")
    for one, other in overlaps(batches):
        yield fault(f"{one.file} and {other.file} have the same seqs", "put one of them aside")


def _files(subject: Subject, kept: Iterable[ArchivedBatch]) -> Iterator[Finding]:
    """Yield what is wrong with the local files, as far as no job has just moved them."""
    folder = subject.folder.archives
    here = [each for each in kept if each.local_removed_at is None]
    odd = {each.batch: each for each in here if file_size(folder / each.file) != each.stored_bytes}
    if not odd:
        return
    # Read after the files: a job may have removed or rewritten one meanwhile.
    _, batches = catalog_of(subject)
    still = [each for each in batches if odd.get(each.batch) == each]
    missing = [each.file for each in still if is_missing(folder / each.file)]
    if sentence := missing_sentence(missing, str(folder)):
        yield told(Verdict.FAULT, sentence)
    for batch in still:
        if batch.file not in missing:
            yield fault(
                f"{folder / batch.file} has {file_size(folder / batch.file):,} bytes, and the "
                f"catalog says {batch.stored_bytes:,}: it is damaged",
                _COPY,
            )


def _verified(subject: Subject) -> Iterator[Finding]:
    """Read every batch; what a job leaves for a moment does not count while one is at work."""
    verdict = verify(subject.folder)
    for each in verdict.faults[:_MOST_TOLD]:
        yield told(Verdict.FAULT, each, _COPY)
    if len(verdict.faults) > _MOST_TOLD:
        yield fault(
            f"{len(verdict.faults) - _MOST_TOLD} more are damaged", "see waterline archive verify"
        )
    if subject.archive_job is None:
        for each in verdict.warnings[:_MOST_TOLD]:
            yield told(Verdict.WARNING, each, "see waterline archive verify")


def runs(subject: Subject) -> Iterator[Finding]:
    """Look whether logs that are due are archived, and uploaded."""
    settings, folder = subject.settings, subject.folder
    if not file_size(folder.logs):
        yield skipped("there are no logs yet")
        return
    if subject.archive_job is not None:
        yield _at_work(subject)
        return
    if settings.archive_after is None:
        yield skipped("archive_after is never: logs are archived by hand alone")
        return
    with looking(folder.logs, subject) as connection:
        oldest = cast("int | None", connection.execute(_OLDEST).get)
    late = [*_late(subject, oldest, settings.archive_after + settings.archive_every)]
    late += _not_uploaded(subject)
    age = format_duration(settings.archive_after)
    yield from late or [ok(f"no log is due that was not archived (archive_after is {age})")]


def _late(subject: Subject, oldest: int | None, patience: int) -> Iterator[Finding]:
    now = now_ms()
    # A server that has just started looks within a minute, whatever has become due before.
    waiting = now - max(0 if oldest is None else oldest + patience, subject.server_began or 0)
    if oldest is None or waiting <= LATE:
        return
    due = utc_text(oldest + patience)
    if subject.server is None:
        yield warning(
            f"logs are due to be archived since {due}, and no server runs that does it",
            f"start the server, or run: waterline archive run --data {subject.folder.path}",
        )
    else:
        yield warning(
            f"logs are due to be archived since {due}, and no run has taken them",
            "see archive.last_run in /health, or run: waterline archive run --data "
            f"{subject.folder.path}",
        )


def _not_uploaded(subject: Subject) -> Iterator[Finding]:
    address = subject.settings.batches_address
    if address is None:
        return
    _, batches = catalog_of(subject)
    before = now_ms() - LATE
    waiting = [
        each
        for each in batches
        if each.is_kept and each.uploaded_to != address and each.archived_at < before
    ]
    if waiting:
        yield warning(
            f"{counted(len(waiting), 'batch', 'batches')} of {waiting[0].day} and later are not in "
            f"{address} yet",
            "see the check object storage, or run: waterline archive run",
        )


def _at_work(subject: Subject) -> Finding:
    """Return what to say of a job that holds the lock, written when it began."""
    try:
        since = int(subject.folder.archive_lock.stat().st_mtime * 1000)
    except OSError as error:
        raise DataFolderError(f"archive.lock cannot be read: {error.strerror}") from error
    if now_ms() - since > STUCK:
        return warning(
            f"an archive job (process {subject.archive_job}) is at work since {utc_text(since)}",
            "look whether it still gets on; it may be ended at any moment, and the next goes on",
        )
    return ok(f"an archive job (process {subject.archive_job}) is at work since {utc_text(since)}")

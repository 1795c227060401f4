"""Backups: whether they take place, whole, and on another disk than the folder."""

from collections.abc import Iterator
from pathlib import Path

from waterline.backup.last import read_last
from waterline.clock import now_ms, utc_text
from waterline.units import counted, format_duration
from workbench.doctor.finding import Finding, fault, ok, skipped, warning
from workbench.doctor.subject import Subject
from workbench.doctor.writable import folder_refusal


def backups(subject: Subject) -> Iterator[Finding]:
    """Look at the last backup; none is read."""
    settings, last = subject.settings, read_last(subject.folder)
    if settings.backup_to is None and last is None:
        yield skipped("backup_to is none, and no backup was taken")
        return
    found = [*_place(subject)]
    if settings.backup_to is not None:
        taken = 0 if last is None else last.taken_at
        found += _late(subject, taken)
    if last is not None and last.lacks:
        found.append(
            warning(
                f"the last backup lacks {counted(last.lacks, 'file')}",
                "`waterline archive verify` names what is missing or damaged",
            )
        )
    told = "" if last is None else f": the last, of {utc_text(last.taken_at)}, is in {last.place}"
    yield from found or [ok(f"backups are as they should be{told}")]


def _late(subject: Subject, taken: int) -> Iterator[Finding]:
    """Yield a warning if two backups in a row are missing."""
    every = subject.settings.backup_every
    if now_ms() - max(taken, subject.server_began or 0) <= 2 * every:
        return
    since = f"since {utc_text(taken)}" if taken else "at all"
    why = "" if subject.server is not None else ", and no server runs that does it"
    yield warning(
        f"no backup was taken {since}, though backup_every is {format_duration(every)}{why}",
        "see backup in /health, or run: waterline backup",
    )


def _place(subject: Subject) -> Iterator[Finding]:
    """Yield what is wrong with a folder of backups: not to be written, or on the same disk."""
    place = subject.settings.backup_to
    if place is None or place.startswith("s3://"):
        return
    path, folder = Path(place), subject.folder.path
    if refusal := folder_refusal(path):
        yield fault(
            f"backup_to is {place}, and {refusal}, so that no backup is taken",
            "give the user of the server the right to write there, or set it to another folder",
        )
    if path.exists() and folder.exists() and path.stat().st_dev == folder.stat().st_dev:
        yield warning(
            f"backup_to is {place}, on the same disk as {folder}: a failed disk takes both",
            "set it to another disk, or to s3://bucket/prefix",
        )

"""Gaps: logs that an answer lacks, as they were pruned or logs.db is older than its archives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from waterline.archive.ahead import ahead_of, earlier, readable_manifests
from waterline.archive.manifest_places import manifests_here
from waterline.recognition.time_values import MAX_TIMESTAMP
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.tables import archive_batches
from waterline.units import counted
from workbench.query.archived import Catalog, read_batches
from workbench.query.database import Database
from workbench.query.moment import read_moment
from workbench.query.question import Question
from workbench.query.times import iso_text


def lacking(pruned: Iterable[ArchivedBatch], question: Question) -> str | None:
    """Return a sentence about pruned logs that may match a question; None if there are none.

    Args:
        pruned: the pruned batches.
        question: what is asked.
    """
    batches = list(pruned)
    if not batches:
        return None
    known = [question.exactly(each) for each in batches]
    most = sum(question.selection.most(each) for each in batches)
    amount = f"{'up to ' if None in known else ''}{counted(most, 'log')}"
    firsts, lasts = zip(*(each.reach(question.clock) for each in batches), strict=True)
    first, last = min(firsts), max(lasts)
    return (
        f"this answer lacks {amount}, pruned with batches that reached from {iso_text(first)} to "
        f"{iso_text(last)}{_advice(last + 1, question)}"
    )


def _advice(since: int, question: Question) -> str:
    if since > MAX_TIMESTAMP or (question.until is not None and since >= question.until):
        return ""
    return f"; since={iso_text(since)!r} asks only for what is kept"


# Each is told to a page, and drawn.
_MOST_GAPS: Final = 200


@dataclass(frozen=True, slots=True)
class Gap:
    """Pruned logs that may match a question, with no kept batch among them."""

    first: int
    """Earliest time that they may have, milliseconds UTC."""
    last: int
    """Latest time that they may have."""
    last_seq: int
    logs: int
    """Greatest number of them that match."""
    is_exact: bool
    """Whether so many did."""


def gaps_of(catalog: Catalog, question: Question) -> list[Gap]:
    """Return the gaps of a range, by the log's own time, the newest first.

    Args:
        catalog: the batches that the question needs.
        question: what is asked; its limit is ignored.
    """
    if not catalog.pruned:
        return []
    batches = sorted((*catalog.kept, *catalog.pruned), key=attrgetter("first_seq"))
    runs = [[*run] for is_kept, run in groupby(batches, attrgetter("is_kept")) if not is_kept]
    gaps = [_gap(run, question) for run in runs]
    gaps.sort(key=lambda each: (each.last, each.last_seq), reverse=True)
    if len(gaps) > _MOST_GAPS:
        gaps[_MOST_GAPS - 1 :] = [_joined(gaps[_MOST_GAPS - 1 :])]
    return gaps


def _gap(batches: Sequence[ArchivedBatch], question: Question) -> Gap:
    first = min(each.first_timestamp for each in batches)
    last = max(each.last_timestamp for each in batches)
    return Gap(
        first if question.since is None else max(first, question.since),
        last if question.until is None else min(last, question.until - 1),
        max(each.last_seq for each in batches),
        sum(question.selection.most(each) for each in batches),
        all(question.exactly(each) is not None for each in batches),
    )


def _joined(gaps: Sequence[Gap]) -> Gap:
    """Return several gaps, the newest first, as one."""
    return Gap(
        min(each.first for each in gaps),
        gaps[0].last,
        gaps[0].last_seq,
        sum(each.logs for each in gaps),
        all(each.is_exact for each in gaps),
    )


_DAYS = "SELECT DISTINCT day FROM archive_batches"


def find_earlier(folder: DataFolder, database: Database) -> str | None:
    """Return a sentence about archived logs that logs.db does not know; None if it knows all.

    Only the newest manifest is read, and those of days that the catalog lacks.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    # Manifests before the catalog, which a job may advance meanwhile.
    days = {day for day, _ in manifests_here(folder)}
    if not days:
        return None
    newest = max(days)
    manifests = readable_manifests(folder, days={newest})
    with database.view() as view:
        folder_id = read_moment(view).folder_id
        known = {day for (day,) in view.rows(_DAYS)}
        batches = read_batches(view, archive_batches.c.day == newest)
    manifests += readable_manifests(folder, days=days - known - {newest})
    found = ahead_of(manifests, folder_id, batches)
    return str(earlier(folder, found)) if found else None

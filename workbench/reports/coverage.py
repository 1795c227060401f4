"""Coverage: the steps of a report, and which measurements tell of its range, how exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from waterline.errors import UsageError
from waterline.metrics.recorder import OTHER
from waterline.metrics.spans import HOUR, MINUTE, STEP_OF, Kept, Span, Table, cover
from waterline.records import MAX_TIMESTAMP
from waterline.units import format_duration, parse_duration
from workbench.query.times import iso_text, plain
from workbench.reports.rollups import Extent, Rollups

# More would be a mistake in `every` rather than a report.
MAX_ROWS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step of time; steps begin at its multiples in UTC."""

    text: str
    """As the analyst wrote it."""
    length: int
    """Milliseconds, at least 1."""

    def begins(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the begin of the step that each moment lies in; all are milliseconds UTC."""
        length = np.int64(self.length)
        return moments // length * length

    def check(self, steps: int, groups: int, what: str) -> None:
        """See that a report of so many steps and groups has an end.

        Raises:
            UsageError: it is too long; the sentence says what would be shorter.
        """
        if steps * groups > MAX_ROWS:
            raise UsageError(
                f"every={self.text!r} gives {steps} steps for {groups} {what}; choose a longer "
                "step, or a shorter range with since and until"
            )


def to_step(every: object) -> Step:
    """Return the step that an analyst means.

    Raises:
        UsageError: it is no duration, or none at all.
    """
    given = plain(every)
    if isinstance(given, timedelta):
        every = format_duration(given // timedelta(milliseconds=1))
    if not isinstance(every, str):
        raise UsageError(f"every={every!r} is no text; give a number and a unit, such as '5min'")
    try:
        length = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"every={error}") from error
    if length < 1:
        raise UsageError(f"every={every!r} is no step; the shortest is '1ms'")
    return Step(every, length)


# Behind it there is no time that can be written down.
_END: Final = MAX_TIMESTAMP // HOUR * HOUR
# From the longest step on.
_TABLES: Final[tuple[Table, ...]] = ("hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer tells of; times are milliseconds UTC."""

    spans: Sequence[Span]
    since: int | None
    """From when on it tells; None is from the first measurement on."""
    until: int | None
    """Up to when, excluded; None is up to the last one."""
    begin: int | None
    """From when on there are measurements, where what is asked for begins before."""

    def attrs(self) -> dict[str, str | None]:
        """Return `since` and `until` as the `attrs` of a frame have them."""
        return {
            name: None if moment is None else iso_text(moment)
            for name, moment in (("since", self.since), ("until", self.until))
        }


def coverage_of(
    measured: Rollups, progress: Extent, since: int | None, until: int | None, step: Step | None
) -> Coverage:
    """Choose the measurements that tell of a range.

    Seconds are whole: the range goes from the begin of one to the end of one. Without a step it
    goes out to whole minutes or hours where seconds are not kept any more.

    Args:
        measured: what there is.
        progress: how far that goes.
        since: milliseconds UTC; None is from the first measurement on.
        until: the same, excluded; None is up to the last one.
        step: of the answer, if it has steps.

    Raises:
        UsageError: the step is no multiple of a second, or finer than what is kept of the range;
            the sentence says from when on it is kept, and which step would do.
    """
    kept = progress.kept
    first, end = measured.bounds()
    begin = max(first if since is None else since, 0)
    end = min(end if until is None else until, _END)
    if step is not None:
        table = _table_of(step)
        if first < end:
            _check_kept(step, table, max(begin, first), kept)
        kept = _no_coarser(kept, table)
    spans = cover(begin, end, kept)
    return Coverage(
        spans,
        None if since is None or not spans else spans[0].begin,
        None if until is None or not spans else spans[-1].end,
        _unmeasured_before(progress, since),
    )


def _table_of(step: Step) -> Table:
    """Return the table with the longest step of which this one is a multiple."""
    for table in _TABLES:
        if step.length % STEP_OF[table] == 0:
            return table
    raise UsageError(
        f"every={step.text!r} is no multiple of a second, the finest step that is measured; "
        "give one such as '1s', or exact=True"
    )


def _check_kept(step: Step, table: Table, begin: int, kept: Kept) -> None:
    first = kept.first(table)
    if begin >= first or table == "hours":
        return
    coarser = MINUTE if table == "seconds" and begin >= kept.minutes_from else HOUR
    would_do = format_duration(-(-step.length // coarser) * coarser)
    raise UsageError(
        f"every={step.text!r} needs {table}, which are kept from {iso_text(first)} on; "
        f"give since={iso_text(first)!r} or later, or every={would_do!r}"
    )


def _no_coarser(kept: Kept, table: Table) -> Kept:
    """Return what is kept without the tables whose rows are longer than a step."""
    if table == "seconds":
        return replace(kept, minutes_through=0, hours_through=0)
    return replace(kept, hours_through=0) if table == "minutes" else kept


def _unmeasured_before(progress: Extent, since: int | None) -> int | None:
    """Return from when on there are measurements, where a range begins before."""
    begins = []
    if progress.counted_from:
        begins.append(progress.measured_from)
    if progress.measured_from < progress.kept.hours_from:
        begins.append(progress.kept.hours_from)
    begin = max(begins, default=0)
    return begin if begins and (since is None or since < begin) else None


def chosen(
    measured: Rollups, metric: str, dimension: str, wanted: Sequence[str] | None
) -> dict[int, str]:
    """Return labels of a metric by the id of their series, those that are wanted.

    Raises:
        UsageError: one that is wanted is counted together with others.
    """
    labels = measured.labels(metric, dimension)
    if wanted is None:
        return labels
    known = set(labels.values())
    for each in wanted:
        if each not in known and OTHER in known:
            raise UsageError(
                f"{dimension}={each!r} is not in the measurements: they tell only so many apart, "
                f"and count the rest as {OTHER!r}; exact=True reads the logs"
            )
    return {number: label for number, label in labels.items() if label in wanted}

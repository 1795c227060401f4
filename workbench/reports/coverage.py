"""Coverage: the steps of a report, and the measurements that its range is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from waterline.errors import UsageError
from waterline.metrics.recorder import OTHER
from waterline.metrics.spans import HOUR, MINUTE, STEP_OF, Kept, Span, Table, cover
from waterline.recognition.time_values import MAX_TIMESTAMP
from waterline.units import format_duration, parse_duration
from workbench.query.times import iso_text, plain
from workbench.reports.rollups import Extent, Rollups

# Rows of a report at most; more would be a mistake in `every`.
MAX_ROWS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step of time; steps begin at its multiples in UTC."""

    text: str
    """As the analyst wrote it."""
    length: int
    """Milliseconds, at least 1."""

    def begins(self, moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the begin of each moment's step, both in milliseconds UTC."""
        length = np.int64(self.length)
        return moments // length * length

    def check(self, steps: int, groups: int, what: str) -> None:
        """Refuse a report that would be too long.

        Args:
            steps: number of steps in the range.
            groups: number of groups, such as types.
            what: the groups in words, for the error.

        Raises:
            UsageError: it has too many rows; the sentence says what would be shorter.
        """
        if steps * groups > MAX_ROWS:
            raise UsageError(
                f"every={self.text!r} gives {steps} steps for {groups} {what}; choose a longer "
                "step, or a shorter range with since and until"
            )


def to_step(every: object) -> Step:
    """Return the step that an analyst means.

    Raises:
        UsageError: `every` is no duration, or shorter than a millisecond.
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


# Later times cannot be written as text.
_END: Final = MAX_TIMESTAMP // HOUR * HOUR
# The longest step first.
_TABLES: Final[tuple[Table, ...]] = ("hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Range of time that a report covers, in milliseconds UTC."""

    spans: Sequence[Span]
    since: int | None
    """Begin; None is the first measurement."""
    until: int | None
    """End, excluded; None is the last measurement."""
    begin: int | None
    """First measurement, if the range asked for begins before it."""

    def attrs(self) -> dict[str, str | None]:
        """Return `since` and `until` as ISO text, for the `attrs` of a frame."""
        return {
            name: None if moment is None else iso_text(moment)
            for name, moment in (("since", self.since), ("until", self.until))
        }


def coverage_of(
    measured: Rollups, progress: Extent, since: int | None, until: int | None, step: Step | None
) -> Coverage:
    """Choose the measurements that cover a range.

    The range is widened to whole seconds. Without a step it is widened to whole minutes or hours
    where seconds are no longer kept.

    Args:
        measured: one moment of metrics.db.
        progress: extent of the measurements.
        since: begin, milliseconds UTC; None is the first measurement.
        until: end, excluded, milliseconds UTC; None is the last measurement.
        step: step of the report, or None.

    Raises:
        UsageError: the step is no multiple of a second, or finer than what is kept of the range.
            The sentence says since when it is kept, and which step would do.
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
    """Return the table with the longest step that divides this one."""
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
    """Return what is kept, without tables whose rows are longer than a step."""
    if table == "seconds":
        return replace(kept, minutes_through=0, hours_through=0)
    return replace(kept, hours_through=0) if table == "minutes" else kept


def _unmeasured_before(progress: Extent, since: int | None) -> int | None:
    """Return the time of the first measurement, if a range begins before it."""
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
    """Return the wanted labels of a metric by the id of their series.

    Args:
        measured: rollups of a range.
        metric: the metric.
        dimension: its dimension, such as type.
        wanted: labels; None is all.

    Raises:
        UsageError: a wanted label is counted together with others.
    """
    labels = measured.labels(metric, dimension)
    if wanted is None:
        return labels
    known = set(labels.values())
    for each in wanted:
        if each not in known and OTHER in known:
            raise UsageError(
                f"{dimension}={each!r} is not in the measurements: they distinguish a limited "
                f"number, and count the rest as {OTHER!r}; exact=True reads the logs"
            )
    return {number: label for number, label in labels.items() if label in wanted}

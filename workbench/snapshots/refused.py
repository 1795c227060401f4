"""Reads what was refused in the last hour, by cause."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Select, Table, func, select

from waterline.metrics.refusals import Cause
from waterline.metrics.registry import BODIES_REFUSED, CAUSE, LOGS_REJECTED
from waterline.metrics.spans import HOUR, MINUTE
from waterline.storage.tables import minutes, progress, seconds, series
from workbench.query.database import View
from workbench.snapshots.snapshot import RefusedLately

_METRICS: Final = (LOGS_REJECTED, BODIES_REFUSED)


def read_refused(view: View, now: int) -> tuple[RefusedLately, ...]:
    """Return the causes of the last hour, in whole minutes, the latest first.

    Args:
        view: a view of metrics.db.
        now: milliseconds UTC.

    Raises:
        DataFolderError: metrics.db cannot be read.
    """
    causes = _causes(view)
    if not causes:
        return ()
    begin = (now - HOUR) // MINUTE * MINUTE
    ((through,),) = view.rows(select(progress.c.minutes_through))
    found: dict[int, RefusedLately] = {}
    for table, since, until in (
        (minutes, begin, through),
        (seconds, max(begin, through), now + MINUTE),
    ):
        for number, count, last in view.rows(_sums(table, causes, since, until)):
            known = found.get(number)
            found[number] = RefusedLately(
                causes[number], count + (known.count if known else 0), last
            )
    return tuple(sorted(found.values(), key=lambda each: (-each.last_at, -each.count, each.cause)))


def _causes(view: View) -> dict[int, Cause]:
    columns = series.c
    question = select(columns.id, columns.label).where(
        columns.metric.in_(_METRICS), columns.dimension == CAUSE
    )
    return {number: Cause.of(label) for number, label in view.rows(question)}


def _sums(
    table: Table, causes: Mapping[int, Cause], since: int, until: int
) -> Select[tuple[int, int, int]]:
    columns = table.c
    return (
        select(columns.series, func.sum(columns["count"]), func.max(columns.begin))
        .where(columns.begin >= since, columns.begin < until, columns.series.in_(sorted(causes)))
        .group_by(columns.series)
    )

"""Arguments of reports, checked before anything is read."""

from collections.abc import Iterable
from typing import Any, Final, get_args

from waterline.errors import UsageError
from waterline.metrics.registry import BY_NAME, OUTCOME, TYPE
from waterline.storage.catalog import Clock
from workbench.query.question import Filters, Question
from workbench.query.times import plain
from workbench.reports.latency import Shape

QUERY_DURATION: Final = "query_duration"
"""Metric of the workbench itself: durations of questions."""

READS_THE_LOGS: Final = "exact=True reads the logs"


def check_clock(clock: object) -> Clock:
    """Return the clock, checked.

    Raises:
        UsageError: logs have no clock of this name.
    """
    for each in get_args(Clock):
        if clock == each:
            return clock  # type: ignore[return-value] # it is one of them
    raise UsageError(f"clock={clock!r} is unknown; give 'received_at' or 'timestamp'")


def is_attribute(metric: str | None) -> bool:
    """Return whether a metric is an attribute of logs, rather than measured by us."""
    return metric is not None and metric != QUERY_DURATION and metric not in BY_NAME


def shape_of(metric: object, by: object, percentiles: object, *, has_time: bool) -> Shape:
    """Return the shape of a report of percentiles.

    The column of `by` is `attributes.NAME` if another column has its name.

    Args:
        metric: as the analyst gave it.
        by: name of a group, as given, or None.
        percentiles: numbers from 0 to 100, as given.
        has_time: whether the report has a row a step of time.

    Raises:
        UsageError: `metric` or `by` is no name, or `percentiles` are not from 0 to 100.
    """
    for argument, name in (("metric", metric), ("by", by)):
        if not isinstance(name, str | None):
            raise UsageError(f"{argument}={name!r} is no name; give it as text")
    shape = Shape(None, has_time, _percentiles(percentiles))
    column = f"attributes.{by}" if by in shape.schema.names else by
    return Shape(column, has_time, shape.percentiles)  # type: ignore[arg-type] # a text or None


def _percentiles(given: Any) -> tuple[float, ...]:  # noqa: ANN401 - whatever was given
    several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else [*given]
    numbers = [plain(each) for each in several]
    found = [each for each in numbers if _is_percentile(each)]
    if not found or len(found) < len(numbers):
        raise UsageError(
            f"percentiles={given!r} are no percentages; give numbers from 0 to 100, "
            "such as (50, 95, 99)"
        )
    return tuple(sorted({float(each) for each in found}))  # type: ignore[arg-type] # numbers


def _is_percentile(number: object) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and 0 <= number <= 100  # type: ignore[operator] # a number


def refuse_unmeasured(filters: Filters, clock: Clock, remedy: str) -> None:
    """Refuse filters that measurements cannot answer.

    Args:
        filters: filters as given.
        clock: column that times are about.
        remedy: what to do instead, for the error.

    Raises:
        UsageError: one is given; the sentence names it.
    """
    if clock != "received_at":
        raise UsageError(f"clock={clock!r}: measurements are by received_at; {remedy}")
    for name, value in filters.items():
        if value is None or name in ("since", "until", "type", "source"):
            continue
        if name == "at":
            raise UsageError(f"at={str(value)!r}: the measurements are of now; {remedy}")
        if name in Filters.__optional_keys__:
            raise UsageError(f"{name}={value!r} is not in the measurements; {remedy}")


def check_grouping(question: Question, metric: str | None, by: str | None) -> None:
    """Refuse filters and groups that all metrics together, or `query_duration`, do not have.

    Args:
        question: with the filters that were given.
        metric: the metric; None is all together.
        by: what to group by, or None.

    Raises:
        UsageError: one is given.
    """
    if metric not in (None, QUERY_DURATION):
        return
    asked = question.filters
    for name, values in (("type", asked.types), ("source", asked.sources)):
        if values is not None:
            raise UsageError(f"{name}= chooses among logs; name one of their attributes")
    known = (OUTCOME,) if metric else (TYPE, OUTCOME)
    if by is not None and by not in known:
        what = QUERY_DURATION if metric else "without a metric the report"
        raise UsageError(
            f"by={by!r}: {what} can be by {' or '.join(known)}; name an attribute, with "
            "exact=True, for others"
        )

"""Templates of logs: menus to draw from, attributes that vary, rhythms of the day."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

Draw = Callable[[], float]
"""Returns the next random number from 0 up to 1, from which all that varies is drawn."""

LogType = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of log.

    Attributes:
        weight: Relative frequency among the templates of its menu.
        type: The type of the log.
        message: Text; names in braces are attributes of the same log.
        fields: Names of attributes whose values are drawn; see `FIELDS`.
        attributes: Attributes with fixed values.
        median_ms: Median of the duration in milliseconds; 0 for no duration.
        spread: Scatter of durations: the 95th percentile is `19 ** spread` times the median.
    """

    weight: int
    type: LogType
    message: str
    fields: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    median_ms: float = 0.0
    spread: float = 0.25


class Menu:
    """Templates to draw from, by weight."""

    __slots__ = ("_cumulative", "lines")

    def __init__(self, *lines: Template) -> None:
        self.lines = lines
        self._cumulative = tuple(accumulate(line.weight for line in lines))

    def pick(self, draw: Draw) -> Template:
        """Draw one template."""
        return self.lines[bisect_right(self._cumulative, draw() * self._cumulative[-1])]


NOTHING = Menu()


@dataclass(frozen=True, slots=True)
class Service:
    """One writer of logs; a service that runs several jobs has an entry for each.

    Attributes:
        name: The attribute `service` of its logs.
        share: Relative number of the day's logs among the services.
        rhythm: A weight for every minute of the day.
        usual: Logs while nothing is wrong: `info` and `debug`.
        warnings: Its everyday warnings.
        errors: Its everyday errors.
        warning_share: The share of its logs that are everyday warnings.
        error_share: The share of its logs that are everyday errors.
        incident_warnings: Its warnings of the incident.
        incident_errors: Its errors of the incident.
        attributes: Attributes that all its logs have.
    """

    name: str
    share: int
    rhythm: tuple[int, ...]
    usual: Menu
    warnings: Menu
    errors: Menu
    warning_share: float = 0.02
    error_share: float = 0.002
    incident_warnings: Menu = NOTHING
    incident_errors: Menu = NOTHING
    attributes: Mapping[str, object] = field(default_factory=dict)


def request(
    weight: int, method: str, path: str, status: int, median_ms: float, *, spread: float = 0.25
) -> Template:
    """Return a template of an answered HTTP request, as in an access log.

    Args:
        weight: how often it is drawn, relative to others.
        method: the HTTP method.
        path: path of the request.
        status: status of the answer.
        median_ms: median duration, milliseconds.
        spread: scatter of durations, as of `Template`.
    """
    return Template(
        weight,
        "info",
        "{method} {path} {status} in {duration_ms} ms",
        ("request_id",),
        {"method": method, "path": path, "status": status},
        median_ms,
        spread,
    )


def refused(
    weight: int,
    type_: LogType,
    method: str,
    path: str,
    status: int,
    why: str,
    median_ms: float,
    *,
    spread: float = 0.25,
    fields: tuple[str, ...] = (),
) -> Template:
    """Return a template of an HTTP request that failed, or nearly did, with the reason.

    Args:
        weight: how often it is drawn, relative to others.
        type_: the log's type.
        method: the HTTP method.
        path: path of the request.
        status: status of the answer.
        why: the reason, which ends the message.
        median_ms: median duration, milliseconds.
        spread: scatter of durations, as of `Template`.
        fields: names of further attributes that are drawn.
    """
    return Template(
        weight,
        type_,
        "{method} {path} {status} in {duration_ms} ms: " + why,
        ("request_id", *fields),
        {"method": method, "path": path, "status": status},
        median_ms,
        spread,
    )


MINUTES = 24 * 60


def hourly(*weights: int) -> tuple[int, ...]:
    """Return a weight a minute, interpolated from one a full hour."""
    following = (*weights[1:], weights[0])
    return tuple(
        here * (60 - minute) + there * minute
        for here, there in zip(weights, following, strict=True)
        for minute in range(60)
    )


def between(start: int, end: int) -> tuple[int, ...]:
    """Return weight 1 from minute `start` up to minute `end` of the day, and 0 outside."""
    return tuple(int(start <= minute < end) for minute in range(MINUTES))


def portioned(rhythm: Sequence[int], share: int) -> tuple[int, ...]:
    """Return the rhythm scaled so that its day weighs `share` millions."""
    whole = sum(rhythm)
    return tuple(share * 1_000_000 * weight // whole for weight in rhythm)


def apportion(count: int, weights: Sequence[int]) -> Iterator[int]:
    """Yield shares of `count` by weight, integers whose sum is exactly `count`."""
    whole = sum(weights)
    given = 0
    for passed in accumulate(weights):
        due = (2 * count * passed + whole) // (2 * whole)
        yield due - given
        given = due


# fmt: off
CUSTOMERS = hourly(
    5, 3, 2, 2, 3, 9, 22, 38, 46, 44, 42, 42,
    46, 44, 42, 42, 46, 56, 68, 74, 70, 52, 28, 12,
)
OFFICE = hourly(
    6, 5, 4, 4, 5, 8, 16, 34, 52, 58, 58, 54,
    48, 52, 56, 56, 52, 46, 42, 44, 38, 26, 16, 9,
)
# fmt: on
STEADY = hourly(*[1] * 24)


Field = Callable[[Draw, float], object]
"""Draws a value, given random numbers and the demand for water, from 0 to 1."""

STATIONS = ("harbour", "hillside", "old-mill", "riverbend", "north-tower", "lakeview")
DISTRICTS = ("centre", "docks", "east-bank", "garden-city", "upper-town", "west-bank")


def one_of(values: Sequence[object]) -> Field:
    """Return a field of equally frequent values."""
    return lambda draw, _: values[int(draw() * len(values))]


def whole(low: int, high: int) -> Field:
    """Return a field of integers from `low` through `high`."""
    return lambda draw, _: low + int(draw() * (high - low + 1))


def _request_id(draw: Draw, _: float) -> str:
    return f"{int(draw() * 2**32):08x}{int(draw() * 2**32):08x}"


def _meter(draw: Draw, _: float) -> str:
    return f"WM-{100_000 + int(draw() * 48_000)}"


def _pressure_bar(draw: Draw, demand: float) -> float:
    return round(5.4 - 1.2 * demand + 0.4 * (draw() - 0.5), 2)


def _flow_lps(draw: Draw, demand: float) -> float:
    return round((14.0 + 52.0 * demand) * (0.85 + 0.3 * draw()), 1)


FIELDS: Mapping[str, Field] = {
    "attempt": whole(2, 4),
    "district": one_of(DISTRICTS),
    "drift_ms": whole(600, 4_000),
    "flow_lps": _flow_lps,
    "late_s": whole(40, 900),
    "meter": _meter,
    "opening_percent": whole(5, 100),
    "pressure_bar": _pressure_bar,
    "pump": one_of(("P1", "P2", "P3", "P4")),
    "readings": whole(8, 48),
    "request_id": _request_id,
    "rows": whole(200, 1_000),
    "speed_rpm": whole(980, 1_480),
    "stale_s": whole(300, 900),
    "station": one_of(STATIONS),
    "valve": one_of([f"V{number}" for number in range(1, 13)]),
    "waiting": whole(12, 96),
}

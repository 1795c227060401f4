"""What a service writes, as tables: lines, menus of lines to draw from, and services."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

Draw = Callable[[], float]
"""Gives the next number from 0 up to 1, of which everything that varies is made."""

LogType = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of log.

    Attributes:
        weight: How often it comes, against the other lines of its menu.
        type: The type of the log.
        message: What it says; names in braces are attributes of the same log.
        fields: The attributes whose values are drawn; `fields` knows how.
        attributes: The attributes that are always the same.
        median_ms: The duration in milliseconds that half of them stay below; 0 for no duration.
        spread: How far durations scatter: the 95th percentile is `19 ** spread` times the median.
    """

    weight: int
    type: LogType
    message: str
    fields: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    median_ms: float = 0.0
    spread: float = 0.25


class Menu:
    """Lines to draw from, each as often as its weight says."""

    __slots__ = ("_cumulative", "lines")

    def __init__(self, *lines: Line) -> None:
        self.lines = lines
        self._cumulative = tuple(accumulate(line.weight for line in lines))

    def pick(self, draw: Draw) -> Line:
        """Draw one line."""
        return self.lines[bisect_right(self._cumulative, draw() * self._cumulative[-1])]


NOTHING = Menu()


@dataclass(frozen=True, slots=True)
class Service:
    """One writer of logs; a service that runs several jobs has an entry for each.

    Attributes:
        name: The attribute `service` of its logs.
        share: How many of the day's logs are its own, against the other services.
        rhythm: A weight for every minute of the day.
        usual: What it writes while nothing is wrong: `info` and `debug`.
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
) -> Line:
    """An answered HTTP request, as an access log has it."""
    return Line(
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
) -> Line:
    """An HTTP request that went wrong, or nearly did, and why."""
    return Line(
        weight,
        type_,
        "{method} {path} {status} in {duration_ms} ms: " + why,
        ("request_id", *fields),
        {"method": method, "path": path, "status": status},
        median_ms,
        spread,
    )

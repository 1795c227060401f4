"""The story of the sample day: one incident, where it began and how it spread.

Who calls whom: `pump-controller` and `customer-api` read from `telemetry-gateway`,
`valve-controller` asks `pump-controller`, `billing-api` asks `customer-api`. The batch jobs work at
night and notice nothing.

- 13:40 `billing-api` gets a new release. It has nothing to do with what follows.
- 14:04 Maintenance starts to rebuild an index of the telemetry store: it belongs to the night, and
  was entered in the wrong time zone. It locks the table that `telemetry-gateway` writes.
- 14:05 `telemetry-gateway` slows: writes queue for its connection pool. Its p95 latency climbs, and
  nothing is in the logs yet. At 14:07 it warns of waiting writes; from 14:10 writes time out.
- 14:10 `pump-controller` slows (5 minutes later): it works on its last readings until they are
  stale. Warnings from 14:12, errors from 14:15.
- 14:16 `valve-controller` slows (11 minutes): no valve moves before its pump answers.
  Warnings from 14:18, errors from 14:21.
- 14:21 `customer-api` slows (16 minutes): till then its cache answered. Warnings from 14:23,
  errors (503, 504) from 14:26.
- 14:27 `billing-api` slows (22 minutes): its workers all wait for `customer-api`. Warnings from
  14:29, errors from 14:32.
- 14:35 to 14:40 is the worst of it: failed work is tried again, so there are more logs, too.
- 14:38 An operator cancels the rebuild. From 14:40 the services recover in the order in which they
  fell, each half its delay later; by 15:00 all is quiet.

All times are UTC. In every service latency rises first, then come warnings, then errors.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.samples.services import BATCH_JOBS
from workbench.samples.templates import LogType


def _milestone(
    service: str, message: str, type_: LogType = "info", **attributes: str
) -> Mapping[str, object]:
    return {"type": type_, "message": message, "service": service, **attributes}


def _job(message: str, job: str) -> Mapping[str, object]:
    return _milestone(BATCH_JOBS, message, "info", job=job)


def _at(hour: int, minute: int) -> int:
    return hour * 60 + minute


MILESTONES: Mapping[int, Mapping[str, object]] = {
    _at(0, 30): _job("Meter import started", "meter-import"),
    _at(1, 39): _job("Meter import finished", "meter-import"),
    _at(2, 0): _job("Invoice run started", "invoice-run"),
    _at(3, 39): _job("Invoice run finished", "invoice-run"),
    _at(4, 10): _job("Leak report started", "leak-report"),
    _at(4, 49): _job("Leak report finished", "leak-report"),
    _at(6, 0): _milestone("pump-controller", "Schedule changed: day"),
    _at(13, 40): _milestone("billing-api", "Release 2.31.0 started", version="2.31.0"),
    _at(14, 4): _milestone(
        "telemetry-gateway",
        "Maintenance started: rebuild of index readings_by_station",
        maintenance="rebuild-index",
    ),
    _at(14, 38): _milestone(
        "telemetry-gateway",
        "Maintenance cancelled by operator: rebuild of index readings_by_station",
        "warning",
        maintenance="rebuild-index",
    ),
    _at(14, 59): _milestone("customer-api", "All dependencies answer again"),
    _at(22, 0): _milestone("pump-controller", "Schedule changed: night"),
}
"""First logs of minutes, by minute of the day."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How the incident reached one service.

    Attributes:
        service: The service's name, as in the attribute `service`.
        delay_minutes: Minutes from the beginning of the incident until its latency rises.
        because: Why it came that late, in a sentence.
        slowdown: How many times its usual latency requests take at worst.
        error_share: The share of its logs that are errors of the incident at worst.
    """

    service: str
    delay_minutes: int
    because: str
    slowdown: float
    error_share: float


@dataclass(frozen=True, slots=True)
class Incident:
    """The facts of the incident. All times are UTC.

    Attributes:
        began: When the latency of the first service begins to rise.
        first_service: Where it began.
        order: The services in the order in which it reached them, the first one included.
        warnings_after_minutes: Minutes from the rise of a service's latency to its warnings.
        errors_after_minutes: Minutes from the rise of a service's latency to its errors.
        relieved: When the first service begins to recover.
        ended: From when on all is quiet again.
    """

    began: dt.time
    first_service: str
    order: tuple[Spread, ...]
    warnings_after_minutes: int
    errors_after_minutes: int
    relieved: dt.time
    ended: dt.time


@dataclass(frozen=True, slots=True)
class Trouble:
    """Effect of the incident on one service in one minute.

    Attributes:
        slowdown: How many times its usual latency requests take.
        warning_share: The share of its logs that are warnings of the incident.
        error_share: The share of its logs that are errors of the incident.
        surge: How many times its usual number of logs it writes.
    """

    slowdown: float = 1.0
    warning_share: float = 0.0
    error_share: float = 0.0
    surge: float = 1.0


CALM = Trouble()

INCIDENT = Incident(
    began=dt.time(14, 5),
    first_service="telemetry-gateway",
    order=(
        Spread("telemetry-gateway", 0, "Its writes queue for a locked table.", 24.0, 0.60),
        Spread("pump-controller", 5, "It works on its last readings until stale.", 16.0, 0.50),
        Spread("valve-controller", 11, "No valve moves before its pump answers.", 14.0, 0.50),
        Spread("customer-api", 16, "Until then its cache answered.", 12.0, 0.40),
        Spread("billing-api", 22, "Its workers all wait for customer-api.", 9.0, 0.35),
    ),
    warnings_after_minutes=2,
    errors_after_minutes=5,
    relieved=dt.time(14, 40),
    ended=dt.time(15, 0),
)

_WARNING_SHARE = 0.25
_RECOVERY_MINUTES = 6
_SPREADS = {spread.service: spread for spread in INCIDENT.order}


def minute_of(time: dt.time) -> int:
    """Return the minute of the day of a time, from 0 to 1439."""
    return time.hour * 60 + time.minute


def trouble(service: str, minute: int) -> Trouble:
    """Return the incident's effect on a service in a minute of the day; `CALM` without any."""
    spread = _SPREADS.get(service)
    if spread is None:
        return CALM
    slow_from = minute_of(INCIDENT.began) + spread.delay_minutes
    relieved = minute_of(INCIDENT.relieved) + spread.delay_minutes / 2
    if not slow_from <= minute < relieved + _RECOVERY_MINUTES:
        return CALM
    left = 1.0 - _risen(minute, relieved, _RECOVERY_MINUTES)
    slow = left * _risen(minute + 1, slow_from, 12)
    warned = left * _risen(minute + 1, slow_from + INCIDENT.warnings_after_minutes, 3)
    failed = left * _risen(minute + 1, slow_from + INCIDENT.errors_after_minutes, 4)
    return Trouble(
        slowdown=1.0 + (spread.slowdown - 1.0) * slow,
        warning_share=_WARNING_SHARE * warned,
        error_share=spread.error_share * failed,
        surge=1.0 + failed,
    )


def _risen(minute: float, start: float, length: float) -> float:
    """Return a straight slope: 0 up to `start`, 1 from `length` minutes after it."""
    return min(max((minute - start) / length, 0.0), 1.0)

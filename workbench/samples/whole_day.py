"""The whole day: a given number of logs, equal for equal arguments."""

import datetime as dt
import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random

from workbench.samples.services import (
    BILLING_API,
    CUSTOMER_API,
    INVOICE_RUN,
    LEAK_REPORT,
    METER_IMPORT,
    PUMP_CONTROLLER,
    TELEMETRY_GATEWAY,
    VALVE_CONTROLLER,
)
from workbench.samples.story import MILESTONES, Trouble, trouble
from workbench.samples.templates import (
    CUSTOMERS,
    FIELDS,
    MINUTES,
    Draw,
    Service,
    Template,
    apportion,
    portioned,
)

SERVICES: Sequence[Service] = (
    TELEMETRY_GATEWAY,
    PUMP_CONTROLLER,
    VALVE_CONTROLLER,
    CUSTOMER_API,
    BILLING_API,
    METER_IMPORT,
    INVOICE_RUN,
    LEAK_REPORT,
)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of the day.

    Attributes:
        cumulative: The weights of the services, in the order of `SERVICES`, summed up so far.
        troubles: What ails each service, in the same order.
        demand: The demand for water, from 0 to 1.
    """

    cumulative: tuple[int, ...]
    troubles: tuple[Trouble, ...]
    demand: float

    @property
    def weight(self) -> int:
        """Relative number of logs of this minute."""
        return self.cumulative[-1]


@cache
def minutes() -> tuple[Minute, ...]:
    """Return the minutes of the day, the same for every date."""
    portions = [portioned(service.rhythm, service.share) for service in SERVICES]
    return tuple(
        _minute(number, [portion[number] for portion in portions]) for number in range(MINUTES)
    )


def _minute(number: int, portions: Sequence[int]) -> Minute:
    troubles = tuple(trouble(service.name, number) for service in SERVICES)
    weights = (
        int(portion * ailing.surge) for portion, ailing in zip(portions, troubles, strict=True)
    )
    return Minute(tuple(accumulate(weights)), troubles, CUSTOMERS[number] / max(CUSTOMERS))


MINUTE_MS = 60_000


def minute_logs(key: str, number: int, count: int) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the logs of one minute, ordered by time, without ids and timestamps.

    Args:
        key: Seed of the random numbers, together with `number`.
        number: The minute of the day, from 0.
        count: How many logs to make.

    Yields:
        Milliseconds since midnight, and the log of that moment.
    """
    # Python promises of Random's methods only random() never to change.
    draw = Random(f"{key}/{number}").random
    minute = minutes()[number]
    milestone = MILESTONES.get(number)
    for moment in sorted(int((number + draw()) * MINUTE_MS) for _ in range(count)):
        if milestone is None:
            yield moment, _drawn(minute, draw)
        else:
            yield moment, dict(milestone)
            milestone = None


def _drawn(minute: Minute, draw: Draw) -> dict[str, object]:
    place = bisect_right(minute.cumulative, draw() * minute.weight)
    service = SERVICES[place]
    line, slowdown = _line(service, minute.troubles[place], draw)
    log: dict[str, object] = {
        "type": line.type,
        "message": line.message,
        "service": service.name,
        **service.attributes,
        **line.attributes,
    }
    for name in line.fields:
        log[name] = FIELDS[name](draw, minute.demand)
    if line.median_ms:
        log["duration_ms"] = _duration_ms(line, slowdown, draw)
    log["message"] = line.message.format_map(log)
    return log


def _line(service: Service, ailing: Trouble, draw: Draw) -> tuple[Template, float]:
    """Return what the service writes, and the slowdown of its work.

    Only usual work slows: the durations of warnings and errors are those of their timeouts.
    """
    chance = draw() - ailing.error_share
    if chance < 0.0:
        return service.incident_errors.pick(draw), 1.0
    chance -= ailing.warning_share
    if chance < 0.0:
        return service.incident_warnings.pick(draw), 1.0
    chance -= service.error_share
    if chance < 0.0:
        return service.errors.pick(draw), 1.0
    chance -= service.warning_share
    if chance < 0.0:
        return service.warnings.pick(draw), 1.0
    return service.usual.pick(draw), ailing.slowdown


def _duration_ms(line: Template, slowdown: float, draw: Draw) -> float:
    """Return a log-logistic duration: like a lognormal one, from a single draw."""
    chance = draw()
    scatter = math.pow((chance + 1e-6) / (1.0 - chance + 1e-6), line.spread)
    return round(line.median_ms * slowdown * scatter, 1)


SAMPLE_DATE = dt.date(2026, 3, 17)
SAMPLE_COUNT = 100_000
SAMPLE_SEED = 7
_EPOCH = dt.date(1970, 1, 1)
_DAY_MS = 24 * 60 * 60 * 1000


def day(
    count: int = SAMPLE_COUNT, *, date: dt.date = SAMPLE_DATE, seed: int = SAMPLE_SEED
) -> Iterator[dict[str, object]]:
    """Return the logs of one day of a water utility's web platform, ordered by time.

    Equal arguments give equal logs, on every Python and machine. Any number of logs is spread alike
    over the day; the incident (see `INCIDENT`) shows from about 5,000 on. Memory holds the logs of
    one minute.

    Args:
        count: Number of logs.
        date: The day, in UTC; not before 1970.
        seed: Another number gives another day with the same story.

    Returns:
        Logs with `id` (unique, sorted as the logs are), `type`, `message`, `timestamp` (in
        milliseconds since 1970 UTC) and their attributes.

    Raises:
        ValueError: If `count` is negative or `date` lies before 1970.
    """
    if count < 0:
        raise ValueError(f"count must not be negative: {count}")
    if date < _EPOCH:
        raise ValueError(f"date must not lie before 1970: {date}")
    return _logs(count, date, seed)


def key_of(count: int, date: dt.date, seed: int) -> str:
    """Return the key of a sample: 64 hexadecimal digits.

    Args:
        count: number of logs.
        date: the day.
        seed: number of the day's variant.
    """
    return hashlib.sha256(f"{count}/{date.isoformat()}/{seed}".encode()).hexdigest()


def counts_by_minute(count: int) -> Iterator[int]:
    """Yield the number of logs of each minute of the day, of `count` in all."""
    return apportion(count, [minute.weight for minute in minutes()])


def _logs(count: int, date: dt.date, seed: int) -> Iterator[dict[str, object]]:
    midnight = (date - _EPOCH).days * _DAY_MS
    key = key_of(count, date, seed)
    digits = max(6, len(str(count)))
    index = 0
    for number, share in enumerate(counts_by_minute(count)):
        for moment, log in minute_logs(key, number, share):
            timestamp = midnight + moment
            id_ = f"sample-{timestamp:013d}-{index:0{digits}d}-{key[:8]}"
            yield {"id": id_, "timestamp": timestamp, **log}
            index += 1

"""The logs of one minute, which depend on no other minute."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from random import Random

from workbench.samples.fields import FIELDS
from workbench.samples.lines import Draw, Line, Service
from workbench.samples.milestones import MILESTONES
from workbench.samples.schedule import SERVICES, Minute, minutes
from workbench.samples.story import Trouble

MINUTE_MS = 60_000


def minute_logs(key: str, number: int, count: int) -> Iterator[tuple[int, dict[str, object]]]:
    """The logs of one minute, in the order of time, without ids and timestamps.

    Args:
        key: What the random numbers are made from, together with `number`.
        number: The minute of the day, from 0.
        count: How many logs to make.

    Yields:
        Milliseconds since midnight, and the log of that moment.
    """
    # Of all the methods of Random, Python promises only for random() that it never changes.
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


def _line(service: Service, ailing: Trouble, draw: Draw) -> tuple[Line, float]:
    """What the service writes, and how much slower than usual its work was.

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


def _duration_ms(line: Line, slowdown: float, draw: Draw) -> float:
    """A duration of a log-logistic distribution: like a lognormal one, from a single draw."""
    chance = draw()
    scatter = math.pow((chance + 1e-6) / (1.0 - chance + 1e-6), line.spread)
    return round(line.median_ms * slowdown * scatter, 1)

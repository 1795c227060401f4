"""The sample day as live traffic: played over and over, faster than time passes."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

from workbench.samples.story import INCIDENT, minute_of
from workbench.samples.templates import MINUTES
from workbench.samples.whole_day import (
    MINUTE_MS,
    SAMPLE_COUNT,
    SAMPLE_DATE,
    SAMPLE_SEED,
    counts_by_minute,
    key_of,
    minute_logs,
)

LEAD_MINUTES = 90
"""Minutes of the day played before the incident begins: three real ones at the default speed."""

_START_MS = (minute_of(INCIDENT.began) - LEAD_MINUTES) * MINUTE_MS
_BEHIND_S = 2.0


def live(
    *,
    seed: int = SAMPLE_SEED,
    speed: float = 30.0,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, object]]:
    """Yield endless live traffic: the sample day over and over, each time with other details.

    It starts 90 minutes of the day before the incident. At the default speed that is three real
    minutes, with about 35 logs a second over the day. When its reader is more than two seconds
    late, the traffic missed is left out, not sent in a burst.

    Args:
        seed: Another number gives other details of the same story.
        speed: How many seconds of the day pass in one second.
        clock: Gives the time in seconds since 1970 UTC.
        sleep: Waits for a number of seconds.

    Returns:
        Logs as those of `day()`, but with the current time as `timestamp` and no `id`.

    Raises:
        ValueError: If `speed` is not a positive number.
    """
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(f"speed must be a positive number: {speed}")
    return _paced(seed, speed * 1000.0, clock, sleep)


def _paced(
    seed: int, ms_a_second: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[dict[str, object]]:
    position = _START_MS
    started = now = clock()
    while True:
        for moment, log in _traffic(seed, position):
            before, now = now, clock()
            # A clock that was set back must not make us wait until it has caught up.
            started -= max(before - now, 0.0)
            wait = started + (moment - _START_MS) / ms_a_second - now
            if wait < -_BEHIND_S:
                break
            if wait > 0:
                sleep(wait)
            yield {"timestamp": int(clock() * 1000), **log}
        position = _START_MS + int((now - started) * ms_a_second)


def _traffic(seed: int, position: int) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield logs from a position on with theirs, in milliseconds since the first midnight."""
    counts = tuple(counts_by_minute(SAMPLE_COUNT))
    for minute in count(position // MINUTE_MS):
        lap, number = divmod(minute, MINUTES)
        key = key_of(SAMPLE_COUNT, SAMPLE_DATE + timedelta(days=lap), seed)
        for moment, log in minute_logs(key, number, counts[number]):
            passed = lap * MINUTES * MINUTE_MS + moment
            if passed >= position:
                yield passed, log

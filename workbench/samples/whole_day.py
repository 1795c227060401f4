"""The whole day: a given number of logs, the same ones for the same arguments."""

import datetime as dt
import hashlib
from collections.abc import Iterator

from workbench.samples.minute_logs import minute_logs
from workbench.samples.rhythm import apportion
from workbench.samples.schedule import minutes

SAMPLE_DATE = dt.date(2026, 3, 17)
SAMPLE_COUNT = 100_000
SAMPLE_SEED = 7
_EPOCH = dt.date(1970, 1, 1)
_DAY_MS = 24 * 60 * 60 * 1000


def day(
    count: int = SAMPLE_COUNT, *, date: dt.date = SAMPLE_DATE, seed: int = SAMPLE_SEED
) -> Iterator[dict[str, object]]:
    """The logs of one day of a water utility's web platform, in the order of time.

    The same arguments give the same logs, on every Python and every machine. Few logs are spread
    over the day as many are; the incident (see `INCIDENT`) shows from about 5,000 on. Memory does
    not grow with `count` beyond the logs of one minute.

    Args:
        count: How many logs.
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
    """What tells this sample from every other: 64 hexadecimal digits."""
    return hashlib.sha256(f"{count}/{date.isoformat()}/{seed}".encode()).hexdigest()


def counts_by_minute(count: int) -> Iterator[int]:
    """How many of `count` logs fall into each minute of the day."""
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

"""The contents of the report: what a workbench says, asked once, before anything is written."""

from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pandas as pd

from waterline.archive.missing import is_missing, missing_sentence
from waterline.errors import UnmeasuredLogs, UsageError
from waterline.metrics.registry import ARCHIVE_DURATION
from waterline.storage.folder import DataFolder
from waterline.units import format_duration, parse_duration
from workbench.query.progress import EFFORT, Effort
from workbench.query.times import TimeLike, to_milliseconds
from workbench.reports.inventory import Holdings
from workbench.reports.page.asked import Asked
from workbench.reports.refusals import Refusals, refusals

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
# Of a figure over time, and how many of them it has at most.
_STEPS: Final = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY)
_MOST_STEPS: Final = 300


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What the cache holds, and what it did for the last questions."""

    answers: int
    logs: int
    size: int
    """Bytes."""
    statistics: pd.DataFrame
    """See `Cache.statistics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that the report tells; times are milliseconds UTC, frames those of the workbench."""

    made_at: int
    since: int
    version: str
    """Of Waterline."""
    pin: str
    holdings: Holdings
    step: int
    """Milliseconds of a step of `total`: the finest that is kept of the whole range."""
    total: pd.DataFrame
    by_type: pd.DataFrame
    """Throughput in the steps of the figure."""
    by_source: pd.DataFrame
    latency: pd.DataFrame
    latency_over_time: pd.DataFrame
    compression: pd.DataFrame
    """All batches, whatever the range."""
    cache: CacheUse | None
    """None where no question went through the cache yet."""
    sources: pd.DataFrame
    refusals: Refusals
    lacks: Sequence[str]
    """What the report lacks, a sentence each."""


def since_of(given: TimeLike, now: int) -> int:
    """Return from when on a report tells, in milliseconds UTC.

    Args:
        given: a moment as `Workbench.logs` takes it, or an age such as `24h`.
        now: what an age counts from, milliseconds UTC.

    Raises:
        UsageError: it is neither; or it is not past yet.
    """
    if isinstance(given, str) and _is_age(given):
        given = f"-{given.strip()}"
    since = to_milliseconds(given, "since", now)
    if since >= now:
        raise UsageError(f"since={given!r} is not past yet; give a time before now, such as '-24h'")
    return since


def gather(asked: Asked, since: int, quiet_after: str, now: int) -> Contents:
    """Ask a workbench for all that the report tells.

    Args:
        asked: the workbench, without a pin.
        since: from when on, milliseconds UTC; it goes up to now.
        quiet_after: after what silence a source may be quiet.
        now: milliseconds UTC.

    Raises:
        UsageError: `quiet_after` has no meaning, or the workbench has a pin.
        DataFolderError: a file of the folder cannot be read.
    """
    effort = Effort()
    contents = copy_context()
    contents.run(EFFORT.set, effort)
    return contents.run(_gather, asked, since, quiet_after, now, effort)


def _gather(asked: Asked, since: int, quiet_after: str, now: int, effort: Effort) -> Contents:
    sources = asked.sources(quiet_after)
    step, total = _finest(asked, since, now)
    every = _figure_step(total, step)
    holdings = asked.holdings()
    folder, compression = DataFolder(Path(holdings.path)), asked.compression()
    return Contents(
        made_at=now,
        since=since,
        version=version("waterline"),
        pin=str(asked.pin()),
        holdings=holdings,
        step=step,
        total=total,
        by_type=asked.throughput(every, by="type", since=since, until=now),
        by_source=asked.throughput(every, by="source", since=since, until=now),
        latency=asked.latency(by="type", since=since, until=now),
        latency_over_time=_over_time(asked.latency(every=every, since=since, until=now)),
        compression=compression,
        cache=_cache_use(asked),
        sources=sources,
        refusals=refusals(folder.metrics, since, now),
        lacks=[*_lacks(effort), *_missing(asked, compression, folder.archives)],
    )


def _missing(asked: Asked, compression: pd.DataFrame, archives: Path) -> list[str]:
    """Return a sentence that names archive files that are missing, or nothing."""
    files = _lacking(compression, archives)
    if files:
        # An archive job may have removed one meanwhile, which the catalog says then.
        files &= _lacking(asked.compression(), archives)
    sentence = missing_sentence(sorted(files), str(archives))
    return [] if sentence is None else [sentence]


def _lacking(compression: pd.DataFrame, archives: Path) -> set[str]:
    here = compression["place"].isin(["local", "local+bucket"])
    return {file for file in compression["file"][here] if is_missing(archives / file)}


def _is_age(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def _finest(asked: Asked, since: int, now: int) -> tuple[int, pd.DataFrame]:
    """Return all logs by minute, or by hour where minutes of the range are not kept any more."""
    try:
        return _MINUTE, asked.throughput("1min", by=None, since=since, until=now)
    except UsageError:
        return _HOUR, asked.throughput("1h", by=None, since=since, until=now)


def _figure_step(total: pd.DataFrame, finest: int) -> str:
    length = len(total) * finest
    fitting = [each for each in _STEPS if each >= finest and length <= each * _MOST_STEPS]
    return format_duration(fitting[0] if fitting else _STEPS[-1])


def _over_time(latency: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is a point rather than a line, and runs of the archive job."""
    steps = latency["metric"].map(latency["metric"].value_counts())
    return latency[(steps > 1) & (latency["metric"] != ARCHIVE_DURATION)]


def _cache_use(asked: Asked) -> CacheUse | None:
    cache = asked.cache
    if cache is None or cache.durations().empty:
        return None
    kept = cache.entries()
    return CacheUse(
        answers=len(kept),
        logs=int(kept["rows"].sum()),
        size=int(kept["size"].sum()),
        statistics=cache.statistics(),
    )


def _lacks(effort: Effort) -> list[str]:
    """Return each sentence once; what it advises to ask instead is about a question, not this."""
    told = [
        sentence.partition(";")[0].replace("this answer", "this report")
        for sentence, kind in effort.warnings
        if kind is UnmeasuredLogs
    ]
    return list(dict.fromkeys(told))

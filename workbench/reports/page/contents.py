"""The contents of the report: a session's answers, asked once, before anything is written."""

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
from waterline.units import format_duration, parse_duration
from workbench.query.asking import Asking
from workbench.query.progress import EFFORT, Effort
from workbench.query.question import Filters
from workbench.query.session import Session
from workbench.query.times import TimeLike, to_milliseconds
from workbench.reports import traffic
from workbench.reports.archives import ArchivedDay, archived_days
from workbench.reports.compression import batches
from workbench.reports.holdings import Holdings, holdings
from workbench.reports.latency import PERCENTILES
from workbench.reports.refusals import Refusals, refusals
from workbench.reports.throughput import By
from workbench.reports.traffic import Basis

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
# Steps of a figure over time, and their greatest number.
_STEPS: Final = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY)
_MOST_STEPS: Final = 300


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Kept answers of the cache, and its part in the last questions."""

    answers: int
    logs: int
    size: int
    """Bytes."""
    statistics: pd.DataFrame
    """See `Cache.statistics`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContents:
    """All data of the report; times are milliseconds UTC, frames those of the workbench."""

    made_at: int
    since: int
    version: str
    """Version of Waterline."""
    pin: str
    holdings: Holdings
    step: int
    """Milliseconds of a step of `total`, the finest that is kept of the whole range."""
    total: pd.DataFrame
    by_type: pd.DataFrame
    """Throughput in the steps of the figure."""
    by_source: pd.DataFrame
    latency: pd.DataFrame
    latency_over_time: pd.DataFrame
    compression: pd.DataFrame
    """All batches, not only of the range."""
    days: Sequence[ArchivedDay]
    """The days that have batches, the oldest first."""
    cache: CacheUse | None
    """None before the first question through the cache."""
    sources: pd.DataFrame
    refusals: Refusals
    lacks: Sequence[str]
    """Sentences about what the report lacks."""


def since_of(given: TimeLike, now: int) -> int:
    """Return the begin of a report's range, in milliseconds UTC.

    Args:
        given: a moment as `Workbench.logs` takes it, or an age such as `24h`.
        now: milliseconds UTC, from which an age counts.

    Raises:
        UsageError: it is neither, or not in the past.
    """
    if isinstance(given, str) and _is_age(given):
        given = f"-{given.strip()}"
    since = to_milliseconds(given, "since", now)
    if since >= now:
        raise UsageError(f"since={given!r} is not past yet; give a time before now, such as '-24h'")
    return since


def gather(session: Asking, since: int, quiet_after: str, now: int) -> ReportContents:
    """Ask a session for all data of the report.

    Args:
        session: an open folder, without a pin.
        since: begin of the range, which ends now; milliseconds UTC.
        quiet_after: duration of silence after which a source may be quiet.
        now: milliseconds UTC.

    Raises:
        UsageError: `quiet_after` is no duration, or the session has a pin.
        DataFolderError: a file of the folder cannot be read.
    """
    effort = Effort()
    contents = copy_context()
    contents.run(EFFORT.set, effort)
    return contents.run(_gather, session, since, quiet_after, now, effort)


def _gather(
    session: Asking, since: int, quiet_after: str, now: int, effort: Effort
) -> ReportContents:
    within: Filters = {"since": since, "until": now}
    sources = session.answer(traffic.sources, quiet_after)
    step, total = _finest(session, within)
    every = _figure_step(total, step)
    held = session.answer(holdings)
    compression = session.answer(batches)
    return ReportContents(
        made_at=now,
        since=since,
        version=version("waterline"),
        pin=str(session.pin()),
        holdings=held,
        step=step,
        total=total,
        by_type=_throughput(session, every, "type", within),
        by_source=_throughput(session, every, "source", within),
        latency=_latency(session, "type", None, within),
        latency_over_time=_over_time(_latency(session, None, every, within)),
        compression=compression,
        days=session.answer(archived_days),
        cache=_cache_use(session),
        sources=sources,
        refusals=session.answer(refused, since, now),
        lacks=[*_lacks(effort), *session.answer(missing_files)],
    )


def refused(session: Session, since: int, now: int) -> Refusals:
    """Return what the server refused in a range of time.

    Args:
        session: the folder.
        since: begin of the range, milliseconds UTC.
        now: its end.
    """
    return refusals(session.folder.metrics, since, now)


def missing_files(session: Session) -> list[str]:
    """Return a sentence that names missing archive files, or nothing."""
    archives = session.folder.archives
    files = _lacking(batches(session), archives)
    if files:
        # An archive job may have removed one meanwhile, as the catalog then says.
        files &= _lacking(batches(session), archives)
    sentence = missing_sentence(sorted(files), str(archives))
    return [] if sentence is None else [sentence]


def _lacking(compression: pd.DataFrame, archives: Path) -> set[str]:
    here = compression["place"].isin(["local", "local+bucket"])
    return {file for file in compression["file"][here] if is_missing(archives / file)}


def _throughput(session: Asking, every: str, by: By | None, within: Filters) -> pd.DataFrame:
    return session.answer(traffic.throughput, every, by, Basis(), within)


def _latency(session: Asking, by: str | None, every: str | None, within: Filters) -> pd.DataFrame:
    return traffic.latency(session, None, by, every, PERCENTILES, Basis(), within)


def _is_age(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def _finest(session: Asking, within: Filters) -> tuple[int, pd.DataFrame]:
    """Return all logs by minute, or by hour if minutes of the range are no longer kept."""
    try:
        return _MINUTE, _throughput(session, "1min", None, within)
    except UsageError:
        return _HOUR, _throughput(session, "1h", None, within)


def _figure_step(total: pd.DataFrame, finest: int) -> str:
    length = len(total) * finest
    fitting = [each for each in _STEPS if each >= finest and length <= each * _MOST_STEPS]
    return format_duration(fitting[0] if fitting else _STEPS[-1])


def _over_time(latency: pd.DataFrame) -> pd.DataFrame:
    """Leave out metrics with a single step, and runs of the archive job."""
    steps = latency["metric"].map(latency["metric"].value_counts())
    return latency[(steps > 1) & (latency["metric"] != ARCHIVE_DURATION)]


def _cache_use(session: Asking) -> CacheUse | None:
    cache = session.cache
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
    """Return each sentence once, without its advice, which is for a question."""
    told = [
        sentence.partition(";")[0].replace("this answer", "this report")
        for sentence, kind in effort.warnings
        if kind is UnmeasuredLogs
    ]
    return list(dict.fromkeys(told))

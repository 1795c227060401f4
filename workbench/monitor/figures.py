"""Figures of a running server at a moment, made of a look at its pages."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from waterline.clock import now_ms
from workbench.monitor.pages import Alert, Archiving, Backups, Health, Measured, Pages, Report

WINDOW_SECONDS: Final = 10
"""Rates and percentiles are of so many seconds."""
_TREND_SECONDS: Final = 60.0
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
# How long ago, and over how long: what is kept that long is kept by the minute or the hour.
_AGES: Final = ((7 * _DAY, _HOUR), (_DAY, 10 * _MINUTE), (_HOUR, _MINUTE))


class SourceRate(msgspec.Struct, frozen=True):
    """Logs of one source."""

    source: str
    logs_per_second: float


class Acks(msgspec.Struct, frozen=True):
    """From a log's arrival to its durable commit, milliseconds."""

    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class DiskTrend(msgspec.Struct, frozen=True):
    """How the free space of the disk changed."""

    over_ms: int
    bytes_per_day: float
    days_to_full: float | None
    """None if it does not fill."""


class Figures(msgspec.Struct, frozen=True):
    """Everything that is shown; sizes in bytes."""

    time: int
    """Milliseconds UTC, of this machine."""
    url: str
    version: str
    status: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    uptime_seconds: float
    logs_per_second: float
    bytes_per_second: float
    refused_last_hour: int
    """Logs and bodies."""
    ack_ms: Acks | None
    """None if no log came."""
    queue_bytes: int
    queue_limit_bytes: int | None
    disk_free_bytes: int | None
    disk_trend: DiskTrend | None
    """None until there is an hour to compare with."""
    database_bytes: int | None
    wal_bytes: int | None
    memory_bytes: int | None
    memory_peak_bytes: int
    connections: int
    live_readers: int
    last_seq: int
    sources: tuple[SourceRate, ...]
    """Those that sent, the most first."""
    alerts: tuple[Alert, ...]
    archive: Archiving
    backup: Backups


class Monitor:
    """Looks at a server, and remembers what rates need.

    Args:
        pages: its pages.
        clock: returns monotonic seconds.
    """

    def __init__(self, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._pages = pages
        self._clock = clock
        self._uptime = 0.0
        self._trend: DiskTrend | None = None
        self._trend_at: float | None = None

    def look(self) -> Figures:
        """Ask for all figures.

        Raises:
            Unanswered: the server does not answer.
        """
        health = self._pages.health()
        now = self._pages.report(0, 1).timestamp
        until = now - now % 1000  # the second that is under way is not whole yet
        report = self._pages.report(until - 1000 * WINDOW_SECONDS, until, by_source=True)
        if health.uptime < self._uptime:  # another server
            self._trend_at = None
        self._uptime = health.uptime
        self._follow_disk(health.disk_free_bytes, now)
        seconds = min(WINDOW_SECONDS, max(1.0, health.uptime))
        return _figures(self._pages.url, health, report, seconds, self._trend)

    def _follow_disk(self, free: int | None, now: int) -> None:
        """Compare the free bytes with earlier ones, once a minute."""
        at = self._clock()
        if free is None or (self._trend_at is not None and at - self._trend_at < _TREND_SECONDS):
            return
        self._trend_at, self._trend = at, None
        for age, width in _AGES:
            earlier = self._pages.report(now - age, now - age + width).metrics.get(
                "disk_free_bytes"
            )
            if earlier is not None and earlier.count:
                self._trend = disk_trend(earlier.average, free, age - width // 2)
                return


def disk_trend(before: float, free: float, over_ms: int) -> DiskTrend:
    """Return how fast a disk fills.

    Args:
        before: free bytes at first.
        free: free bytes now.
        over_ms: milliseconds between both.
    """
    daily = (free - before) * _DAY / over_ms
    return DiskTrend(over_ms, daily, free / -daily if daily < 0 else None)


def _figures(
    url: str,
    health: Health,
    report: Report,
    seconds: float,
    trend: DiskTrend | None,
) -> Figures:
    measured = report.metrics
    rates = (SourceRate(name, count / seconds) for name, count in report.sources.items() if count)
    acks = measured.get("ack_latency")
    return Figures(
        time=now_ms(),
        url=url,
        version=health.versions.get("waterline", ""),
        status=health.status,
        reasons=health.reasons,
        warnings=health.warnings,
        uptime_seconds=health.uptime,
        logs_per_second=_sum(measured, "logs_stored") / seconds,
        bytes_per_second=_sum(measured, "bytes_received") / seconds,
        refused_last_hour=sum(each.last_hour for each in health.refused),
        ack_ms=None if acks is None else Acks(acks.p50, acks.p95, acks.p99, acks.max),
        queue_bytes=health.queue_bytes,
        queue_limit_bytes=health.queue_limit_bytes,
        disk_free_bytes=health.disk_free_bytes,
        disk_trend=trend,
        database_bytes=health.database_bytes,
        wal_bytes=health.wal_bytes,
        memory_bytes=health.memory.resident,
        memory_peak_bytes=health.memory.peak,
        connections=health.connections,
        live_readers=health.live_readers,
        last_seq=health.last_seq,
        sources=tuple(sorted(rates, key=lambda each: (-each.logs_per_second, each.source))),
        alerts=health.alerts,
        archive=health.archive,
        backup=health.backup,
    )


def _sum(measured: Mapping[str, Measured], name: str) -> float:
    found = measured.get(name)
    return 0.0 if found is None else found.sum

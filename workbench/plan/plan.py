"""The plan of a data folder: its measurements, what is assumed, and what follows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from waterline.archive.jobs.run_options import encoding_of
from waterline.clock import now_ms
from waterline.metrics.spans import SECOND
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import WAL_SIZE_LIMIT
from workbench.doctor.descriptors import limit_for
from workbench.doctor.subject import holder_of_lock
from workbench.plan.archive_cost import (
    ENCODINGS,
    Cost,
    chosen_cost,
    costs_of,
    sample_of,
    sampled_costs,
)
from workbench.plan.bucket import Monthly, monthly
from workbench.plan.forecast import Assumed, Forecast
from workbench.plan.limits import CONNECTION_BYTES, Limit, limits
from workbench.plan.measured import Measured, measure

DISK: Final = "the disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What a plan takes in place of measurements; None is as measured."""

    rate: float | None = None
    """Logs a second."""
    producers: int | None = None
    disk: int | None = None
    """Bytes of the disk, for the folder alone."""
    is_default_encoding: bool = True
    """Whether the archives are encoded as the folder's settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows of measurements and assumptions. Times are seconds, sizes bytes."""

    settings: Settings
    measured: Measured
    rate: float
    producers: int
    cost: Cost | None
    """What an archived log takes; None if nothing tells."""
    costs: tuple[Cost, ...]
    bucket: Monthly | None
    free: int
    """Bytes that the folder may still take."""
    to_full: float | None
    """Time until the disk is full; None if that is not within the horizon."""
    growth: float
    """Bytes that the folder takes within a day more."""
    forecast: Forecast
    memory: float | None
    """Resident bytes of the server with these producers."""
    descriptors: int
    limits: tuple[Limit, ...]
    """What acts at once, the nearest first."""

    @property
    def first(self) -> str:
        """Name of what is refused first."""
        beyond = [each for each in self.limits if each.share >= 1]
        if beyond:
            return beyond[0].name
        if self.to_full is not None:
            return DISK
        return self.limits[0].name


def make_plan(settings: Settings, period: int, what_if: WhatIf) -> Plan:
    """Return the plan of a data folder; its server may run or not.

    Args:
        settings: the settings to plan with.
        period: milliseconds of measurements to go by.
        what_if: what is taken in place of measurements.

    Raises:
        UsageError: too little was measured.
        DataFolderError: a database is missing or cannot be read.
        ArchiveError: a batch to take a sample of cannot be read.
    """
    folder, now = DataFolder(settings.data), now_ms()
    measured = measure(folder, period, now)
    rate = measured.rate if what_if.rate is None else what_if.rate
    encoding = encoding_of(settings)
    sample = sample_of(folder, measured.batches)
    wanted = ENCODINGS if encoding in ENCODINGS else (*ENCODINGS, encoding)
    costs = (*costs_of(measured.batches), *sampled_costs(sample, wanted))
    every = max(1.0, settings.archive_every / SECOND)
    cost = chosen_cost(costs, encoding, rate * every, is_default=what_if.is_default_encoding)
    forecast = Forecast(measured, _assumed(settings, rate, cost, now))
    free = _free(measured, what_if)
    producers = _producers(measured, what_if)
    descriptors, _ = limit_for(holder_of_lock(folder.server_lock))
    faster = rate / measured.rate if measured.rate else 1.0
    near = limits(
        settings,
        producers=producers,
        busy=measured.busy * faster,
        received=measured.received / measured.seconds * faster,
        descriptors=descriptors,
    )
    return Plan(
        settings=settings,
        measured=measured,
        rate=rate,
        producers=producers,
        cost=cost,
        costs=costs,
        bucket=_bucket(settings, rate, cost),
        free=free,
        to_full=forecast.seconds_to(free),
        growth=forecast.growth(86_400.0),
        forecast=forecast,
        memory=_memory(measured, producers),
        descriptors=descriptors,
        limits=tuple(sorted(near, key=lambda each: -each.share)),
    )


def _assumed(settings: Settings, rate: float, cost: Cost | None, now: int) -> Assumed:
    keep, after = settings.archive_keep, settings.archive_after
    here = settings.archive_dest is None or settings.archive_keep_local
    ages = () if keep is None else [age for _, age in keep.ages]
    longest = None if keep is None or keep.age is None else max([keep.age, *ages])
    return Assumed(
        rate=rate,
        hot_for=None if after is None else (after + settings.archive_every) / SECOND,
        archived_log=cost.log_bytes if cost is not None and here else 0.0,
        keep_for=None if longest is None else longest / SECOND,
        keep_bytes=None if keep is None else keep.size,
        retention={
            "seconds": settings.metrics_seconds / SECOND,
            "minutes": settings.metrics_minutes / SECOND,
            "hours": settings.metrics_hours / SECOND,
        },
        now=now / SECOND,
        # Beside archive runs it is written back later, and cut back to this.
        least_wal={} if after is None else {"logs.db": WAL_SIZE_LIMIT},
    )


def _free(measured: Measured, what_if: WhatIf) -> int:
    if what_if.disk is None:
        return measured.disk_free
    return max(0, what_if.disk - measured.folder_bytes)


def _producers(measured: Measured, what_if: WhatIf) -> int:
    if what_if.producers is not None:
        return what_if.producers
    return round(measured.connections or 0)


def _memory(measured: Measured, producers: int) -> float | None:
    if measured.memory is None:
        return None
    more = producers - (measured.connections or 0)
    return measured.memory + max(0.0, more) * CONNECTION_BYTES


def _bucket(settings: Settings, rate: float, cost: Cost | None) -> Monthly | None:
    if cost is None or settings.archive_after is None or not rate:
        return None
    return monthly(
        rate,
        max(1.0, settings.archive_every / SECOND),
        settings.archive_batch_rows or settings.archive_format.batch_rows,
        cost.log_bytes,
        cost.raw_bytes,
    )


def compared(plan: Plan) -> Iterator[tuple[Cost, float]]:
    """Yield each cost, and the bytes a month at the planned rate."""
    for each in plan.costs:
        yield each, plan.rate * each.log_bytes * 30 * 86_400

"""The plan as one table for people, and as an object for programs."""

from collections.abc import Iterator

from waterline.clock import utc_text
from waterline.settings.model import setting_text
from waterline.units import counted, human_duration, human_size
from workbench.plan.bucket import MONTH
from workbench.plan.limits import CONNECTION_BYTES
from workbench.plan.plan import DISK, Plan, compared

Row = tuple[str, str, str]
"""What, how much, and how that is known."""

_DAY = 86_400.0
_DISK_SHOWS = (
    "producers get storage_full (503) and send again later; /health: logs are not stored; what was "
    "acked is safe"
)


def rows(plan: Plan) -> Iterator[Row]:
    """Yield the rows of the table."""
    yield from _of_rates(plan)
    yield from _of_disk(plan)
    yield from _of_archives(plan)
    yield from _of_producers(plan)
    yield from _of_limits(plan)


def period(plan: Plan) -> str:
    """Return the measured time as a sentence, and what is assumed of the time to come."""
    measured = plan.measured
    length = human_duration(measured.until - measured.since)
    sentence = (
        f"measured: {length}, from {utc_text(measured.since)} to {utc_text(measured.until)}; "
        "assumed: logs come on as they did, of the same kinds, and nobody else fills the disk"
    )
    if measured.lately is not None and not 0.8 <= measured.lately <= 1.25:
        came = rate_text(measured.lately * measured.rate)
        sentence += f"; in the last quarter {came} came: where that lasts, say so with --rate"
    return sentence


def time_text(seconds: float) -> str:
    """Return a length of time in days, or smaller units where it is short."""
    for unit, name in ((_DAY, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return counted(round(seconds), "second")


def rate_text(rate: float) -> str:
    """Return a rate by the shortest time in which a log comes; the rate is logs a second."""
    for unit, name in ((1.0, "a second"), (3600.0, "an hour"), (_DAY, "a day")):
        if rate * unit >= 1:
            return f"{rate * unit:,.1f} {name}"
    return f"{rate * _DAY:.2f} a day" if rate else "none"


def _of_rates(plan: Plan) -> Iterator[Row]:
    measured = plan.measured
    known = (
        "measured" if plan.rate == measured.rate else f"--rate; {rate_text(measured.rate)} measured"
    )
    yield "logs", rate_text(plan.rate), known
    if measured.logs:
        size = measured.received / measured.logs
        yield "a log as it comes", human_size(size), "measured"
    yield (
        "a hot log",
        human_size(measured.hot_log),
        f"logs.db of {counted(measured.hot_rows, 'log')}",
    )


def _of_disk(plan: Plan) -> Iterator[Row]:
    measured, settings = plan.measured, plan.settings
    after = setting_text(settings, "archive_after")
    hot = "hot for ever (archive_after is never)"
    if settings.archive_after is not None:
        hot = f"hot for {after}, and up to {setting_text(settings, 'archive_every')} more"
    course = "growth" if plan.growth >= 0 else "shrinks by"
    yield course, f"{human_size(abs(plan.growth))} in the next day", hot
    if measured.disk_lost is not None:
        lost = measured.disk_lost * _DAY
        course = "the disk lost" if lost >= 0 else "the disk gained"
        known = "measured, by all that writes to it and removes from it"
        yield course, f"{human_size(abs(lost))} a day", known
    yield "room", human_size(plan.free), f"folder has {human_size(measured.folder_bytes)}"
    if plan.to_full is None:
        yield (
            "full",
            "not within ten years",
            f"it needs {human_size(plan.forecast.most)} at most",
        )
        return
    yield "full in", time_text(plan.to_full), _made_of(plan, plan.to_full)


def _made_of(plan: Plan, seconds: float) -> str:
    forecast = plan.forecast
    return (
        f"by then logs.db {human_size(forecast.hot_bytes(seconds))}, archives "
        f"{human_size(forecast.archived_bytes(seconds))}, metrics.db "
        f"{human_size(forecast.metric_bytes(seconds))}, WALs "
        f"{human_size(forecast.wal_bytes(seconds))}"
    )


def _of_archives(plan: Plan) -> Iterator[Row]:
    if not plan.costs:
        yield "an archived log", "unknown", "there are too few logs to take a sample of"
        return
    for each, size in compared(plan):
        known = "measured" if each.is_measured else "a sample encoded"
        chosen = ", planned with" if each is plan.cost else ""
        yield (
            f"archived: {each.encoding}",
            f"{each.log_bytes:,.1f} B a log, {human_size(size)} a month",
            f"{known}, {counted(each.batch_rows, 'log')} a batch, 1:{each.ratio:.1f}{chosen}",
        )
    bucket = plan.bucket
    if bucket is not None:
        batches = counted(round(bucket.batches), "batch", "batches")
        yield (
            "in a bucket",
            f"{counted(round(bucket.puts), 'PUT')}, {human_size(bucket.size)} a month",
            f"{batches} of {counted(round(bucket.batch_rows), 'log')}",
        )


def _of_producers(plan: Plan) -> Iterator[Row]:
    producers = counted(plan.producers, "producer")
    if plan.memory is not None:
        each, queue = human_size(CONNECTION_BYTES), setting_text(plan.settings, "queue_size")
        known = (
            f"measured, {each} for each more (twice with compression), up to {queue} of queue_size"
        )
        yield f"memory, {producers}", human_size(plan.memory), known
    yield (
        f"descriptors, {producers}",
        f"{plan.producers:,} of {plan.descriptors:,}",
        "one each; 64 are kept for files",
    )


def _of_limits(plan: Plan) -> Iterator[Row]:
    for each in plan.limits:
        first = "refused first: " if each.name == plan.first else "limit: "
        yield f"{first}{each.name}", each.told, each.shows
    if plan.to_full is not None:
        first = "refused first: " if plan.first == DISK else "limit: "
        yield f"{first}{DISK}", f"in {time_text(plan.to_full)}", _DISK_SHOWS


def as_object(plan: Plan) -> dict[str, object]:
    """Return the plan as an object of numbers: seconds, bytes, times in milliseconds UTC."""
    measured = plan.measured
    return {
        "measured": {
            "since": measured.since,
            "until": measured.until,
            "logs_per_second": measured.rate,
            "hot_log_bytes": measured.hot_log,
            "lately": measured.lately,
            "disk_lost_bytes_per_second": measured.disk_lost,
            "folder_bytes": measured.folder_bytes,
        },
        "logs_per_second": plan.rate,
        "free_bytes": plan.free,
        "growth_bytes_in_a_day": plan.growth,
        "seconds_to_full": plan.to_full,
        "archives": [
            {
                "encoding": each.encoding,
                "batch_rows": each.batch_rows,
                "log_bytes": each.log_bytes,
                "ratio": each.ratio,
                "bytes_a_month": size,
                "measured": each.is_measured,
                "planned_with": each is plan.cost,
            }
            for each, size in compared(plan)
        ],
        "bucket": None
        if plan.bucket is None
        else {
            "seconds": MONTH,
            "batches": plan.bucket.batches,
            "puts": plan.bucket.puts,
            "other_requests": plan.bucket.others,
            "bytes": plan.bucket.size,
        },
        "producers": plan.producers,
        "memory_bytes": plan.memory,
        "descriptors": plan.descriptors,
        "refused_first": plan.first,
        "limits": [
            {"name": each.name, "share": each.share, "shows": each.shows} for each in plan.limits
        ],
    }

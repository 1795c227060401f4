"""The milestones of the day: logs that come once, each at its own minute."""

from collections.abc import Mapping

from workbench.samples import batch_jobs
from workbench.samples.lines import LogType


def _milestone(
    service: str, message: str, type_: LogType = "info", **attributes: str
) -> Mapping[str, object]:
    return {"type": type_, "message": message, "service": service, **attributes}


def _job(message: str, job: str) -> Mapping[str, object]:
    return _milestone(batch_jobs.NAME, message, "info", job=job)


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
"""By minute of the day: what the first log of that minute is."""

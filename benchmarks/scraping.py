"""Scraping: how long /metrics takes while a server takes logs as fast as it can."""

import tempfile
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.rows import Row, limited
from benchmarks.scraper import scraping
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.clock import now_ms
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.registry import Kind
from waterline.metrics.rollup_store import RollupStore
from waterline.metrics.spans import SECOND
from waterline.storage.folder import DataFolder
from workbench.bench.load import connected, percentile, send_all
from workbench.bench.logs import made_logs, take

_LIMIT_MS: Final = 10.0
_REPORT_LIMIT_MS: Final = 30.0
_SCRAPES: Final = {"Prometheus": "prometheus", "OpenMetrics": "openmetrics"}
_PERCENTS: Final = (50, 99)
_VALUES_A_SECOND: Final = 20
_TYPES: Final = ("error", "info", "warning")
_SEED: Final = 7


def measure_scraping(sizes: Sizes) -> list[Row]:
    """Ask a server that has measured for an hour, one format after the other, under full load."""
    logs = take(made_logs(), sizes.scraped_logs)
    rows = []
    for name, wanted in _SCRAPES.items():
        rounds = _scrape_under_load(wanted, logs, sizes)
        for percent in _PERCENTS:
            values = [percentile(each, percent) for each in rounds]
            shown = f"{name} scrape p{percent} under full load"
            rows.append(limited(shown, values, "ms", _LIMIT_MS))
    return [*rows, _report(logs, sizes)]


def _report(logs: list[bytes], sizes: Sizes) -> Row:
    """Return how long the report of the last hour takes."""
    values = [percentile(each, 50) for each in _scrape_under_load("json", logs, sizes)]
    return limited("report as JSON p50 under full load", values, "ms", _REPORT_LIMIT_MS)


def _scrape_under_load(wanted: str, logs: list[bytes], sizes: Sizes) -> list[list[float]]:
    target = f"/metrics?format={wanted}"
    return [_round(target, logs, sizes.scraped_seconds) for _ in range(sizes.rounds)]


def _round(target: str, logs: list[bytes], measured_seconds: int) -> list[float]:
    with tempfile.TemporaryDirectory() as path:
        folder = DataFolder(Path(path))
        _measure_until_now(folder, measured_seconds)
        with (
            serving_folder(folder.path) as server,
            connected(server.ingest, server.token, logs) as connections,
            scraping(server.monitoring + target) as scraper,
        ):
            send_all(connections)
            return scraper.end()


def _measure_until_now(folder: DataFolder, seconds: int) -> None:
    """Write what a server would have measured in the seconds before now."""
    random, end = Random(_SEED), now_ms() // SECOND * SECOND
    recorder = MetricsRecorder()
    for at in range(end - seconds * SECOND, end, SECOND):
        for metric in metrics.OWN:
            if metric.kind is not Kind.COUNT:
                values = [random.lognormvariate(2, 1) for _ in range(_VALUES_A_SECOND)]
                recorder.record_many(metric.name, values, at=at)
        for log_type in _TYPES:
            labels = {metrics.TYPE: log_type, metrics.SOURCE: "earlier"}
            recorder.count(metrics.LOGS_STORED, _VALUES_A_SECOND, labels, at=at)
    file = RollupStore(folder.metrics)
    try:
        file.begin("", 0, end)
        rows = {
            (begin, series): summary
            for begin, second in recorder.take().items()
            for series, summary in second.summaries.items()
        }
        file.write(rows, {}, 0)
        file.close_steps(end)
    finally:
        file.close()

"""Alerts: how fast logs are taken in while ten rules look at each of them, beside none."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, compared
from benchmarks.servers import MeasuredServer, serving_folder
from benchmarks.sizes import Sizes
from waterline.alerts.state import read_alerts
from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from workbench.bench.logs import made_logs, take

# Rules may cost ingest a twentieth.
_LEAST: Final = 0.95
_LOGS_A_FRAME: Final = 100
_SECONDS: Final = 60.0
_RULES: Final = "".join(
    f'[[alerts]]\nname = "{number}"\nover = "5min"\n{rule}\n'
    for number, rule in enumerate(
        (
            'kind = "count"\nquery = "status:500..599"\nabove = 1000000',
            'kind = "rate"\nquery = "duration_ms>=250 -path:/health"\nabove = 1000000',
            'kind = "share"\nquery = "status>=500"\nof = "status:*"\nabove = 0.9999',
            'kind = "percentile"\nquery = "path:*"\nattribute = "duration_ms"\nq = 99\nabove = 1e9',
            'kind = "absence"\nquery = "station:*"',
            'kind = "count"\nquery = "type:error status:503"\nabove = 1000000',
            'kind = "count"\nquery = "path:/a OR path:/b"\nabove = 1000000',
            'kind = "rate"\nquery = "service:*"\nby = "service"\nabove = 1000000',
            'kind = "count"\nquery = "user:* timed"\nabove = 1000000',
            'kind = "count"\nquery = "http.status_code>=500"\nabove = 1000000',
        )
    )
)


@dataclass(slots=True)
class _Taken:
    """Figures of one way, a value a round."""

    rates: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    """Microseconds of CPU a log of the server."""
    alerts: list[float] = field(default_factory=list)
    """The same of the process of alerts."""


def measure_alerting(sizes: Sizes) -> list[Row]:
    """Send the same logs to both in turn, one a frame and a hundred."""
    logs = take(made_logs(), sizes.ingest_logs)
    return [
        _measure(logs, 1, "single-log frames", sizes.rounds),
        _measure(logs, _LOGS_A_FRAME, f"frames of {_LOGS_A_FRAME} logs", sizes.rounds),
    ]


def _measure(logs: Sequence[bytes], logs_a_frame: int, name: str, rounds: int) -> Row:
    ways = {"": _Taken(), _RULES: _Taken()}
    for number in range(rounds):
        # Whoever comes second finds the machine as the other left it: so they change places.
        for rules in sorted(ways, reverse=bool(number % 2)):
            _take(ways[rules], rules, logs, logs_a_frame)
    none, ten = ways.values()
    row = compared(f"{name}, ten alerts", ten.rates, "no alerts", none.rates, _LEAST)
    note = (
        f"CPU a log: server {_mean(ten.server):.1f} µs, {_mean(none.server):.1f} µs without; "
        f"alerts {_mean(ten.alerts):.1f} µs"
    )
    return replace(row, note=note)


def _take(taken: _Taken, rules: str, logs: Sequence[bytes], logs_a_frame: int) -> None:
    with tempfile.TemporaryDirectory() as path:
        (Path(path) / "waterline.toml").write_text(rules)
        with serving_folder(Path(path)) as server:
            process = _alerts_process(server) if rules else None
            before = server.cpu_seconds()
            taken.rates.append(len(logs) / server.take(logs, logs_a_frame))
            taken.server.append(1e6 * (server.cpu_seconds() - before) / len(logs))
            if process is not None:
                taken.alerts.append(1e6 * _settled(process, DataFolder(Path(path))) / len(logs))


def _alerts_process(server: MeasuredServer) -> MeasuredServer:
    """Return the process of alerts once it has started."""
    deadline = time.monotonic() + _SECONDS
    children = Path(f"/proc/{server.process}/task/{server.process}/children")
    while time.monotonic() < deadline:
        for number in map(int, children.read_text().split()):
            command = Path(f"/proc/{number}/cmdline").read_bytes()
            if b"server.alerts" in command:
                return replace(server, process=number)
        time.sleep(0.1)
    raise TimeoutError("the process of alerts did not start")


def _settled(process: MeasuredServer, folder: DataFolder) -> float:
    """Return the CPU seconds of the process of alerts, once it has looked at all logs."""
    sent, deadline = now_ms(), time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        states = read_alerts(folder)
        if states is not None and states.evaluated_at >= sent:
            return process.cpu_seconds()
        time.sleep(0.1)
    raise TimeoutError("the process of alerts does not come to the end of the logs")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

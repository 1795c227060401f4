"""Metering: how fast logs are taken in with all metrics on, beside a server without any."""

from collections.abc import Sequence
from typing import Final

from benchmarks.rows import Row, compared
from benchmarks.servers import UNMETERED, WATERLINE, measured_server
from benchmarks.sizes import Sizes
from workbench.bench.logs import made_logs, take

# Metering may cost a twentieth.
_LEAST: Final = 0.95
_LOGS_A_FRAME: Final = 100


def measure_metering(sizes: Sizes) -> list[Row]:
    """Send the same logs to both in turn, one a frame and a hundred."""
    logs = take(made_logs(), sizes.ingest_logs)
    return [
        _measure(logs, 1, "single-log frames", sizes.rounds),
        _measure(logs, _LOGS_A_FRAME, f"frames of {_LOGS_A_FRAME} logs", sizes.rounds),
    ]


def _measure(logs: Sequence[bytes], logs_a_frame: int, name: str, rounds: int) -> Row:
    rates: dict[str, list[float]] = {WATERLINE: [], UNMETERED: []}
    for number in range(rounds):
        # Whoever comes second finds the machine as the other left it: so they change places.
        for module in sorted(rates, reverse=bool(number % 2)):
            with measured_server(module) as server:
                rates[module].append(len(logs) / server.take(logs, logs_a_frame))
    return compared(
        f"{name}, all metrics on", rates[WATERLINE], "metrics off", rates[UNMETERED], _LEAST
    )

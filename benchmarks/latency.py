"""Ack latency at a steady rate: from when a log was due to its ack."""

from collections.abc import Sequence

from benchmarks.rows import Row, limited
from benchmarks.servers import measured_server
from benchmarks.sizes import Sizes
from workbench.bench.load import connected, percentile, send_steadily
from workbench.bench.logs import made_logs, take

LIMITS_MS = {50: 3.0, 99: 10.0}


def measure_latency(sizes: Sizes) -> list[Row]:
    """Send single-log frames at a rate to a server that is warm."""
    made = made_logs()
    warm_up, logs = take(made, sizes.warm_up_logs), take(made, sizes.steady_logs)
    rounds = [_latencies_ms(warm_up, logs, sizes.steady_rate) for _ in range(sizes.rounds)]
    return [
        limited(
            f"ack latency p{percent} at {sizes.steady_rate:,}/s",
            [percentile(each, percent) for each in rounds],
            "ms",
            limit,
        )
        for percent, limit in LIMITS_MS.items()
    ]


def _latencies_ms(warm_up: Sequence[bytes], logs: Sequence[bytes], rate: int) -> list[float]:
    with measured_server() as server:
        server.take(warm_up)
        with connected(server.ingest, server.token, logs) as connections:
            return sorted(1000 * each for each in send_steadily(connections, rate))

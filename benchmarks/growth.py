"""Growth: the rate of the last rows of a large table beside that of its first."""

from dataclasses import replace

from benchmarks.ingest import LOGS_A_FRAME
from benchmarks.rows import Row, compared
from benchmarks.servers import measured_server
from benchmarks.sizes import Sizes
from workbench.bench.logs import made_logs, take


def measure_growth(sizes: Sizes) -> list[Row]:
    """Grow a table with ids that sort by time, and one with ids by chance."""
    return [
        _row(sizes, "sorted ids", sizes.growth_rounds, sorted_ids=True, at_least=0.8),
        # It takes far longer and has no target, so once is enough.
        _row(sizes, "random ids", 1, sorted_ids=False, at_least=None),
    ]


def _row(sizes: Sizes, what: str, rounds: int, *, sorted_ids: bool, at_least: float | None) -> Row:
    part = sizes.growth_logs // sizes.growth_parts
    rates = [_grow(sizes, sorted_ids=sorted_ids) for _ in range(rounds)]
    row = compared(
        f"growth to {part * sizes.growth_parts:,}, {what}: last {part:,}",
        [each[-1] for each in rates],
        f"first {part:,}",
        [each[0] for each in rates],
        at_least,
    )
    # A first part that was disturbed flatters the last; beside the others it shows.
    parts = [rate for each in rates for rate in each]
    return replace(row, note=f"parts from {min(parts):,.0f} to {max(parts):,.0f} logs/s")


def _grow(sizes: Sizes, *, sorted_ids: bool) -> list[float]:
    """Return logs a second of each part; the logs of a part are made between the parts."""
    logs = made_logs(sorted_ids=sorted_ids)
    part = sizes.growth_logs // sizes.growth_parts
    with measured_server() as server:
        # Else the first part would be slow for being the first.
        server.take(take(logs, sizes.warm_up_logs), LOGS_A_FRAME)
        return [
            part / server.take(take(logs, part), LOGS_A_FRAME) for _ in range(sizes.growth_parts)
        ]

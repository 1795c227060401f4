"""`make bench`: runs the benchmarks several times and prints one table of medians."""

import statistics
from typing import Final

from benchmarks.ingest import compare_single_logs

LOGS: Final = 50_000
ROUNDS: Final = 5


def main() -> None:
    """Measure in turn, so that a machine that slows down slows both sides."""
    rounds = [compare_single_logs(LOGS) for _ in range(ROUNDS)]
    print(f"{LOGS:,} logs, medians of {ROUNDS} rounds")
    print(f"{'':34}{'logs/s':>10}{'raw inserts/s':>16}{'ratio':>8}")
    measured = statistics.median(each.measured for each in rounds)
    baseline = statistics.median(each.baseline for each in rounds)
    ratio = statistics.median(each.ratio for each in rounds)
    print(f"{rounds[0].name:34}{measured:>10,.0f}{baseline:>16,.0f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()

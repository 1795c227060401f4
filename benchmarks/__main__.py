"""`make bench`: runs the benchmarks, prints one table, and writes it as JSON where asked."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.alerting import measure_alerting
from benchmarks.analysts import measure_analysts
from benchmarks.archived import measure_archived
from benchmarks.archiving import measure_archiving
from benchmarks.attacks import measure_attacks
from benchmarks.backups import measure_backups
from benchmarks.clients import measure_clients
from benchmarks.growth import measure_growth
from benchmarks.hot import measure_hot
from benchmarks.ingest import measure_ingest
from benchmarks.latency import measure_latency
from benchmarks.measured import measure_measured
from benchmarks.memory import measure_memory
from benchmarks.metering import measure_metering
from benchmarks.questions import measure_questions
from benchmarks.remote import measure_remote
from benchmarks.report import Report
from benchmarks.rows import Row
from benchmarks.scraping import measure_scraping
from benchmarks.shippers import measure_shippers
from benchmarks.sizes import FULL, SHORT, Sizes
from benchmarks.sketches import measure_sketches
from benchmarks.spread import measure_spread
from benchmarks.startup import measure_startup
from waterline.errors import WaterlineError
from workbench.bench.machine import machine

BENCHMARKS: Final[dict[str, Callable[[Sizes], list[Row]]]] = {
    "ingest": measure_ingest,
    "clients": measure_clients,
    "shippers": measure_shippers,
    "metering": measure_metering,
    "alerting": measure_alerting,
    "latency": measure_latency,
    "growth": measure_growth,
    "memory": measure_memory,
    "attacks": measure_attacks,
    "startup": measure_startup,
    "archiving": measure_archiving,
    "archived": measure_archived,
    "spread": measure_spread,
    "backups": measure_backups,
    "questions": measure_questions,
    "hot": measure_hot,
    "remote": measure_remote,
    "analysts": measure_analysts,
    "scraping": measure_scraping,
    "sketches": measure_sketches,
    "measured": measure_measured,
}
_ABOUT: Final = (
    "Measures Waterline, each figure beside its limit or a baseline of the same run. "
    "A figure that misses its target is shown, and is no failure."
)
_DISK: Final = "The data folders are made in the system's temporary folder; TMPDIR names another."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; return the exit code, 1 where a figure could not be taken."""
    options = _parse(arguments)
    sizes = FULL if options.full else SHORT
    if options.rounds is not None:
        sizes = replace(sizes, rounds=options.rounds)
    try:
        report = run(options.only or list(BENCHMARKS), sizes)
        if options.json is not None:
            options.json.write_bytes(report.json())
    except (WaterlineError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(report.text())
    return 0


def run(names: Sequence[str], sizes: Sizes) -> Report:
    """Run benchmarks by name, one after the other.

    Raises:
        WaterlineError: a figure could not be taken, or a server did not start.
        OSError: a connection broke.
    """
    begun, rows = time.perf_counter(), []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr)
        rows += BENCHMARKS[name](sizes)
    return Report(
        machine() | {"folder": tempfile.gettempdir()}, sizes, rows, time.perf_counter() - begun
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=_ABOUT, epilog=_DISK)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="run this one; may be given again"
    )
    parser.add_argument(
        "--rounds",
        type=_positive,
        metavar="N",
        help="take all but growth, memory, attacks and the errors of sketches so often",
    )
    parser.add_argument(
        "--full", action="store_true", help="the long forms, as a table of ten million rows"
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())

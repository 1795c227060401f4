"""Archiving: how fast, how small, and what producers notice of it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.rows import Row, Target
from benchmarks.servers import serving_folder
from benchmarks.sizes import Sizes
from waterline.archive.jobs.run import ArchiveJob, Outcome
from waterline.archive.jobs.run_options import RunOptions
from waterline.encoding import FORMATS, PARQUET, BatchFormat
from waterline.settings.model import variable_name
from waterline.storage.folder import DataFolder
from waterline.units import format_duration
from workbench.bench.errors import BenchmarkError
from workbench.bench.load import percentile, send_steadily
from workbench.bench.logs import made_logs, take

_MB: Final = 1_000_000
_LEAST_RATE: Final = 100.0
# What is left of compact JSON. A third of that are ids, of which bits by chance do not compress.
_MOST_OF_JSON: Final = 0.17
# At most so many times as late may acks come while logs are archived.
_LATER: Final = 1.3
_LOGS_A_FRAME: Final = 1_000
# What is archived is a month old, so its ids need not be remembered.
_DEDUPE_WINDOW: Final = 1


def measure_archiving(sizes: Sizes) -> list[Row]:
    """Archive the same logs in each format, and a part of them beside producers."""
    with tempfile.TemporaryDirectory() as path:
        filled = Path(path) / "filled"
        fill_folder(filled, sizes.archive_logs)
        work = Path(path) / "work"
        rows = []
        for each in FORMATS.values():
            outcomes = [archive_all(filled, work, each) for _ in range(sizes.rounds)]
            rows += _rows(each, outcomes)
        return [*rows, _removal(outcomes), _latency(filled, work, sizes)]


def _rows(chosen: BatchFormat, outcomes: list[Outcome]) -> list[Row]:
    return [
        Row(
            name=f"archiving to {chosen}",
            unit="MB/s",
            values=[_raw(each) / _MB / each.seconds for each in outcomes],
            beside="limit",
            references=[_LEAST_RATE] * len(outcomes),
            # The limit is for the format that is used unless told otherwise.
            target=Target(1.0, at_most=False) if chosen == PARQUET else None,
        ),
        Row(
            name=f"archive file, {chosen}",
            unit="MB",
            values=[_stored(each) / _MB for each in outcomes],
            beside="as JSON",
            references=[_raw(each) / _MB for each in outcomes],
            target=Target(_MOST_OF_JSON, at_most=True),
        ),
    ]


def _removal(outcomes: list[Outcome]) -> Row:
    """Return how long archived rows take to go while nobody commits; it has no limit."""
    return Row(
        name="removal and shrinking",
        unit="s",
        values=[each.removed.rows_seconds + each.removed.size_seconds for each in outcomes],
        beside="archiving",
        references=[each.seconds for each in outcomes],
    )


def _latency(filled: Path, work: Path, sizes: Sizes) -> Row:
    without, beside = [], []
    pace = Pace(sizes.archive_rate, sizes.archive_seconds)
    for _ in range(sizes.rounds):
        without.append(p99_beside(filled, work, pace, nullcontext))
        beside.append(p99_beside(filled, work, pace, archiving))
    return Row(
        name=f"ack latency p99 at {sizes.archive_rate:,}/s, archiving",
        unit="ms",
        values=beside,
        beside="not archiving",
        references=without,
        target=Target(_LATER, at_most=True),
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How logs are sent while something goes on beside them."""

    rate: int
    """Logs a second."""
    seconds: int
    """For how long they are sent."""
    logs_a_frame: int = 1


def p99_beside(
    filled: Path, work: Path, pace: Pace, beside: Callable[[Path], AbstractContextManager[object]]
) -> float:
    """Return the p99 of acks, in milliseconds, on a copy of a folder while something goes on.

    Args:
        filled: the folder to copy.
        work: where the copy is made.
        pace: how logs are sent.
        beside: returns what goes on with the copy.
    """
    copy_folder(filled, work)
    logs = take(made_logs(sorted_ids=False), pace.rate * pace.seconds)
    with (
        serving_folder(work) as server,
        server.loaded(logs, pace.logs_a_frame) as connections,
        beside(work),
    ):
        latencies = send_steadily(connections, pace.rate / pace.logs_a_frame)
    return 1000 * percentile(sorted(latencies), 99)


@contextmanager
def archiving(folder: Path) -> Iterator[None]:
    """Archive all that is there, as the server's own process would."""
    environment = os.environ | {
        variable_name("data"): str(folder),
        variable_name("archive_after"): "0s",
        variable_name("dedupe_window"): format_duration(_DEDUPE_WINDOW),
    }
    command = [sys.executable, "-m", "waterline.archive.jobs"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield
        finally:
            if process.wait():
                raise BenchmarkError("the archive job failed, as told above")


def archive_all(filled: Path, work: Path, chosen: BatchFormat) -> Outcome:
    """Archive a copy of a folder, all that is in it."""
    copy_folder(filled, work)
    options = RunOptions(
        older_than=0,
        encoding=chosen.encoding(),
        batch_rows=chosen.batch_rows,
        dedupe_window=_DEDUPE_WINDOW,
    )
    return ArchiveJob(DataFolder(work), options).run()


def fill_folder(folder: Path, count: int) -> None:
    """Let a server take so many logs."""
    with serving_folder(folder) as server:
        server.take(take(made_logs(), count), _LOGS_A_FRAME)


def copy_folder(folder: Path, copy: Path) -> None:
    """Copy a folder that nobody has open, in place of an earlier copy."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)


def _raw(outcome: Outcome) -> int:
    return sum(each.raw_bytes for each in outcome.batches)


def _stored(outcome: Outcome) -> int:
    return sum(each.stored_bytes for each in outcome.batches)

"""Measures this machine: its disk, a server of its own, an archive run, and questions."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from waterline.archive.jobs.run import ArchiveJob, Outcome
from waterline.archive.jobs.run_options import RunOptions
from waterline.clock import now_ms
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.bench.errors import BenchmarkError
from workbench.bench.figures import Archived, Bench, Ingest, Question, Times
from workbench.bench.load import connected, send_all, send_steadily
from workbench.bench.logs import SOURCE, made_logs, take
from workbench.bench.machine import machine
from workbench.running.own_server import own_server
from workbench.workbench import Workbench, connect

Say = Callable[[str], None]
"""Prints what is measured now."""

LOGS_A_FRAME: Final = 100
_ACK_RATE: Final = 1_000
# Seconds for which acks are timed.
_ACK_SECONDS: Final = 5
_WRITES: Final = 100
_WRITTEN: Final = b"\0" * 4096
_ASKED: Final = 5
_NEWEST: Final = 1_000
# What is archived here was never sent again, so its ids need not be remembered.
_DEDUPE_WINDOW: Final = 1


def measure(place: Path, logs: int, say: Say) -> Bench:
    """Measure with a data folder of its own, which is gone at the end.

    Args:
        place: the folder to make it in, as its disk is measured.
        logs: how many are sent, once a log a frame and once many a frame.
        say: prints what is measured now.

    Raises:
        UsageError: nothing can be made in the folder.
        WaterlineError: a figure could not be taken, or the server did not start.
        OSError: a connection broke, or the disk is full.
    """
    begun = time.perf_counter()
    try:
        made = tempfile.TemporaryDirectory(prefix="waterline-bench-", dir=place)
    except OSError as error:
        raise UsageError(f"{place} cannot hold a folder to measure in: {error.strerror}") from error
    with made as path:
        folder = DataFolder(Path(path) / "data")
        folder.create()
        say("the disk")
        fsync = Times.of([*_written(Path(path))])
        say("making logs")
        source = made_logs()
        with own_server(folder.path) as addresses:
            token = TokenFile(folder.tokens).create(SOURCE, [Scope.INGEST], now_ms())
            ingest = []
            for logs_a_frame in (1, LOGS_A_FRAME):
                say(f"frames with {logs_a_frame} of {logs:,} logs")
                ingest.append(_sent(addresses.ingest, token, take(source, logs), logs_a_frame))
            say("acks")
            steady = take(source, _ACK_RATE * _ACK_SECONDS)
            with connected(addresses.ingest, token, steady) as connections:
                ack = Times.of(send_steadily(connections, _ACK_RATE))
            sent = 2 * logs + len(steady)
            say("questions about hot logs")
            questions = _asked(folder, sent, "hot")
        say("archiving")
        outcome = _archived(folder)
        say("questions about archived logs")
        questions += _asked(folder, sent, "archived")
    archived = Archived(
        outcome.logs,
        sum(each.raw_bytes for each in outcome.batches),
        sum(each.stored_bytes for each in outcome.batches),
        outcome.seconds,
    )
    return Bench(
        machine=machine(),
        folder=str(place),
        logs=sent,
        fsync=fsync,
        ingest=tuple(ingest),
        ack_rate=_ACK_RATE,
        ack=ack,
        archive=archived,
        questions=tuple(questions),
        seconds=time.perf_counter() - begun,
    )


def _written(folder: Path) -> Iterator[float]:
    """Yield the seconds of each write and fsync at the end of a file."""
    descriptor = os.open(folder / "written", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    try:
        for _ in range(_WRITES):
            begun = time.perf_counter()
            os.write(descriptor, _WRITTEN)
            os.fsync(descriptor)
            yield time.perf_counter() - begun
    finally:
        os.close(descriptor)


def _sent(url: str, token: str, logs: Sequence[bytes], logs_a_frame: int) -> Ingest:
    whole = url + ("?ack=batch" if logs_a_frame > 1 else "")
    with connected(whole, token, logs, logs_a_frame) as connections:
        seconds = send_all(connections)
    return Ingest(logs_a_frame, len(logs) / seconds, sum(map(len, logs)) / seconds)


def _archived(folder: DataFolder) -> Outcome:
    options = RunOptions(
        older_than=0,
        encoding=PARQUET.encoding(),
        batch_rows=PARQUET.batch_rows,
        dedupe_window=_DEDUPE_WINDOW,
    )
    return ArchiveJob(folder, options).run()


def _asked(folder: DataFolder, logs: int, kind: str) -> list[Question]:
    """Ask several questions, of which each must have its answer."""
    with connect(folder.path, cache=False) as wb:
        questions: list[tuple[str, Callable[[], object]]] = [
            (f"count of {logs:,} {kind} logs", lambda: _counted(wb, logs)),
            (f"count of {kind} errors by a text", lambda: wb.count(type="error", contains="e")),
            (f"newest {_NEWEST:,} {kind} logs", lambda: wb.logs(limit=_NEWEST, order="newest")),
        ]
        return [Question(asked, _median(ask)) for asked, ask in questions]


def _counted(wb: Workbench, logs: int) -> None:
    found = wb.count()
    if found != logs:
        raise BenchmarkError(f"of {logs:,} logs that were acked {found:,} are found")


def _median(ask: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_ASKED):
        begun = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)

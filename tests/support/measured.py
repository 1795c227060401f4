"""Data folders with logs and measurements of them, by the parts of the server, in this process."""

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import msgspec

from server.decode.frames import read_frames
from server.metering import Meter
from server.recount import Recount
from server.refusals import Refusals
from server.submissions import Submission
from server.writer import Commit, Writer
from tests.support.folders import DAY, NOON, Batch, Nobody, exactly
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.rollup_thread import RollupThread
from waterline.metrics.summary import Packed, Summary
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

FOR_EVER: Final = Retention(seconds=10**15, minutes=10**15, hours=10**15)


def fill_measured(
    path: Path,
    batches: Iterable[Batch],
    *,
    measured: Sequence[str] = ("duration_ms",),
    now: int = NOON,
    retention: Retention = FOR_EVER,
) -> None:
    """Store batches, each in a commit of its own, and measure them as the server would.

    All files are closed before this returns; see `fill`.

    Args:
        path: the data folder, made where it is missing.
        batches: what comes in; none may come in after `now`.
        measured: names of the attributes that are measured.
        now: when the measurements are written: minutes and hours that are over go into them.
        retention: of the measurements, as of then.
    """
    folder = DataFolder(path)
    folder.create()
    moment = 0
    commits: SimpleQueue[Commit] = SimpleQueue()
    writer = Writer(folder.logs, commits.put, DAY, clock=lambda: moment)
    recorder = MetricsRecorder(clock=lambda: moment)
    try:
        writer.start()
        file = RollupStore(folder.metrics)
        counted = file.begin(writer.watermark.incarnation, writer.last_seq, now)
        recount = Recount(Settings(data=path, measured_attributes=tuple(measured)), recorder)
        rollups = RollupThread(file, recorder, retention, recount.record, clock=lambda: now)
        meter = Meter(recorder, counted, rollups.recount, Refusals(recorder))
        for batch in batches:
            moment = batch.received_at
            frames = [msgspec.json.encode(exactly(log)) for log in batch.logs]
            given = read_frames(frames, batch.source, measured=measured)
            size = sum(map(len, frames))
            writer.submit(Submission(given, size, time.perf_counter(), Nobody()))
            meter.committed(commits.get(timeout=30))
    finally:
        writer.stop()
    rollups.start()
    rollups.stop()


def write_values(
    path: Path,
    *seconds: tuple[int, Sequence[float]],
    series: Series = Series("ack_latency", "", ""),  # noqa: B008 - it is immutable
    now: int = 0,
    retention: Retention = FOR_EVER,
) -> None:
    """Write values of one metric into metrics.db, each with the second that it belongs to.

    Args:
        path: the data folder.
        seconds: the begin of each second, milliseconds UTC, and values.
        series: of which metric.
        now: as for `fill_measured`.
        retention: the same.
    """
    rows = {}
    for begin, values in seconds:
        summary = rows[begin, series] = Summary()
        summary.add_packed([Packed.of(values)])
    with closing(RollupStore(DataFolder(path).metrics)) as file:
        file.begin("test", 0, min((begin for begin, _ in seconds), default=NOON))
        file.write(rows, {}, 0)
        file.close_steps(now)
        file.prune(now, retention)

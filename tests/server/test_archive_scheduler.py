"""Archiving on a schedule: when it runs, that it does no harm, and how it ends and fails."""

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from server.archive_scheduler import ArchiveScheduler
from server.monitoring.overview import Overview, Pulse
from tests.support.archive_runs import archive, fill_three_days
from tests.support.folders import NOON, fill
from tests.support.looking import number, read_moment
from tests.support.processes import PATIENCE, ServerProcess, run_waterline, serving, start_server
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.archive.retention import NOTICE, write_notice
from waterline.clock import now_ms
from waterline.encoding import JSON_GZ
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.settings.keep import parse_keep
from waterline.settings.model import Settings
from waterline.storage.folder import ArchiveLock, DataFolder

SOON: Final = ("--archive-after", "1s", "--archive-every", "1s")
LOG: Final = {"type": "info", "message": "m"}
IDS: Final = tuple("abcde")
DURATION: Final = metrics.ARCHIVE_DURATION
ROWS: Final = "SELECT count(*) FROM logs"


# The schedule, by a sleep that takes no time


class Pauses:
    """Takes note of each pause and ends it at once; the last one never ends.

    Args:
        count: how many.
        during: what happens in each but the last.
    """

    def __init__(self, count: int, during: Callable[[], object] = lambda: None) -> None:
        self.taken: list[float] = []
        self.over = asyncio.Event()
        self._count = count
        self._during = during

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) < self._count:
            self._during()
            return
        self.over.set()
        await asyncio.Event().wait()


def schedule(
    data: Path,
    pauses: int,
    during: Callable[[], object] = lambda: None,
    recorder: MetricsRecorder | None = None,
    in_doubt: Callable[[], bool] = lambda: False,
    **settings: Any,  # noqa: ANN401 - any setting
) -> tuple[ArchiveScheduler, list[float]]:
    """Archive on a schedule through so many pauses; return it and how long each would have been."""
    measures = recorder or MetricsRecorder()

    async def go_through() -> tuple[ArchiveScheduler, list[float]]:
        sleep = Pauses(pauses, during)
        archiving = ArchiveScheduler(
            Settings(data=data, **settings), measures, sleep=sleep, in_doubt=in_doubt
        )
        task = asyncio.create_task(archiving.run())
        try:
            await asyncio.wait_for(sleep.over.wait(), PATIENCE)
        finally:
            task.cancel()
            await asyncio.wait([task])
        return archiving, sleep.taken

    return asyncio.run(go_through())


def test_no_run_while_clock_is_in_doubt(data: Path) -> None:
    fill(data, [LOG] * 3)
    _, pauses = schedule(data, 2, archive_after=0, in_doubt=lambda: True)
    assert len(pauses) == 2
    assert number(data, ROWS) == 3


def runs(recorder: MetricsRecorder) -> dict[str, int]:
    """Return how many runs were counted, by how they ended."""
    return recorder.counts(metrics.ARCHIVE_RUNS, metrics.OUTCOME)


def durations(recorder: MetricsRecorder) -> int:
    """Return of how many runs it was taken how long they took; it was more than no time."""
    found = [each for series, each in recorder.totals().items() if series.metric == DURATION]
    assert all(each.min is not None and each.min > 0 for each in found)
    return sum(each.count for each in found)


def test_no_run_while_nothing_is_due(data: Path) -> None:
    fill(data, [LOG], received_at=now_ms())
    recorder = MetricsRecorder()
    archiving, pauses = schedule(data, 3, recorder=recorder)
    assert runs(recorder) == {}
    assert (archiving.ended_at, archiving.failure) == (None, None)
    assert not DataFolder(data).archive_lock.exists()
    assert pauses == [60, 60, 60]


def test_logs_are_due_when_whole_interval_has_come_together(data: Path) -> None:
    now = now_ms()
    fill(data, [LOG], received_at=now - 90_000)
    archiving, pauses = schedule(data, 1, archive_after=60_000, archive_every=3_600_000)
    assert (archiving.ended_at, pauses) == (None, [60])


@pytest.mark.slow
def test_old_logs_are_archived_once_and_then_nothing_is_run(data: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    generations, recorder = [], MetricsRecorder()
    archiving, pauses = schedule(
        data,
        3,
        lambda: generations.append(read_moment(data).watermark.generation),
        recorder,
        archive_every=5_000,
    )
    assert (runs(recorder), durations(recorder)) == ({"done": 1}, 1)
    assert archiving.ended_at is not None
    assert (archiving.failure, archiving.is_running) == (None, False)
    assert generations == [1, 1]
    assert pauses == [5, 5, 5]
    assert number(data, ROWS) == 0


def test_schedule_checks_once_second_at_most(data: Path) -> None:
    fill(data)
    assert schedule(data, 2, archive_every=1)[1] == [1, 1]


def test_never_means_never(data: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    archiving, _ = schedule(data, 2, archive_after=None)
    assert archiving.ended_at is None
    assert number(data, ROWS) == 1


@pytest.mark.logs
def test_after_failures_it_waits_longer_each_time_and_says_so_once(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archiving, pauses = schedule(data, 8)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert archiving.failure is not None
    assert "logs.db" in archiving.failure
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert errors == [f"archiving failed and is tried again: {archiving.failure}"]


@pytest.mark.logs
def test_third_failure_in_row_makes_server_unhealthy(data: Path) -> None:
    told = []
    for tries in (1, 2, 3, 4):
        archiving, _ = schedule(data, tries)
        well = SimpleNamespace(trouble=None, failed=False, failure=None, lost=None, wal_size=0)
        others: Any = SimpleNamespace(writer=well, watch=well, **vars(well))
        overview = Overview(others, others, others, archiving, Pulse())
        told.append((overview.reasons(), overview.warnings({})))
    failed = archiving.failure
    warned: Any = ([], [f"archiving failed and is tried again: {failed}"])
    assert told == [warned, warned] + [([f"old logs are not archived: {failed}"], [])] * 2


@pytest.mark.slow
@pytest.mark.logs
def test_run_that_failed_is_done_again_once_its_cause_is_mended(data: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    archives = DataFolder(data).archives
    archives.write_text("a file\n")
    recorder = MetricsRecorder()
    archiving, pauses = schedule(data, 2, archives.unlink, recorder)
    assert (runs(recorder), durations(recorder)) == ({"failed": 1, "done": 1}, 2)
    assert pauses == [60, 60]
    assert archiving.failure is None
    assert number(data, ROWS) == 0


@pytest.mark.slow
def test_job_by_hand_at_same_time_is_no_failure(data: Path) -> None:
    fill(data, [LOG], received_at=NOON)
    recorder = MetricsRecorder()
    with ArchiveLock(DataFolder(data)):
        archiving, pauses = schedule(data, 2, recorder=recorder)
    assert (runs(recorder), durations(recorder)) == ({"busy": 2}, 0), "it did nothing"
    assert archiving.ended_at is not None
    assert (archiving.failure, pauses) == (None, [60, 60])
    assert number(data, ROWS) == 1


# A server that archives


def health(server: ServerProcess) -> dict[str, Any]:
    """Return what /health says; it must be well."""
    status, told = server.get("/health")
    assert (status, told["status"], told["reasons"]) == (200, "healthy", [])
    return told


def send_all(server: ServerProcess) -> None:
    send(server, *[LOG | {"id": each} for each in IDS])


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has archived five logs by itself, two to a file."""
    options = (*SOON, "--archive-format", "json.gz", "--archive-batch-rows", "2")
    with serving(tmp_path_factory.mktemp("archiving") / "data", *options) as server:
        send_all(server)
        wait_until(lambda: number(server.data, ROWS) == 0, "the logs are not archived")
        wait_until(lambda: not health(server)["archive"]["running"], "the run does not end")
        yield server


@pytest.mark.slow
def test_server_archives_what_is_old_enough_by_its_settings(archived: ServerProcess) -> None:
    moment = read_moment(archived.data)
    assert (moment.hot, moment.watermark.archived_through) == ([], len(IDS))
    assert sum(each.rows for each in moment.batches) == len(IDS)
    assert {(each.format, each.rows <= 2) for each in moment.batches} == {(JSON_GZ.name, True)}


@pytest.mark.slow
def test_health_tells_when_last_run_ended(archived: ServerProcess) -> None:
    told = health(archived)
    assert told["warnings"] == []
    archived_at = [each.archived_at for each in read_moment(archived.data).batches]
    assert max(archived_at) <= told["archive"]["last_run_ended"] <= now_ms()
    run = told["archive"]["last_run"]
    assert run["ended"] == told["archive"]["last_run_ended"]
    assert 0 < run["logs"] <= len(IDS)
    assert run["failure"] is None
    assert 0 < run["seconds"] < PATIENCE
    assert told["archive"]["scheduled"]
    assert told["pid"] == archived.process.pid


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="/proc is Linux's")
def test_server_that_archives_does_not_load_arrow(archived: ServerProcess) -> None:
    # This process reads archives, so it has what the other must not have.
    assert "libarrow" in Path("/proc/self/maps").read_text()
    assert "libarrow" not in Path(f"/proc/{archived.process.pid}/maps").read_text()


@pytest.mark.slow
def test_run_that_fails_is_told_and_logs_are_taken_all_same(data: Path) -> None:
    data.mkdir()
    DataFolder(data).archives.write_text("a file\n")
    server = start_server(data, *SOON)
    try:
        send_all(server)
        wait_until(lambda: health(server)["warnings"], "the failure is not told")
        (warning,) = health(server)["warnings"]
        send(server, LOG | {"id": "another"})
        assert number(data, ROWS) == len(IDS) + 1
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=PATIENCE)
    finally:
        server.process.kill()
        server.process.communicate()
    assert server.process.returncode == 0
    assert warning == (
        "archiving failed and is tried again: cannot make the folder "
        f"{DataFolder(data).archives}: File exists; check its disk"
    )
    (line,) = errors.splitlines()
    assert line.endswith(warning)


# What archive_keep lets go


KEPT: Final = "archive_keep (100d) will remove 6 logs in 4 batches ("


def start_with_old_batches(data: Path, *options: str) -> AbstractContextManager[ServerProcess]:
    """Serve a folder with six logs of three days of long ago, archived, and a new one."""
    fill_three_days(data)
    archive(data)
    fill(data, [LOG], received_at=now_ms())
    return serving(data, "--archive-keep", "100d", *options)


@pytest.mark.slow
def test_what_archive_keep_lets_go_is_named_and_stays_on_first_day(data: Path) -> None:
    with start_with_old_batches(data, *SOON) as server:
        wait_until(lambda: health(server)["warnings"], "removal is not announced")
        wait_until(lambda: health(server)["archive"]["last_run_ended"], "no run takes place")
        (warning,) = health(server)["warnings"]
    assert warning.startswith(KEPT)
    assert "received 2026-03-17 to 2026-03-19, for good from " in warning
    assert all(each.is_kept for each in read_moment(data).batches)


@pytest.mark.slow
@pytest.mark.parametrize("archive_after", ["30d", "never"])
def test_what_archive_keep_lets_go_is_removed_after_day_of_notice(
    data: Path, archive_after: str
) -> None:
    keep = parse_keep("100d")
    assert keep is not None
    DataFolder(data).create()
    write_notice(DataFolder(data), keep, NOTICE)
    with start_with_old_batches(data, "--archive-after", archive_after) as server:
        wait_until(
            lambda: not any(each.is_kept for each in read_moment(data).batches),
            "nothing is pruned",
        )
        wait_until(lambda: health(server)["archive"]["last_run_ended"], "the run does not end")
        assert health(server)["warnings"] == []
    assert [*DataFolder(data).archives.rglob("batch-*")] == []
    assert [each.rows for each in read_moment(data).batches] == [2, 1, 2, 1], "their record stays"
    assert number(data, ROWS) == 1


# A run under way, which waits at a pipe in place of a batch that was left


@pytest.fixture
def pipe(data: Path) -> Path:
    """What each run stops at, to see whether it is a batch that was left."""
    fill(data)
    pipe = DataFolder(data).archives / "2026-01-01" / "batch-0001.parquet"
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    return pipe


def job_of(server: ServerProcess) -> int:
    """Wait until a server has a run under way; return its process."""
    lock = DataFolder(server.data).archive_lock
    wait_until(
        lambda: health(server)["archive"]["running"] and lock.exists() and lock.read_text(),
        "no run is under way",
    )
    return int(lock.read_text())


def let_go_on(pipe: Path) -> None:
    """Give a run that waits at a pipe an empty file, and those behind it none."""

    def opened() -> int | None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # that nobody reads it yet
                raise
            return None

    descriptors: list[int] = []

    def found_reader() -> bool:
        descriptor = opened()
        descriptors.extend([] if descriptor is None else [descriptor])
        return bool(descriptors)

    wait_until(found_reader, "no run waits at the pipe")
    pipe.unlink()
    os.close(descriptors[0])


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def ended_at_last(process: int) -> Iterator[int]:
    """Leave no process behind, whatever a test has found."""
    try:
        yield process
    finally:
        if is_alive(process):
            os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("number_", [signal.SIGTERM, signal.SIGINT])
def test_server_that_is_stopped_ends_run_under_way(
    data: Path, pipe: Path, number_: signal.Signals
) -> None:
    with serving(data, *SOON) as server:
        send_all(server)
        with ended_at_last(job_of(server)) as job:
            assert is_alive(job)
            assert os.getpriority(os.PRIO_PROCESS, job) == 19, "producers come first"
            server.process.send_signal(number_)
            assert server.process.wait(PATIENCE) == 0
            assert not is_alive(job)
    pipe.unlink()
    done = run_waterline("archive", "run", "--data", data, "--older-than", "0s")
    assert (done.returncode, done.stderr, number(data, ROWS)) == (0, "", 0)


@pytest.mark.slow
def test_run_that_outlives_its_server_keeps_others_out_and_is_no_failure(
    data: Path, pipe: Path
) -> None:
    with serving(data, *SOON) as first:
        send_all(first)
        job = job_of(first)
        first.kill()
    with ended_at_last(job), serving(data, *SOON, token=first.token) as second:
        wait_until(lambda: health(second)["archive"]["last_run_ended"], "it tries no run")
        assert health(second)["warnings"] == []
        done = run_waterline("archive", "run", "--data", data, "--older-than", "0s")
        assert done.returncode == 1
        assert done.stderr == (
            f"waterline: another archive job (process {job}) works on {data}; "
            "wait until it has ended, or stop it\n"
        )
        assert number(data, ROWS) == len(IDS)
        let_go_on(pipe)
        wait_until(lambda: number(data, ROWS) == 0, "the logs are not archived")
        assert health(second)["warnings"] == []
    assert len(IDS) == sum(each.rows for each in read_moment(data).batches)

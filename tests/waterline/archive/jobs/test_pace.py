"""Pace of a job: full speed while nobody else commits, rests and short slices else."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.folders import alter_elsewhere, fill
from waterline.archive.jobs.pace import (
    ALONE_CACHE,
    ALONE_SECONDS,
    BREATH_SECONDS,
    REST_FACTOR,
    SHARED_CACHE,
    SHARED_CHECKPOINT_PAGES,
    SHARED_SECONDS,
    SILENCE_SECONDS,
    Pace,
    Slices,
)
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import CHECKPOINT_PAGES, open_writer


class Time:
    """A clock that goes on while somebody sleeps, and by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def connection(data: Path) -> Iterator[apsw.Connection]:
    """The connection of a job."""
    fill(data, [{"type": "t", "message": "m"}])
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        yield connection


def is_shared(pace: Pace) -> bool:
    """Let a job look, and return whether it found somebody."""
    pace.look()
    return pace.is_shared


def commit_elsewhere(data: Path) -> None:
    """Commit by another process, as the server does."""
    alter_elsewhere(DataFolder(data).logs, "UPDATE seam SET generation = generation + 1")


def test_job_is_alone_once_nobody_has_committed_for_a_while(connection: apsw.Connection) -> None:
    time = Time()
    pace = Pace(connection, clock=time, sleep=time.sleep)
    assert (pace.is_shared, pace.slice_seconds) == (True, SHARED_SECONDS)
    time.now += SILENCE_SECONDS - 0.01
    assert is_shared(pace)
    time.now += 0.01
    assert (is_shared(pace), pace.slice_seconds) == (False, ALONE_SECONDS)


@pytest.mark.parametrize("silence", [SILENCE_SECONDS, 1e9])
def test_job_is_alone_from_the_start_after_a_silence(
    connection: apsw.Connection, silence: float
) -> None:
    assert not Pace(connection, silence).is_shared
    assert Pace(connection, SILENCE_SECONDS - 1).is_shared
    assert Pace(connection, -silence).is_shared, "the newest log comes from a clock ahead"


def test_commit_of_another_process_is_noticed_and_own_ones_are_not(
    data: Path, connection: apsw.Connection
) -> None:
    time = Time()
    pace = Pace(connection, SILENCE_SECONDS, time, time.sleep)
    connection.execute("DELETE FROM logs")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    assert not is_shared(pace)
    commit_elsewhere(data)
    assert is_shared(pace)
    time.now += SILENCE_SECONDS / 2
    commit_elsewhere(data)
    pace.look()
    time.now += SILENCE_SECONDS / 2
    assert is_shared(pace), "the silence counts from the last commit"
    time.now += SILENCE_SECONDS / 2
    assert not is_shared(pace)


def test_rests_are_as_long_as_producers_need_and_breaths_else(
    data: Path, connection: apsw.Connection
) -> None:
    time = Time()
    pace = Pace(connection, SILENCE_SECONDS, time, time.sleep)
    pace.rest(0.5)
    commit_elsewhere(data)
    pace.rest(0.5)
    pace.rest(0.5)
    assert time.slept == [BREATH_SECONDS, BREATH_SECONDS, 0.5 * REST_FACTOR]


def test_checkpoints_and_cache_are_small_while_others_commit(
    data: Path, connection: apsw.Connection
) -> None:
    def sizes() -> tuple[object, object]:
        return connection.pragma("wal_autocheckpoint"), connection.pragma("cache_size")

    time = Time()
    pace = Pace(connection, clock=time)
    assert sizes() == (SHARED_CHECKPOINT_PAGES, -SHARED_CACHE)
    time.now += SILENCE_SECONDS
    pace.look()
    assert sizes() == (CHECKPOINT_PAGES, -ALONE_CACHE)
    commit_elsewhere(data)
    pace.look()
    assert sizes() == (SHARED_CHECKPOINT_PAGES, -SHARED_CACHE)


def test_slices_become_short_at_once_when_somebody_commits(
    data: Path, connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slice here takes microseconds, so either pace has room for more than it has.
    monkeypatch.setattr("waterline.archive.jobs.pace.ALONE_SECONDS", 3600.0)
    monkeypatch.setattr("waterline.archive.jobs.pace.SHARED_SECONDS", 0.0)
    slices = Slices(Pace(connection, SILENCE_SECONDS), 100, 1000)
    sizes = []
    for _ in range(5):
        with slices:
            pass
        sizes.append(slices.size)
    commit_elsewhere(data)
    with slices:
        pass
    assert [*sizes, slices.size] == [200, 400, 800, 1000, 1000, 1]

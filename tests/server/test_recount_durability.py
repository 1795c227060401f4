"""What the rollups count is what is stored, log for log, however often the server was killed.

`--kills` makes a run longer, `--durability-seed` chooses the same moments again.
"""

import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

import apsw
import pytest

from tests.support.load import Load
from tests.support.processes import (
    ServerProcess,
    create_token,
    run_waterline,
    serving,
    start_server,
)
from tests.support.rollups import (
    assert_counted_as_stored,
    by_label,
    counted,
    counted_by_view,
    stored,
)
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load")]

# Acks after which the server is killed: before it has rolled anything up, or seconds later.
MOMENTS = (range(2_000), range(10_000, 40_000))


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many SIGKILLs."""
    return int(request.config.getoption("--kills") or 2)


def kill_at_a_random_moment(server: ServerProcess, load: Load, moment: int) -> None:
    """Kill a server once it has given some more acks, or has ended over a wrong one."""
    wanted = load.answers + moment
    wait_until(
        lambda: load.answers >= wanted or server.process.poll() is not None,
        "the server gave no more acks",
    )
    server.kill()


def test_rollups_count_every_stored_log_once_after_sigkills_under_load(
    data: Path, random: Random, tell: Callable[[str], None], kills: int
) -> None:
    tokens = [create_token(data, name) for name in ("pump", "valve", "tank")]
    load = Load(random.getrandbits(32), tokens)
    for number in range(kills):
        server = start_server(data, token=tokens[0])
        moment = random.choice(MOMENTS[number % 2])
        load.run_until_gone(server, partial(kill_at_a_random_moment, server, load, moment))
        assert server.process.returncode == -signal.SIGKILL
    before = sum(by_label(counted(data, "logs_stored", "type")).values())
    # It counts what was left, although nothing else comes.
    with serving(data, token=tokens[0]):
        pass
    assert_counted_as_stored(data)
    # The finer tables go as soon as they may: then coarser ones tell of the same.
    retention = ("--metrics-seconds", "0s", "--metrics-minutes", "0s")
    with serving(data, *retention, token=tokens[0]) as server:
        load.send_all_again(server)
    rows = by_label(stored(data, "type"))
    assert counted_by_view(data, "logs_stored", "type") == rows
    assert sum(rows.values()) == len(load.sent)
    tell(
        f"{kills} kills: {sum(rows.values())} logs are counted as they are stored, "
        f"{before} of them before the last start; {load.duplicates} duplicates answered"
    )


def test_logs_uncounted_at_kill_are_counted_by_next_server(data: Path, random: Random) -> None:
    token = create_token(data)
    load = Load(random.getrandbits(32))
    server = start_server(data, token=token)
    with closing(apsw.Connection(str(data / "metrics.db"))) as other:
        wait_until(lambda: holds(other), "metrics.db was never free")
        load.run_until_gone(server, partial(kill_at_a_random_moment, server, load, 10_000))
        other.execute("ROLLBACK")
    assert counted(data, "logs_stored", "type") == {}
    with serving(data, token=token):
        pass
    assert_counted_as_stored(data)


def test_logs_archived_after_kill_are_counted_by_next_server(
    data: Path, random: Random, tell: Callable[[str], None]
) -> None:
    tokens = [create_token(data, name) for name in ("pump", "valve")]
    load = Load(random.getrandbits(32), tokens)
    server = start_server(data, token=tokens[0])
    load.run_until_gone(server, partial(kill_at_a_random_moment, server, load, 10_000))
    expected = {dimension: stored(data, dimension) for dimension in ("type", "source")}
    before = by_label(counted(data, "logs_stored", "type"))
    done = run_waterline("archive", "run", "--older-than", "0s", "--data", data)
    assert done.returncode == 0, done.stderr
    assert stored(data, "type") == {}
    with serving(data, token=tokens[0]):
        wait_until(
            lambda: by_label(counted(data, "logs_stored", "type")) == by_label(expected["type"]),
            "the archived logs were not counted",
        )
    for dimension, rows in expected.items():
        assert counted(data, "logs_stored", dimension) == rows
    total = sum(by_label(expected["type"]).values())
    tell(f"{total - sum(before.values())} of {total} logs were archived before they were counted")


def holds(connection: apsw.Connection) -> bool:
    """Take the lock of whoever writes a file, and say whether that was free."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        return False
    return True

"""What was acked is there exactly once, whatever kills the server: SIGKILL, or a power cut.

`--kills` and `--power-cuts` make a run longer, `--durability-seed` chooses the same moments again.
"""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median

import apsw
import msgspec
import pytest
from hypothesis import example, given
from hypothesis.strategies import integers, just, lists, one_of, tuples

from tests.support.disk import Contents, PowerCut
from tests.support.load import Load, message_of
from tests.support.power import start_doomed_server
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving, start_server
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load")]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a data folder holds after its server has died."""

    seqs: dict[str, int]
    """By id."""
    faults: list[str]
    """What must not be, each in a line."""


@pytest.fixture
def load(random: Random) -> Load:
    """Producers that have not sent anything yet."""
    return Load(random.getrandbits(32))


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many SIGKILLs."""
    return int(request.config.getoption("--kills") or 5)


@pytest.fixture
def power_cuts(request: pytest.FixtureRequest) -> int:
    """How many power cuts."""
    return int(request.config.getoption("--power-cuts"))


def look_at_copy(data: Path) -> Kept:
    """Read what lies in a folder from a copy, so that the next server finds all as it was left."""
    copy = data.with_name("copy")
    # A wal-index is of no use without the locks of its processes.
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*-shm"))
    try:
        return look_at(copy)
    finally:
        shutil.rmtree(copy)


def look_at(data: Path) -> Kept:
    """Read what lies in a folder without a server."""
    faults = []
    for name in ("logs.db", "metrics.db"):
        with closing(apsw.Connection(str(data / name))) as connection:
            verdict = connection.pragma("integrity_check")
            if verdict != "ok":
                faults.append(f"the integrity check of {name} says {verdict}")
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        if not connection.table_exists("main", "logs"):
            return Kept({}, faults)
        found = connection.execute("SELECT seq, received_at, id, message FROM logs ORDER BY seq")
        rows = msgspec.convert(found.fetchall(), list[tuple[int, int, str, str]])
    counted = Counter(row[2] for row in rows)
    faults += [f"{log_id} is there {count} times" for log_id, count in counted.items() if count > 1]
    faults += [f"{row[2]} holds {row[3]!r}" for row in rows if row[3] != message_of(row[2])]
    faults += [
        f"{later[2]} came before {earlier[2]}"
        for earlier, later in pairwise(rows)
        if later[1] < earlier[1]
    ]
    return Kept({row[2]: row[0] for row in rows}, faults)


def losses(kept: Kept, load: Load) -> list[str]:
    """Return the acked ids that are not there with the seq of their first ack."""
    return [
        log_id
        for log_id, seq in load.acked.items()
        if log_id not in kept.seqs or seq not in {None, kept.seqs[log_id]}
    ]


def assert_kept(kept: Kept, load: Load) -> None:
    """See that all acked logs are there, and nothing that was not sent."""
    assert kept.faults == []
    assert losses(kept, load) == []
    assert kept.seqs.keys() <= load.sent


def assert_all_sent_again_is_there_once(data: Path, token: str, load: Load) -> None:
    """Send everything again; then every log must lie there once, with the seq of its first ack."""
    with serving(data, token=token) as server:
        load.send_all_again(server)
    kept = look_at(data)
    assert kept.faults == []
    assert kept.seqs == load.acked
    assert load.acked.keys() == load.sent


def figures(load: Load) -> str:
    return f"{len(load.acked)} ids acked, {load.duplicates} duplicates answered"


# The disk itself


@given(
    changes=lists(
        one_of(
            tuples(just("write"), integers(0, 1200), integers(1, 1200)),
            tuples(just("truncate"), integers(0, 1800), just(0)),
            tuples(just("sync"), just(0), just(0)),
        ),
        max_size=12,
    )
)
@example(
    changes=[
        ("write", 0, 1200),
        ("sync", 0, 0),
        ("truncate", 0, 0),
        ("truncate", 1200, 0),
        ("sync", 0, 0),
    ]
)
def test_disk_reads_as_written_and_its_file_holds_what_was_synced(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("disk") / "file"
    seen, synced = b"", b""
    with path.open("w+b", buffering=0) as file:
        disk = Contents(path, file.fileno(), 0, 0)
        for number, (change, place, length) in enumerate(changes, 1):
            if change == "write":
                data = bytes([number]) * length
                disk.write(data, place)
                seen = seen[:place].ljust(place, b"\0") + data + seen[place + length :]
            elif change == "truncate":
                disk.truncate(place)
                seen = seen[:place].ljust(place, b"\0")
            else:
                disk.sync()
                synced = seen
            assert disk.size == len(seen)
            assert disk.read(len(seen) + 1, 0) == seen
            assert disk.read(700, place) == seen[place : place + 700]
            assert path.read_bytes() == synced


# SIGKILL


def kill_at_a_random_moment(server: ServerProcess, load: Load, random: Random) -> None:
    """Kill a server once it has given some more acks, or has ended over a wrong one."""
    wanted = load.answers + random.randint(0, 3000)
    wait_until(
        lambda: load.answers >= wanted or server.process.poll() is not None,
        "the server gave no more acks",
    )
    server.kill()


def test_acked_log_is_there_once_after_sigkills_under_load(
    data: Path, random: Random, load: Load, tell: Callable[[str], None], kills: int
) -> None:
    token = create_token(data)
    starts = []
    for _ in range(kills):
        begun = time.perf_counter()
        server = start_server(data, token=token)
        starts.append(time.perf_counter() - begun)
        load.run_until_gone(server, partial(kill_at_a_random_moment, server, load, random))
        assert server.process.returncode == -signal.SIGKILL
        assert_kept(look_at_copy(data), load)
    assert load.acked
    assert_all_sent_again_is_there_once(data, token, load)
    tell(
        f"{kills} kills: {figures(load)}; "
        f"a start took {median(starts):.2f} s, {max(starts):.2f} s at most"
    )


# Power cuts


def choose_cut(random: Random, number: int, *, tears: bool) -> PowerCut:
    """Choose a moment: in turn around a checkpoint, while the server starts, and soon after."""
    moments = [range(1000, 10_000), range(100), range(100, 1000)]
    after = random.choice(moments[number % len(moments)])
    return PowerCut(after, tears, random.getrandbits(32))


def run_until_power_cut(
    data: Path, token: str, load: Load, cut: PowerCut, *, may_sync: bool = True
) -> None:
    """Load a server until its power goes."""
    server = start_doomed_server(data, token, cut, may_sync=may_sync)
    if server is None:
        return
    load.run_until_gone(server, lambda: server.process.wait(PATIENCE))
    _, errors = server.process.communicate(timeout=PATIENCE)
    assert (server.process.returncode, errors) == (-signal.SIGKILL, "")


@pytest.mark.parametrize("tears", [False, True], ids=["nothing-unsynced", "some-unsynced"])
def test_acked_log_survives_power_cuts(
    data: Path,
    random: Random,
    load: Load,
    tell: Callable[[str], None],
    power_cuts: int,
    tears: bool,
) -> None:
    token = create_token(data)
    for number in range(power_cuts):
        run_until_power_cut(data, token, load, choose_cut(random, number, tears=tears))
        assert_kept(look_at_copy(data), load)
    assert load.acked
    assert_all_sent_again_is_there_once(data, token, load)
    tell(f"{power_cuts} power cuts: {figures(load)}")


def test_simulated_power_cut_loses_acked_logs_of_server_that_does_not_sync(
    data: Path, random: Random, load: Load, tell: Callable[[str], None]
) -> None:
    token = create_token(data)
    cut = PowerCut(random.randint(1000, 2000), tears=False, seed=0)
    run_until_power_cut(data, token, load, cut, may_sync=False)
    lost = losses(look_at_copy(data), load)
    assert lost
    tell(f"1 power cut with synchronous=OFF: {len(load.acked)} ids acked, {len(lost)} lost")

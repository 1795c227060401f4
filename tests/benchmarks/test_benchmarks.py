"""The benchmark program: its parts do what they say, at tiny sizes; no figure is judged here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import msgspec
import pytest

from benchmarks.__main__ import BENCHMARKS, main, run
from benchmarks.attacker import attacked_by
from benchmarks.attackers import lines_posted, quiet_connections, shippers_at_random
from benchmarks.follower import Told, following
from benchmarks.posting import posting
from benchmarks.raw_inserts import insert_raw
from benchmarks.servers import MeasuredServer, measured_server, plain_server
from benchmarks.sizes import Sizes
from tests.support.shipped import WIRES
from tests.support.waiting import wait_until
from waterline.records import parse_log
from workbench.bench.errors import BenchmarkError
from workbench.bench.load import CONNECTIONS, connected, send_all, send_steadily
from workbench.bench.logs import made_logs, take

# Its parts are started as they are for figures.
pytestmark = pytest.mark.slow

TINY = Sizes(
    rounds=1,
    ingest_logs=203,
    plain_logs=40,
    client_logs=120,
    shipped_logs=50,
    warm_up_logs=10,
    steady_rate=2_000,
    steady_logs=101,
    growth_logs=400,
    growth_parts=4,
    growth_rounds=1,
    memory_logs=50,
    idle_connections=3,
    passing_connections=5,
    attack_seconds=0.2,
    attack_share=0.05,
    archive_logs=200,
    archive_rate=500,
    archive_seconds=1,
    question_logs=200,
    analyst_rate=200,
    analyst_seconds=1,
    spread_logs=3_000,
    scraped_logs=250,
    scraped_seconds=90,
    sketch_values=5_000,
    measured_days=2,
)


@pytest.mark.parametrize("sorted_ids", [True, False])
def test_logs_are_valid_and_the_same_each_time(sorted_ids: bool) -> None:
    logs = take(made_logs(sorted_ids=sorted_ids), 25_000)
    assert logs == take(made_logs(sorted_ids=sorted_ids), 25_000)
    records = [parse_log(each) for each in logs]
    ids = [each.id or "" for each in records]
    assert len(set(ids)) == len(ids)
    assert (sorted(ids) == ids) is sorted_ids
    times = [each.timestamp or 0 for each in records]
    assert sorted(set(times)) == times


def test_raw_inserts_store_every_row_once() -> None:
    assert insert_raw(take(made_logs(), 4_100)) > 0
    with pytest.raises(apsw.ConstraintError, match="UNIQUE"):
        insert_raw(take(made_logs(), 1) * 2)


@pytest.mark.parametrize("logs_a_frame", [1, 100])
def test_what_a_server_took_is_stored_and_a_duplicate_is_noticed(logs_a_frame: int) -> None:
    logs = take(made_logs(), 250)
    with measured_server() as server:
        assert server.take(logs, logs_a_frame) > 0
        assert server.health("last_seq") == len(logs)
        with pytest.raises(BenchmarkError, match="of 250 logs the server stored 0"):
            server.take(logs, logs_a_frame)


def test_a_log_that_is_refused_ends_the_load() -> None:
    with measured_server() as server, pytest.raises(BenchmarkError, match="invalid_log"):
        server.take([*take(made_logs(), 9), b'{"type":1}'])


def test_every_frame_that_is_sent_at_a_rate_has_a_latency() -> None:
    logs = take(made_logs(), 205)
    with measured_server() as server, connected(server.ingest, server.token, logs) as load:
        latencies = send_steadily(load, 2_000)
        assert len(load) == CONNECTIONS
        assert server.health("last_seq") == len(logs)
    assert len(latencies) == len(logs)
    assert min(latencies) > 0


def test_the_plain_handler_acks_every_log() -> None:
    with plain_server() as url, connected(url, "none", take(made_logs(), 300)) as load:
        assert send_all(load) > 0
        assert [each.acked for each in load] == [75] * CONNECTIONS


def test_each_log_that_is_posted_at_a_rate_has_a_latency_unless_it_is_refused() -> None:
    logs = take(made_logs(), 50)
    with measured_server() as server:
        with posting(server, logs, 500) as send:
            latencies = send()
        assert server.health("last_seq") == len(logs)
        with (
            posting(server, [b"no log"], 500) as send,
            pytest.raises(BenchmarkError, match="answered 400"),
        ):
            send()
    assert len(latencies) == len(logs)
    assert min(latencies) > 0


def test_an_attacker_tells_what_came_of_it_and_goes_at_the_end() -> None:
    with measured_server() as server:
        with attacked_by(quiet_connections, server, 50), attacked_by(lines_posted, server) as heard:
            assert server.health("connections") >= 50
            wait_until(lambda: heard["400"])
        assert set(heard) == {"400"}
        wait_until(lambda: server.health("connections") == 0)


def test_shippers_at_random_send_in_every_protocol() -> None:
    with measured_server() as server, attacked_by(shippers_at_random, server, len(WIRES)) as heard:
        wait_until(lambda: {each.partition(":")[0] for each in heard} == set(WIRES))


def no_attack(_server: MeasuredServer, _peers: int) -> Iterator[str]:
    yield from ()


def test_an_attacker_that_ends_by_itself_ends_the_benchmark() -> None:
    with (
        measured_server() as server,
        pytest.raises(BenchmarkError, match="to an end by itself"),
        attacked_by(no_attack, server),
    ):
        pass


def test_the_follower_counts_every_log() -> None:
    logs = take(made_logs(), 500)
    with measured_server() as server, following(server.live, server.token, 500) as reader:
        server.take(logs)
        assert reader.end() == Told(500, 0)


@pytest.mark.xdist_group("load")
def test_all_of_them_run_and_give_a_row_for_each_figure() -> None:
    report = run(list(BENCHMARKS), TINY)
    assert [len(each.values) for each in report.rows] == [1] * 149
    (followed,) = [each for each in report.rows if "live reader" in each.name]
    assert followed.note == "the reader got 203 of 203 logs"
    assert followed.is_whole


@pytest.mark.parametrize(
    ("arguments", "rounds"),
    [(["--only", "startup"], 5), (["--only", "startup", "--rounds", "1"], 1)],
)
def test_the_command_prints_a_table_and_writes_json(
    arguments: Sequence[str], rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    assert main([*arguments, "--json", str(file)]) == 0
    assert "start-up, until it listens" in capsys.readouterr().out
    (row,) = msgspec.json.decode(file.read_bytes())["rows"]
    assert len(row["values"]) == rounds


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"], ["--rounds", "x"]])
def test_what_has_no_meaning_is_refused(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err

"""Logs on disk until they are acked: killed processes, torn files, full spools, and restarts."""

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import workbench
from tests.support.forking import PATIENCE
from tests.support.ports import lasting_port
from tests.support.processes import ServerProcess, create_token, serving
from waterline.errors import DeliveryError, ProducerFull, UsageError
from workbench.clients.producer import Producer
from workbench.clients.spool import LEAST_SIZE, Spool

pytestmark = pytest.mark.logs
slow = pytest.mark.slow


def ids_in(folder: Path) -> list[str]:
    """Return the ids in a spool that nobody has; they stay there."""
    spool = Spool(folder, 2**30)
    found: list[str] = []
    while logs := spool.read():
        found += [each.log_id for each in logs]
    spool.close()
    return found


def filled(folder: Path, count: int, size: int = 10) -> list[Path]:
    """Fill a spool with logs of so many bytes; return its files."""
    spool = Spool(folder, 2**30)
    for n in range(count):
        assert spool.append(f"log {n}", b"x" * size)
    spool.close()
    return sorted(folder.iterdir())


def test_logs_come_back_in_order_with_their_ids(tmp_path: Path) -> None:
    files = filled(tmp_path, 5_000, size=4_000)
    assert len(files) > 2
    assert ids_in(tmp_path) == [f"log {n}" for n in range(5_000)]


def test_log_larger_than_a_read_comes_back(tmp_path: Path) -> None:
    filled(tmp_path, 3, size=9 * 2**20)
    assert ids_in(tmp_path) == ["log 0", "log 1", "log 2"]


def test_torn_tail_is_cut_off_wherever_it_is_torn(tmp_path: Path) -> None:
    (file,) = filled(tmp_path, 3)
    whole = file.read_bytes()
    record = (len(whole) - 20) // 3
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert ids_in(tmp_path) == [f"log {n}" for n in range(max(size - 20, 0) // record)]
        for each in tmp_path.iterdir():
            each.unlink()


def test_flipped_bit_is_no_log(tmp_path: Path) -> None:
    (file,) = filled(tmp_path, 3)
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)
    assert ids_in(tmp_path) == ["log 0", "log 1"]


def test_answered_logs_are_not_read_again_and_their_files_are_gone(tmp_path: Path) -> None:
    filled(tmp_path, 3_000, size=4_000)
    spool = Spool(tmp_path, 2**30)
    logs = spool.read()
    spool.settle(logs[4])
    spool.close()
    assert ids_in(tmp_path)[:2] == ["log 5", "log 6"]
    spool = Spool(tmp_path, 2**30)
    last = None
    while logs := spool.read():
        last = logs[-1]
    assert last is not None
    spool.settle(last)
    assert (spool.is_empty, spool.size, list(tmp_path.iterdir())) == (True, 0, [])
    spool.close()


def test_full_spool_has_room_again_once_its_logs_are_answered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LEAST_SIZE)
    for size in (1_000, 300_000, 1_000_000):
        count = 0
        while spool.append("log", b"x" * size):
            count += 1
        assert 0 < count <= LEAST_SIZE // size
        assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= LEAST_SIZE
        while logs := spool.read():
            spool.settle(logs[-1])
        assert spool.size == 0
    with pytest.raises(UsageError, match="has no room in a spool of 1048576"):
        spool.append("log", b"x" * LEAST_SIZE)
    spool.close()


def test_files_of_a_living_process_are_left_to_it(tmp_path: Path) -> None:
    first = Spool(tmp_path, LEAST_SIZE)
    first.append("one", b"{}")
    assert ids_in(tmp_path) == []
    first.close()
    assert ids_in(tmp_path) == ["one"]


def test_full_spool_drops_or_raises_as_told(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{lasting_port()}/ingest"
    log = {"type": "info", "message": "x" * 100_000}
    dropping = Producer(
        url, "t", spool=str(tmp_path / "a"), spool_size=LEAST_SIZE, when_full="drop"
    )
    for _ in range(15):
        dropping.send(log)
    assert (dropping.counts.sent, dropping.counts.dropped) == (10, 5)
    dropping.close()
    raising = Producer(url, "t", spool=tmp_path / "b", spool_size=LEAST_SIZE, when_full="raise")
    for _ in range(10):
        raising.send(log)
    with pytest.raises(ProducerFull, match="is full, as ws://"):
        raising.send(log)
    raising.close()


@slow
def test_next_producer_sends_what_the_last_left_with_the_same_ids(data: Path) -> None:
    spool, token, port = data.parent / "spool", create_token(data), lasting_port()
    url = f"ws://127.0.0.1:{port}/ingest"
    ids = []
    with Producer(url, token, spool=spool, window=10) as first:
        ids += [first.send({"type": "info", "message": str(n)}) for n in range(3_000)]
        with pytest.raises(DeliveryError, match=r"3,000 logs .* after 0.01 s; they stay in "):
            first.flush(0.01)
        first.close()
        with serving(data, "--port", str(port), token=token):
            with Producer(url, token, spool=spool) as second:
                ids.append(second.send({"type": "info", "message": "3000"}))
            assert (second.counts.sent, second.counts.stored) == (3_001, 3_001)
            with workbench.connect(data) as wb:
                logs = wb.logs().sort_values("seq")
    assert list(logs["id"]) == ids
    assert list(spool.iterdir()) == []


KILLED = """
    import os, sys
    from workbench import Producer
    url, token, spool, first = sys.argv[1:]
    producer = Producer(url, token, spool=spool, spool_size=2**22)
    for n in range(int(first), 10**9):
        producer.send({"type": "info", "message": str(n)})
        os.write(1, b"%d\\n" % n)
"""


@slow
def test_killed_producers_lose_no_log_and_store_none_twice(server: ServerProcess) -> None:
    spool, told = server.data.parent / "spool", []
    for generation in range(6):
        first = str(generation * 10**6)
        program = [sys.executable, "-c", textwrap.dedent(KILLED)]
        with subprocess.Popen(
            [*program, server.ingest, server.token, str(spool), first], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            wanted = random.randrange(1, 4_000)
            lines = [process.stdout.readline() for _ in range(wanted)]
            process.kill()
            lines += process.stdout.readlines()
        told += [int(line) for line in lines if line.endswith(b"\n")]
    with Producer(server.ingest, server.token, spool=spool) as producer:
        producer.send({"type": "info", "message": "-1"})
    with workbench.connect(server.data) as wb:
        messages = [int(each) for each in wb.logs()["message"]]
    assert len(messages) == len(set(messages))
    assert set(told) | {-1} <= set(messages)
    assert list(spool.iterdir()) == []


@slow
def test_forked_processes_spool_and_send_their_own(server: ServerProcess) -> None:
    spool = server.data.parent / "spool"
    with Producer(server.ingest, server.token, spool=spool) as producer:
        for n in range(500):
            producer.send({"type": "info", "message": f"before {n}"})
        pid = os.fork()
        if pid == 0:
            for n in range(500):
                producer.send({"type": "info", "message": f"child {n}"})
            producer.flush(PATIENCE)
            producer.close()
            os._exit(0)
        for n in range(500):
            producer.send({"type": "info", "message": f"after {n}"})
        assert os.waitpid(pid, 0)[1] == 0
    with workbench.connect(server.data) as wb:
        messages = list(wb.logs()["message"])
    assert len(messages) == 1_500
    assert len(set(messages)) == 1_500
    assert list(spool.iterdir()) == []

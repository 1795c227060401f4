"""A disk that is really full: nothing acked is lost, and the server recovers by itself."""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import pytest
import websocket

from server.writer import PROBE_SECONDS
from tests.support.folders import fill
from tests.support.posting import post
from tests.support.processes import PATIENCE, ServerProcess, run_waterline, serving
from tests.support.rollups import assert_counted_as_stored
from tests.support.sockets import connected, log, receive
from tests.support.syslog import LISTENING, over_tcp
from tests.support.syslog import stored as stored_syslog
from tests.support.waiting import wait_until
from workbench.clients.producer import Producer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load")]

_DISK: Final = 6 * 2**20
_BALLAST: Final = 3 * 2**20
STORAGE_FULL: Final = "logs are not stored: storage_full"
_LOGS_FAIL: Final = (
    r" ERROR server: logs cannot be stored and are refused until they can: "
    r"database or disk is full$"
)
_MEASUREMENTS_FAIL: Final = (
    r" ERROR server: measurements cannot be written and wait: database or disk is full$"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of a few megabytes."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no command to mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield root
    finally:
        # Lazily, so that it goes also when a failed test left a file open.
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def put_ballast(path: Path) -> None:
    """Take half of the disk away."""
    path.write_bytes(bytes(_BALLAST))
    assert path.stat().st_blocks * 512 >= _BALLAST, "it takes no room"


def message_of(log_id: str) -> str:
    """Return a message of a few pages by which one can tell that the log was stored whole."""
    return log_id.ljust(20_000, ".")


def push(producer: websocket.WebSocket, log_id: str) -> dict[str, Any]:
    """Send one log and return its answer."""
    producer.send(log(id=log_id, message=message_of(log_id)))
    return receive(producer)


def push_until_refused(producer: websocket.WebSocket, acked: dict[str, int]) -> dict[str, Any]:
    """Send logs until one is refused; note the seqs of those that were acked."""
    for number in count(len(acked)):
        answer = push(producer, f"log-{number}")
        if answer["type"] != "ack":
            return answer
        acked[answer["logId"]] = answer["seq"]
    raise AssertionError


def reasons(server: ServerProcess) -> list[str]:
    """Return why a server is degraded; nothing where it says that all is well."""
    status, page = server.get("/health")
    found = msgspec.convert(page["reasons"], list[str])
    assert (status, page["status"]) == ((503, "degraded") if found else (200, "healthy"))
    return found


def last_seq(server: ServerProcess) -> int:
    """Return how many logs were stored."""
    return msgspec.convert(server.get("/health")[1]["last_seq"], int)


def is_settled(server: ServerProcess, sent: int) -> bool:
    """Return whether so many logs were stored, or there is no room."""
    return last_seq(server) == sent or STORAGE_FULL in reasons(server)


def uptime(server: ServerProcess) -> float:
    """Return for how many seconds a server has been running, by its own clock."""
    return msgspec.convert(server.get("/health")[1]["uptime"], float)


def look_at(data: Path) -> tuple[object, dict[str, int]]:
    """Return the verdict of the integrity check, and the seqs of the logs by id."""
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        found = connection.execute("SELECT id, seq, message FROM logs ORDER BY seq").fetchall()
        rows = msgspec.convert(found, list[tuple[str, int, str]])
        assert all(message == message_of(log_id) for log_id, _, message in rows)
        seqs = {log_id: seq for log_id, seq, _ in rows}
        assert len(seqs) == len(rows), "a log is there twice"
        return connection.pragma("integrity_check"), seqs


def test_full_disk_loses_nothing_that_was_acked_and_room_alone_ends_it(
    disk: Path,
) -> None:
    data, ballast = disk / "data", disk / "ballast"
    put_ballast(ballast)
    acked: dict[str, int] = {}
    with serving(data) as server, connected(server) as producer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        refusal = push_until_refused(producer, acked)
        refused_id = f"log-{len(acked)}"
        assert acked
        assert refusal == {
            "type": "error",
            "error": "storage_full",
            "message": "the log was not stored; send it again later",
            "logId": refused_id,
            "retryable": True,
            "index": 0,
        }
        assert STORAGE_FULL in reasons(server)
        # The measurements of each second find no room either.
        wait_until(lambda: "measurements cannot be written to metrics.db" in reasons(server))
        assert push(producer, refused_id)["error"] == "storage_full"

        ballast.unlink()
        wait_until(lambda: not reasons(server))
        answer = push(producer, refused_id)
        assert (answer["type"], answer["logId"]) == ("ack", refused_id)
        assert "duplicate" not in answer
        acked[refused_id] = answer["seq"]
        again = push(producer, refused_id)
        assert (again["seq"], again["duplicate"]) == (answer["seq"], True)
        token = server.token
    assert look_at(data) == ("ok", acked)
    with serving(data, token=token):  # a commit that only seemed to fail may be left uncounted
        pass
    assert_counted_as_stored(data)


def test_producer_waits_for_room_and_each_log_is_stored_once(disk: Path) -> None:
    data, ballast = disk / "data", disk / "ballast"
    put_ballast(ballast)
    with serving(data) as server, Producer(server.ingest, server.token) as producer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        sent = 0
        while not producer.counts.waiting:
            log_id = f"log-{sent}"
            producer.send({"id": log_id, "type": "info", "message": message_of(log_id)})
            sent += 1
            wait_until(lambda: not producer.counts.waiting or STORAGE_FULL in reasons(server))
        for later in range(sent, sent + 5):
            log_id = f"log-{later}"
            producer.send({"id": log_id, "type": "info", "message": message_of(log_id)})
        acked = producer.counts.acked
        ballast.unlink()
        producer.flush()
        token = server.token
    assert 0 < acked < sent
    assert producer.counts.stored == sent + 5
    verdict, seqs = look_at(data)
    assert (verdict, set(seqs)) == ("ok", {f"log-{number}" for number in range(sent + 5)})
    with serving(data, token=token):  # a commit that only seemed to fail may be left uncounted
        pass
    assert_counted_as_stored(data)


def test_syslog_waits_for_room_and_loses_nothing(disk: Path) -> None:
    data, ballast = disk / "data", disk / "ballast"
    put_ballast(ballast)
    with serving(data, *LISTENING) as server, over_tcp(server) as peer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        sent = 0
        while STORAGE_FULL not in reasons(server):
            peer.sendall(f"<13>{message_of(f'log-{sent}')}\n".encode())
            sent += 1
            wait_until(partial(is_settled, server, sent))
        for later in range(sent, sent + 5):
            peer.sendall(f"<13>{message_of(f'log-{later}')}\n".encode())
        stored_before = last_seq(server)
        ballast.unlink()
        wait_until(lambda: last_seq(server) == sent + 5)
        syslog: Any = server.get("/health")[1]["syslog"]
        assert syslog["tcp"]["dropped"] == {}
    assert 0 < stored_before < sent
    assert [each["message"] for each in stored_syslog(data)] == [
        message_of(f"log-{number}") for number in range(sent + 5)
    ]


def test_syslog_that_finds_no_room_to_the_end_is_told_as_lost(disk: Path) -> None:
    data = disk / "data"
    put_ballast(disk / "ballast")
    with serving(data, *LISTENING) as server, over_tcp(server) as peer:
        lost = r" ERROR server: [1-9]\d* messages of syslog could not be stored and are lost$"
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL, lost]
        sent = 0
        while STORAGE_FULL not in reasons(server):
            peer.sendall(f"<13>{message_of('log')}\n".encode())
            sent += 1
            wait_until(partial(is_settled, server, sent))
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=PATIENCE)
    (told,) = re.findall(r"(\d[\d,]*) messages of syslog could not be stored", errors)
    number = int(told.replace(",", ""))
    assert number > 0
    assert len(stored_syslog(data)) + number == sent


def test_server_that_was_stopped_on_full_disk_has_all_that_was_acked(disk: Path) -> None:
    data, ballast = disk / "data", disk / "ballast"
    put_ballast(ballast)
    acked: dict[str, int] = {}
    with serving(data) as server, connected(server) as producer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        assert push_until_refused(producer, acked)["error"] == "storage_full"
        token = server.token
    ballast.unlink()
    assert look_at(data) == ("ok", acked)
    with serving(data, token=token):
        pass
    assert_counted_as_stored(data)


def test_health_is_degraded_for_as_long_as_logs_find_no_room(disk: Path) -> None:
    data = disk / "data"
    put_ballast(disk / "ballast")
    with serving(data) as server, connected(server) as producer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        assert push_until_refused(producer, {})["error"] == "storage_full"
        seen: list[list[str]] = []
        end = uptime(server) + 3 * PROBE_SECONDS
        while uptime(server) < end:
            seen.append(reasons(server))
        assert all(STORAGE_FULL in each for each in seen)


def test_body_that_finds_no_room_is_stored_whole_once_it_is_sent_again(disk: Path) -> None:
    data, ballast = disk / "data", disk / "ballast"
    body = "\n".join(log(message="m" * 400) for _ in range(4_500))
    with serving(data) as server, connected(server, f"{server.ingest}?ack=batch") as producer:
        server.expected_errors += [_LOGS_FAIL, _MEASUREMENTS_FAIL]
        fill_disk(ballast, 1_500_000)
        assert post(server, body.encode()).status == 503
        producer.send(body)
        refused = receive(producer)
        assert refused == {
            "type": "error",
            "error": "storage_full",
            "message": "the log was not stored; send it again later",
            "logId": None,
            "retryable": True,
            "errors": [],
        }
        assert server.get("/health")[1]["last_seq"] == 0
        ballast.unlink()
        assert post(server, body.encode()).json["count"] == 4_500
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        assert connection.execute("SELECT count(*) FROM logs").get == 4_500


@pytest.mark.parametrize("left", [0, 8_192, 40_000])
def test_archive_run_on_full_disk_ends_in_sentence_and_goes_on_later(disk: Path, left: int) -> None:
    data = disk / "data"
    fill(data, [{"type": "info", "message": message_of(f"log-{at}")} for at in range(40)])
    ballast = disk / "ballast"
    fill_disk(ballast, left)
    options = ("--data", data, "--older-than", "0s", "--batch-rows", "20")
    refused = run_waterline("archive", "run", *options)
    assert refused.returncode == 1
    (sentence,) = refused.stderr.strip().splitlines()
    assert sentence.startswith("waterline: ")
    assert "make room on its disk" in sentence
    for command in ("list", "verify"):
        assert "Traceback" not in run_waterline("archive", command, "--data", data).stderr
    ballast.unlink()
    done = run_waterline("archive", "run", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert run_waterline("archive", "verify", "--data", data).returncode == 0


@pytest.mark.parametrize("arguments", [("serve", "--port", "0", "--monitoring-port", "0")])
def test_command_on_full_disk_ends_in_sentence(disk: Path, arguments: tuple[str, ...]) -> None:
    data = disk / "data"
    fill(data, [{"type": "info", "message": "m"}])
    fill_disk(disk / "ballast", 0)
    refused = run_waterline(*arguments, "--data", data)
    assert refused.returncode == 1
    (sentence,) = refused.stderr.strip().splitlines()
    assert "make room on its disk" in sentence


def fill_disk(ballast: Path, left: int) -> None:
    """Take all room but so many bytes, to the last page."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room := shutil.disk_usage(ballast.parent).free - left) > 0:
            file.write(bytes(min(room, 2**16)))

"""A new server takes over: no connection is refused, each log is once; or the old one goes on."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import msgspec
import pytest

from tests.support.archive_runs import all_rows
from tests.support.forking import WATERLINE, Started
from tests.support.meanwhile import meanwhile
from tests.support.posting import post
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.storage.folder import DataFolder
from workbench import Producer

pytestmark = pytest.mark.slow

LOG = {"type": "info", "message": "m"}
SAID = "a new server is started, which takes over"


def process_of(data: Path) -> int:
    return int(DataFolder(data).server_lock.read_text() or 0)


def hand_over(server: ServerProcess) -> None:
    """Have a new server take over, and wait until it holds the folder."""
    old = process_of(server.data)
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: process_of(server.data) not in {0, old}, "nobody took over")


@contextmanager
def handed_over(data: Path) -> Iterator[ServerProcess]:
    """Run a server whose successors end with the block."""
    with serving(data) as server:
        server.expected_errors.append(SAID)
        try:
            yield server
        finally:
            last = process_of(data)
            os.kill(last, signal.SIGTERM)
            wait_until(lambda: not Path(f"/proc/{last}").exists() or last == server.process.pid)


def test_under_load_no_connection_is_refused_and_each_log_is_there_once(data: Path) -> None:
    posted = 0

    def keep_posting(ended: Event) -> None:
        nonlocal posted
        while not ended.is_set():
            answer = post(server, msgspec.json.encode({"id": f"posted {posted}"} | LOG))
            assert answer.status == 200, answer
            posted += 1

    with (
        handed_over(data) as server,
        Producer(server.ingest, token=server.token) as producer,
        meanwhile(keep_posting),
    ):
        for number in range(1_500):
            producer.send({"id": f"sent {number}"} | LOG)
            if number % 500 == 250:
                hand_over(server)
        before = posted
        wait_until(lambda: posted > before + 5, "nothing is answered any more")
    ids = sorted(row[1] for row in all_rows(data))
    assert ids == sorted(
        [f"sent {each}" for each in range(1_500)] + [f"posted {each}" for each in range(posted)]
    )


def test_old_server_goes_on_where_the_new_one_does_not_load(data: Path) -> None:
    with serving(data) as server:
        server.expected_errors += [SAID, "unknown setting prot", "the new server did not load"]
        (data / "waterline.toml").write_text("prot = 3001\n")
        for _ in range(2):
            os.kill(server.process.pid, signal.SIGUSR2)
            send(server, LOG)
        assert process_of(data) == server.process.pid
    assert len(all_rows(data)) == 2


@contextmanager
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as a service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE)
        yield listening


def test_why_the_new_one_does_not_load_is_in_the_log_file(data: Path, tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with serving(data, "--log-file", str(log_file)) as server:
        server.expected_errors.append("unknown setting prot")
        (data / "waterline.toml").write_text("prot = 3001\n")
        os.kill(server.process.pid, signal.SIGUSR2)
        wait_until(
            lambda: log_file.exists() and "goes on: unknown setting prot" in log_file.read_text(),
            "no reason",
        )


def test_service_manager_is_told_when_the_server_is_ready_and_who_follows(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    with manager(tmp_path) as listening, handed_over(data) as server:
        heard = [listening.recv(100).decode() for _ in range(2)]
        assert heard == ["READY=1", "WATCHDOG=1"]
        hand_over(server)
        while len(set(heard)) < 3 or heard[-1] != "READY=1":
            heard.append(listening.recv(100).decode())
        assert f"MAINPID={process_of(data)}" in heard


def started_by_systemd(data: Path, names: str, *sockets: socket.socket) -> Started:
    """Start a server with listening sockets, as a service with socket units is started."""
    script = "".join(f"exec {3 + at}<&{each.fileno()}; " for at, each in enumerate(sockets))
    script += f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)} LISTEN_FDNAMES={names} exec "$@"'
    command = [WATERLINE, "serve", "--data", str(data), "--port", "0", "--monitoring-port", "0"]
    return Started(
        ["bash", "-c", script, "bash", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[each.fileno() for each in sockets],
    )


def test_sockets_of_systemd_are_listened_on(data: Path) -> None:
    token = create_token(data)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = started_by_systemd(data, "port", listening)
        assert process.stdout is not None
        line = process.stdout.readline()
    assert f"waterline serves ws://127.0.0.1:{port}/ingest and http://127.0.0.1:" in line
    server = ServerProcess(data, token, process, f"ws://127.0.0.1:{port}/ingest", "")
    send(server, LOG)
    assert server.stop() == 0


def test_socket_without_a_name_is_refused(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = started_by_systemd(data, "unknown", listening)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert errors == (
        "waterline: systemd passes 1 sockets named unknown; give each socket unit a "
        "FileDescriptorName: port, monitoring_port, syslog_tcp, syslog_udp\n"
    )

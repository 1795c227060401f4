"""`waterline up`: real processes that die, are started again, and are gone at the end."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import workbench
from tests.support.forking import WATERLINE
from tests.support.processes import PATIENCE, create_token, run_waterline, serving
from tests.support.syslog import LISTENING
from tests.support.tls import NAMED, WITH_NAMED
from tests.support.waiting import wait_until
from workbench.clients.producer import Producer

pytestmark = pytest.mark.slow

FREE_PORTS = (
    *("--port", "0", "--monitoring-port", "0"),
    *("--dashboard-port", "0", "--query-port", "0"),
)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as page:
            return bool(page.status == 200)
    except (URLError, OSError):
        return False


@dataclass
class Everything:
    """A running `waterline up`."""

    process: subprocess.Popen[str]
    data: Path
    dashboard: str
    ingest: str
    health: str
    printed: str
    """What it said once it was up."""

    def children(self) -> dict[str, int]:
        """Return the process ids by what they run."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="],
            capture_output=True,
            text=True,
            check=True,
        )
        kinds = {
            " server --supervised": "server",
            " workbench.dashboard": "dashboard",
            " workbench.serving": "questions",
            " workbench.samples.demo": "demo",
        }
        found = {}
        for line in listed.stdout.splitlines():
            pid, parent, arguments = line.split(None, 2)
            for mark, kind in kinds.items():
                if int(parent) == self.process.pid and arguments.strip().endswith(mark):
                    found[kind] = int(pid)
        return found

    def stop(self, number: signal.Signals) -> tuple[str, str]:
        """End it, see that nothing is left, return what it printed and logged since it was up."""
        children = self.children().values()
        assert children
        self.process.send_signal(number)
        printed, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0
        assert not [pid for pid in children if is_alive(pid)]
        return printed, errors


@contextmanager
def everything(data: Path, *options: str, cwd: Path | None = None) -> Iterator[Everything]:
    process = subprocess.Popen(
        [WATERLINE, "up", "--data", data, *FREE_PORTS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C ends it" not in printed:
            line = process.stdout.readline()
            assert line, f"it ended: {printed} {process.communicate()}"
            printed += line
        addresses = re.findall(r"(?:http|ws)s?://[^\s,]+", printed)
        health = next(each for each in addresses if each.endswith("/health"))
        ingest = next(each for each in addresses if each.endswith("/ingest"))
        dashboard = next(each for each in addresses if each.endswith("/dashboard"))
        yield Everything(process, data, dashboard, ingest, health, printed)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


def test_demo_sends_logs_and_ctrl_c_leaves_no_process(data: Path) -> None:
    with everything(data, "--demo") as up:
        assert set(up.children()) == {"server", "dashboard", "questions", "demo"}
        assert answers(up.dashboard)
        assert answers(up.health)
        with workbench.connect(data) as wb:
            wait_until(lambda: wb.count() > 50, "demo logs")
            assert wb.logs(limit=1, attributes=["service"])["service"].notna().all()
        ended = up.stop(signal.SIGINT)
    assert ended == ("", "")
    assert "demo" in (data / "tokens.toml").read_text()


def test_nothing_is_left_of_one_that_is_killed(data: Path) -> None:
    with everything(data, "--demo") as up:
        children = up.children()
        assert set(children) == {"server", "dashboard", "questions", "demo"}
        up.process.kill()
        wait_until(lambda: not any(map(is_alive, children.values())), f"one of {children} goes on")


def test_folder_with_modules_of_the_users_own_changes_nothing(
    data: Path, users_folder: Path
) -> None:
    with everything(data, "--demo", cwd=users_folder) as up:
        assert set(up.children()) == {"server", "dashboard", "questions", "demo"}
        assert answers(up.dashboard)
        with workbench.connect(data) as wb:
            wait_until(lambda: wb.count() > 10, "demo logs")
        ended = up.stop(signal.SIGINT)
    assert ended == ("", "")


def test_demo_knows_its_tls_server_whatever_name_the_certificate_is_for(
    data: Path,
) -> None:
    with everything(data, "--demo", *WITH_NAMED) as up:
        assert up.ingest.startswith("wss://")
        assert up.health.startswith("https://")
        assert not answers(up.health)  # nobody else is shown the certificate
        with workbench.connect(data) as wb:
            wait_until(lambda: wb.count() > 50, "demo logs")
        with Producer(up.ingest, create_token(data), certificate=NAMED) as producer:
            producer.send({"type": "info", "message": "of my own"})
        up.process.send_signal(signal.SIGINT)
        _, errors = up.process.communicate(timeout=PATIENCE)
        assert up.process.returncode == 0
        assert re.fullmatch(r"(\S+ WARNING server: SSL Error on .*\n)*", errors)


def test_beyond_loopback_without_a_token_it_ends_with_the_servers_sentence(data: Path) -> None:
    done = run_waterline("up", "--data", data, *FREE_PORTS, "--host", "0.0.0.0")
    first, second = done.stderr.splitlines()
    assert done.returncode == 1
    assert "there is no token yet; make one with `waterline token create" in first
    assert second == "waterline: the server did not start; the line above says why"


def test_dashboard_that_dies_is_started_again_and_ingest_goes_on(data: Path) -> None:
    with everything(data) as up:
        before = up.children()
        token = create_token(data)
        with Producer(up.ingest, token) as producer:
            producer.send({"type": "info", "message": "before"})
            producer.flush()
            os.kill(before["dashboard"], signal.SIGKILL)
            producer.send({"type": "info", "message": "meanwhile"})
            producer.flush()
        wait_until(lambda: answers(up.dashboard), "a new dashboard")
        after = up.children()
        assert after["server"] == before["server"]
        assert after["dashboard"] != before["dashboard"]
        ended = up.stop(signal.SIGTERM)
    assert re.fullmatch(
        r"\S+ WARNING up: the dashboard ended \(signal 9\); starting it again\n", ended[1]
    )


def test_server_that_dies_comes_back_at_its_address(data: Path) -> None:
    with everything(data) as up:
        server = up.children()["server"]
        token = create_token(data)
        with Producer(up.ingest, token) as producer:
            producer.send({"type": "info", "message": "before"})
            producer.flush()
            os.kill(server, signal.SIGKILL)
            producer.send({"type": "info", "message": "after"})
        with workbench.connect(data) as wb:
            assert list(wb.logs()["message"]) == ["before", "after"]
        wait_until(lambda: answers(up.health), "the server's health")
        ended = up.stop(signal.SIGTERM)
    assert re.fullmatch(
        r"\S+ WARNING up: the server ended \(signal 9\); starting it again\n", ended[1]
    )


def test_server_reads_the_file_again_and_keeps_what_it_says_when_it_dies(
    data: Path, tmp_path: Path
) -> None:
    data.mkdir()
    with everything(data, cwd=tmp_path) as up:
        server = up.children()["server"]
        (data / "waterline.toml").write_text('archive_after = "never"\nqueue_size = "1MiB"\n')
        os.kill(server, signal.SIGHUP)
        wait_until(lambda: not is_scheduled(up), "the file was not taken over")
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: answers(up.health), "the server's health")
        assert not is_scheduled(up)
        ended = up.stop(signal.SIGTERM)
    assert "WARNING server: changed, and in force after a restart: queue_size\n" in ended[1]


def is_scheduled(up: Everything) -> bool:
    """Return whether archive runs are scheduled."""
    with urlopen(up.health, timeout=5) as page:
        return json.load(page)["archive"]["scheduled"] is True


def test_server_is_not_handed_over_but_goes_on(data: Path) -> None:
    with everything(data) as up:
        before = up.children()["server"]
        os.kill(before, signal.SIGUSR2)
        token = create_token(data)
        with Producer(up.ingest, token) as producer:
            producer.send({"type": "info", "message": "after"})
        assert up.children()["server"] == before
        ended = up.stop(signal.SIGTERM)
    assert re.fullmatch(
        r"\S+ ERROR server: no new server is started, as the process that runs .*\n", ended[1]
    )


def test_syslog_is_named_and_comes_back_at_its_port(data: Path) -> None:
    with everything(data, *LISTENING) as up:
        _, tcp, udp = re.findall(r"(?m)^  syslog +((\S+) and (\S+))$", up.printed)[0]
        assert (tcp[:16], udp[:16]) == ("tcp://127.0.0.1:", "udp://127.0.0.1:")
        address = ("127.0.0.1", int(tcp.rpartition(":")[2]))
        os.kill(up.children()["server"], signal.SIGKILL)
        wait_until(lambda: answers(up.health), "the server's health")
        with socket.create_connection(address, timeout=PATIENCE) as peer:
            peer.sendall(b"<13>after\n")
        with workbench.connect(data) as wb:
            wait_until(lambda: wb.count() == 1, "the log")
        up.stop(signal.SIGTERM)


def test_folder_in_use_ends_it_with_the_servers_sentence(data: Path) -> None:
    with serving(data) as server:
        done = run_waterline("up", "--data", data, *FREE_PORTS)
    first, second = done.stderr.splitlines()
    assert done.returncode == 1
    assert f"another server (process {server.process.pid}) serves" in first
    assert second == "waterline: the server did not start; the line above says why"


def test_dashboard_port_in_use_ends_it_before_anything_starts(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_waterline("up", "--data", data, "--dashboard-port", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"waterline: port {port} on 127.0.0.1 is in use by another program; stop it or choose "
        "another port with --dashboard-port (0 picks a free one)\n"
    )
    assert not (data / "logs.db").exists()

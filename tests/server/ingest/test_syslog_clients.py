"""Real programs that speak syslog, with the recipes of docs/shippers.md: each log arrives once."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.syslog import LISTENING, address_of, stored
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LOGS: Final = 1000
# Logs of a run over UDP, as nothing holds a sender back and the kernel may hold little.
_A_RUN: Final = 100
_PAGE: Final = Path(__file__).parents[3] / "docs" / "shippers.md"
_RSYSLOG: Final = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log" RateLimit.Interval="0")
{recipe}
"""
_SYSLOG_NG: Final = """@version: 3.35
source here {{ unix-dgram("{folder}/log"); }};
{recipe}
log {{ source(here); destination(waterline); }};
"""


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    """A server that takes syslog over TCP and UDP."""
    with serving(data, *LISTENING) as running:
        yield running


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short, as those of sockets must be."""
    return tmp_path_factory.mktemp("log")


def program(name: str) -> str:
    """Return where a program is; skip the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def recipe(name: str, server: ServerProcess) -> str:
    """Return a recipe of the page, for this server."""
    found = re.search(
        rf"<!-- recipe: {re.escape(name)} -->\n```conf\n(.*?)```", _PAGE.read_text(), re.DOTALL
    )
    assert found, f"the page has no recipe {name}"
    _, syslog = address_of(server, "tcp")
    filled = found[1].replace("5514", str(syslog)).replace("TOKEN", server.token)
    return filled.replace("3001", str(urlsplit(server.ingest).port))


@contextmanager
def running(command: Sequence[str], ready: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a daemon in the foreground; at the end it is asked to stop, and sends what it has."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: ready.is_socket() or process.poll() is not None)
        yield process
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
    finally:
        process.kill()
        process.communicate()


def log_to(path: Path) -> None:
    """Log over a socket of a daemon, as programs of the system do."""
    lines = "".join(f"order {number} failed\n" for number in range(LOGS))
    command = [program("logger"), "--socket", str(path), "--priority", "user.warning"]
    subprocess.run([*command, "--tag", "orders"], input=lines, text=True, check=True)


def has_stored(server: ServerProcess, count: int) -> bool:
    return len(stored(server.data)) >= count


def check_arrival(server: ServerProcess, source: str) -> list[dict[str, Any]]:
    """See that all logs arrive once, with time and level; return them by number.

    A daemon that is behind sends over further connections, whose logs come in any order.
    """
    wait_until(lambda: len(stored(server.data, source)) >= LOGS)
    rows = sorted(
        stored(server.data, source), key=lambda each: int(re.sub(r"\D", "", each["message"]))
    )
    assert [each["message"] for each in rows] == [f"order {at} failed" for at in range(LOGS)]
    assert {each["type"] for each in rows} == {"warning"}
    assert all(abs(each["timestamp"] - each["received_at"]) < 60_000 for each in rows)
    return rows


@pytest.mark.parametrize(
    ("name", "source"),
    [("rsyslog over TCP", "syslog-tcp"), ("rsyslog through the bulk API", "test")],
)
def test_logs_of_rsyslog_arrive_once(
    server: ServerProcess, folder: Path, name: str, source: str
) -> None:
    daemon = program("rsyslogd")
    text = recipe(name, server)
    for module in re.findall(r'module\(load="(\w+)"\)', text):
        if not any(Path("/usr/lib").glob(f"**/rsyslog/{module}.so")):
            pytest.skip(f"rsyslog's module {module} is not installed")
    config = folder / "rsyslog.conf"
    config.write_text(_RSYSLOG.format(folder=folder, recipe=text))
    with running([daemon, "-n", "-f", str(config), "-i", str(folder / "pid")], folder / "log"):
        log_to(folder / "log")
        rows = check_arrival(server, source)
    named = {key: rows[0]["attributes"][key] for key in ("facility", "host", "program")}
    assert named == {"facility": "user", "host": socket.gethostname(), "program": "orders"}
    assert all(each["attributes"] == rows[0]["attributes"] for each in rows)


@pytest.mark.parametrize(
    ("name", "source"), [("syslog-ng over TCP", "syslog-tcp"), ("syslog-ng over HTTP", "test")]
)
def test_logs_of_syslog_ng_arrive_once(
    server: ServerProcess, folder: Path, name: str, source: str
) -> None:
    daemon = program("syslog-ng")
    config = folder / "syslog-ng.conf"
    text = recipe(name, server).replace("reliable(yes)", f'reliable(yes) dir("{folder}")')
    config.write_text(_SYSLOG_NG.format(folder=folder, recipe=text))
    own = [
        part for name in ("pidfile", "persist-file", "control") for part in own_file(name, folder)
    ]
    with running([daemon, "-F", "--no-caps", "-f", str(config), *own], folder / "log"):
        log_to(folder / "log")
        rows = check_arrival(server, source)
    named = {key: rows[0]["attributes"][key] for key in ("facility", "host", "program")}
    assert named == {"facility": "user", "host": socket.gethostname(), "program": "orders"}


def own_file(option: str, folder: Path) -> tuple[str, str]:
    return f"--{option}", str(folder / option)


@pytest.mark.parametrize("how", ["tcp octets", "tcp lines", "tcp 3164", "udp", "udp 3164"])
def test_logs_of_logger_arrive_once(server: ServerProcess, how: str) -> None:
    scheme, _, form = how.partition(" ")
    _, port = address_of(server, scheme)
    options = {"octets": ["--octet-count"], "3164": ["--rfc3164"]}.get(form, [])
    command = [program("logger"), "--server", "127.0.0.1", "--port", str(port), f"--{scheme}"]
    for begin in range(0, LOGS, _A_RUN):
        lines = "".join(f"order {number} failed\n" for number in range(begin, begin + _A_RUN))
        named = ["--priority", "local3.warning", "--tag", "orders", *options]
        subprocess.run([*command, *named], input=lines, text=True, check=True)
        wait_until(partial(has_stored, server, begin + _A_RUN))
    rows = check_arrival(server, f"syslog-{scheme}")
    named_by = {key: rows[0]["attributes"][key] for key in ("facility", "host", "program")}
    assert named_by == {"facility": "local3", "host": socket.gethostname(), "program": "orders"}


_PYTHON: Final = """
import logging, logging.handlers, socket, sys

scheme, host, port, first, last = sys.argv[1:]
kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
handler = logging.handlers.SysLogHandler((host, int(port)), facility="local3", socktype=kind)
logging.getLogger("orders").addHandler(handler)
for number in range(int(first), int(last)):
    logging.getLogger("orders").warning("order %d failed", number)
handler.close()
"""


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_logs_of_pythons_handler_arrive_once(server: ServerProcess, scheme: str) -> None:
    host, port = address_of(server, scheme)
    command = [sys.executable, "-P", "-c", _PYTHON, scheme, host, str(port)]
    for begin in range(0, LOGS, _A_RUN):
        subprocess.run([*command, str(begin), str(begin + _A_RUN)], check=True)
        wait_until(partial(has_stored, server, begin + _A_RUN))
    for each in check_arrival(server, f"syslog-{scheme}"):
        assert each["attributes"] == {"facility": "local3", "host": "127.0.0.1"}

"""`waterline dashboard`: the command that becomes Panel's server."""

import re
import socket
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.forking import WATERLINE, Started
from tests.support.processes import PATIENCE, run_waterline
from waterline.addresses import loopback_host
from waterline.settings.model import Settings
from workbench.running.panel import dashboard_url


def test_dashboard_never_listens_beyond_loopback() -> None:
    assert loopback_host("0.0.0.0") == loopback_host("10.1.2.3") == "127.0.0.1"
    assert loopback_host("::1") == "::1"
    assert dashboard_url(Settings(host="10.1.2.3"), 3000) == "http://127.0.0.1:3000/dashboard"


@pytest.mark.slow
def test_dashboard_serves_a_folder_that_is_not_there_yet(data: Path) -> None:
    process = Started(
        [WATERLINE, "dashboard", "--data", data, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(rf"waterline shows {re.escape(str(data))} at (http://\S+)\n", line)
        assert found, line
        with socket.create_connection(("127.0.0.1", int(found[1].split(":")[2].split("/")[0]))):
            pass
        with urlopen(found[1], timeout=PATIENCE) as page:
            assert b"<title>Waterline</title>" in page.read()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
    assert errors == ""
    assert not data.exists()


@pytest.mark.slow
def test_one_that_is_killed_leaves_its_port_to_the_next(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [WATERLINE, "dashboard", "--data", str(data), "--port", port]
    for _ in range(2):
        process = Started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(f"waterline shows {data} at ")
        finally:
            process.kill()
            _, errors = process.communicate(timeout=PATIENCE)
        assert errors == ""


@pytest.mark.slow
def test_port_in_use_gets_one_sentence(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_waterline("dashboard", "--data", data, "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"waterline: port {port} on 127.0.0.1 is in use")
    assert len(done.stderr.splitlines()) == 1

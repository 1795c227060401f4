"""Clients that are idle behind a proxy that cuts what is silent in either direction."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.forking import WATERLINE, Started
from tests.support.live import push
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import connected, log
from tests.support.waiting import wait_until
from workbench import Producer

pytestmark = pytest.mark.slow

SILENCE = 8.0  # seconds; nginx has 60
PINGS = 40  # while the clients are idle; ten seconds of them


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    """A server that pings in a fraction of what the proxy allows, as 20 s are of 60."""
    with serving(data, "--ping-every", "250ms") as server:
        yield server


def stay_idle(proxy: CuttingProxy) -> None:
    """Wait until that many pings, and as many answers, went through since now."""
    wanted = min(proxy.pieces.values()) + PINGS
    wait_until(lambda: proxy.cuts or min(proxy.pieces.values()) >= wanted, "nobody pinged")


def test_idle_producer_answers_pings_and_is_not_cut(server: ServerProcess) -> None:
    with (
        cutting_proxy(server.ingest, SILENCE) as proxy,
        Producer(proxy.url, server.token) as producer,
    ):
        producer.send({"type": "info", "message": "before"})
        producer.flush()
        stay_idle(proxy)
        assert (proxy.connections, proxy.cuts) == (1, 0)
        producer.send({"type": "info", "message": "after"})
        producer.flush()
        assert producer.counts.stored == 2
        assert proxy.connections == 1


def test_idle_tail_answers_pings_and_is_not_cut(server: ServerProcess) -> None:
    with (
        cutting_proxy(server.live, SILENCE) as proxy,
        Started(
            [WATERLINE, "tail", "--url", proxy.url, "--token", server.token],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as tail,
        connected(server) as producer,
    ):
        try:
            wait_until(lambda: server.get("/health")[1]["live_readers"] == 1)
            stay_idle(proxy)
            push(producer, log(message="after"))
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["message"] == "after"
            assert (proxy.connections, proxy.cuts) == (1, 0)
        finally:
            tail.kill()
        assert tail.stderr is not None
        assert tail.stderr.read() == ""

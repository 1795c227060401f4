"""Gauges: what a server holds, taken once a second and recorded."""

import mmap
import sys
from pathlib import Path
from typing import Any

import pytest

from server.gauges import peak_bytes, resident_bytes
from tests.support.live import reading
from tests.support.pages import ask
from tests.support.processes import ServerProcess
from tests.support.sockets import connected, log, receive
from tests.support.waiting import wait_until
from waterline.metrics import registry as metrics
from waterline.metrics.registry import Kind

LEVELS = {each.name for each in metrics.OWN if each.kind is Kind.LEVEL}


def reported(server: ServerProcess) -> dict[str, Any]:
    found = ask(server, "/metrics").json["metrics"]
    return {name: found[name] for name in LEVELS if name in found}


def test_process_holds_some_megabytes_and_never_more_than_its_peak() -> None:
    held = resident_bytes()
    assert held > 10 * 2**20
    # The kernel counts the two apart, some pages at a time.
    assert held < peak_bytes() + 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_allocated_memory_is_seen() -> None:
    size = 64 * 2**20
    before = resident_bytes()
    # Fresh pages, where an allocator may have kept some.
    with mmap.mmap(-1, size) as block:
        for at in range(0, size, mmap.PAGESIZE):
            block[at] = 1
        grown = resident_bytes() - before
    assert size // 2 < grown < 2 * size


@pytest.mark.slow
def test_every_level_is_recorded_each_second(server: ServerProcess) -> None:
    wait_until(lambda: set(reported(server)) == LEVELS)
    seen = reported(server)["connections"]["count"]
    wait_until(lambda: reported(server)["connections"]["count"] > seen + 1)


@pytest.mark.slow
def test_recorded_levels_equal_system(server: ServerProcess) -> None:
    with connected(server) as producer, reading(server):
        producer.send(log(message="x" * 100_000))
        receive(producer)
        wait_until(
            lambda: reported(server).get("live_subscribers", {}).get("max") == 1,
            "the reader is not seen",
        )
        wait_until(lambda: reported(server)["wal_bytes"]["max"] > 100_000, "the log is not seen")
        levels = reported(server)
    assert levels["connections"]["max"] == 2
    assert levels["database_bytes"]["max"] >= Path(server.data, "logs.db").stat().st_size
    assert levels["memory_bytes"]["max"] > 10 * 2**20
    assert levels["disk_free_bytes"]["min"] > 0
    assert levels["queue_bytes"]["min"] == 0

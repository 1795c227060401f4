"""Figures of a real server: rates of what it was sent, whoever follows it."""

import socket
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
import pytest

from tests.support.processes import create_token, serving
from tests.support.sockets import send
from tests.support.tls import LOOPBACK, WITH_LOOPBACK, start_secure_server
from tests.support.waiting import wait_until
from waterline.errors import UsageError
from waterline.metrics.spans import HOUR, MINUTE
from workbench.monitor.figures import Figures, Monitor
from workbench.monitor.pages import Pages, Unanswered

pytestmark = pytest.mark.slow


class Clock:
    """Monotonic seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_of_what_was_sent_in_the_last_ten_seconds(data: Path) -> None:
    clock = Clock()
    with (
        serving(data, "--queue-size", "1MiB") as server,
        closing(Pages(server.monitoring)) as pages,
    ):
        monitor = Monitor(pages, clock)
        send(server, {"type": "a", "message": "before"})
        first = monitor.look()
        assert first.queue_limit_bytes == 2**20
        send(server, *[{"type": "a", "message": "m"}] * 4)
        clock.now += 2.0
        looks: list[Figures] = []

        def is_counted() -> bool:
            looks.append(monitor.look())
            return looks[-1].logs_per_second > 0

        wait_until(is_counted, "a rate")
        found = looks[-1]
        assert [(each.source, each.logs_per_second) for each in found.sources] == [
            ("test", found.logs_per_second)
        ]
        assert found.ack_ms is not None
        measured = found.logs_per_second * min(10.0, max(1.0, found.uptime_seconds))
        assert measured == pytest.approx(round(measured))
        assert 1 <= round(measured) <= 5
        assert found.bytes_per_second > found.logs_per_second
        assert (found.last_seq, found.status) == (5, "healthy")
        assert found.disk_trend is None

        def is_over() -> bool:
            looks.append(monitor.look())
            return looks[-1].logs_per_second == 0

        wait_until(is_over, "the end of the window")
        assert looks[-1].sources == ()


def test_server_that_was_started_again_is_another_one(data: Path) -> None:
    clock = Clock()
    with serving(data) as server:
        pages = Pages(server.monitoring)
        monitor = Monitor(pages, clock)
        send(server, *[{"type": "a", "message": "m"}] * 3)
        wait_until(lambda: monitor.look().uptime_seconds > 0.5, "some uptime")
        port = server.monitoring.rpartition(":")[2]
    clock.now += 1.0
    with closing(pages), serving(data, "--monitoring-port", port, token=server.token):
        # The connection was closed meanwhile, and that is nothing to tell.
        found = monitor.look()
        assert found.logs_per_second == pytest.approx(
            sum(each.logs_per_second for each in found.sources)
        )


def test_server_that_is_gone_is_one_sentence(data: Path) -> None:
    with serving(data) as server, closing(Pages(server.monitoring)) as pages:
        assert pages.health().status == "healthy"
        assert server.stop() == 0
        for _ in range(2):
            with pytest.raises(Unanswered, match=r"^no server answers at .*Connection refused"):
                pages.health()


def test_pages_with_tls_are_read_by_their_certificate(data: Path) -> None:
    server = start_secure_server(data, *WITH_LOOPBACK)
    try:
        with closing(Pages(server.monitoring, certificate=LOOPBACK)) as pages:
            assert pages.health().status == "healthy"
        server.expected_errors.append("SSL Error on ")
        with (
            closing(Pages(server.monitoring)) as pages,
            pytest.raises(Unanswered, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED"),
        ):
            pages.health()
        assert server.stop() == 0
    finally:
        server.process.kill()


def test_token_is_wanted_beyond_loopback(data: Path) -> None:
    token = create_token(data)
    with serving(data, "--host", "0.0.0.0", token=token) as server:
        server.expected_errors.append("in the clear")
        url = server.monitoring.replace("0.0.0.0", "127.0.0.1")
        with closing(Pages(url, token)) as pages:
            assert pages.health().status == "healthy"
        for wrong in (None, "another"):
            with (
                closing(Pages(url, wrong)) as pages,
                pytest.raises(Unanswered, match="wants a token with the scope read"),
            ):
                pages.health()


def test_what_is_no_server_of_ours_is_said(data: Path) -> None:
    with serving(data) as server:
        ingest = server.ingest.removesuffix("/ingest").replace("ws://", "http://")
        with (
            closing(Pages(ingest)) as pages,
            pytest.raises(Unanswered, match=r"answers with status 404: "),
        ):
            pages.health()


def test_server_that_is_asked_for_tls_and_speaks_none_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with (
            closing(Pages(url)) as pages,
            pytest.raises(Unanswered, match=r"says nothing for 5 s, or speaks no TLS$"),
        ):
            pages.health()


@pytest.mark.parametrize("url", ["127.0.0.1:3002", "ws://127.0.0.1", "http://", "http://a:port"])
def test_address_of_no_pages_is_one_sentence(url: str) -> None:
    with pytest.raises(UsageError, match="is no address of monitoring pages; give one such as"):
        Pages(url)


def test_disk_that_lost_a_gibibyte_in_an_hour_is_full_when_that_goes_on(data: Path) -> None:
    with serving(data) as server:
        wait_until(lambda: measured_free(data), "a measurement of the disk")
        port = server.monitoring.rpartition(":")[2]
    series, begin, free, sketch = measured_free(data)[0]
    # Within the minute that began an hour ago, whenever the server answers in the next seconds.
    then = begin - HOUR + 40_000
    with closing(apsw.Connection(str(data / "metrics.db"))) as connection:
        # A span that begins with a minute is read from the minutes.
        for table, moment in (("seconds", then), ("minutes", then // MINUTE * MINUTE)):
            connection.execute(
                f"INSERT INTO {table} (begin, series, count, sum, min, max, sketch) "
                "VALUES (?, ?, 1, ?, ?, ?, ?)",
                (moment, series, *[free + 2.0**30] * 3, sketch),
            )
    with (
        serving(data, "--monitoring-port", port, token=server.token) as server,
        closing(Pages(server.monitoring)) as pages,
    ):
        found = Monitor(pages).look()
    assert found.disk_free_bytes is not None
    assert found.disk_trend is not None
    assert found.disk_trend.over_ms == HOUR - 30_000
    lost = free + 2.0**30 - found.disk_free_bytes
    days = found.disk_free_bytes / lost * found.disk_trend.over_ms / (24 * HOUR)
    assert found.disk_trend.days_to_full == pytest.approx(days)


def measured_free(data: Path) -> list[tuple[int, int, float, bytes]]:
    """Return series, begin, free bytes and sketch of each second."""
    if not (data / "metrics.db").exists():
        return []
    with closing(apsw.Connection(str(data / "metrics.db"))) as connection:
        rows = connection.execute(
            "SELECT series, begin, max, sketch FROM seconds JOIN series ON series.id = series "
            "WHERE metric = 'disk_free_bytes'"
        ).fetchall()
    return cast("list[tuple[int, int, float, bytes]]", rows)

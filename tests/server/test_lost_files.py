"""A server whose files are taken away, or whose logs came by a clock that was ahead."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import websocket

from tests.support.folders import fill
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import connected, log, receive
from tests.support.waiting import wait_until
from waterline.clock import now_ms

pytestmark = pytest.mark.slow

COUNTED = {"counted_through": 2, "uncounted": 0}
# As many as no machine has acked within a second, one after the other.
MOST_SENT = 20_000
YEAR = 365 * 86_400_000
FILES_GONE = r" ERROR server: logs are refused: \S+ was deleted or replaced while the server"
METRICS_GONE = r" ERROR server: measurements cannot be written and wait: "


def told(server: ServerProcess, member: str) -> list[str]:
    """Return the reasons or warnings of /health."""
    return msgspec.convert(server.get("/health")[1][member], list[str])


def replace_by_another(data: Path) -> None:
    other = data.with_name("other")
    fill(other)
    (other / "logs.db").replace(data / "logs.db")


def first_refusal(producer: websocket.WebSocket) -> dict[str, Any]:
    """Send logs until one is refused; the writer looks at its files twenty times a second."""
    for _ in range(MOST_SENT):
        producer.send(log())
        answer: dict[str, Any] = receive(producer)
        if answer["type"] != "ack":
            return answer
    raise AssertionError(f"{MOST_SENT} logs were acked")


def remove_logs(data: Path) -> None:
    (data / "logs.db").unlink()


@pytest.mark.parametrize("harm", [remove_logs, replace_by_another, shutil.rmtree])
def test_server_acks_nothing_into_files_that_are_gone(
    data: Path, harm: Callable[[Path], object]
) -> None:
    with serving(data) as server, connected(server) as producer:
        # With its folder the tokens go too; whoever is there stays connected.
        server.expected_errors += [FILES_GONE, METRICS_GONE, r"tokens\.toml", "cannot be checked"]
        producer.send(log(id="a"))
        assert receive(producer)["type"] == "ack"
        harm(data)
        answer = first_refusal(producer)
        assert (answer["type"], answer["error"], answer["retryable"]) == (
            "error",
            "storage_failed",
            True,
        )
        (reason,) = [each for each in told(server, "reasons") if "logs are not stored" in each]
        assert "was deleted or replaced while the server runs" in reason


def test_health_tells_of_metrics_db_that_is_gone(data: Path) -> None:
    with serving(data) as server:
        server.expected_errors += [METRICS_GONE, "quiet sources cannot be checked"]
        (data / "metrics.db").unlink()
        wait_until(lambda: any("measurements are not kept" in e for e in told(server, "reasons")))


def test_logs_behind_one_of_next_year_are_dated_by_clock_and_health_warns(
    data: Path,
) -> None:
    ahead = now_ms() + YEAR
    fill(data, [{"type": "info", "message": "m"}], received_at=ahead)
    begun = now_ms()
    with serving(data, "--archive-after", "1s", "--archive-every", "1s") as server:
        with connected(server) as producer:
            producer.send(log(id="a"))
            assert receive(producer)["type"] == "ack"
        (warning,) = told(server, "warnings")
        assert "the clock was ahead" in warning
        assert told(server, "reasons") == []
        # Their measurements do not wait for next year in memory.
        wait_until(
            lambda: server.get("/health")[1]["metrics"] == {"counted_through": 2, "uncounted": 0}
        )
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        rows = connection.execute("SELECT timestamp, received_at FROM logs ORDER BY seq").fetchall()
    (timestamp, received_at) = msgspec.convert(rows[1], tuple[int, int])
    assert begun <= timestamp <= now_ms()
    assert received_at == ahead

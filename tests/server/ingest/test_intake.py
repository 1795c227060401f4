"""Messages too large for one turn of the loop are taken by the rules of small ones."""

import json
from contextlib import closing

import apsw
import pytest

from tests.support.posting import post
from tests.support.processes import ServerProcess
from tests.support.sockets import connected, log, receive

pytestmark = pytest.mark.slow

SIZES = [10, 3_000]
"""Logs of a small message, and of one that is cut into slices."""


def count(server: ServerProcess, like: str) -> int:
    with closing(apsw.Connection(str(server.data / "logs.db"))) as connection:
        statement = "SELECT count(*) FROM logs WHERE id LIKE ?"
        return int(str(connection.execute(statement, (f"{like}-%",)).get))


def logs(number: int, name: str) -> list[str]:
    return [log(id=f"{name}-{at}", message="m" * 60) for at in range(number)]


@pytest.mark.parametrize("number", SIZES)
@pytest.mark.parametrize("at", [0.0, 0.6, 1.0])
def test_damaged_array_is_one_fault_and_nothing_of_it_is_stored(
    shared_server: ServerProcess, number: int, at: float
) -> None:
    parts = logs(number, f"damaged-{number}-{at}")
    parts.insert(int(at * number), '{"type":')
    body = f"[{','.join(parts)}]"
    answer = post(shared_server, body.encode())
    assert (answer.status, len(answer.json["errors"])) == (400, 1)
    for mode in ("each", "batch"):
        with connected(shared_server, f"{shared_server.ingest}?ack={mode}") as peer:
            peer.send(body)
            reply = receive(peer)
            errors = reply["errors"] if mode == "batch" else [reply]
            assert [each["index"] for each in errors] == [0]
            peer.send(log())
            assert receive(peer)["type"] == "ack"
    assert count(shared_server, f"damaged-{number}-{at}") == 0


@pytest.mark.parametrize("number", SIZES)
def test_logs_beside_faults_are_kept_in_one_transaction(
    shared_server: ServerProcess, number: int
) -> None:
    parts = logs(number, f"beside-{number}")
    parts[5] = "{}"
    for body in ("\n".join(parts), f"[{','.join(parts)}]"):
        reply = post(shared_server, body.encode()).json
        assert (reply["count"], [each["index"] for each in reply["errors"]]) == (number - 1, [5])
    assert reply["duplicates"] == number - 1
    assert count(shared_server, f"beside-{number}") == number - 1


@pytest.mark.parametrize("number", SIZES)
def test_one_log_may_stand_on_many_lines(shared_server: ServerProcess, number: int) -> None:
    text = json.dumps(
        {"id": f"lines-{number}", "type": "info", "message": "m", "k": list(range(10 * number))},
        indent=1,
    )
    assert post(shared_server, text.encode()).json["count"] == 1


def test_log_that_is_refused_for_its_size_takes_none_along(shared_server: ServerProcess) -> None:
    parts = logs(4, "along")
    parts[2] = log(id="along-too-much", k=[0] * 300_000)
    for body in ("\n".join(parts), f"[{','.join(parts)}]"):
        reply = post(shared_server, body.encode()).json
        assert (reply["count"], [each["index"] for each in reply["errors"]]) == (3, [2])


def test_log_of_megabytes_is_stored_as_it_came_and_known_again(
    shared_server: ServerProcess,
) -> None:
    message, deep = 'é"\\\n\U0001f600 ' * 400_000, {"k": [1, 2.5, "ü\n" * 300_000, None, True]}
    sent = log(id="large-1", message=message, timestamp=1_795_514_400_005, **deep)
    first, again = (post(shared_server, sent.encode()).json for _ in range(2))
    assert (first["count"], first["duplicates"]) == (1, 0)
    assert (again["duplicates"], again["lastSeq"]) == (1, first["lastSeq"])
    with closing(apsw.Connection(str(shared_server.data / "logs.db"))) as connection:
        statement = "SELECT message, timestamp, attributes FROM logs WHERE id = 'large-1'"
        ((stored, timestamp, attributes),) = connection.execute(statement).fetchall()
    assert (stored, timestamp, json.loads(str(attributes))) == (message, 1_795_514_400_005, deep)

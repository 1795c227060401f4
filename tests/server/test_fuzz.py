"""Nothing that comes over the network moves the server, and each attacker gets its answer.

`--fuzz-seconds` makes a run longer, `--fuzz-seed` makes the same attacks again.
"""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

import apsw
import msgspec
import pytest

from tests.support.attacks import ATTACKS, Target, check_shipped
from tests.support.posting import post, posted
from tests.support.processes import ServerProcess, create_token, resident_bytes, serving
from tests.support.shipped import WIRES, snappy
from tests.support.sockets import connected, log, receive, receive_many
from tests.support.syslog import LISTENING, over_udp
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NO_LOG: Final = "this holds no log; send a log, a JSON array of logs, or one log a line"
TOO_DEEP: Final = "attributes may be nested 64 levels deep at most"
TIMESTAMP_RULE: Final = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)
NO_JSON: Final = "this is no JSON: "
MALFORMED: Final = f"{NO_JSON}JSON is malformed: "
# So many attacks of each kind fill the server's caches; what it needs more after them is a leak.
_WARMING: Final = 20
_MOST_GROWTH: Final = 48 * 2**20


def new_id() -> str:
    return f"id-{uuid.uuid4()}"


def stored(data: Path, source: str = "test") -> dict[str, tuple[object, ...]]:
    """Return (type, message, attributes) of the logs of a source by id; each must be there once."""
    statement = "SELECT id, type, message, attributes FROM logs WHERE source = ? ORDER BY seq"
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        rows = connection.execute(statement, (source,)).fetchall()
    found = {str(log_id): tuple(rest) for log_id, *rest in rows}
    assert len(found) == len(rows), "a log is there twice"
    return found


def is_all_there(target: Target, scheme: str) -> bool:
    """Return whether each message of syslog was stored, or counted as dropped."""
    source = f"syslog-{scheme}"
    if scheme == "udp":
        # The kernel tells what it dropped with the datagram that comes next.
        with over_udp(target.server) as peer:
            peer.send(b"<13>next")
        target.sent[source] += 1
    syslog: Any = target.server.get("/health")[1]["syslog"]
    dropped = msgspec.convert(syslog[scheme]["dropped"], dict[str, int])
    return count_of(target.server.data, source) + sum(dropped.values()) == target.sent[source]


def count_of(data: Path, source: str) -> int:
    """Return how many logs of a source are stored."""
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        statement = "SELECT count(*) FROM logs WHERE source = ?"
        ((found,),) = connection.execute(statement, (source,))
    return int(str(found))


# Attackers of every kind at once


def send_well(server: ServerProcess, token: str, over: threading.Event) -> list[str]:
    """Send logs one at a time until it is over; each must be acked. Return their ids."""
    acked: list[str] = []
    with connected(server, token=token) as producer:
        while not over.is_set():
            log_id = f"good-{len(acked)}"
            producer.send(log(id=log_id, message=log_id))
            answer = receive(producer)
            assert (answer["type"], answer["logId"]) == ("ack", log_id), answer
            acked.append(log_id)
    return acked


def attack(target: Target, kind: str, seed: int, goes_on: Callable[[int], bool]) -> int:
    """Attack in one way for as long as it goes on; return how often."""
    for number in count():
        if not goes_on(number):
            return number
        try:
            ATTACKS[kind](target, Random(f"{seed} {kind} {number}"))
        except Exception as error:
            error.add_note(f"this was attack {number} of {kind} with --fuzz-seed {seed}")
            raise
    raise AssertionError


def attack_in_all_ways(target: Target, seed: int, goes_on: Callable[[int], bool]) -> dict[str, int]:
    """Attack in every way at once; return how often in each."""
    with ThreadPoolExecutor(len(ATTACKS)) as pool:
        runs = {kind: pool.submit(attack, target, kind, seed, goes_on) for kind in ATTACKS}
        return {kind: run.result() for kind, run in runs.items()}


@pytest.mark.xdist_group("load")
def test_no_attack_moves_server_or_producer_that_behaves(
    data: Path, request: pytest.FixtureRequest, tell: Callable[[str], None]
) -> None:
    seconds = request.config.getoption("--fuzz-seconds")
    seed = request.config.getoption("--fuzz-seed")
    tell(f"{request.node.name}: --fuzz-seed {seed}")
    over = threading.Event()
    with serving(data, *LISTENING) as server, ThreadPoolExecutor(1) as pool:
        target = Target(server, create_token(data, "attacker", ("ingest",)))
        attack_in_all_ways(target, seed, lambda number: number < _WARMING)
        before = resident_bytes(server.process)
        sending = pool.submit(send_well, server, create_token(data, "good"), over)
        try:
            end = time.monotonic() + seconds
            counts = attack_in_all_ways(target, seed, lambda _: time.monotonic() < end)
        finally:
            over.set()
        acked = sending.result()
        growth = resident_bytes(server.process) - before
        tell(f"{len(acked)} logs acked, {growth / 2**20:.1f} MiB more memory, attacks: {counts}")
        assert server.process.poll() is None
        assert growth <= _MOST_GROWTH
        wait_until(lambda: server.get("/health")[1]["connections"] == 0)
        # What the last of them had sent may still be on its way into a commit.
        wait_until(lambda: server.get("/health")[1]["queue_bytes"] == 0)
        assert server.get("/health")[0] == 200
        for scheme in ("tcp", "udp"):
            wait_until(partial(is_all_there, target, scheme))
    assert acked
    assert min(counts.values()) > 0
    assert list(stored(data, "good")) == acked


@pytest.mark.parametrize("name", WIRES)
def test_shippers_bodies_that_are_not_damaged_are_mostly_taken(
    shared_server: ServerProcess, name: str
) -> None:
    wire, random, taken = WIRES[name], Random(name), 0
    for _ in range(20):
        body = wire.make(random)
        if name == "Loki in protobuf":
            body = snappy(body)
        headers = {"Content-Type": wire.content_type}
        answer = posted(shared_server, wire.path, body, headers, shared_server.token)
        check_shipped(*answer, wire)
        taken += answer[0] == wire.success
    assert taken > 6


# Attacks with a name, each with its exact answer


def error(message: str, index: int = 0, log_id: str | None = None) -> dict[str, Any]:
    """Return how a log is refused."""
    return {
        "type": "error",
        "error": "invalid_log",
        "message": message,
        "logId": log_id,
        "index": index,
    }


def nested(levels: int, log_id: str) -> str:
    """Return a log whose attributes are nested so deep, counting the object that holds them."""
    return log(id=log_id, x=0).replace('"x":0', f'"x":{"[" * (levels - 1)}{"]" * (levels - 1)}')


@pytest.mark.parametrize("form", ["array", "lines"])
@pytest.mark.parametrize("bad", [0, 617, 999])
def test_one_bad_log_among_thousand_rejects_itself_with_its_index(
    shared_server: ServerProcess, form: str, bad: int
) -> None:
    ids = [new_id() for _ in range(1000)]
    logs = [
        log(id=log_id, timestamp="soon" if at == bad else None) for at, log_id in enumerate(ids)
    ]
    sent = f"[{','.join(logs)}]" if form == "array" else "\n".join(logs)
    with connected(shared_server) as producer:
        producer.send(sent)
        answers = receive_many(producer, 1000)
    assert answers[bad] == error(TIMESTAMP_RULE, bad, ids[bad])
    assert [each["logId"] for each in answers] == ids
    assert [at for at, each in enumerate(answers) if each["type"] != "ack"] == [bad]
    assert stored(shared_server.data).keys() & set(ids) == set(ids) - {ids[bad]}


@pytest.mark.parametrize(
    ("frame", "message", "log_id"),
    [
        pytest.param(nested(65, "deep"), TOO_DEEP, "deep", id="one level too deep"),
        pytest.param(nested(900, "deep"), TOO_DEEP, "deep", id="deep"),
        pytest.param(
            nested(1_000_000, "deep"),
            "this JSON is nested more than 64 levels deep",
            None,
            id="a depth bomb",
        ),
        pytest.param(
            log(k=0).replace(":0", f":{'9' * 5000}"),
            f"{NO_JSON}Integer value out of range - at `$[...]`",
            None,
            id="more digits than are read",
        ),
        pytest.param(
            log(id="far", timestamp=0).replace(":0", f":{'9' * 400}"),
            "timestamp must lie in the years 1 to 9999",
            "far",
            id="a huge timestamp",
        ),
        pytest.param(
            log(k=0).replace(":0", ":1e999"),
            f"{NO_JSON}Number out of range - at `$[...]`",
            None,
            id="more than a float holds",
        ),
        pytest.param(
            log(k=0).replace(":0", ":nan"),
            f"{MALFORMED}invalid character (byte 37)",
            None,
            id="nan",
        ),
        pytest.param(
            log(k=0).replace(":0", ":-inf"),
            f"{MALFORMED}invalid character (byte 34)",
            None,
            id="minus infinity",
        ),
        pytest.param("[ ]", NO_LOG, None, id="an empty batch"),
        pytest.param("\n\r\n\t", NO_LOG, None, id="empty lines"),
    ],
)
def test_invalid_log_is_answered_and_connection_goes_on(
    shared_server: ServerProcess, frame: str, message: str, log_id: str | None
) -> None:
    with connected(shared_server) as producer:
        producer.send(frame)
        assert receive(producer) == error(message, log_id=log_id)
        producer.send(log())
        assert receive(producer)["type"] == "ack"


@pytest.mark.parametrize(
    ("members", "attributes"),
    [
        pytest.param(f'"n":{"7" * 400}', f'{{"n":{"7" * 400}}}', id="a huge integer"),
        pytest.param(f'"n":-{2**63 + 1}', f'{{"n":-{2**63 + 1}}}', id="just no int64"),
        pytest.param('"k":1,"k":{"k":2},"k":3', '{"k":3}', id="a repeated member"),
        pytest.param('"k":{"a":1,"a":2}', '{"k":{"a":2}}', id="repeated inside"),
        pytest.param(r'"k":"\ud834\udd1e"', '{"k":"𝄞"}', id="a whole surrogate pair"),
        pytest.param(r'"k":"\u0000"', r'{"k":"\u0000"}', id="a zero"),
    ],
)
def test_odd_valid_log_is_stored_as_sent(
    shared_server: ServerProcess, members: str, attributes: str
) -> None:
    log_id = new_id()
    with connected(shared_server) as producer:
        producer.send(f'{{"id":"{log_id}","type":"info","message":"m",{members}}}')
        assert receive(producer)["logId"] == log_id
    assert stored(shared_server.data)[log_id] == ("info", "m", attributes)


def test_last_of_repeated_members_counts(shared_server: ServerProcess) -> None:
    first, last = new_id(), new_id()
    text = log(id=first, type="a")[:-1] + "," + log(id=last, type="b", message="n")[1:]
    with connected(shared_server) as producer:
        producer.send(text)
        assert receive(producer)["logId"] == last
    found = stored(shared_server.data)
    assert first not in found
    assert found[last] == ("b", "n", "{}")


def test_attributes_may_be_nested_sixty_four_levels_deep(shared_server: ServerProcess) -> None:
    log_id = new_id()
    with connected(shared_server) as producer:
        producer.send(nested(64, log_id))
        assert receive(producer)["logId"] == log_id
    attributes = str(stored(shared_server.data)[log_id][2])
    assert attributes == f'{{"x":{"[" * 63}{"]" * 63}}}'


def test_bomb_among_good_logs_rejects_itself_alone(shared_server: ServerProcess) -> None:
    a, b = new_id(), new_id()
    with connected(shared_server, f"{shared_server.ingest}?ack=batch") as producer:
        producer.send("\n".join([log(id=a), "[" * 100_000, log(id=b)]))
        answer = receive(producer)
    bomb = error("this JSON is nested more than 64 levels deep", 1)
    assert answer["count"] == 2
    assert [{"type": "error", **each} for each in answer["errors"]] == [bomb]
    assert {a, b} <= stored(shared_server.data).keys()


@pytest.mark.parametrize("unit", ["\\", '"', "\0", "𝄞", " "])
def test_megabyte_of_any_character_is_stored_whole(shared_server: ServerProcess, unit: str) -> None:
    log_id, message = new_id(), unit * (2**20 // len(unit.encode()))
    answer = post(shared_server, log(id=log_id, type="a", message=message).encode())
    assert (answer.status, answer.json["count"], answer.json["errors"]) == (200, 1, [])
    assert stored(shared_server.data)[log_id] == ("a", message, "{}")

"""Producers that know several servers: each source stays on its own, and moves only when asked."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archive_runs import all_rows
from tests.support.processes import ServerProcess, create_token, serving
from tests.support.waiting import wait_until
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from workbench import AsyncProducer, LogHandler, Producer
from workbench.clients.nodes import Nodes

PLACES = [f"ws://127.0.0.1:{port}/ingest" for port in range(3001, 3006)]
names = st.text("abcdef", min_size=1, max_size=6)
places = st.lists(names, min_size=1, max_size=6, unique=True).map(
    lambda found: [f"wss://{each}:3001/ingest" for each in found]
)


# The choice


@given(places, names, st.randoms())
def test_choice_follows_from_source_and_addresses_in_any_order(
    urls: list[str], token: str, random: Random
) -> None:
    shuffled = [*urls]
    random.shuffle(shuffled)
    assert Nodes(shuffled, token).url == Nodes(urls, token).url in urls


@given(places, names, names)
def test_server_that_is_added_takes_only_what_it_is_the_first_for(
    urls: list[str], token: str, name: str
) -> None:
    added = f"wss://{name}.new:3001/ingest"
    assert Nodes([*urls, added], token).url in {Nodes(urls, token).url, added}


@given(places, names)
def test_moving_goes_through_all_and_begins_again(urls: list[str], token: str) -> None:
    nodes = Nodes(urls, token)
    first = nodes.url
    if len(urls) == 1:
        with pytest.raises(UsageError, match="is the only address; give several to move"):
            nodes.move()
        return
    found = [nodes.move() for _ in urls]
    assert found[-1] == first
    assert {*found} == {*urls}


def test_sources_are_spread_evenly() -> None:
    chosen = Counter(Nodes(PLACES, f"token {each}").url for each in range(1_000))
    assert min(chosen[each] for each in PLACES) > 150


@pytest.mark.parametrize("urls", [[], ["ws://a/ingest", "http://b"]], ids=["none", "no-websocket"])
def test_addresses_that_are_none_are_refused(urls: list[str]) -> None:
    with pytest.raises(UsageError, match=r"no address to send to|is no WebSocket address"):
        Nodes(urls, "token")


# Real servers


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Two servers that know the same token."""
    first, second = (DataFolder(tmp_path / name) for name in "ab")
    token = create_token(first.path)
    second.create()
    second.tokens.write_bytes(first.tokens.read_bytes())
    second.tokens.chmod(0o600)
    with ExitStack() as opened:
        yield [opened.enter_context(serving(each.path, token=token)) for each in (first, second)]


def split(servers: list[ServerProcess], producer: Producer) -> tuple[ServerProcess, ServerProcess]:
    """Return the server that a producer sends to, and the other."""
    chosen, other = sorted(servers, key=lambda each: each.ingest != producer.place)
    assert chosen.ingest == producer.place
    return chosen, other


def ids_of(server: ServerProcess) -> list[str]:
    return sorted(str(row[1]) for row in all_rows(server.data))


@pytest.mark.slow
def test_logs_of_a_server_that_is_down_wait_and_move_only_when_asked(
    servers: list[ServerProcess], tmp_path: Path
) -> None:
    urls, token = [each.ingest for each in servers], servers[0].token
    with Producer(urls, token, spool=tmp_path / "spool") as producer:
        chosen, other = split(servers, producer)
        producer.send({"id": "before", "type": "info", "message": "m"})
        producer.flush()
        chosen.stop()
        for number in range(100):
            producer.send({"id": f"waits {number}", "type": "info", "message": "m"})
        wait_until(lambda: producer.counts.waiting == 100)
        assert ids_of(other) == []
        assert producer.move() == other.ingest
        producer.flush()
    assert ids_of(chosen) == ["before"]
    assert ids_of(other) == sorted(f"waits {each}" for each in range(100))


@pytest.mark.slow
@pytest.mark.parametrize("has_spool", [False, True], ids=["memory", "spool"])
def test_move_under_load_loses_nothing_and_stores_twice_only_what_had_no_ack(
    servers: list[ServerProcess], tmp_path: Path, has_spool: bool
) -> None:
    urls, token = [each.ingest for each in servers], servers[0].token
    acked: list[str] = []
    with Producer(
        urls,
        token,
        window=500,
        spool=tmp_path / "spool" if has_spool else None,
        on_reply=lambda reply: acked.append(reply.log_id),
    ) as producer:
        for number in range(5_000):
            producer.send({"id": f"{number:04}", "type": "info", "message": "m"})
            if number % 1_000 == 500:
                producer.move()
    assert acked == [f"{each:04}" for each in range(5_000)]
    first, second = map(ids_of, servers)
    assert {*first} | {*second} == {*acked}
    assert len({*first} & {*second}) <= 5 * 500


@pytest.mark.slow
def test_async_producer_moves_too(servers: list[ServerProcess]) -> None:
    urls, token = [each.ingest for each in servers], servers[0].token

    async def run() -> tuple[str, str]:
        async with AsyncProducer(urls, token) as producer:
            before = producer.place
            await producer.send({"id": "one", "type": "info", "message": "m"})
            await producer.flush()
            after = producer.move()
            await producer.send({"id": "two", "type": "info", "message": "m"})
            return before, after

    before, after = asyncio.run(run())
    stored = {each.ingest: ids_of(each) for each in servers}
    assert stored == {before: ["one"], after: ["two"]}


@pytest.mark.slow
def test_handler_takes_several_addresses_from_the_environment(
    servers: list[ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATERLINE_URL", ", ".join(each.ingest for each in servers))
    handler = LogHandler(token=servers[0].token)
    logger = logging.getLogger("plant")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.info("here")
    logger.removeHandler(handler)
    handler.close()
    chosen = Nodes([each.ingest for each in servers], servers[0].token).url
    assert {each.ingest: len(ids_of(each)) for each in servers if ids_of(each)} == {chosen: 1}

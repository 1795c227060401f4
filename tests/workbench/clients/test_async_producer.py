"""AsyncProducer against real servers: acks, full windows, cancellation, ends of servers."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

import workbench
from tests.support.ports import lasting_port
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    create_token,
    serving,
    stalled,
    start_server,
)
from tests.support.resetting_proxy import resetting_proxy
from tests.support.tls import LOOPBACK, WITH_LOOPBACK, start_secure_server
from tests.support.waiting import wait_until
from waterline.errors import (
    DeliveryError,
    ProducerFull,
    RejectedLogs,
    TokenError,
    UsageError,
    WaterlineError,
)
from workbench import AsyncProducer
from workbench.clients.outbox import MAX_WAITING_SIZE
from workbench.clients.replies import Reply

pytestmark = pytest.mark.slow

T = TypeVar("T")
LOG = {"type": "info", "message": "m"}
ODD = {"id": "bad", "type": "info", "message": "m", "timestamp": "soon"}


def run(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def in_time() -> T:
        async with asyncio.timeout(PATIENCE):
            return await scenario()

    return asyncio.run(in_time())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, in a loop that goes on."""
    await asyncio.to_thread(wait_until, condition)


def named(log_id: str, **others: object) -> dict[str, object]:
    return {"id": log_id, **LOG, **others}


def stored_ids(data: Path) -> list[str]:
    with workbench.connect(data) as wb:
        return list(wb.logs().sort_values("seq")["id"])


# Acks


def test_every_log_is_acked_when_the_block_ends(server: ServerProcess) -> None:
    replies: list[Reply] = []

    async def scenario() -> None:
        async with AsyncProducer(
            server.ingest, server.token, window=50, on_reply=replies.append
        ) as producer:
            for number in range(2_000):
                assert await producer.send(named(f"{number:04d}")) == f"{number:04d}"
        assert (producer.counts.stored, producer.counts.waiting) == (2_000, 0)

    run(scenario)
    assert [each.log_id for each in replies] == [f"{number:04d}" for number in range(2_000)]
    assert [each.seq for each in replies] == list(range(1, 2_001))


def test_single_log_is_acked_without_another_or_a_flush(server: ServerProcess) -> None:
    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token) as producer:
            for number in range(20):
                await producer.send(LOG)
                await until(lambda: producer.counts.acked == number + 1)  # noqa: B023 - awaited here

    run(scenario)


def test_many_tasks_may_send_and_each_keeps_its_order(server: ServerProcess) -> None:
    replies: list[Reply] = []

    async def scenario() -> None:
        async with AsyncProducer(
            server.ingest, server.token, window=100, on_reply=replies.append
        ) as producer:

            async def send(task: int) -> None:
                for number in range(500):
                    await producer.send(named(f"{task}-{number:03d}"))

            await asyncio.gather(*map(send, range(8)))

    run(scenario)
    for task in range(8):
        own = [each.log_id for each in replies if each.log_id.startswith(f"{task}-")]
        assert own == [f"{task}-{number:03d}" for number in range(500)]


def test_log_without_an_id_gets_one_and_objects_of_others_are_read(server: ServerProcess) -> None:
    async def scenario() -> str:
        async with AsyncProducer(server.ingest, server.token) as producer:
            return await producer.send({"level": "warn", "msg": "hm"})

    made = run(scenario)
    with workbench.connect(server.data) as wb:
        assert wb.logs()[["id", "type", "message"]].to_numpy().tolist() == [[made, "warning", "hm"]]


def test_certificate_is_verified_or_the_one_that_is_named(data: Path) -> None:
    server = start_secure_server(data, *WITH_LOOPBACK)
    server.expected_errors.append(r" WARNING server: SSL Error on ")

    async def push(certificate: Path | None) -> int:
        async with AsyncProducer(server.ingest, server.token, certificate=certificate) as producer:
            for _ in range(5_000):
                await producer.send(LOG)
        return producer.counts.stored

    assert run(partial(push, LOOPBACK)) == 5_000
    with pytest.raises(DeliveryError, match="is not trusted"):
        run(partial(push, None))
    assert server.stop() == 0


# Refusals


def send_one(
    url: str, token: str, patience: float = PATIENCE
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def scenario() -> None:
        async with AsyncProducer(url, token, patience=patience) as producer:
            await producer.send(LOG)

    return scenario


def test_refused_token_ends_it_with_the_servers_sentence(server: ServerProcess) -> None:
    with pytest.raises(TokenError, match="refused the token: this token is unknown"):
        run(send_one(server.ingest, "wl_wrong"))
    reader = create_token(server.data, "reader", ("read",))
    with pytest.raises(TokenError, match="lacks the scope ingest"):
        run(send_one(server.ingest, reader))


def test_server_that_is_not_there_is_given_up_after_the_patience() -> None:
    with pytest.raises(DeliveryError, match=r"could not be reached for 0 s.*1 are not"):
        run(send_one("ws://127.0.0.1:9/ingest", "t", patience=0.2))


def test_rejected_logs_are_told_by_flush_once_or_by_a_reply(server: ServerProcess) -> None:
    replies: list[Reply] = []

    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token) as producer:
            await producer.send(ODD)
            with pytest.raises(RejectedLogs, match=r"rejected 1 of 1 logs.*'bad': timestamp must"):
                await producer.flush()
            await producer.send(LOG)
        async with AsyncProducer(server.ingest, server.token, on_reply=replies.append) as other:
            await other.send(ODD)
        assert other.counts.rejected == 1

    run(scenario)
    assert [(each.log_id, (each.error or "")[:14]) for each in replies] == [
        ("bad", "timestamp must")
    ]


def test_arguments_and_logs_without_meaning_are_refused(server: ServerProcess) -> None:
    with pytest.raises(UsageError, match="no WebSocket address"):
        AsyncProducer("http://127.0.0.1:3001", "t")
    with pytest.raises(UsageError, match="window=0"):
        AsyncProducer(server.ingest, "t", window=0)
    with pytest.raises(UsageError, match="when_full='wait'"):
        AsyncProducer(server.ingest, "t", when_full="wait")  # type: ignore[arg-type]

    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token) as producer:
            for log in ({**LOG, "value": object()}, {**LOG, "message": "x" * 2**24}):
                with pytest.raises(UsageError, match="JSON"):
                    await producer.send(log)
        assert producer.counts.sent == 0
        with pytest.raises(UsageError, match="this producer is closed"):
            await producer.send(LOG)

    run(scenario)


@pytest.mark.logs
@pytest.mark.parametrize("kind", [LookupError, OSError])
def test_failing_on_reply_ends_a_flush_with_an_error(
    server: ServerProcess, kind: type[Exception]
) -> None:
    def fail(reply: Reply) -> None:
        raise kind(reply.log_id)

    async def scenario() -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        producer = AsyncProducer(server.ingest, server.token, on_reply=fail)
        await producer.send(LOG)
        with pytest.raises(DeliveryError, match="could not be passed on"):
            await producer.flush()
        await producer.close()

    run(scenario)


# Turns of the loop, and full windows


def test_task_that_sends_without_a_pause_leaves_turns_to_others(server: ServerProcess) -> None:
    async def scenario() -> None:
        turns: list[int] = []
        async with AsyncProducer(server.ingest, server.token, window=10_000) as producer:

            async def other() -> None:
                while True:
                    turns.append(producer.counts.sent)
                    await asyncio.sleep(0)

            beside = asyncio.create_task(other())
            await send_many(producer, 5_000)
            beside.cancel()
        assert max(later - sooner for sooner, later in pairwise(turns)) <= 100

    run(scenario)


def test_send_waits_while_the_window_is_full_and_others_go_on(server: ServerProcess) -> None:
    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token, window=10) as producer:
            await producer.send(LOG)
            await producer.flush()
            with stalled(server.process):
                sending = asyncio.create_task(send_many(producer, 30))
                await until(lambda: producer.counts.waiting == 10)
                with pytest.raises(DeliveryError, match=r"10 logs .* after 0.1 s; they are still"):
                    await producer.flush(timeout=0.1)
                assert not sending.done()
            await sending
        assert producer.counts.stored == 31

    run(scenario)


async def send_many(producer: AsyncProducer, count: int, **others: object) -> None:
    for _ in range(count):
        await producer.send({**LOG, **others})


def test_send_waits_while_so_many_bytes_are_without_an_answer(server: ServerProcess) -> None:
    size = 2**20
    count = 2 * MAX_WAITING_SIZE // size

    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token) as producer:
            await producer.send(LOG)
            await producer.flush()
            with stalled(server.process):
                sending = asyncio.create_task(send_many(producer, count, message="x" * size))
                await until(lambda: producer.counts.waiting * size >= MAX_WAITING_SIZE - size)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(sending), 0.2)
                assert producer.counts.waiting <= MAX_WAITING_SIZE // size + 1
            await sending
        assert producer.counts.stored == count + 1

    run(scenario)


@pytest.mark.logs
def test_log_without_room_is_dropped_or_raised_and_counted(server: ServerProcess) -> None:
    async def scenario() -> None:
        async with (
            AsyncProducer(server.ingest, server.token, window=5, when_full="drop") as dropping,
            AsyncProducer(
                server.ingest, server.token, window=5, when_full="raise", max_wait=0.05
            ) as raising,
        ):
            for each in (dropping, raising):
                await each.send(LOG)
                await each.flush()
            with stalled(server.process):
                await send_many(dropping, 8)
                await send_many(raising, 5)
                with pytest.raises(ProducerFull, match="has not answered 5 logs"):
                    await raising.send(LOG)
        assert (dropping.counts.stored, dropping.counts.dropped) == (6, 3)
        assert (raising.counts.stored, raising.counts.dropped) == (6, 0)

    run(scenario)


# Cancellation


def test_cancelled_send_is_not_queued_and_cancelled_flush_loses_nothing(
    server: ServerProcess,
) -> None:
    async def scenario() -> None:
        async with AsyncProducer(server.ingest, server.token, window=3) as producer:
            await send_many(producer, 1)
            await producer.flush()
            with stalled(server.process):
                for number in range(3):
                    await producer.send(named(f"{number}"))
                waiting = [
                    asyncio.create_task(producer.send(named("cancelled"))),
                    asyncio.create_task(producer.flush()),
                ]
                await asyncio.sleep(0)
                for each in waiting:
                    each.cancel()
                done, _ = await asyncio.wait(waiting)
                assert all(each.cancelled() for each in done)
                assert producer.counts.sent == 4
        assert producer.counts.stored == 4

    run(scenario)
    assert stored_ids(server.data)[1:] == ["0", "1", "2"]


def test_cancelled_block_closes_and_says_what_is_not_acked(server: ServerProcess) -> None:
    async def block(begun: asyncio.Event) -> None:
        async with AsyncProducer(server.ingest, server.token) as producer:
            await producer.send(LOG)
            begun.set()
            await asyncio.Event().wait()

    async def scenario() -> None:
        begun = asyncio.Event()
        with stalled(server.process):
            task = asyncio.create_task(block(begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
        assert ["1 logs are not acked" in each for each in raised.value.__notes__] == [True]

    run(scenario)


def test_producer_that_cannot_connect_is_closed_without_waiting_for_it() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts, and says nothing
            url = f"ws://127.0.0.1:{silent.getsockname()[1]}/ingest"
            producer = AsyncProducer(url, "t")
            await producer.send(LOG)
            await producer.close()
            with pytest.raises(DeliveryError, match="as the connection was closed before"):
                await producer.flush()

    run(scenario)


def test_loop_that_ends_ends_the_producer(server: ServerProcess) -> None:
    producer = AsyncProducer(server.ingest, server.token)

    async def scenario() -> None:
        await producer.send(LOG)

    run(scenario)
    assert isinstance(producer.failure, WaterlineError)


# Ends of connections and of servers


def test_what_was_sent_before_a_close_is_stored_without_an_ack(server: ServerProcess) -> None:
    async def scenario() -> None:
        producer = AsyncProducer(server.ingest, server.token, window=50_000)
        await producer.send(LOG)
        await producer.flush()
        await send_many(producer, 20_000)
        await producer.close()
        await producer.close()

    run(scenario)
    assert server.stop() == 0
    assert len(stored_ids(server.data)) == 20_001


@pytest.mark.parametrize("end", [ServerProcess.kill, ServerProcess.stop])
def test_every_log_is_stored_once_though_the_server_ends(
    data: Path, end: Callable[[ServerProcess], object]
) -> None:
    token, port, count = create_token(data), lasting_port(), 40_000
    ids = [f"{number:06d}" for number in range(count)]
    replies: list[Reply] = []

    async def scenario() -> AsyncProducer:
        url = f"ws://127.0.0.1:{port}/ingest"
        async with AsyncProducer(url, token, window=10_000, on_reply=replies.append) as producer:

            async def send_all() -> None:
                for log_id in ids:
                    await producer.send(named(log_id))

            sending = asyncio.create_task(send_all())
            for part in (1, 2, 3):
                running = await asyncio.to_thread(
                    partial(start_server, data, "--port", str(port), token=token)
                )
                await until(lambda: producer.counts.acked >= part * count // 5)  # noqa: B023
                await asyncio.to_thread(end, running)
            last = serving(data, "--port", str(port), token=token)
            await asyncio.to_thread(last.__enter__)
            try:
                await sending
                await producer.flush()
            finally:
                await asyncio.to_thread(last.__exit__, None, None, None)
        return producer

    producer = run(scenario)
    assert [each.log_id for each in replies] == ids
    assert stored_ids(data) == ids
    assert producer.counts.acked == count


def test_connections_that_break_anywhere_in_a_frame_lose_and_repeat_nothing(
    server: ServerProcess,
) -> None:
    ids = [f"{number:06d}" for number in range(20_000)]

    async def scenario(url: str) -> int:
        async with AsyncProducer(url, server.token) as producer:
            for log_id in ids:
                await producer.send(named(log_id, text="x" * 30))
        return producer.counts.acked

    with resetting_proxy(server.ingest, [400, 66_000, 131_000, 300_000]) as url:
        assert run(partial(scenario, url)) == len(ids)
    assert stored_ids(server.data) == ids

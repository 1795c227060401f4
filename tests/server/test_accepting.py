"""A server that runs out of descriptors, or that the system refuses to tell something, goes on."""

import asyncio
import inspect
import os
import re
import resource
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from tornado.tcpserver import TCPServer
from tornado.web import Application, RequestHandler

from server.accepting import Accepting, AcceptingServer
from tests.support.processes import PATIENCE, ServerProcess, serving
from tests.support.sockets import connected, log, receive
from tests.support.waiting import wait_until
from waterline.descriptors import for_connections, raise_limit

LIMIT = 256
FEW = ("prlimit", f"--nofile={LIMIT}:{LIMIT}")
NONE_ACCEPTED = "no new connections are accepted: "
ONLY_SO_MANY = r"only about \d+ connections can be open at once"

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="prlimit and setpriv are those of Linux"
)


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@contextmanager
def silent(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Hold connections that say nothing; those that are not accepted wait in the queue."""
    with ExitStack() as opened:
        sockets = []
        for _ in range(count):
            each = opened.enter_context(socket.socket())
            each.setblocking(False)
            each.connect_ex(address(url))
            sockets.append(each)
        yield sockets


def reasons(server: ServerProcess) -> list[str]:
    return cast("list[str]", server.get("/health")[1]["reasons"])


def is_acked(producer: object) -> bool:
    producer.send(log())  # type: ignore[attr-defined]
    return bool(receive(producer)["type"] == "ack")  # type: ignore[arg-type]


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("port", ["ingest", "monitoring"])
def test_server_without_descriptors_pauses_and_goes_on(data: Path, port: str) -> None:
    with serving(data, within=FEW) as server:
        with connected(server) as producer, silent(getattr(server, port), LIMIT + 150):
            assert server.process.stderr is not None
            assert re.search(ONLY_SO_MANY, server.process.stderr.readline())
            assert " are accepted: " in server.process.stderr.readline()
            if port == "ingest":
                wait_until(lambda: any(NONE_ACCEPTED in each for each in reasons(server)))
            for _ in range(100):
                assert is_acked(producer)
            assert server.process.poll() is None
        wait_until(lambda: server.get("/health")[0] == 200)
        with connected(server) as another:
            assert is_acked(another)
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        # One line at the start, and one that says that it pauses; no more.
        assert server.process.stderr.read() == ""


@on_linux
@pytest.mark.slow
def test_limit_that_is_below_token_connections_is_told(data: Path) -> None:
    with serving(data, within=FEW) as server:
        server.expected_errors.append(ONLY_SO_MANY)
        warnings = cast("list[str]", server.get("/health")[1]["warnings"])
        assert [each for each in warnings if "token_connections (2,000)" in each]
        token = server.token
    with serving(data, "--token-connections", "100", token=token, within=FEW) as server:
        assert server.get("/health")[1]["warnings"] == []


@on_linux
@pytest.mark.slow
def test_soft_limit_is_raised_to_hard_one(data: Path) -> None:
    with serving(data, within=("prlimit", "--nofile=128:4096")) as server:
        pid = server.process.pid
        if sys.platform == "linux":
            assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (4096, 4096)


def test_limit_that_was_raised_is_one_in_force() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        limit = raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] in {limit, resource.RLIM_INFINITY}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("limit", [8, 64, 256, 1024, sys.maxsize])
def test_connections_leave_descriptors_for_all_else(limit: int) -> None:
    assert limit * 3 // 4 <= for_connections(limit) < limit


def _lock(folder: Path) -> None:
    folder.chmod(0)


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("take_away", [_lock, _move])
def test_server_whose_folder_cannot_be_looked_into_stays(
    data: Path, take_away: Callable[[Path], None]
) -> None:
    # Root may look everywhere, unless it gives that up.
    plain = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()
    if plain and shutil.which(plain[0]) is None:
        pytest.skip("setpriv is missing, and root may look into any folder")
    with serving(data, within=plain) as server:
        server.expected_errors.append("cannot be")
        take_away(data)
        seen: list[object] = []

        def was_left_out() -> bool:
            seen.append(server.get("/health")[1]["database_bytes"])
            return len(seen) > 3

        wait_until(was_left_out)
        assert server.get("/livez")[0] == 200
        assert server.process.poll() is None
        gone = data.with_name("moved")
        if gone.exists():
            gone.rename(data)
        data.chmod(0o700)


# What this leans on


def test_tornado_has_private_names_that_are_relied_on() -> None:
    said = "Tornado changed TCPServer: look at server/accepting.py before upgrading"
    assert list(inspect.signature(TCPServer._handle_connection).parameters) == [
        *("self", "connection", "address")
    ], said
    assert {"_sockets", "_handlers"} <= vars(TCPServer()).keys(), said


# The end


class Asking:
    """A connection over which one request after the other is sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def ask(self, path: str) -> None:
        self._writer.write(f"GET /{path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())

    async def answer(self) -> tuple[str, bool]:
        """Return the body, and whether the connection ends with it."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        body = await self._reader.readexactly(4)
        return body.decode(), "Connection: close" in head

    async def asked(self, path: str) -> tuple[str, bool]:
        self.ask(path)
        return await self.answer()


Connect = Callable[[], Awaitable[Asking]]


@asynccontextmanager
async def answering(may_answer: asyncio.Event) -> AsyncIterator[tuple[AcceptingServer, Connect]]:
    """Run a server, whose path /slow is answered once that may be, and its clients."""
    opened: list[asyncio.StreamWriter] = []

    class Fast(RequestHandler):
        def get(self) -> None:
            self.finish("fast")

    class Slow(RequestHandler):
        async def get(self) -> None:
            await may_answer.wait()
            await self.finish("slow")

    server = AcceptingServer(Application([("/fast", Fast), ("/slow", Slow)]))
    server.accepting = Accepting(1000, "connections")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.add_sockets([listening])
        port = listening.getsockname()[1]

        async def connect() -> Asking:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.append(writer)
            return Asking(reader, writer)

        yield server, connect
        server.stop()
        for each in opened:
            each.close()
        await server.close_all_connections()


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_client_that_has_just_connected_is_answered_before_the_end() -> None:
    async def test() -> None:
        async with answering(asyncio.Event()) as (server, connect):
            new, known = await connect(), await connect()
            assert await known.asked("fast") == ("fast", False)  # now both are accepted
            end = asyncio.create_task(server.finish(PATIENCE))
            assert await known.asked("fast") == ("fast", True)
            assert not end.done()
            assert await new.asked("fast") == ("fast", True)
            await end

    run(test)


def test_request_under_way_is_answered_before_the_end_and_a_silent_client_not_waited_for() -> None:
    async def test() -> None:
        may_answer = asyncio.Event()
        async with answering(may_answer) as (server, connect):
            silent, known = await connect(), await connect()
            assert await silent.asked("fast") == ("fast", False)
            assert await known.asked("fast") == ("fast", False)
            known.ask("slow")
            assert await silent.asked("fast") == ("fast", False)  # now that has come
            end = asyncio.create_task(server.finish(PATIENCE))
            await asyncio.sleep(0)
            assert not end.done()
            may_answer.set()
            assert (await known.answer())[0] == "slow"
            await end

    run(test)


def test_end_does_not_wait_for_ever_for_a_client_that_asks_nothing() -> None:
    async def test() -> None:
        async with answering(asyncio.Event()) as (server, connect):
            await connect()
            known = await connect()
            assert await known.asked("fast") == ("fast", False)
            await server.finish(0.01)

    run(test)

"""What every endpoint asks of a request before it goes on, over real sockets."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tornado.httpserver
import tornado.web
import tornado.websocket

from server.bind import bind, port_of
from server.endpoint import Endpoint, NotFound, log_request
from server.rate_limits import TokenLimits
from tests.support.sockets import decode
from waterline.tokens import Scope, TokenFile

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


class Door(Endpoint, tornado.websocket.WebSocketHandler):
    """A WebSocket that asks all there is to ask, in the order that endpoints should."""

    def initialize(self, tokens: TokenFile, limits: TokenLimits) -> None:
        self.tokens = tokens
        self.limits = limits

    def prepare(self) -> None:
        if not self.accepts_origin():
            return
        token = self.authorise(self.tokens, Scope.INGEST)
        if token is not None and self.accepts_handshake():
            self.enter(self.limits, token)

    def get_compression_options(self) -> dict[str, object]:
        return {}

    def open(self) -> None:
        self.write_message("in")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)

    def on_close(self) -> None:
        self.leave()


class Faulty(Door):
    """A door that fails once it has counted who asks."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        raise RuntimeError(f"no {subprotocols} for {self.request.uri}")


class Page(Endpoint):
    """A page that asks for no token."""

    def get(self) -> None:
        if self.accepts_host():
            self.finish("fine")


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        """Status and error of a refusal, which must have the one shape."""
        answer = decode(self.body)
        assert set(answer) == {"type", "error", "message"}
        assert answer["type"] == "error"
        assert self.headers["content-type"] == "application/json"
        return self.status, answer["error"]


@dataclass
class Doors:
    """A server of doors, with one token that allows two connections."""

    port: int
    token: str
    limits: TokenLimits

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def ask(
        self, path: str = "/", method: str = "GET", **changes: str | None
    ) -> tuple[Reply, asyncio.StreamWriter]:
        """Send a handshake with some headers changed or, where None, left out."""
        headers: dict[str, str | None] = {"Host": self.own, **HANDSHAKE}
        headers |= {"Authorization": f"Bearer {self.token}"}
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        version = "1.0" if headers["Host"] is None else "1.1"
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {name.lower(): value for name, _, value in (x.partition(": ") for x in head[1:-2])}
        body = await reader.readexactly(int(found.get("content-length", 0)))
        return Reply(int(head[0].split()[1]), found, body), writer

    async def reply(self, path: str = "/", method: str = "GET", **changes: str | None) -> Reply:
        """Return what comes back for a handshake, and hang up."""
        reply, writer = await self.ask(path, method, **changes)
        writer.close()
        await writer.wait_closed()
        return reply


@contextmanager
def doors(data: Path, *allowed: str, connections: int = 2) -> Iterator[Doors]:
    """Serve doors on the running loop."""
    tokens, limits = TokenFile(data / "tokens.toml"), TokenLimits(connections, None)
    token = tokens.create("web", [Scope.INGEST], 0)
    shared: dict[str, Any] = {"tokens": tokens, "limits": limits}
    app = tornado.web.Application(
        [("/", Door, shared), ("/faulty", Faulty, shared), ("/page", Page)],
        default_handler_class=NotFound,
        log_function=log_request,
        allowed_origins=allowed,
        paths="/ and /page",
    )
    server = tornado.httpserver.HTTPServer(app)
    sockets = bind("127.0.0.1", 0, "port")
    server.add_sockets(sockets)
    yield Doors(port_of(sockets), token, limits)
    server.stop()


# Origins


def test_program_sends_no_origin_and_is_let_on(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            assert (await there.reply()).status == 101

    asyncio.run(run())


def test_page_of_server_itself_is_let_on(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            assert (await there.reply(Origin=f"http://{there.own}")).status == 101
            same = {"Origin": f"http://{there.own}", "Sec_Fetch_Site": "same-origin"}
            assert (await there.reply(**same)).status == 101

    asyncio.run(run())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_page_of_another_site_is_refused_in_one_shape(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            reply = await there.reply(**headers)
            assert reply.error == (403, "origin_not_allowed")
            assert "allowed_origins" in decode(reply.body)["message"]
            assert there.limits.connections("web") == 0

    asyncio.run(run())


def test_allowed_origins_are_let_on_and_no_others(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path, "https://logs.example.com") as there:
            for site in (None, "cross-site", "same-site"):
                reply = await there.reply(Origin="https://logs.example.com", Sec_Fetch_Site=site)
                assert reply.status == 101
            assert (await there.reply(Origin="https://example.com")).status == 403

    asyncio.run(run())


def test_star_lets_pages_of_any_origin_on(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path, "*") as there:
            for origin in ("https://evil.example", "null"):
                assert (await there.reply(Origin=origin)).status == 101

    asyncio.run(run())


# Hosts


def test_name_that_was_made_to_point_here_reads_no_page(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path, "https://logs.example.com") as there:
            for host in (f"evil.example:{there.port}", "127.0.0.1.evil.example"):
                assert (await there.reply("/page", Host=host)).error == (403, "host_not_allowed")
            own = [there.own, f"localhost:{there.port}", "logs.example.com", None]
            for reply in [await there.reply("/page", Host=each) for each in own]:
                assert reply.body == b"fine"

    asyncio.run(run())


# Handshakes


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("Upgrade", None, (426, "upgrade_required")),
        ("Upgrade", "h2c", (426, "upgrade_required")),
        ("Connection", None, (400, "bad_handshake")),
        ("Connection", "close", (400, "bad_handshake")),
        ("Sec_WebSocket_Version", None, (426, "version_not_supported")),
        ("Sec_WebSocket_Version", "8", (426, "version_not_supported")),
        ("Sec_WebSocket_Version", "14", (426, "version_not_supported")),
        ("Sec_WebSocket_Key", None, (400, "bad_handshake")),
        ("Sec_WebSocket_Key", "", (400, "bad_handshake")),
        ("Host", None, (400, "bad_handshake")),
    ],
)
def test_handshake_that_lacks_something_is_told_what_in_one_shape(
    tmp_path: Path, name: str, value: str | None, error: tuple[int, str]
) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            reply = await there.reply("/", "GET", **{name: value})
            assert reply.error == error
            if error[1] == "version_not_supported":
                assert reply.headers["sec-websocket-version"] == "13"
            if error[1] == "upgrade_required":
                assert reply.headers["upgrade"] == "websocket"
            assert there.limits.connections("web") == 0

    asyncio.run(run())


def test_another_method_is_left_to_405(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            assert (await there.reply(method="PUT", Upgrade=None)).error == (
                405,
                "method_not_allowed",
            )
            assert there.limits.connections("web") == 0

    asyncio.run(run())


# Connections of a token


async def until_it_holds(there: Doors, connections: int) -> None:
    async with asyncio.timeout(30):
        while there.limits.connections("web") != connections:  # noqa: ASYNC110 - only a count tells
            await asyncio.sleep(0.005)


def test_connection_above_limit_is_told_to_come_later(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            held = [await there.ask(), await there.ask()]
            assert [reply.status for reply, _ in held] == [101, 101]
            reply = await there.reply()
            assert reply.error == (429, "too_many_connections")
            assert int(reply.headers["retry-after"]) >= 1
            assert "the token web holds 2 connections" in decode(reply.body)["message"]
            held[0][1].close()
            await until_it_holds(there, 1)
            again, writer = await there.ask()
            assert again.status == 101
            for each in (writer, held[1][1]):
                each.close()
            await until_it_holds(there, 0)

    asyncio.run(run())


@pytest.mark.logs
def test_failed_request_releases_its_connection_count(tmp_path: Path) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            for _ in range(5):
                assert (await there.reply("/faulty")).error == (500, "http_error")
                await until_it_holds(there, 0)
            assert (await there.reply()).status == 101
            await until_it_holds(there, 0)

    asyncio.run(run())


@pytest.mark.logs
def test_fault_is_logged_without_token_that_came_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> str:
        with doors(tmp_path) as there:
            await there.reply(f"/faulty?token={there.token}")
            await there.reply(
                f"/faulty?token={there.token}",
                Authorization=None,
                Sec_WebSocket_Protocol=f"p, {there.token}",
            )
            await there.reply("/faulty", Sec_WebSocket_Protocol=there.token)
            return there.token

    token = asyncio.run(run())
    faults = [each for each in caplog.records if "RuntimeError: no " in each.getMessage()]
    assert len(faults) == 3
    for each in faults:
        assert each.getMessage().startswith("error in /faulty\nTraceback (most recent call last)")
        assert "[token]" in each.getMessage()
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; client_max_window_bits", True),
        ("permessage-deflate; server_max_window_bits=9; client_max_window_bits=8", True),
        ('permessage-deflate; server_max_window_bits="15"', True),
        ("permessage-deflate; server_max_window_bits=8", False),
        ("permessage-deflate; server_max_window_bits=16", False),
        ("permessage-deflate; server_max_window_bits=x", False),
        ("permessage-deflate; client_max_window_bits=7", False),
        ("permessage-deflate; client_max_window_bits=", False),
    ],
)
def test_offer_to_compress_that_makes_no_sense_is_declined(
    tmp_path: Path, offer: str, agreed: bool
) -> None:
    async def run() -> None:
        with doors(tmp_path) as there:
            reply = await there.reply(Sec_WebSocket_Extensions=offer)
            assert reply.status == 101
            assert ("sec-websocket-extensions" in reply.headers) is agreed

    asyncio.run(run())


def test_retry_after_is_whole_seconds_and_never_none() -> None:
    class Quick(Endpoint):
        def get(self) -> None:
            seconds = float(self.get_query_argument("seconds"))
            self.fail(429, "too_fast", "later", retry_after=seconds)

    async def run() -> list[str]:
        server = tornado.httpserver.HTTPServer(
            tornado.web.Application([("/", Quick)], log_function=log_request)
        )
        sockets = bind("127.0.0.1", 0, "port")
        server.add_sockets(sockets)
        there = Doors(port_of(sockets), "", TokenLimits(1, None))
        waits = [await there.reply(f"/?seconds={each}") for each in ("0.01", "1", "1.2", "30")]
        server.stop()
        return [each.headers["retry-after"] for each in waits]

    assert asyncio.run(run()) == ["1", "1", "2", "30"]

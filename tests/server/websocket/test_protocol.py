"""WebSockets that read many frames at once: what handlers and peers see, over real sockets."""

import asyncio
import contextlib
import inspect
import random
import ssl
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
import tornado.util
from hypothesis import given
from hypothesis import strategies as st
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13, _WebSocketParams

import server.websocket.protocol
from server.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Close,
    frame_head,
)
from server.websocket.protocol import BulkProtocol
from tests.support.frames import Deflater, Item, close_frame, frame, head, items, wire
from tests.support.listening import Listener, listen
from tests.support.peers import DEFLATE, Echo, Seen, serving
from tests.support.processes import PATIENCE
from tests.support.tls import LOOPBACK, LOOPBACK_KEY
from waterline.server_tls import server_context

# The same as Tornado


@given(items, st.sampled_from(["none", "kept", "fresh"]))
def test_handler_hears_same_as_with_protocol_of_tornado(sent: list[Item], context: str) -> None:
    if context != "none":
        # Tornado takes such a message for a plain one when a control frame comes within it.
        sent = [replace(item, between=()) if item.compressed else item for item in sent]
    agreed = {"fresh": {"client_no_context_takeover": ""}, "kept": {}}.get(context)
    deflater = Deflater(keeps_context=context == "kept") if agreed is not None else None
    data = wire(sent, deflater=deflater) + close_frame(3001, b"adieu")

    async def both() -> None:
        mine = await listen(BulkProtocol, data, agreed)
        theirs = await listen(WebSocketProtocol13, data, agreed)
        assert mine.heard == theirs.heard == [told for item in sent for told in item.told()]
        assert mine.closed == theirs.closed == (3001, "adieu")

    asyncio.run(both())


# What handlers get


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_run_of_messages_comes_in_one_call() -> None:
    async def main() -> None:
        seen = Seen()
        async with serving(seen) as place:
            peer = await place.connect(behind=[frame(TEXT, b"a"), frame(TEXT, b"b")])
            assert peer.status == 101
            assert await peer.reader.readexactly(6) == b"\x82\x01a\x82\x01b"
            assert seen.handler is not None
            assert isinstance(seen.handler.ws_connection, BulkProtocol)
            assert seen.handler.ws_connection._message_bytes_in == 2
            await peer.leave()
        assert seen.runs == [[b"a", b"b"]]

    run(main())


def test_next_read_waits_for_handler() -> None:
    go_on = asyncio.Event()

    class Slow(Echo):
        async def on_messages(self, payloads: list[bytes]) -> None:
            self.seen.runs.append(payloads)
            if payloads[0] == b"wait":
                await go_on.wait()
            self.send_frames(frame_head(BINARY, 4) + b"done")

    async def main() -> None:
        seen = Seen()
        async with serving(seen, Slow) as place:
            held, other = await place.connect(), await place.connect()
            await held.send(frame(BINARY, b"wait"))
            await other.send(frame(BINARY, b"free"))
            assert await other.hear() == [(BINARY, b"done")]
            await held.send(frame(BINARY, b"next"))
            for _ in range(10):
                await other.send(frame(BINARY, b"free"))
                assert await other.hear() == [(BINARY, b"done")]
            assert [b"next"] not in seen.runs
            go_on.set()
            assert await held.reader.readexactly(12) == 2 * b"\x82\x04done"
            assert seen.runs[-1] == [b"next"]
            await held.leave()
            await other.leave()

    run(main())


@pytest.mark.logs
def test_fault_of_handler_ends_its_connection_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Faulty(Echo):
        def on_messages(self, payloads: list[bytes]) -> None:
            if payloads == [b"boom"]:
                raise RuntimeError("a fault of ours")
            super().on_messages(payloads)

    async def main() -> None:
        seen = Seen()
        async with serving(seen, Faulty) as place:
            peer, other = await place.connect(), await place.connect()
            await peer.send(frame(BINARY, b"boom"))
            assert await peer.hear_all() == []
            await seen.closed.wait()
            await other.echo(b"still here")
            await peer.close()
            await other.leave()

    run(main())
    assert "a fault of ours" in caplog.text


# Deflate

NOISE = random.Random(1).randbytes(200).hex().encode()


@pytest.mark.parametrize(("wanted", "bits"), [("", 15), ("; client_max_window_bits=9", 9)])
def test_deflate_is_agreed_on_and_undone(wanted: str, bits: int) -> None:
    async def main() -> None:
        seen = Seen()
        async with serving(seen) as place:
            peer = await place.connect(DEFLATE.format(wanted))
            assert f"permessage-deflate{wanted}\r\n" in peer.headers
            deflater = Deflater(window_bits=bits)
            for _ in range(3):  # each refers to the one before, 400 bytes back
                await peer.send(frame(TEXT, deflater.deflate(NOISE), bits=0x40))
                assert await peer.hear() == [(BINARY, NOISE)]
            await peer.leave()

    run(main())


def test_context_that_was_not_to_be_kept_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.websocket.protocol, "_DRAIN_SECONDS", 0.01)
    deflater = Deflater(keeps_context=True)
    data = b"".join(frame(TEXT, deflater.deflate(NOISE), bits=0x40) for _ in range(2))
    listener = asyncio.run(listen(BulkProtocol, data, {"client_no_context_takeover": ""}))
    assert listener.heard == [(TEXT, NOISE)]


# A peer that breaks a rule

BOMB = frame(BINARY, Deflater().deflate(bytes(2**22)), bits=0x40)
BROKEN = {
    "no mask": (frame(TEXT, b"x", key=None), 1002),
    "a fragmented ping": (frame(PING, final=False), 1002),
    "nothing to continue": (frame(CONTINUATION), 1002),
    "a bad close code": (close_frame(1005), 1002),
    "bad UTF-8": (frame(TEXT, b"\xff"), 1007),
    "bad deflate data": (frame(TEXT, b"\xff\xff\xff", bits=0x40), 1007),
    "a long message": (head(TEXT, 2**20 + 1), 1009),
    "a bomb": (BOMB, 1009),
}


@pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN)
def test_peer_that_breaks_rule_can_read_why(
    data: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The end that the peer sees is that of the half that we close, not of our patience.
    monkeypatch.setattr(server.websocket.protocol, "_DRAIN_SECONDS", 1000.0)

    async def main() -> None:
        seen = Seen()
        async with serving(seen, max_message_size=2**20) as place:
            other = await place.connect()
            peer = await place.connect(DEFLATE.format(""))
            await peer.send(frame(BINARY, b"fine") + data + bytes(2**22))
            first, farewell = await peer.hear_all()
            assert first == (BINARY, b"fine")
            assert isinstance(farewell, Close)
            assert farewell.code == code
            assert farewell.reason
            assert not seen.closed.is_set()
            await other.echo(b"untouched")
            await peer.close()
            await seen.closed.wait()
            await other.echo(b"untouched")
            await other.leave()

    run(main())


def test_peer_that_breaks_rule_over_tls_can_read_why() -> None:
    async def main() -> None:
        seen = Seen()
        certificate = server_context(LOOPBACK, LOOPBACK_KEY)
        trust = ssl.create_default_context(cafile=LOOPBACK)
        async with serving(seen, certificate=certificate, trust=trust) as place:
            peer = await place.connect()
            await peer.send(frame(PING, final=False) + bytes(2**20))
            assert await peer.hear() == [Close(1002, "a control frame must not be fragmented")]
            await peer.close()
            await seen.closed.wait()

    run(main())


def test_peer_that_breaks_rule_and_stays_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.websocket.protocol, "_DRAIN_SECONDS", 0.01)

    async def main() -> None:
        seen = Seen()
        async with serving(seen) as place:
            await place.connect(behind=[frame(PING, final=False)])
            # Tornado itself gives every peer five seconds.
            tornado_is_near = asyncio.Event()
            asyncio.get_running_loop().call_later(4, tornado_is_near.set)
            await seen.closed.wait()
            assert not tornado_is_near.is_set()

    run(main())


def test_peer_that_breaks_rule_and_sends_on_is_not_read_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server.websocket.protocol, "_DRAIN_SECONDS", 1000.0)
    monkeypatch.setattr(server.websocket.protocol, "_DRAIN_SIZE", 2**20)

    async def main() -> None:
        sent = 0
        seen = Seen()
        async with serving(seen) as place:
            peer = await place.connect(behind=[frame(PING, final=False)])
            with contextlib.suppress(ConnectionError):
                while True:
                    await peer.send(bytes(2**16))
                    sent += 2**16
            await seen.closed.wait()
        assert sent < 2**26  # what the kernel holds, too

    run(main())


# Taking leave


def test_messages_before_close_frame_arrive() -> None:
    class Generous(Echo):
        def on_messages(self, payloads: list[bytes]) -> None:
            self.seen.runs.append(payloads)
            self.send_frames(frame_head(BINARY, 2**23) + bytes(2**23))

    async def main() -> None:
        seen = Seen()
        async with serving(seen, Generous) as place:
            peer = await place.connect()
            await peer.send(frame(BINARY, b"more") + close_frame(1001, b"adieu"))
            assert await peer.hear_all() == [(BINARY, bytes(2**23)), Close(1001, "")]
            await seen.closed.wait()
            assert seen.handler is not None
            assert (seen.handler.close_code, seen.handler.close_reason) == (1001, "adieu")
            await peer.close()

    run(main())


def test_no_frame_follows_close_frame() -> None:
    async def main() -> None:
        seen = Seen()
        async with serving(seen) as place:
            peer = await place.connect()
            await peer.echo(b"hello")
            assert seen.handler is not None
            connection = seen.handler.ws_connection
            assert isinstance(connection, BulkProtocol)
            seen.handler.close(1001, "the server stops")
            with pytest.raises(StreamClosedError):
                connection.send_frames(frame(TEXT, b"late", key=None))
            with pytest.raises(StreamClosedError):
                seen.handler.send_frames(frame(TEXT, b"late", key=None))
            assert await peer.hear() == [Close(1001, "the server stops")]
            await peer.send(close_frame(1001))
            assert await peer.hear_all() == []
            await peer.close()

    run(main())


def test_peer_that_goes_without_word_is_noticed() -> None:
    async def main() -> None:
        seen = Seen()
        async with serving(seen) as place:
            peer = await place.connect(behind=[frame(BINARY, b"ab")[:-1]])
            peer.writer.transport.abort()
            await seen.closed.wait()
            assert seen.handler is not None
            assert seen.handler.close_code is None
            assert seen.runs == []

    run(main())


def test_peer_that_misses_single_pings_stays_connected() -> None:
    async def main() -> None:
        async with serving(Seen(), pings=(0.02, PATIENCE)) as place:
            peer = await place.connect()
            missed = 0
            while missed < 5:
                missed += len(await peer.hear())
            await peer.send(frame(BINARY, b"here"))
            while (BINARY, b"here") not in await peer.hear():
                pass  # pings come in between
            await peer.close()

    run(main())


def test_another_version_is_answered_with_ours() -> None:
    async def main() -> None:
        async with serving(Seen()) as place:
            peer = await place.connect(version=8)
            assert peer.status == 426
            assert "Sec-Websocket-Version: 13\r\n" in peer.headers
            await peer.close()

    run(main())


# What this leans on


def test_tornado_has_private_names_that_are_relied_on() -> None:
    expected = {
        "_receive_frame_loop": ["self"],
        "_handle_message": ["self", "opcode", "data"],
        "_run_callback": ["self", "callback", "args", "kwargs"],
        "_abort": ["self"],
        "_create_compressors": ["self", "side", "agreed_parameters", "compression_options"],
        "periodic_ping": ["self"],
        "_get_compressor_options": ["self", "side", "agreed_parameters", "compression_options"],
    }
    said = (
        "Tornado changed WebSocketProtocol13.{}: "
        "look at server/websocket/protocol.py before upgrading"
    )
    for name, parameters in expected.items():
        method = getattr(WebSocketProtocol13, name, None)
        assert method is not None, said.format(name)
        assert list(inspect.signature(method).parameters) == parameters, said.format(name)
    protocol = WebSocketProtocol13(Listener(), False, _WebSocketParams())
    names = {"_decompressor", "_wire_bytes_in", "_wire_bytes_out", "_message_bytes_in"}
    names |= {"_received_pong"}
    assert names <= vars(protocol).keys(), said.format(names - vars(protocol).keys())
    assert tornado.util._websocket_mask(b"abcd", b"54321") == b"TVPVP", said.format("mask")

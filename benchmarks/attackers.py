"""The attackers on a server: each goes on until it is ended, and yields what came of it."""

import gzip
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from queue import SimpleQueue
from random import Random
from threading import Thread
from typing import Final
from urllib.parse import urlsplit

import websocket

from benchmarks.memory import open_files
from benchmarks.servers import MeasuredServer
from tests.support.attacks import shipped
from tests.support.overload import (
    ACCESS_LOG,
    LINES,
    MIB,
    SIZE,
    begun_post,
    large_log,
    much_to_answer,
    push,
    push_unread,
    push_whole,
    unfinished_messages,
    urls_of_many_texts,
)
from tests.support.posting import post, posted
from tests.support.shipped import WIRES
from tests.support.sockets import DeflateSocket, log, receive, receive_until_closed, wire

_AT_ONCE: Final = 64
_ACCEPT_SECONDS: Final = 0.1
_HOLDS_SECONDS: Final = 10.0
_READY: Final = "ready"


# 1: connections without a word


def silent_connections(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Hold connections without a word or a token, in figures more than there are descriptors."""
    address, held = urlsplit(server.ingest), []
    with open_files(2 * peers):
        for number in range(peers):
            if number % _AT_ONCE == 0:  # the server's queue takes no more at a time
                time.sleep(_ACCEPT_SECONDS)
            connection = socket.socket()
            connection.setblocking(False)
            # It is refused by nobody: what is not accepted waits in the system's queue.
            connection.connect_ex((address.hostname, address.port))
            held.append(connection)
        yield from _held(held)


# 2: what is no log


def lines_posted(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Post 16 KB of gzip that hold 8.4 million lines which are no logs, one after the other."""
    body = gzip.compress(LINES)
    return _side_by_side(peers, lambda _: str(post(server, body, Content_Encoding="gzip").status))


def access_log_posted(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Post an access log, as one does by mistake, one after the other."""
    return _side_by_side(peers, lambda _: str(post(server, ACCESS_LOG).status))


def lines_in_a_frame(server: MeasuredServer, _: int) -> Iterator[str]:
    """Send those lines as one compressed frame, again and again, and take the answers."""
    with closing(DeflateSocket(server, f"{server.ingest}?ack=batch")) as peer:
        receive(peer.socket)  # the greeting
        lines = LINES.decode()
        yield _READY
        while True:
            peer.send(lines)
            yield str(receive(peer.socket)["type"])


# 3: messages without an end, large ones, and peers that read nothing


def unfinished(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Send messages but for their ends, half of them from peers that go on answering pings."""
    messages = unfinished_messages()

    def begin(number: int) -> str:
        with closing(server.connect()) as peer:
            push(peer, messages[number % 2], _HOLDS_SECONDS)
            wire(peer).settimeout(None)
            if number % 2:
                return f"closed with {receive_until_closed(peer)[1]}"
            while wire(peer).recv(MIB):
                pass
            return "closed"

    return _side_by_side(peers, begin)


def large_logs(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Send the largest logs there may be, all at once, over and over."""
    sent = large_log()

    def send(_: int) -> str:
        with closing(server.connect()) as peer:
            return push_whole(peer, sent)

    return _side_by_side(peers, send)


def answers_unread(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Send what has many answers, and read none of them."""
    sent = much_to_answer()

    def send(_: int) -> str:
        with closing(server.connect()) as peer:
            return "held back" if push_unread(peer, sent, _HOLDS_SECONDS) else "taken"

    return _side_by_side(peers, send)


def idle_deflate(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Hold connections that agreed to compress, and say nothing but answers to pings."""
    with open_files(2 * peers):
        yield from _held_open([DeflateSocket(server).socket for _ in range(peers)])


# 4: uploads that stop


def stalled_uploads(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Post bodies but for their last byte; begin anew when they are refused."""

    def begin(_: int) -> str:
        with begun_post(server, SIZE, SIZE - 1) as connection:
            connection.settimeout(None)
            return connection.recv(MIB)[:12].decode() or "closed"

    return _side_by_side(peers, begin)


# 5: readers with many texts


def many_texts(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Hold readers with different texts, and post logs to search."""
    body = log(message="x" * 8 * MIB).encode()
    readers = [server.connect(url) for url in urls_of_many_texts(server, peers)]
    Thread(target=_answer_pings, args=(readers,), daemon=True).start()
    return _side_by_side(1, lambda _: str(post(server, body).status))


# 6: what shippers send


def shippers_at_random(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Post bodies of every shipper's protocol, with values and damage at random."""
    attacks = {name: (wire, count()) for name, wire in WIRES.items()}

    def send(number: int) -> str:
        name = [*attacks][number % len(attacks)]
        wire, times = attacks[name]
        body, headers = shipped(Random(f"{name} {number} {next(times)}"), wire)
        return f"{name}: {posted(server, wire.path, body, headers, server.token)[0]}"

    return _side_by_side(peers, send)


# 7: connections that are quiet for long


def quiet_connections(server: MeasuredServer, peers: int) -> Iterator[str]:
    """Hold producers and readers that answer pings, and say nothing else."""
    # No log is of that type, so that readers are told nothing but how far the server is.
    urls = (server.ingest, f"{server.live}?type=none")
    with open_files(2 * peers):
        yield from _held_open([server.connect(urls[number % 2]) for number in range(peers)])


def _held(connections: Sequence[socket.socket]) -> Iterator[str]:
    yield _READY
    while connections:
        time.sleep(_HOLDS_SECONDS)


def _held_open(connections: Sequence[websocket.WebSocket]) -> Iterator[str]:
    yield _READY
    _answer_pings(connections)


def _answer_pings(connections: Sequence[websocket.WebSocket]) -> None:
    """Read what comes, and answer pings, until one of the connections ends."""
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(wire(each), selectors.EVENT_READ, each)
        while True:
            for key, _ in selector.select():
                key.data.recv_data_frame(control_frame=True)  # it answers a ping by itself


def _side_by_side(count: int, once: Callable[[int], str]) -> Iterator[str]:
    """Do something over and over in so many threads; a connection that breaks begins anew."""
    heard: SimpleQueue[str] = SimpleQueue()

    def go_on(number: int) -> None:
        while True:
            try:
                heard.put(once(number))
            except (OSError, websocket.WebSocketException) as error:
                heard.put(type(error).__name__)

    yield _READY
    for number in range(count):
        Thread(target=go_on, args=(number,), daemon=True).start()
    while True:
        yield heard.get()

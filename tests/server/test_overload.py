"""One peer's work and memory are bounded: the others are acked, and the server stays small."""

import gzip
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import websocket

from server.websocket.frames import TEXT
from tests.support.frames import Deflater, frame
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
from tests.support.peers import DEFLATE
from tests.support.posting import begun, post
from tests.support.processes import PATIENCE, ServerProcess, resident_bytes, serving
from tests.support.sockets import DeflateSocket, connected, log, receive, refused, wire
from tests.support.waiting import wait_until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# The client of these tests logs how it was closed.
pytestmark = [pytest.mark.slow, pytest.mark.logs]

# An ack takes some milliseconds; on a busy machine it may take so many times what it took before.
MOST_SECONDS = 10.0
MOST_TIMES = 100
CONTROLS = 20
MOST_RESIDENT = 200 * MIB
# A connection takes 32 KiB, and the window of a deflate stream 32 more. A compressor took 200.
IDLE = 300
MOST_IDLE = 128 * 1024
OBJECTS = b"[" + b"{}," * (SIZE // 3) + b"{}]"
NUMBERS = b"[" + b"1," * (SIZE // 2) + b"1]"
EMPTY_LOGS = b"{}\n" * (SIZE // 3)
NESTED = b"[[" + b"{}," * (SIZE // 3) + b"{}]]"
VALUES = b'{"type":"a","message":"m","k":[' + b"[]," * (SIZE // 3 - 20) + b"[]]}"
SMALLEST = b'{"type":"a","message":""}\n'
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "": bytes,
}
FILES = {
    "lines": LINES,
    "empty objects": EMPTY_LOGS,
    "objects": OBJECTS,
    "numbers": NUMBERS,
    "nested": NESTED,
    "values": VALUES,
    "access log": ACCESS_LOG,
}


@dataclass
class Seen:
    """What another producer saw meanwhile, in seconds, and the memory of the server, in bytes."""

    before: float = 0.0
    """What an ack took before."""
    transaction: float = 0.0
    """What one transaction took that nothing else could be stored beside."""
    acks: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    @property
    def most_seconds(self) -> float:
        """What an ack may take meanwhile on this machine, as busy as it is."""
        return MOST_SECONDS + MOST_TIMES * self.before + self.transaction

    def told(self) -> str:
        acks = sorted(self.acks)
        p99 = acks[int(len(acks) * 0.99)]
        return (
            f"{len(acks)} acks, p50 {1000 * statistics.median(acks):.1f} ms, p99 "
            f"{1000 * p99:.0f} ms, longest {1000 * acks[-1]:.0f} ms; "
            f"{max(self.resident) / MIB:.0f} MiB"
        )


def ack(producer: websocket.WebSocket) -> float:
    """Send a log; return how long its ack took, in seconds."""
    begun = time.perf_counter()
    producer.send(log())
    assert receive(producer)["type"] == "ack"
    return time.perf_counter() - begun


@contextmanager
def watched(
    server: ServerProcess, tell: Callable[[str], None], name: str, most: int = MOST_RESIDENT
) -> Iterator[Seen]:
    """Send a log now and then from a producer that behaves; hold its acks and the memory."""
    over, seen = threading.Event(), Seen()

    def produce() -> None:
        with connected(server) as producer:
            seen.before = statistics.median(ack(producer) for _ in range(CONTROLS))
            while not over.wait(0.02):
                seen.acks.append(ack(producer))
                if len(seen.acks) % 5 == 1:
                    seen.resident.append(resident_bytes(server.process))

    with ThreadPoolExecutor(1) as pool:
        producing = pool.submit(produce)
        try:
            wait_until(lambda: seen.acks)
            yield seen
            wait_until(lambda: len(seen.acks) > 5)
        finally:
            over.set()
        producing.result()
    tell(f"{name}: {seen.told()}")
    assert max(seen.acks) < seen.most_seconds
    assert max(seen.resident) < most


@pytest.mark.parametrize("name", FILES)
def test_body_of_no_logs_stops_no_producer(
    data: Path, tell: Callable[[str], None], name: str
) -> None:
    # What is in a body does not know how it was packed: one is sent in every way.
    packed = ENCODINGS if name == "lines" else [[*ENCODINGS][[*FILES].index(name) % 3]]
    with serving(data) as server, watched(server, tell, name):
        for encoding in packed:
            headers = {"Content_Encoding": encoding} if encoding else {}
            answer = post(server, ENCODINGS[encoding](FILES[name]), **headers)
            assert answer.status == 400
            errors = answer.json["errors"]
            assert len(errors) <= 1000
            if name in ("lines", "empty objects", "numbers", "access log"):
                rejected = answer.json["rejected"]
                assert rejected == len(FILES[name].splitlines()) or name == "numbers"


@pytest.mark.parametrize("mode", ["each", "batch", "none"])
def test_frame_of_no_logs_stops_no_producer(
    data: Path, tell: Callable[[str], None], mode: str
) -> None:
    with serving(data) as server, watched(server, tell, f"frame {mode}"):
        for sent, *more in (
            (frame(TEXT, LINES),),
            (frame(TEXT, Deflater().deflate(LINES), bits=0x40), DEFLATE.format("").strip()),
        ):
            headers = [f"Authorization: Bearer {server.token}", *map(str, more)]
            url = f"{server.ingest}?ack={mode}"
            with closing(
                websocket.create_connection(url, header=headers, timeout=PATIENCE)
            ) as peer:
                assert receive(peer)["type"] == "connection"
                wire(peer).sendall(sent)
                if mode == "batch":
                    answer = receive(peer)
                    assert (len(answer["errors"]), answer["rejected"]) == (1000, len(LINES) // 2)
                    continue
                answers = [receive(peer) for _ in range(1001)]
                assert all(each["error"] == "invalid_log" for each in answers)
                assert answers[-1]["count"] == len(LINES) // 2 - 1000


def test_body_of_very_many_logs_is_held_without_their_names(
    data: Path, tell: Callable[[str], None]
) -> None:
    with serving(data) as server, watched(server, tell, "smallest logs") as seen:
        begun = time.perf_counter()
        answer = post(server, SMALLEST * (SIZE // len(SMALLEST)))
        assert (answer.status, answer.json["count"]) == (200, SIZE // len(SMALLEST))
        seen.transaction = time.perf_counter() - begun


def test_messages_that_stop_before_their_end_share_bounded_memory(
    data: Path, tell: Callable[[str], None]
) -> None:
    with serving(data) as server, ExitStack() as open_, watched(server, tell, "unfinished"):
        peers = [open_.enter_context(connected(server)) for _ in range(8)]

        messages = unfinished_messages()

        def begin(number: int) -> bool:
            return push(peers[number], messages[number % 2], 5)

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(begin, range(8)))


def test_many_large_logs_at_once_are_stored_one_after_other(
    data: Path, tell: Callable[[str], None]
) -> None:
    sent = large_log()
    with serving(data) as server, watched(server, tell, "large"):

        def send(_: int) -> str:
            with connected(server) as peer:
                return push_whole(peer, sent)

        with ThreadPoolExecutor(12) as pool:
            assert set(pool.map(send, range(12))) == {"ack"}


def test_producer_that_reads_nothing_is_held_back(data: Path, tell: Callable[[str], None]) -> None:
    with serving(data) as server, ExitStack() as open_, watched(server, tell, "reads nothing"):
        peers = [open_.enter_context(connected(server)) for _ in range(6)]
        sent = much_to_answer()

        def send(number: int) -> bool:
            return push_unread(peers[number], sent, 2)

        with ThreadPoolExecutor(20) as pool:
            assert all(pool.map(send, range(6)))


def test_idle_deflate_connection_costs_little_more_than_its_window(
    data: Path, tell: Callable[[str], None]
) -> None:
    text = log(message=random.Random(0).randbytes(20_000).hex())
    with serving(data) as server, ExitStack() as open_:
        before = resident_bytes(server.process)
        for _ in range(IDLE):
            peer = DeflateSocket(server)
            open_.callback(peer.close)
            assert peer.receive()[0]["type"] == "connection"
            peer.send(text)
            assert peer.receive()[0]["type"] == "ack"
        each = (resident_bytes(server.process) - before) // IDLE
    tell(f"idle deflate: {each / 1024:.0f} KiB a connection")
    assert each < MOST_IDLE


def test_stalled_uploads_refuse_themselves_and_not_who_comes_later(
    data: Path, tell: Callable[[str], None]
) -> None:
    with serving(data) as server, ExitStack() as open_, watched(server, tell, "stalled"):
        stalled = [open_.enter_context(begun_post(server, SIZE, SIZE - 1)) for _ in range(3)]
        for _ in range(20):
            assert post(server, log().encode()).status == 200
        assert post(server, log(message="x" * 4 * MIB).encode()).status == 200
        assert len(stalled) == 3


def test_body_without_progress_ends_after_idle_timeout(data: Path) -> None:
    with serving(data, "--idle-timeout", "1s") as server:
        for sent in (0, 1, 1000):
            with begun_post(server, 2000, sent) as connection:
                assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_message_without_progress_ends_although_its_peer_answers_pings(data: Path) -> None:
    with serving(data, "--idle-timeout", "1s") as server, connected(server) as peer:
        wire(peer).sendall(frame(TEXT, b"x" * 20_000)[:-10_000])
        wait_until(lambda: server.get("/health")[1]["connections"] == 0)


@pytest.mark.parametrize(
    "lengths", [("5", "5"), ("5", "6"), ("+5",), ("5, 5",), ("-1",), ("5x",), ("9" * 5000,)]
)
def test_odd_content_length_is_400(shared_server: ServerProcess, lengths: tuple[str, ...]) -> None:
    with begun(shared_server, 10, *(f"Content-Length: {each}" for each in lengths)) as connection:
        connection.sendall(b"hello")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_texts_and_filters_beyond_their_bounds_are_refused_by_name(data: Path) -> None:
    with serving(data) as server, ExitStack() as open_:
        texts = "&".join(f"contains={each}" for each in range(101))
        bearer = f"Authorization: Bearer {server.token}"
        answer = refused(f"{server.live}?{texts}", bearer)
        assert (answer.status, "100 times at most" in answer.text) == (400, True)
        for number in range(100):
            open_.enter_context(connected(server, f"{server.live}?contains={number}"))
        answer = refused(f"{server.live}?contains=another", bearer)
        assert (answer.status, "100 different filters" in answer.text) == (503, True)
        with connected(server, f"{server.live}?contains=7") as same:
            assert receive(same)["type"] in ("position", "client_connect")


def test_readers_with_many_texts_stop_no_producer_and_no_stop(
    data: Path, tell: Callable[[str], None]
) -> None:
    with serving(data) as server, ExitStack() as open_:
        for url in urls_of_many_texts(server, 60):
            open_.enter_context(connected(server, url))
        with watched(server, tell, "readers", 2 * MOST_RESIDENT) as seen:
            for _ in range(3):
                assert post(server, log(message="x" * 8 * MIB).encode()).status == 200
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 2 * seen.most_seconds

"""Syslog into a real server: over TCP, TLS and UDP, held back, drained and counted."""

import re
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import apsw
import msgspec
import pytest

from server.app import MOST_UNFINISHED
from server.ingest.syslog.framing import MAX_MESSAGE
from server.memory_budget import RESERVE
from tests.support.processes import (
    PATIENCE,
    ServerProcess,
    resident_bytes,
    run_waterline,
    serving,
    stalled,
)
from tests.support.syslog import LISTENING, address_of, counted, over_tcp, over_udp, stored
from tests.support.tls import LOOPBACK, WITH_LOOPBACK, start_secure_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

# Less than what waits in the server, in the kernel and on the way.
_QUEUE: Final = ("--queue-size", "64KiB")
_FILL: Final = 20_000


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    """A server that takes syslog over TCP and UDP."""
    with serving(data, *LISTENING) as running:
        yield running


def of_syslog(server: ServerProcess, scheme: str) -> dict[str, Any]:
    """Return what /health says of a listener."""
    syslog = server.get("/health")[1]["syslog"]
    assert isinstance(syslog, dict)
    found = syslog[scheme]
    assert isinstance(found, dict)
    return found


def messages(data: Path, source: str | None = None) -> list[str]:
    return [each["message"] for each in stored(data, source)]


def is_stored(data: Path, message: str) -> bool:
    return message in messages(data)


@contextmanager
def held_back(data: Path) -> Iterator[None]:
    """Hold the write lock of logs.db, so that nothing is committed meanwhile."""
    with closing(apsw.Connection(str(data / "logs.db"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


# What comes in


def test_messages_of_both_framings_and_of_datagrams_are_stored(server: ServerProcess) -> None:
    header = b"2026-11-24T10:00:00.123Z web app 42 ID47"
    with over_tcp(server) as tcp, over_udp(server) as udp:
        tcp.sendall(b"<11>Nov 24 10:00:00 web app[3]: a line\n")
        tcp.sendall(counted(b"<12>1 %b - counted" % header) + b"<13>1 %b - \xe9\0" % header)
        udp.send(b"<14>orders: a datagram\n")
        wait_until(lambda: len(stored(server.data)) == 4)
    over = stored(server.data, "syslog-tcp")
    assert [(each["type"], each["message"]) for each in over] == [
        ("error", "a line"),
        ("warning", "counted"),
        ("info", "\\xe9"),
    ]
    assert [each["attributes"]["host"] for each in over] == ["web", "web", "web"]
    assert {each["timestamp"] for each in over[1:]} == {1_795_514_400_123}
    (under,) = stored(server.data, "syslog-udp")
    assert (under["type"], under["message"]) == ("info", "orders: a datagram")
    # Who names no host is named by its address, and who names no time has that of receipt.
    assert under["attributes"] == {"facility": "user", "host": "127.0.0.1"}
    assert abs(under["timestamp"] - under["received_at"]) < 1000


def test_stream_is_stored_in_order_however_it_is_cut(server: ServerProcess) -> None:
    sent = [f"number {number}" for number in range(3000)]
    lines = [f"<13>{each}".encode() for each in sent]
    stream = b"".join(counted(each) if at % 2 else each + b"\n" for at, each in enumerate(lines))
    with over_tcp(server) as peer:
        for begin in range(0, len(stream), 997):
            peer.sendall(stream[begin : begin + 997])
    wait_until(lambda: len(stored(server.data)) == len(sent))
    assert messages(server.data) == sent
    assert of_syslog(server, "tcp")["dropped"] == {}


def test_what_was_begun_is_kept_when_the_peer_ends(server: ServerProcess) -> None:
    with over_tcp(server) as peer:
        peer.sendall(b"<13>a line without its end")
    wait_until(lambda: len(stored(server.data)) == 1)
    with over_tcp(server) as peer:
        peer.sendall(b"100 <13>half of what was counted")
    wait_until(lambda: len(stored(server.data)) == 2)
    found = [(each["message"], each["attributes"].get("truncated")) for each in stored(server.data)]
    assert found == [("a line without its end", None), ("half of what was counted", True)]


def test_message_that_is_too_long_is_cut_and_says_so(server: ServerProcess) -> None:
    with over_tcp(server) as peer:
        peer.sendall(b"<13>".ljust(2 * MAX_MESSAGE, b"x") + b"\n<13>next\n")
    wait_until(lambda: len(stored(server.data)) == 2)
    long, following = stored(server.data)
    assert long["message"] == "x" * (MAX_MESSAGE - len("<13>"))
    assert long["attributes"]["truncated"] is True
    assert following["message"] == "next"


def test_longest_datagram_is_stored_whole_and_an_empty_one_is_none(server: ServerProcess) -> None:
    longest = 65_507
    with over_udp(server) as peer:
        peer.send(b"")
        peer.send(b"\r\n")
        peer.send(b"<13>".ljust(longest, b"x"))
    wait_until(lambda: stored(server.data))
    (found,) = messages(server.data)
    assert found == "x" * (longest - len("<13>"))


def test_message_whose_json_is_too_deep_is_kept_as_text(server: ServerProcess) -> None:
    for depth, head in ((70, "<11>"), (5000, "")):
        text = f'{{"msg":"m","k":1,"deep":{"[" * depth}{"]" * depth}}}'
        with over_tcp(server) as peer:
            peer.sendall(counted(f"<11>{text}".encode()))
        wait_until(partial(is_stored, server.data, head + text))
    deep, deeper = stored(server.data)
    assert deep["attributes"] == {"facility": "user", "k": 1, "host": "127.0.0.1"}
    assert deeper["attributes"] == {"facility": "user", "host": "127.0.0.1"}


def test_sources_and_zone_are_those_of_the_settings(data: Path) -> None:
    named = ("--syslog-tcp-source", "routers", "--syslog-timezone", "Asia/Tokyo")
    with serving(data, *LISTENING, *named) as server, over_tcp(server) as peer:
        peer.sendall(b"<13>2026-11-24 19:00:00 web app[1]: x\n")
        wait_until(lambda: stored(data, "routers"))
    (found,) = stored(data)
    assert (found["message"], found["timestamp"]) == ("x", 1_795_514_400_000)


def test_tls_is_spoken_where_the_server_has_it(data: Path) -> None:
    server = start_secure_server(data, *WITH_LOOPBACK, "--syslog-tcp", "127.0.0.1:0")
    try:
        address = address_of(server, "tls")
        context = ssl.create_default_context(cafile=str(LOOPBACK))
        with (
            socket.create_connection(address, timeout=PATIENCE) as plain,
            socket.create_connection(address, timeout=PATIENCE) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as peer,
        ):
            plain.sendall(b"<13>in the clear\n")
            peer.sendall(b"9 <13>hello")
            wait_until(lambda: messages(data) == ["hello"])
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.communicate()


def test_all_that_a_sender_with_tls_sent_before_its_end_is_stored(data: Path) -> None:
    server = start_secure_server(data, *WITH_LOOPBACK, "--syslog-tcp", "127.0.0.1:0")
    try:
        context = ssl.create_default_context(cafile=str(LOOPBACK))
        lines = [f"number {number}".ljust(100, ".") for number in range(10_000)]
        with (
            socket.create_connection(address_of(server, "tls"), timeout=PATIENCE) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as peer,
        ):
            peer.sendall("".join(f"<13>{each}\n" for each in lines).encode())
        # It has ended without a word of TLS, and has read nothing that the server may have said.
        wait_until(lambda: len(stored(data)) == len(lines))
        assert messages(data) == lines
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.communicate()


# Off, and who may send


def test_syslog_is_off_unless_asked_for(data: Path) -> None:
    with serving(data) as server:
        assert server.syslog == ()
        assert server.get("/health")[1]["syslog"] == {}


@pytest.mark.parametrize("option", ["--syslog-tcp", "--syslog-udp"])
def test_address_that_others_reach_wants_a_word_on_who_may_send(data: Path, option: str) -> None:
    done = run_waterline(
        *("serve", "--data", data, "--port", "0", "--monitoring-port", "0"), option, "0.0.0.0:0"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "waterline: 0.0.0.0 is reached from beyond this machine, and syslog has no tokens; say "
        "who may send with --syslog-from, such as 10.0.0.0/8, or listen on 127.0.0.1 with "
        f"{option}\n"
    )


def test_listening_for_others_is_warned_of(data: Path) -> None:
    options = ("--syslog-udp", "0.0.0.0:0", "--syslog-from", "10.0.0.0/8")
    with serving(data, *options) as server:
        server.expected_errors.append(
            r" WARNING server: syslog travels to 0\.0\.0\.0 in the clear, and "
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"<13>from this machine", ("127.0.0.1", address_of(server, "udp")[1]))
        wait_until(lambda: messages(data) == ["from this machine"])


@pytest.mark.parametrize("option", ["--syslog-tcp", "--syslog-udp"])
def test_port_in_use_is_told_with_its_setting(data: Path, option: str) -> None:
    kind = socket.SOCK_STREAM if option == "--syslog-tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = run_waterline(
            *("serve", "--data", data, "--port", "0", "--monitoring-port", "0"),
            *(option, f"127.0.0.1:{port}"),
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"waterline: port {port} on 127.0.0.1 is in use by another program; stop it or choose "
        f"another port with {option} (0 picks a free one)\n"
    )


# Bounds


def test_no_more_connections_than_a_token_may_hold(data: Path) -> None:
    with ExitStack() as opened:
        server = opened.enter_context(serving(data, *LISTENING, "--token-connections", "3"))
        server.expected_errors.append(
            r" WARNING server: a connection of syslog was closed: 3 are open, as many as "
            "token_connections"
        )
        peers = [opened.enter_context(over_tcp(server)) for _ in range(4)]
        assert peers[3].recv(1) == b""
        # The seats are taken at once, and the connections opened in the next turn.
        wait_until(lambda: of_syslog(server, "tcp")["connections"] == 3)
        assert of_syslog(server, "tcp")["turned_away"] == {"too_many": 1}
        assert server.get("/health")[1]["warnings"] == [
            "connections of syslog were closed, as token_connections allows no more at once"
        ]
        peers[0].close()
        wait_until(lambda: of_syslog(server, "tcp")["connections"] == 2)
        with urlopen(f"{server.monitoring}/metrics?format=prometheus", timeout=PATIENCE) as page:
            assert b"\nwaterline_syslog_connections 2.0\n" in page.read()
        later = opened.enter_context(over_tcp(server))
        later.sendall(b"<13>there is room\n")
        wait_until(lambda: messages(data) == ["there is room"])


def test_message_that_stops_half_way_is_kept_and_its_connection_closed(data: Path) -> None:
    with (
        serving(data, *LISTENING, "--idle-timeout", "500ms") as server,
        over_tcp(server) as stopped,
        over_tcp(server) as silent,
    ):
        stopped.sendall(b"<13>whole\n<13>half")
        assert stopped.recv(1) == b""
        # Silence between messages is usual, and closing would lose what comes next.
        silent.sendall(b"<13>later\n")
        wait_until(lambda: len(messages(data)) == 3)
    assert messages(data) == ["whole", "half", "later"]


def test_unfinished_messages_of_many_are_bounded_in_memory_and_all_arrive(data: Path) -> None:
    many, size = 1500, MAX_MESSAGE - 100
    bound = MOST_UNFINISHED + RESERVE + 16 * 2**20
    assert many * size > 1.5 * bound
    head = b"<13>1 - - - - - - "
    with serving(data, *LISTENING) as server, ExitStack() as opened:
        peers = [opened.enter_context(over_tcp(server)) for _ in range(many)]
        wait_until(lambda: of_syslog(server, "tcp")["connections"] == many)
        before = resident_bytes(server.process)
        for number, peer in enumerate(peers):
            # The kernel holds what the server does not read.
            peer.sendall(b"%b%06d".ljust(size + 5, b"x") % (head, number))
        with over_tcp(server) as other:
            other.sendall(b"<13>small\n")
            wait_until(lambda: messages(data) == ["small"])
        assert resident_bytes(server.process) - before < bound
        for peer in peers:
            peer.sendall(b"\n")
        wait_until(lambda: server.get("/health")[1]["last_seq"] == many + 1)
    found = messages(data)[1:]
    assert sorted(each[:6] for each in found) == [f"{number:06d}" for number in range(many)]
    assert len({len(each) for each in found}) == 1


# Backpressure


def test_full_queue_holds_tcp_back_and_loses_nothing(data: Path) -> None:
    with serving(data, *LISTENING, *_QUEUE) as server, over_tcp(server) as peer:
        line = b"<13>%06d " + b"x" * 1000 + b"\n"
        sent = 0
        with held_back(data):
            # Non-blocking, so that it is seen how the server stops to read.
            peer.setblocking(False)
            rest = b""
            while True:
                try:
                    rest = rest or line % sent
                    rest = rest[peer.send(rest) :]
                    sent += not rest
                except BlockingIOError:
                    peer.settimeout(0.5)
                    try:
                        rest = rest[peer.send(rest) :]
                        sent += not rest
                    except TimeoutError:
                        break
                    peer.setblocking(False)
                assert sent < _FILL, "the server reads on though nothing is stored"
        peer.settimeout(PATIENCE)
        peer.sendall(rest or line % sent)
        wait_until(lambda: len(stored(data)) == sent + 1)
        assert of_syslog(server, "tcp")["dropped"] == {}
    assert [each.split()[0] for each in messages(data)] == [f"{at:06d}" for at in range(sent + 1)]


def test_full_queue_drops_datagrams_and_counts_each(data: Path) -> None:
    with serving(data, *LISTENING, *_QUEUE) as server, over_udp(server) as peer:
        filler = b"x" * 1000
        sent = 0
        with held_back(data):
            # Some are dropped by the kernel, as many as the server is slower than this.
            while of_syslog(server, "udp")["dropped"].get("queue_full", 0) <= 100:
                for number in range(sent, sent + 200):
                    peer.send(b"<13>%06d %b" % (number, filler))
                sent += 200
                assert sent < 10 * _FILL
        # The kernel tells what it dropped with the datagram that comes next.
        wait_until(lambda: not of_syslog(server, "udp")["waiting_bytes"])
        peer.send(b"<13>last")
        wait_until(lambda: "last" in messages(data))
        dropped = of_syslog(server, "udp")["dropped"]
        assert dropped.keys() <= {"queue_full", "kernel_full"}
        assert len(stored(data)) + sum(dropped.values()) == sent + 1
        warnings = "\n".join(msgspec.convert(server.get("/health")[1]["warnings"], list[str]))
        for why, count in dropped.items():
            assert re.search(rf"(?m)^{count} logs? of source syslog-udp .* \({why}\)", warnings)
    assert sorted(messages(data)) == messages(data)


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end_of_server_drains_what_has_come(data: Path, number: signal.Signals) -> None:
    lines = [f"tcp {at}".ljust(60, ".") for at in range(10_000)]
    with serving(data, *LISTENING) as server, over_tcp(server) as tcp, over_udp(server) as udp:
        wait_until(lambda: of_syslog(server, "tcp")["connections"] == 1)
        # So that nothing is read before it is told to end.
        with stalled(server.process):
            tcp.sendall("".join(f"<13>{each}\n" for each in lines).encode() + b"<13>begun")
            for at in range(100):
                udp.send(b"<13>udp %d" % at)
            server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == 0
    assert messages(data, "syslog-tcp") == [*lines, "begun"]
    assert messages(data, "syslog-udp") == [f"udp {at}" for at in range(100)]

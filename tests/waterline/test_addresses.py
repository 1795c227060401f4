"""Addresses: what is printed, what is read back, and what is said of one that cannot be used."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bind import bind, bind_datagrams, port_of
from waterline.addresses import Addresses, is_loopback, parse_announcement
from waterline.errors import AddressError
from workbench.running.ports import choose_port


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("::1", "[::1]"),
        ("192.0.2.7", "192.0.2.7"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
    ],
)
def test_urls_are_such_that_one_can_connect_to_them(host: str, reached_at: str) -> None:
    addresses = Addresses(host, 3001, 3002)
    assert addresses.ingest == f"ws://{reached_at}:3001/ingest"
    assert addresses.monitoring == f"http://{reached_at}:3002"
    secure = Addresses(host, 3001, 3002, secure=True)
    assert secure.ingest == f"wss://{reached_at}:3001/ingest"
    assert secure.monitoring == f"https://{reached_at}:3002"


@given(
    st.sampled_from(["127.0.0.1", "0.0.0.0", "::1", "localhost"]),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.booleans(),
    st.sampled_from([(), ("tcp://[::1]:5514",), ("tls://a:1", "udp://b:2")]),
)
def test_announcement_is_parsed_back(
    host: str, port: int, monitoring_port: int, secure: bool, syslog: tuple[str, ...]
) -> None:
    addresses = Addresses(host, port, monitoring_port, secure, syslog)
    line = addresses.announcement(Path("some folder/data")) + "\n"
    assert parse_announcement(line, host) == addresses


def test_another_line_is_no_announcement() -> None:
    mixed = "waterline serves wss://127.0.0.1:3001/ingest and http://127.0.0.1:3002 from data"
    for line in ("", "\n", "waterline: port 3001 is in use", "waterline serves nothing", mixed):
        assert parse_announcement(line, "127.0.0.1") is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_only_what_stays_on_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_port_0_picks_free_one() -> None:
    sockets = bind("127.0.0.1", 0, "port")
    try:
        assert port_of(sockets) > 0
    finally:
        for each in sockets:
            each.close()


def test_port_that_was_chosen_is_free_to_be_listened_on() -> None:
    port = choose_port("127.0.0.1", 0, "port")
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_name_that_no_machine_has_is_told() -> None:
    # Other failures are tested through the command: Tornado leaves their sockets unclosed.
    with pytest.raises(AddressError) as raised:
        bind("nowhere.invalid", 0, "port")
    sentence = str(raised.value)
    assert sentence.startswith("nowhere.invalid is no address of this machine (")
    assert sentence.endswith("); choose another with --host")


def test_datagrams_of_a_name_with_several_addresses_come_in_at_one_port() -> None:
    bound = bind_datagrams("localhost", 0, "syslog_udp")
    try:
        assert {each.getsockname()[1] for each in bound} == {port_of(bound)}
        assert {each.getsockname()[0] for each in bound} <= {"127.0.0.1", "::1"}
        with pytest.raises(AddressError, match=rf"^port {port_of(bound)} on localhost is in use"):
            bind_datagrams("localhost", port_of(bound), "syslog_udp")
    finally:
        for each in bound:
            each.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-name.invalid"])
def test_datagrams_cannot_come_in_at_a_foreign_address(host: str) -> None:
    with pytest.raises(AddressError, match=r"choose another with --syslog-udp$"):
        bind_datagrams(host, 0, "syslog_udp")

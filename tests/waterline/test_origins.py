"""Origins: how they are written, which pages may connect, which hosts are our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.origins import (
    format_origins,
    is_allowed,
    is_own_host,
    parse_origin,
    parse_origins,
)

schemes = st.sampled_from(["http", "https", "ws", "wss", "chrome-extension"])
hosts = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,2}", fullmatch=True)
origins = st.builds(
    lambda scheme, host, port: parse_origin(f"{scheme}://{host}:{port}"),
    schemes,
    hosts | st.just("[::1]"),
    st.integers(1, 65535),
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://logs.example.com", "https://logs.example.com"),
        ("HTTPS://Logs.Example.COM", "https://logs.example.com"),
        ("https://logs.example.com:443", "https://logs.example.com"),
        ("http://logs.example.com:80", "http://logs.example.com"),
        ("http://logs.example.com:443", "http://logs.example.com:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_origin_is_written_as_browser_sends_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "logs.example.com",
        "//logs.example.com",
        "https://",
        "https://logs.example.com/",
        "https://logs.example.com/page",
        "https://logs.example.com?a",
        "https://logs.example.com#a",
        "https://user@logs.example.com",
        "https://logs.example.com:x",
        "https://logs.example.com:65536",
        "https://[::1",
        "https://*.example.com",
        "https://bücher.example",
        "https://a b",
        "https://a\n",
    ],
)
def test_other_text_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin; write one as https://"):
        parse_origin(text)


@given(st.lists(origins | st.just("*"), unique=True).map(tuple))
def test_formatted_origins_are_parsed_back(allowed: tuple[str, ...]) -> None:
    assert parse_origins(format_origins(allowed)) == allowed


def test_list_has_commas_and_each_origin_once() -> None:
    assert parse_origins("") == parse_origins(" none ") == ()
    assert parse_origins("http://a, http://b ,HTTP://A:80") == ("http://a", "http://b")
    with pytest.raises(ValueError, match="'' is no origin"):
        parse_origins("http://a,")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:3001", "127.0.0.1:3001"),
        ("http://localhost:3001", "LocalHost:3001"),
        ("http://[::1]:3001", "[::1]:3001"),
        ("https://logs.example.com", "logs.example.com"),
        ("https://logs.example.com", "logs.example.com:443"),
    ],
)
def test_servers_own_pages_may_connect(origin: str, host: str) -> None:
    assert is_allowed(origin, host, ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:3000", "127.0.0.1:3001"),
        ("http://localhost:3001", "127.0.0.1:3001"),
        ("https://evil.example", "logs.example.com"),
        ("https://logs.example.com.evil.example", "logs.example.com"),
        ("https://evil.example/logs.example.com", "logs.example.com"),
        ("https://logs.example.com@evil.example", "logs.example.com"),
        ("http://logs.example.com", "logs.example.com:443"),
        ("null", "logs.example.com"),
        ("", ""),
        ("https://evil.example", ""),
        ("https://a", "a/b"),
    ],
)
def test_foreign_pages_may_not_connect(origin: str, host: str) -> None:
    assert not is_allowed(origin, host, ())
    assert not is_allowed(origin, host, ("https://another.example",))
    assert is_allowed(origin, host, ("*",))


@given(origins, origins)
def test_allowed_origin_may_connect_and_it_alone(allowed: str, other: str) -> None:
    assert is_allowed(allowed.upper().lower(), "logs.example.com", (allowed,))
    assert is_allowed(other, "logs.example.com", (allowed,)) is (other == allowed)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:3002", "a.localhost:1", "127.0.0.1:3002", "[::1]:3002", "10.0.0.1"],
)
def test_name_of_loopback_and_any_address_are_its_own_hosts(host: str) -> None:
    assert is_own_host(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3002",
        "localhost.evil.example",
        "",
        "[::1",
        "127.0.0.1.evil.example",
    ],
)
def test_other_name_is_own_host_only_if_allowed(host: str) -> None:
    assert not is_own_host(host, ())
    assert not is_own_host(host, ("https://other.example",))


def test_hosts_of_allowed_origins_are_its_own() -> None:
    assert is_own_host("logs.example.com:3002", ("https://logs.example.com",))
    assert is_own_host("anything", ("*",))

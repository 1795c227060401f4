"""Lines of access logs."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.recognition.recognizer import Recognizer


def parse_combined(line: str) -> dict[str, object] | None:
    reader = Recognizer(reference=datetime(2024, 6, 1, tzinfo=UTC))
    found = reader.line(line)
    if "status" not in found.attributes:
        return None
    return {
        "type": found.type,
        "message": found.message,
        "timestamp": found.timestamp,
        **found.attributes,
    }


COMMON = '10.0.0.1 - anna [17/May/2015:10:05:03 +0200] "GET /x?y=1 HTTP/1.1" 200 512'


def access(request: str = "GET /x HTTP/1.1", status: str = "200", size: str = "7") -> str:
    return f'h - - [17/May/2015:10:05:03 +0000] "{request}" {status} {size} "-" "-"'


def test_a_combined_line_gives_all_its_parts() -> None:
    assert parse_combined(f'{COMMON} "http://a.org/" "Mozilla/5.0 (X11)"') == {
        "type": "info",
        "message": "GET /x?y=1 HTTP/1.1",
        "timestamp": int(datetime(2015, 5, 17, 8, 5, 3, tzinfo=UTC).timestamp() * 1000),
        "method": "GET",
        "path": "/x?y=1",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 512,
        "referrer": "http://a.org/",
        "agent": "Mozilla/5.0 (X11)",
        "remote_host": "10.0.0.1",
        "remote_user": "anna",
    }


def test_a_common_line_is_the_same_without_referrer_and_agent() -> None:
    common, combined = parse_combined(COMMON), parse_combined(f'{COMMON} "r" "a"')
    assert common is not None
    assert combined == common | {"referrer": "r", "agent": "a"}


def test_what_the_server_wrote_as_a_dash_is_left_out() -> None:
    log = parse_combined(access(size="-"))
    assert log is not None
    assert log.keys() == {
        *("type", "message", "timestamp", "method", "path", "protocol", "status", "remote_host"),
    }


def test_an_identity_is_not_lost() -> None:
    log = parse_combined(COMMON.replace(" - anna", " ident anna"))
    assert log is not None
    assert log["remote_identity"] == "ident"


@given(status=st.integers(100, 999))
def test_the_status_gives_the_type(status: int) -> None:
    log = parse_combined(access(status=str(status)))
    assert log is not None
    assert log["status"] == status
    expected = {4: "warning"}.get(status // 100, "error" if status >= 500 else "info")
    assert log["type"] == expected


@pytest.mark.parametrize(
    "request_line", ["-", "", r"\x16\x03\x01", "GET", "get /x HTTP/1.1", r"\n"]
)
def test_a_request_that_is_no_http_still_fits(request_line: str) -> None:
    log = parse_combined(access(request_line, status="400"))
    assert log is not None
    assert log["message"] == request_line
    assert log["type"] == "warning"
    assert not log.keys() & {"method", "path", "protocol"}


def test_a_path_may_have_spaces() -> None:
    log = parse_combined(access("GET /a b HTTP/1.0"))
    assert log is not None
    assert (log["method"], log["path"], log["protocol"]) == ("GET", "/a b", "HTTP/1.0")


quotable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(
    lambda text: text != "-"
)


@given(path=quotable, referrer=quotable, agent=quotable)
def test_quotes_and_backslashes_in_quoted_fields_are_unescaped(
    path: str, referrer: str, agent: str
) -> None:
    written = [
        text.replace("\\", "\\\\").replace('"', '\\"') for text in (f"/{path}", referrer, agent)
    ]
    request = f"GET {written[0]} HTTP/1.1"
    log = parse_combined(
        f'h - - [17/May/2015:10:05:03 +0000] "{request}" 200 1 "{written[1]}" "{written[2]}"'
    )
    assert log is not None
    assert log["message"] == request
    assert (log["path"], log["referrer"], log["agent"]) == (f"/{path}", referrer, agent)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "plain text",
        COMMON.replace("17/May", "31/Jun"),
        COMMON.replace("10:05", "25:05"),
        COMMON.replace(" 200 ", " 20 "),
        COMMON.replace("512", "1" * 19),
        COMMON.replace("/x?", '/"x?'),
    ],
)
def test_a_line_of_another_form_does_not_fit(line: str) -> None:
    assert parse_combined(line) is None


@pytest.mark.parametrize("behind", [' "r"', ' "r" "a', ' "r" "a" "b" c', " x"])
def test_what_stands_behind_and_is_unknown_is_kept(behind: str) -> None:
    log = parse_combined(COMMON + behind)
    assert log is not None
    assert str(log["rest"]) in behind


def test_a_long_line_takes_no_more_than_its_length() -> None:
    assert parse_combined("h - - " * 50_000) is None
    assert parse_combined(access("\\x16" * 50_000)) is not None
    assert parse_combined(access("a " * 50_000).replace('" 200', " 200")) is None

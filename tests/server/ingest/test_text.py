"""Bodies that are no JSON: lines of text, and the forms of Python's own handler."""

import gzip
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.forms import read_form
from server.ingest.text import read_text
from tests.support.forking import run
from tests.support.posting import error_of, post
from tests.support.processes import ServerProcess, create_token, serving

TRACEBACK = """\
2026-03-17 10:00:00,250 ERROR shop: no stock
Traceback (most recent call last):
  File "shop.py", line 7, in buy
KeyError: 'apple'

2026-03-17 10:00:01,000 INFO shop: closed
"""
OWN = '{"id":"own-1","type":"audit","message":"mine","timestamp":1773741602000,"who":"a"}\n'
AT_TEN = 1_773_741_600_000

Row = tuple[str, str, str, int, str]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("text") / "data") as running:
        yield running


def stored(data: Path, source: str) -> list[Row]:
    asked = (
        "SELECT id, type, message, timestamp, attributes FROM logs WHERE source = ? ORDER BY seq"
    )
    with closing(apsw.Connection(str(data / "logs.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        found = db.execute(asked, (source,))
        return [(str(a), str(b), str(c), int(str(d)), str(e)) for a, b, c, d, e in found]


# Without a server


@given(st.lists(st.sampled_from([*TRACEBACK.splitlines(), "  at x", "{", "\xff", "a b"])))
def test_each_line_of_a_text_is_part_of_a_log_once(lines: list[str]) -> None:
    content = "\n".join(lines)
    for charset in ("", "latin-1", "utf-16", "utf-8"):
        entries = read_text(content.encode(charset or "latin-1"), charset)
        found = "\n".join(text for each in entries for text in each.columns.messages)
        assert found.splitlines() == [line for line in lines if line.strip()]


def test_lines_are_the_same_wherever_a_piece_of_the_body_ends() -> None:
    lines = [f"2026-03-17 10:00:00 INFO line {number} \N{SNOWMAN}" for number in range(5_000)]
    body = "\r\n".join(lines).encode("utf-16")
    found = [text for each in read_text(body, "utf-16") for text in each.columns.messages]
    assert found == lines


@pytest.mark.parametrize(
    ("template", "arguments", "message"),
    [
        ("order %d of %s failed", "(7, 'bob')", "order 7 of bob failed"),
        ("%5.1f%% done", "(99.25,)", " 99.2% done"),
        ("done", "()", "done"),
        ("100 %", "()", "100 %"),
        ("100 %", "(1,)", None),
        ("%d", "('seven',)", None),
        ("%999999999d", "(1,)", None),
        ("%(name)s", "{'name': 'a'}", None),
        ("%s", "(open('x'),)", None),
        ("%s", "(" * 5_000, None),
    ],
)
def test_arguments_of_a_record_are_put_into_its_message_where_that_is_safe(
    template: str, arguments: str, message: str | None
) -> None:
    fields = {"msg": template, "args": arguments}
    found = read_form(urlencode(fields).encode())
    assert found == (fields if message is None else {"msg": message})


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b"a=b\nc=d", b"hello", b"", b"[1]", b"&".join([b"a=1"] * 1001)]
)
def test_body_that_is_no_form_is_read_otherwise(body: bytes) -> None:
    assert read_form(body) is None


@given(st.binary())
def test_any_bytes_are_a_form_or_none(body: bytes) -> None:
    found = read_form(body)
    assert found is None or found


# With a server


@pytest.mark.slow
def test_text_is_stored_as_logs_of_several_lines(shared: ServerProcess) -> None:
    token = create_token(shared.data, "file")
    body = gzip.compress((TRACEBACK + OWN).encode())
    for duplicates in (0, 3):
        answer = post(
            shared,
            body,
            token=token,
            Content_Type="text/plain; charset=utf-8",
            Content_Encoding="gzip",
        )
        assert (answer.status, answer.json["count"], answer.json["duplicates"]) == (
            200,
            3,
            duplicates,
        )
    first, second, third = stored(shared.data, "file")
    lines = TRACEBACK.splitlines()
    assert first[1:] == ("error", "\n".join(lines[:4]), AT_TEN + 250, "{}")
    assert second[1:] == ("info", lines[5], AT_TEN + 1000, "{}")
    assert third == ("own-1", "audit", "mine", AT_TEN + 2000, '{"who":"a"}')


@pytest.mark.slow
def test_json_that_is_called_text_is_json(shared: ServerProcess) -> None:
    token = create_token(shared.data, "beacon")
    assert post(shared, OWN.encode(), token=token, Content_Type="text/plain").status == 200
    assert [row[0] for row in stored(shared.data, "beacon")] == ["own-1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b" \n\r\n", "text/plain", "this holds no log"),
        (
            b"hello world",
            "application/json",
            "lines of text are logs with Content-Type: text/plain",
        ),
        (b"hello world", "text/plain; charset=klingon", "charset='klingon' is unknown; send"),
        (b"hello world", "text/plain; charset=punycode", "charset='punycode' is unknown; send"),
        (b"hello world", "text/plain; charset=zlib", "charset='zlib' is unknown; send"),
        (b"hello world", "application/x-www-form-urlencoded", "with Content-Type: text/plain"),
    ],
)
def test_what_is_no_log_is_refused_in_one_sentence(
    shared: ServerProcess, body: bytes, content_type: str, said: str
) -> None:
    answer = post(shared, body, Content_Type=content_type)
    assert error_of(answer) in ((400, "invalid_log"), (415, "unsupported_encoding"))
    assert said in answer.json["message"]


_RECORDS = """
import logging, logging.handlers, sys

handler = logging.handlers.HTTPHandler(
    sys.argv[1], "/ingest", "POST", credentials=("any", sys.argv[2])
)
logger = logging.getLogger("shop")
logger.addHandler(handler)
logger.warning("order %d of %s failed", 7, "bob", extra={"basket": "b-1"})
logger.error("100% lost")
"""


@pytest.mark.slow
def test_records_of_pythons_own_handler_are_stored(shared: ServerProcess) -> None:
    token = create_token(shared.data, "handler")
    address = urlsplit(shared.ingest).netloc
    done = run([sys.executable, "-c", _RECORDS, address, token])
    assert (done.returncode, done.stderr) == (0, "")
    first, second = stored(shared.data, "handler")
    assert first[1:3] == ("warning", "order 7 of bob failed")
    assert '"basket":"b-1"' in first[4]
    assert second[1:3] == ("error", "100% lost")
    assert '"args"' not in first[4] + second[4]


def test_half_of_a_surrogate_pair_in_arguments_is_no_text() -> None:
    form = urlencode({"msg": "no %s", "args": r"('\ud800 stock',)"}).encode()
    assert read_form(form) == {"msg": "no ? stock"}

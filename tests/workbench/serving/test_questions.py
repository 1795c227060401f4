"""`waterline query`: what it answers to any client, and to whom."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.processes import PATIENCE, run_waterline
from tests.support.questions import Questions, answering, create_ingest_token, revoke
from tests.support.waiting import wait_until
from waterline.encoding import PARQUET
from workbench.serving.rows import AT_ONCE

pytestmark = pytest.mark.slow

LOGS = 30_000
KINDS = ("info", "error", "warning")


def fill_many(data: Path, count: int = LOGS) -> None:
    for begin in range(0, count, 10_000):
        fill(
            data,
            [
                {
                    "type": KINDS[place % 3],
                    "message": f"request {place} was answered",
                    "timestamp": NOON + place,
                    "status": 200 + place % 4 * 100,
                }
                for place in range(begin, min(count, begin + 10_000))
            ],
        )


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    """A process over a folder of which a third is archived."""
    data = tmp_path_factory.mktemp("many") / "data"
    fill_many(data)
    archive(data, [(10_000, PARQUET)], clear=True)
    with answering(data) as questions:
        yield questions


def lines(body: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of JSON lines, and what the last one tells."""
    *rows, end = map(json.loads, body.splitlines())
    assert end["@"] == "end"
    assert end["rows"] == len(rows)
    return rows, end


def test_filters_are_answered_as_json_lines_with_an_end(many: Questions) -> None:
    status, body = many.post("/query", {"query": "type:error status>=500", "limit": 3})
    rows, end = lines(body)
    assert status == 200
    assert [(row["type"], row["attributes"]) for row in rows] == [("error", {"status": 500})] * 3
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert str(end["pin"]).count("/") == 2
    assert (end["missing"], end["pruned"], end["warnings"]) == ([], None, [])


def test_columns_come_in_the_order_asked_for_as_csv(many: Questions) -> None:
    asked = {"columns": ["message", "seq"], "where": {"status": [">", 400]}, "limit": 1}
    status, body = many.post("/query", asked, "text/csv")
    assert status == 200
    assert body == f'"message","seq"\n"request {LOGS - 1} was answered",{LOGS}\n'.encode()


def test_any_reader_of_arrow_takes_an_answer(many: Questions) -> None:
    status, body = many.post("/query", {"type": ["info"]}, "*/*")
    table = pa.ipc.open_stream(body).read_all()
    assert status == 200
    assert table.num_rows == LOGS // 3
    assert set(table["type"].to_pylist()) == {"info"}


def test_a_select_is_answered_with_its_parameters(many: Questions) -> None:
    query = "SELECT type, count(*) AS logs FROM logs WHERE type <> $1 GROUP BY type ORDER BY type"
    status, body = many.post("/sql", {"query": query, "parameters": ["info"]})
    assert status == 200
    rows, _ = lines(body)
    assert rows == [{"type": "error", "logs": 10_000}, {"type": "warning", "logs": 10_000}]


def test_a_pin_returns_the_same_logs(many: Questions) -> None:
    _, first = many.post("/query", {"limit": 2, "since": "2026-03-17"})
    pin = lines(first)[1]["pin"]
    _, again = many.post("/query", {"limit": 2, "since": "2026-03-17", "at": pin})
    assert again == first


def test_question_that_is_too_long_gets_a_sentence_however_it_comes(many: Questions) -> None:
    body = {"query": "x" * 2**23}
    refused = {"error": "UsageError", "message": "the question takes more than 8MiB; ask for less"}
    for path in ("/query", "/sql", "/report/count"):
        status, said = many.post(path, body)
        assert (status, json.loads(said)) == (413, json.loads(said) | refused)
    assert many.post("/query", body, token="unknown")[0] == 401


def test_what_fails_amid_a_select_is_a_sentence(many: Questions) -> None:
    query = "SELECT repeat('x', 100000000) AS text FROM range(30)"
    _, said = many.post("/sql", {"query": query})
    assert b"maximum total string size" in said
    assert b"its log says why" not in said


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/query", {"typ": "error"}, "there is no filter typ"),
        ("/query", {"query": "status:9..1"}, "position 8"),
        ("/query", {"since": "yesterday"}, "since='yesterday' is no time"),
        ("/query", {"limit": -1}, "limit=-1 is no count"),
        ("/query", {"incomplete": "no"}, "incomplete='no' is unknown"),
        ("/query", [1], "the body is no JSON object"),
        ("/query", {"where": {"@": "Nonsense", "value": {}}}, "no kind of value 'Nonsense'"),
        ("/query", {"question": {"@": "Question", "value": {"limit": "3"}}}, "Question.limit"),
        ("/sql", {"query": "DROP TABLE logs"}, "is no SELECT but DROP"),
        ("/sql", {"query": "SELECT * FROM read_csv('/etc/passwd')"}, "cannot be answered"),
        ("/sql", {}, "query is missing"),
        ("/report/nothing", {}, "there is no report nothing"),
        ("/report/count", {"arguments": []}, "count takes other arguments"),
        ("/report/count", {"arguments": [{"at": 1}, 2, 3]}, "count takes other arguments"),
        ("/report/throughput", {"arguments": ["1h", None, {}, {}]}, "basis cannot be"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    many: Questions, path: str, body: object, says: str
) -> None:
    status, answer = many.post(path, body)
    assert status == 400
    told = json.loads(answer)
    assert says in told["message"]
    assert told["type"] == "error"
    assert "\n" not in told["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"@": []}', b"\xff"])
def test_a_body_that_is_no_json_is_refused(many: Questions, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {many.token}"}
    status, answer = many.fetch("/query", body or b" ", headers)
    assert status == 400
    assert json.loads(answer)["error"] == "UsageError"


def test_an_answer_in_a_form_that_is_unknown_is_refused(many: Questions) -> None:
    status, answer = many.post("/query", {}, "image/png")
    assert status == 400
    assert "name one of them in Accept" in json.loads(answer)["message"]


def test_only_a_token_with_the_scope_read_is_answered(many: Questions) -> None:
    producer = create_ingest_token(many.data)
    assert many.fetch("/query", b"{}")[0] == 401
    status, answer = many.post("/query", {}, token="wl_unknown")
    assert (status, json.loads(answer)["error"]) == (401, "unauthorized")
    status, answer = many.post("/sql", {"query": "SELECT 1"}, token=producer)
    assert (status, json.loads(answer)["message"]) == (403, "this token lacks the scope read")


def test_pages_of_others_and_names_made_to_resolve_to_it_are_refused(many: Questions) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Host": "rebound.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        status, answer = many.post("/query", {"limit": 1}, headers=headers)
        assert (status, json.loads(answer)["error"]) in {
            (403, "origin_not_allowed"),
            (403, "host_not_allowed"),
        }


def test_an_unknown_path_names_those_that_are_there(many: Questions) -> None:
    status, answer = many.fetch("/logs")
    assert status == 404
    assert "/query, /sql" in json.loads(answer)["message"]
    assert many.fetch("/query")[0] in (401, 405)


def test_health_tells_of_questions_without_a_token_on_loopback(many: Questions) -> None:
    assert many.health() == {
        "status": "healthy",
        "reasons": [],
        "questions": 0,
        "most_questions": 8,
    }
    assert many.fetch("/livez")[0] == 200


def test_an_answer_ends_at_the_bytes_it_may_take(tmp_path: Path) -> None:
    fill_many(tmp_path / "data")
    with answering(tmp_path / "data", "--query-bytes", "100kB") as questions:
        status, body = questions.post("/query", {"limit": AT_ONCE + 1}, "*/*")
        assert status == 400 or b"raise the server's setting query_bytes" in body
        status, _ = questions.post("/query", {"limit": 10})
        assert status == 200


def test_a_select_ends_at_the_memory_it_may_take(many: Questions) -> None:
    query = "SELECT list(a.message || b.message) FROM logs a, logs b WHERE b.seq < 1000"
    status, answer = many.post("/sql", {"query": query})
    assert status == 400
    assert "cannot be answered: Out of Memory" in json.loads(answer)["message"]


def asked_slowly(questions: Questions, body: bytes) -> socket.socket:
    """Ask for all rows of a long SELECT, and return the connection without reading it."""
    address = urlsplit(questions.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=PATIENCE)
    head = (
        f"POST /sql HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {questions.token}"
        f"\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


ENDLESS = json.dumps(
    {"query": "SELECT count(*) FROM logs a, logs b, logs c WHERE a.message < b.message || c.id"}
).encode()
"""It computes for hours, and yields nothing before."""
WIDE = json.dumps({"query": "SELECT a.message FROM logs a, logs b"}).encode()
"""Its answer has no end to speak of."""


@pytest.mark.parametrize("body", [ENDLESS, WIDE])
def test_a_client_that_goes_ends_its_question(many: Questions, body: bytes) -> None:
    connection = asked_slowly(many, body)
    wait_until(lambda: many.health()["questions"] == 1, "the question")
    connection.close()
    wait_until(lambda: many.health()["questions"] == 0, "its end")
    assert many.post("/query", {"limit": 1})[0] == 200


def test_more_questions_at_once_than_are_answered_are_told_to_come_again(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 3_000)
    with answering(tmp_path / "data", "--query-concurrency", "1") as questions:
        with asked_slowly(questions, ENDLESS):
            wait_until(lambda: questions.health()["questions"] == 1, "the question")
            status, answer = questions.post("/query", {"limit": 1})
            assert status == 503
            assert "raise the server's setting query_concurrency" in json.loads(answer)["message"]
        wait_until(lambda: questions.health()["questions"] == 0, "its end")
        assert questions.post("/query", {"limit": 1})[0] == 200


def test_a_token_that_is_revoked_ends_its_question(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 3_000)
    with answering(tmp_path / "data") as questions:
        questions.expected_errors.append("the token analyst was withdrawn; its question ends")
        with asked_slowly(questions, ENDLESS) as connection:
            wait_until(lambda: questions.health()["questions"] == 1, "the question")
            revoke(questions.data)
            assert connection.recv(1) == b""
        wait_until(lambda: questions.health()["questions"] == 0, "its end")
        assert questions.post("/query", {"limit": 1})[0] == 401


def test_it_ends_in_order_amid_a_question(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 3_000)
    with answering(tmp_path / "data") as questions, asked_slowly(questions, ENDLESS):
        wait_until(lambda: questions.health()["questions"] == 1, "the question")
        questions.stop()


def test_beyond_loopback_it_wants_a_token_first(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    done = run_waterline("query", "--data", tmp_path / "data", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "there is no token yet; make one with `waterline token create NAME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_beyond_loopback_health_wants_a_token_too(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    with answering(tmp_path / "data", "--host", "0.0.0.0") as questions:
        questions.expected_errors.append("travel to 0.0.0.0 in the clear")
        assert questions.fetch("/health")[0] == 401
        headers = {"Authorization": f"Bearer {questions.token}"}
        assert questions.fetch("/health", None, headers)[0] == 200
        assert questions.fetch("/livez")[0] == 200


def test_a_fault_of_ours_is_told_in_the_log_and_no_secret_with_it(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    with answering(tmp_path / "data") as questions:
        # No function expects a list as the name of a column.
        status, answer = questions.post("/report/around", {"arguments": [1, 1, ["x"], None]})
        assert (status, json.loads(answer)["error"]) == (500, "ServerFailed")
        questions.process.terminate()
        _, errors = questions.process.communicate(timeout=PATIENCE)
    assert "error in /report/around" in errors
    assert questions.token not in errors

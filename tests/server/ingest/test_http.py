"""POST /ingest: the bodies it takes, the batch ack it gives, and what is wrong with a request."""

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from socket import socket as Socket  # noqa: N812 - `socket` names our variables
from urllib.parse import urlsplit
from uuid import uuid4

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.post import MOST_UNWANTED
from tests.server.ingest.test_bodies import COMPRESS
from tests.support.posting import begun, error_of, post
from tests.support.processes import ServerProcess, create_token, serving
from tests.support.sockets import decode, log
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

MEBIBYTE = 2**20
TOO_MUCH = (16 * MEBIBYTE + 1, MOST_UNWANTED + MEBIBYTE, 10**15)
# For what comes at once; a body that does not go on is answered later than that.
PATIENCE_SECONDS = 30.0


def stored(data: Path, source: str) -> list[str]:
    with closing(apsw.Connection(str(data / "logs.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        found = db.execute("SELECT message FROM logs WHERE source = ? ORDER BY seq", (source,))
        return [str(message) for (message,) in found]


def status_line(connection: Socket) -> bytes:
    """Return the next line that came, and all that is left of its head."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
        assert head, "the connection ended without an answer"
    return head.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "body",
    [
        log(message="a") + "\n" + log(message="b"),
        f"[{log(message='a')}, {log(message='b')}]",
        log(message="a") + log(message="b"),
        "\r\n" + log(message="a") + "\r\n\r\n" + log(message="b") + "\r\n",
    ],
    ids=["one a line", "an array", "one behind the other", "lines of Windows"],
)
def test_body_is_stored_and_acked_as_one_batch(
    shared_server: ServerProcess, body: str, request: pytest.FixtureRequest
) -> None:
    name = f"shapes-{abs(hash(request.node.name))}"
    token = create_token(shared_server.data, name)
    answer = post(shared_server, body.encode(), token=token)
    assert answer.status == 200
    assert {**answer.json, "lastSeq": 0, "timestamp": 0} == {
        "type": "ack",
        "count": 2,
        "duplicates": 0,
        "lastSeq": 0,
        "timestamp": 0,
        "errors": [],
    }
    assert stored(shared_server.data, name) == ["a", "b"]


def test_single_log_is_batch_of_one(shared_server: ServerProcess) -> None:
    answer = post(shared_server, json.dumps(json.loads(log()), indent=2).encode())
    assert (answer.status, answer.json["count"]) == (200, 1)


def test_source_document_s_path_takes_posts_too(shared_server: ServerProcess) -> None:
    assert post(shared_server, log().encode(), path="/").status == 200


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_body_may_be_compressed_and_come_in_chunks(
    shared_server: ServerProcess, encoding: str
) -> None:
    sent = COMPRESS[encoding]("\n".join([log()] * 5000).encode())
    chunks = (sent[at : at + 100] for at in range(0, len(sent), 100))
    answer = post(shared_server, chunks, Content_Encoding=encoding)
    assert (answer.status, answer.json["count"]) == (200, 5000)


def test_logs_posted_again_are_duplicates(shared_server: ServerProcess) -> None:
    body = f"{log(id='again-1')}\n{log(id='again-2')}".encode()
    first, second = post(shared_server, body), post(shared_server, body)
    assert (first.json["count"], first.json["duplicates"]) == (2, 0)
    assert (second.json["count"], second.json["duplicates"]) == (2, 2)
    assert second.json["lastSeq"] == first.json["lastSeq"]


def test_bad_log_among_good_ones_rejects_itself_alone(shared_server: ServerProcess) -> None:
    body = f"{log(id='g1')}\nno JSON\n{log(id='bad', timestamp='soon')}\n{log(id='g2')}"
    answer = post(shared_server, body.encode())
    assert (answer.status, answer.json["count"]) == (200, 2)
    assert [(each["index"], each["logId"]) for each in answer.json["errors"]] == [
        (1, None),
        (2, "bad"),
    ]


@pytest.mark.parametrize("body", ["", " \n", "[]", "[1]", "hello", '{"type":"info"}', "[" * 5000])
def test_body_without_valid_log_is_refused_with_reason(
    shared_server: ServerProcess, body: str
) -> None:
    answer = post(shared_server, body.encode())
    assert error_of(answer) == (400, "invalid_log")
    assert answer.json["errors"][0]["index"] == 0


def test_compressed_body_that_breaks_off_is_refused(shared_server: ServerProcess) -> None:
    sent = gzip.compress(log().encode())[:-4]
    answer = post(shared_server, sent, Content_Encoding="gzip")
    assert error_of(answer) == (400, "damaged_body")


def test_unknown_encoding_is_refused(shared_server: ServerProcess) -> None:
    answer = post(shared_server, log().encode(), Content_Encoding="br")
    assert error_of(answer) == (415, "unsupported_encoding")


@pytest.mark.parametrize("ack", ["each", "none", "all"])
def test_only_batch_ack_is_accepted_over_http(shared_server: ServerProcess, ack: str) -> None:
    answer = post(shared_server, log().encode(), path=f"/ingest?ack={ack}")
    assert error_of(answer) == (400, "bad_request")
    assert post(shared_server, log().encode(), path="/ingest?ack=batch").status == 200


def test_body_of_16_mib_is_taken(shared_server: ServerProcess) -> None:
    frame = len(log(message=""))
    body = log(message="x" * (16 * MEBIBYTE - frame)).encode()
    assert len(body) == 16 * MEBIBYTE
    assert post(shared_server, body).status == 200


def test_body_beyond_16_mib_is_refused_and_its_sender_reads_why(
    shared_server: ServerProcess,
) -> None:
    body = bytes(17 * MEBIBYTE)
    pieces = (body[at : at + MEBIBYTE] for at in range(0, len(body), MEBIBYTE))
    assert error_of(post(shared_server, body)) == (413, "too_large")
    assert error_of(post(shared_server, pieces)) == (413, "too_large")


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize("length", TOO_MUCH)
def test_length_beyond_16_mib_is_answered_before_anything_of_it_is_sent(
    shared_server: ServerProcess, length: int, expect: tuple[str, ...]
) -> None:
    with begun(shared_server, PATIENCE_SECONDS, f"Content-Length: {length}", *expect) as connection:
        answer = b"".join(iter(partial(connection.recv, 65536), b""))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nConnection: close\r\n" in answer
        assert decode(answer.partition(b"\r\n\r\n")[2])["error"] == "too_large"


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
def test_chunks_beyond_16_mib_are_answered_before_their_end(
    shared_server: ServerProcess, expect: tuple[str, ...]
) -> None:
    chunk = b"100000\r\n" + bytes(MEBIBYTE) + b"\r\n"
    with begun(
        shared_server, PATIENCE_SECONDS, "Transfer-Encoding: chunked", *expect
    ) as connection:
        if expect:
            assert status_line(connection) == b"HTTP/1.1 100 (Continue)"
        connection.sendall(17 * chunk)
        assert status_line(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("token", "status"), [(None, 413), ("wl_wrong", 401)])
@pytest.mark.parametrize("size", [17 * MEBIBYTE, MOST_UNWANTED + 64 * MEBIBYTE])
def test_client_that_sends_whole_refused_body_reads_why(
    shared_server: ServerProcess, size: int, token: str | None, status: int, *, is_chunked: bool
) -> None:
    headers = {"Authorization": f"Bearer {token or shared_server.token}"}
    pieces: bytes | Iterator[bytes] = bytes(size)
    if is_chunked:
        pieces = repeat(bytes(MEBIBYTE), size // MEBIBYTE)
    netloc = urlsplit(shared_server.ingest).netloc
    with closing(HTTPConnection(netloc, timeout=PATIENCE_SECONDS)) as connection:
        # As urllib3 and requests do: who is told that nobody reads on looks for an answer.
        with contextlib.suppress(BrokenPipeError):
            connection.request("POST", "/ingest", pieces, headers, encode_chunked=is_chunked)
        assert connection.getresponse().status == status


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_bomb_is_refused_and_server_goes_on(shared_server: ServerProcess, encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(200 * MEBIBYTE))
    assert error_of(post(shared_server, bomb, Content_Encoding=encoding)) == (413, "too_large")
    assert post(shared_server, log().encode()).status == 200


def test_posting_wants_token_that_may_push(shared_server: ServerProcess) -> None:
    reader = create_token(shared_server.data, "posting-reader", ("read",))
    assert error_of(post(shared_server, b"", token="wl_wrong")) == (401, "unauthorized")
    assert error_of(post(shared_server, b"", token=reader)) == (403, "forbidden")


def test_client_that_breaks_off_leaves_nothing_behind(shared_server: ServerProcess) -> None:
    name = "breaks-off"
    token = create_token(shared_server.data, name)
    connection = HTTPConnection(urlsplit(shared_server.ingest).netloc, timeout=30)
    connection.putrequest("POST", "/ingest")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(log().encode())
    connection.close()
    assert post(shared_server, log().encode(), token=token).status == 200
    assert stored(shared_server.data, name) == ["m"]


def test_more_bodies_than_fit_are_asked_to_come_again_and_are_let_go(tmp_path: Path) -> None:
    # Two bodies fit at once; what the third sends beyond them is refused, whoever it is.
    half = bytes(15 * MEBIBYTE)
    with serving(tmp_path / "data", "--queue-size", "1MiB") as server:
        connections = [HTTPConnection(urlsplit(server.ingest).netloc, timeout=30) for _ in range(3)]
        for connection in connections:
            connection.putrequest("POST", "/ingest")
            connection.putheader("Authorization", f"Bearer {server.token}")
            connection.putheader("Content-Length", str(len(half) + 10))
            connection.endheaders(half)
        senders = [threading.Thread(target=each.send, args=(b"x" * 10,)) for each in connections]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        answers = [each.getresponse() for each in connections]
        assert sorted(each.status for each in answers) == [400, 400, 503]
        (busy,) = (each for each in answers if each.status == 503)
        assert int(busy.headers["Retry-After"]) >= 1
        assert decode(busy.read())["error"] == "busy"
        for connection in connections:
            connection.close()
        assert post(server, log().encode()).status == 200


def test_full_disk_is_told_as_503_and_posts_go_on_once_there_is_room(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        server.expected_errors.append("logs cannot be stored")
        assert post(server, log(id="before").encode()).status == 200
        holder = apsw.Connection(str(server.data / "logs.db"))
        holder.set_busy_timeout(10_000)
        holder.execute(
            "CREATE TRIGGER full BEFORE INSERT ON logs BEGIN SELECT raise(ABORT, 'x'); END"
        )
        for logs in (1, 100, 5_000):
            body = "\n".join(log(id=f"meanwhile-{number}") for number in range(logs))
            refused = post(server, body.encode())
            assert refused.status == 503
            assert refused.json == {
                "type": "error",
                "error": "storage_failed",
                "message": "the log was not stored; send it again later",
                "logId": None,
                "retryable": True,
                "errors": [],
            }
            assert int(refused.headers["Retry-After"]) >= 1
        holder.execute("DROP TRIGGER full")
        holder.close()
        assert post(server, log(id="meanwhile-0").encode()).status == 200
        wait_until(lambda: server.get("/health")[0] == 200)


@given(st.binary(max_size=400))
def test_random_body_is_answered(shared_server: ServerProcess, body: bytes) -> None:
    answer = post(shared_server, body)
    assert answer.status in (200, 400)
    assert set(answer.json) >= {"type", "errors"}


@pytest.mark.parametrize("path", ["/ingest", "/v1/logs", "/services/collector/raw"])
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_packed_body_that_does_not_say_so_is_no_text(
    shared_server: ServerProcess, path: str, encoding: str, content_type: str
) -> None:
    body = COMPRESS[encoding](log().encode())
    answer = post(shared_server, body, path, Content_Type=content_type)
    assert answer.status == 415
    sentence = answer.json["text" if "collector" in path else "message"]
    assert sentence == f"this body is packed by {encoding}; say so by Content-Encoding: {encoding}"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_mark_of_utf_8_before_a_body_is_no_part_of_it(
    shared_server: ServerProcess, content_type: str
) -> None:
    token = create_token(shared_server.data, name := f"marked-{uuid4()}", ("ingest",))
    body = b'\xef\xbb\xbf{"type":"info","message":"marked"}'
    answer = post(shared_server, body, token=token, Content_Type=content_type)
    assert (answer.status, answer.json["count"]) == (200, 1)
    assert stored(shared_server.data, name) == ["marked"]

"""POST /ingest over plain HTTP: any body, with any headers, and what the server said."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from socket import create_connection
from socket import socket as Socket  # noqa: N812 - `socket` names our variables
from typing import Any
from urllib.parse import urlsplit

from tests.support.processes import PATIENCE
from tests.support.sockets import Server, decode


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    json: dict[str, Any]


def post(
    server: Server,
    body: bytes | Iterator[bytes],
    path: str = "/ingest",
    token: str | None = None,
    **headers: str,
) -> Answer:
    """Post a body with the server's token; header names have `_` for `-`."""
    sent = {"Authorization": f"Bearer {token or server.token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=PATIENCE)) as connection:
        connection.request("POST", path, body, sent, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/json"
        return Answer(answer.status, dict(answer.headers), decode(answer.read()))


def posted(
    server: Server,
    path: str,
    body: bytes | Iterator[bytes],
    headers: Mapping[str, str],
    token: str,
) -> tuple[int, str | None, bytes]:
    """Post as another program does; return status, content type and body of the answer.

    Args:
        server: the server.
        path: where to.
        body: the body; pieces are sent in chunks.
        headers: further headers.
        token: sent as Bearer.
    """
    sent = {**headers, "Authorization": f"Bearer {token}"}
    with closing(HTTPConnection(urlsplit(server.ingest).netloc, timeout=PATIENCE)) as connection:
        connection.request("POST", path, body, sent, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()


def begun(server: Server, seconds: float, *headers: str) -> Socket:
    """Send the head of a POST with these headers besides, and nothing of its body.

    `seconds` is how long whoever reads or writes then waits.
    """
    netloc = urlsplit(server.ingest)
    lines = ["POST /ingest HTTP/1.1", "Host: localhost", f"Authorization: Bearer {server.token}"]
    connection = create_connection((netloc.hostname or "", netloc.port or 0), seconds)
    connection.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
    return connection


def error_of(answer: Answer) -> tuple[int, str]:
    """Return the status and the error's name; every error has the one shape."""
    assert answer.json["type"] == "error"
    assert answer.json["message"]
    return answer.status, answer.json["error"]

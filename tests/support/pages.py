"""Asking the monitoring port over plain HTTP, with any method and any headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.support.processes import PATIENCE, ServerProcess
from tests.support.sockets import decode


@dataclass(frozen=True)
class Page:
    """What was answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> dict[str, Any]:
        return decode(self.body)


def ask(
    server: ServerProcess, target: str, token: str = "", *, method: str = "GET", **headers: str
) -> Page:
    """Ask once, over a connection of its own."""
    connection = HTTPConnection(urlsplit(server.monitoring).netloc, timeout=PATIENCE)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Page(answer.status, found, body)

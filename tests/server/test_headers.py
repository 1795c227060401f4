"""What every answer says to browsers, and that none names the program that made it."""

import gzip
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.support.processes import PATIENCE, ServerProcess, create_token
from tests.support.sockets import log
from waterline.responses import NO_PAGE

pytestmark = pytest.mark.slow

HANDSHAKE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}
FOREIGN: Final = {"Origin": "https://evil.example"}
TOO_MUCH: Final = gzip.compress(bytes(17 * 2**20))
GZIP: Final = {"Content-Encoding": "gzip"}

# Status, method, path, headers beside the token, body.
Case = tuple[int, str, str, Mapping[str, str], bytes]
WITH_TOKEN: Final[list[Case]] = [
    (101, "GET", "/ingest", HANDSHAKE, b""),
    (101, "GET", "/live", HANDSHAKE, b""),
    (400, "GET", "/ingest", HANDSHAKE | {"Connection": "close"}, b""),
    (400, "GET", "/live?seq=no", HANDSHAKE, b""),
    (403, "GET", "/ingest", HANDSHAKE | FOREIGN, b""),
    (403, "GET", "/live", HANDSHAKE | FOREIGN, b""),
    (404, "GET", "/nothing", {}, b""),
    (404, "POST", "/nothing", {}, log().encode()),
    (405, "PUT", "/ingest", {}, b""),
    (405, "BREW", "/live", {}, b""),
    (200, "GET", "/", {}, b""),
    (200, "GET", "/ready", {}, b""),
    (200, "GET", "/services/collector/health", {}, b""),
    (200, "POST", "/v1/logs", {}, b"{}"),
    (400, "POST", "/v1/logs", {}, b"no json"),
    (204, "POST", "/loki/api/v1/push", {}, b'{"streams":[]}'),
    (405, "GET", "/_bulk", {}, b""),
    (426, "GET", "/ingest", {}, b""),
    (426, "GET", "/live", HANDSHAKE | {"Sec-WebSocket-Version": "99"}, b""),
    (200, "POST", "/ingest", {}, log().encode()),
    (400, "POST", "/ingest", {}, b"no log"),
    (400, "POST", "/ingest", GZIP, b"no gzip"),
    (400, "POST", "/ingest?ack=each", {}, b"{}"),
    (400, "POST", "/ingest", {"Content-Length": "1,2"}, b""),
    (403, "POST", "/ingest", FOREIGN, b"{}"),
    (413, "POST", "/ingest", GZIP, TOO_MUCH),
    (415, "POST", "/ingest", {"Content-Encoding": "lzma"}, b"{}"),
]
WITHOUT: Final[list[Case]] = [
    (401, "GET", "/ingest", HANDSHAKE, b""),
    (401, "GET", "/live", HANDSHAKE, b""),
    (401, "POST", "/ingest", {}, log().encode()),
]
MONITORING: Final[list[Case]] = [
    (200, "GET", "/health", {}, b""),
    (200, "GET", "/livez", {}, b""),
    (200, "HEAD", "/livez", {}, b""),
    (200, "GET", "/metrics", {}, b""),
    (200, "GET", "/metrics?format=prometheus", {}, b""),
    (400, "GET", "/metrics?format=xml", {}, b""),
    (403, "GET", "/health", {"Host": "evil.example"}, b""),
    (200, "GET", "/metrics", FOREIGN, b""),
    (404, "GET", "/nothing", {}, b""),
    (405, "POST", "/health", {}, b""),
]


def name(case: Case) -> str:
    return " ".join(map(str, case[:3]))


def headers_of(url: str, case: Case, token: str = "") -> dict[str, str]:
    """Ask, see that the status is the one expected, and return the headers of the answer."""
    status, method, path, headers, body = case
    connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, path, body or None, {**authorization, **headers})
        answer = connection.getresponse()
        assert answer.status == status
        return {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def check_safe(headers: Mapping[str, str]) -> None:
    assert headers["content-security-policy"] == NO_PAGE
    assert "frame-ancestors 'none'" in NO_PAGE
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize("case", WITH_TOKEN, ids=name)
def test_answers_of_ingest_have_safe_headers(shared_server: ServerProcess, case: Case) -> None:
    check_safe(headers_of(shared_server.ingest, case, shared_server.token))


@pytest.mark.parametrize("case", WITHOUT, ids=name)
def test_refusals_of_tokens_have_safe_headers(shared_server: ServerProcess, case: Case) -> None:
    for token in ("", "unknown"):
        check_safe(headers_of(shared_server.ingest, case, token))
    _, method, path, headers, body = case
    scope = "ingest" if path == "/live" else "read"
    lacking = create_token(shared_server.data, f"{method}{path[1:]}".lower(), (scope,))
    refused = (403, method, path, headers, body)
    check_safe(headers_of(shared_server.ingest, refused, lacking))


@pytest.mark.parametrize("case", MONITORING, ids=name)
def test_answers_of_monitoring_have_safe_headers(shared_server: ServerProcess, case: Case) -> None:
    check_safe(headers_of(shared_server.monitoring, case))

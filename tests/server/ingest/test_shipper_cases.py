"""Requests of shippers that no registry has, built to the letter of their encoders' sources.

They were not recorded. A case says which client, of which version, and where its source is; tokens
are filled in.
"""

import base64
import gzip
import http.client
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import cramjam
import msgspec
import pytest
from google.protobuf import json_format

from server.ingest import protobuf
from tests.support.processes import PATIENCE, ServerProcess, create_token, serving
from tests.support.syslog import LISTENING, over_tcp, over_udp, stored
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """A log that should be stored; `time` is None for that of receipt."""

    message: str
    type: str
    time: int | None
    attributes: dict[str, object]


class Before(msgspec.Struct, forbid_unknown_fields=True):
    """A request that a client sends first, and the status without which it sends no logs."""

    method: str
    path: str
    status: int


class Request(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    pack: str = ""


class Case(msgspec.Struct, forbid_unknown_fields=True):
    client: str
    version: str
    source: str
    request: Request
    status: int
    rows: list[Row]
    before: list[Before] = []


class SyslogCase(msgspec.Struct, forbid_unknown_fields=True):
    client: str
    version: str
    source: str
    transport: str
    messages: str
    rows: list[Row]


class Cases(msgspec.Struct, forbid_unknown_fields=True):
    requests: list[Case]
    syslog: list[SyslogCase]


CASES: Final = msgspec.json.decode(
    Path(__file__).with_name("shipper_cases.json").read_bytes(), type=Cases
)
_encode: Final = msgspec.json.encode
_BODIES: Final[dict[str, Callable[[Any], bytes]]] = {
    "json": _encode,
    "text": str.encode,
    "lines": lambda values: b"".join(_encode(each) + b"\n" for each in values),
    "concatenated": lambda values: b"".join(map(_encode, values)),
    "loki": lambda value: json_format.ParseDict(value, protobuf.PushRequest()).SerializeToString(),
    "otlp": lambda value: json_format.ParseDict(
        value, protobuf.ExportLogsServiceRequest()
    ).SerializeToString(),
}
_PACKED: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": lambda body: bytes(cramjam.zstd.compress(body)),
    "snappy": lambda body: bytes(cramjam.snappy.compress_raw(body)),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for all cases; each sends with a token of its own."""
    with serving(tmp_path_factory.mktemp("cases") / "data", *LISTENING) as running:
        yield running


def authorization(scheme: str, token: str) -> str:
    """Return the header of a scheme."""
    if scheme == "Basic":
        token = base64.b64encode(f"any:{token}".encode()).decode()
    return f"{scheme} {token}"


def check(rows: list[Row], found: list[dict[str, Any]]) -> None:
    """See that what is stored is what is wanted; more attributes may be there."""
    assert [(each["message"], each["type"]) for each in found] == [
        (each.message, each.type) for each in rows
    ]
    for row, each in zip(rows, found, strict=True):
        if row.time is None:
            assert each["timestamp"] == each["received_at"]
        else:
            assert each["timestamp"] == row.time
        assert each["attributes"] | row.attributes == each["attributes"]


@pytest.mark.parametrize("case", CASES.requests, ids=lambda case: case.client)
def test_logs_of_a_shipper_are_stored_with_time_and_level(
    shared: ServerProcess, case: Case, request: pytest.FixtureRequest
) -> None:
    source = "".join(each if each.isalnum() else "-" for each in request.node.callspec.id)
    token = create_token(shared.data, source, ("ingest",))
    asked = case.request
    headers = dict(asked.headers)
    headers["Authorization"] = authorization(headers["Authorization"], token)
    ((kind, value),) = asked.body.items()
    body = _PACKED[asked.pack](_BODIES[kind](value))
    if asked.pack in ("gzip", "zstd"):
        headers["Content-Encoding"] = asked.pack
    address = urlsplit(shared.ingest)
    assert address.hostname
    with closing(
        http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    ) as connection:
        for each in case.before:
            # Docker's driver verifies the address without its token.
            known = {} if each.method == "OPTIONS" else {"Authorization": headers["Authorization"]}
            connection.request(each.method, each.path, headers=known)
            answer = connection.getresponse()
            answer.read()
            assert (each.path, answer.status) == (each.path, each.status)
        connection.request("POST", asked.path, body=body, headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    assert answer.status == case.status, said
    if asked.path.startswith("/_bulk"):
        assert msgspec.json.decode(said)["errors"] is False
    check(case.rows, stored(shared.data, source))


@pytest.mark.parametrize("case", CASES.syslog, ids=lambda case: case.messages[:30])
def test_messages_of_a_driver_for_syslog_are_stored(
    shared: ServerProcess, case: SyslogCase
) -> None:
    source = f"syslog-{case.transport}"
    before = len(stored(shared.data, source))
    with over_tcp(shared) if case.transport == "tcp" else over_udp(shared) as peer:
        peer.sendall(case.messages.encode())
    wait_until(lambda: len(stored(shared.data, source)) == before + len(case.rows))
    check(case.rows, stored(shared.data, source)[before:])


@pytest.mark.parametrize("path", ["/v1/logs", "/_bulk", "/loki/api/v1/push", "/services/collector"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_method_is_answered_once_without_a_token(
    shared: ServerProcess, path: str, method: str
) -> None:
    # A second answer would be an error that the server writes, and is stopped for.
    address = urlsplit(shared.ingest)
    assert address.hostname
    with closing(
        http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    ) as connection:
        for body in (None, b"{}"):
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 405

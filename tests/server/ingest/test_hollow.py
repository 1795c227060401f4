"""Bodies that hold little, or the same over and over: others get turns, memory is bounded."""

import json
from collections.abc import Callable, Iterator

import pytest

from server.ingest import protobuf
from server.ingest.entries import MOST_AT_ONCE, MOST_REPEATED, REPEATED_AT_ONCE, TooMuch, in_turns
from server.ingest.loki import labels_of
from server.ingest.loki import read_json as read_loki
from server.ingest.loki import read_protobuf as read_loki_protobuf
from server.ingest.otlp_json import read_json as read_otlp
from server.ingest.otlp_protobuf import read_protobuf as read_otlp_protobuf
from server.ingest.otlp_records import MOST_ATTRIBUTES
from server.ingest.text import read_text
from tests.support.posting import error_of, post
from tests.support.processes import ServerProcess

PARTS = 20 * MOST_AT_ONCE
TURNS = PARTS // MOST_AT_ONCE


def otlp(*, resources: int = 1, scopes: int = 1, records: int = 0, shared: str = "") -> bytes:
    attribute = {"key": "shared", "value": {"stringValue": shared}}
    scope = {"logRecords": [{"body": {"stringValue": "m"}}] * records}
    resource = {"resource": {"attributes": [attribute]}, "scopeLogs": [scope] * scopes}
    return json.dumps({"resourceLogs": [resource] * resources}).encode()


def otlp_binary(*, resources: int = 1, scopes: int = 1, records: int = 0) -> bytes:
    request = protobuf.ExportLogsServiceRequest()
    for _ in range(resources):
        resource = request.resource_logs.add()
        for _ in range(scopes):
            scope = resource.scope_logs.add()
            for _ in range(records):
                scope.log_records.add()
    return bytes(request.SerializeToString())


def loki(streams: int, values: int = 0, label: str = "a") -> bytes:
    stream = {"stream": {"job": label}, "values": [["1", "m"]] * values}
    return json.dumps({"streams": [stream] * streams}).encode()


def loki_binary(streams: int) -> bytes:
    push = protobuf.PushRequest()
    for _ in range(streams):
        push.streams.add(labels='{job="a"}')
    return bytes(push.SerializeToString())


@pytest.mark.parametrize(
    "turns",
    [
        lambda: read_otlp(otlp(resources=PARTS, scopes=0)),
        lambda: read_otlp(otlp(scopes=PARTS)),
        lambda: read_otlp_protobuf(otlp_binary(resources=PARTS, scopes=0)),
        lambda: read_otlp_protobuf(otlp_binary(scopes=PARTS)),
        lambda: in_turns(read_loki(loki(PARTS)), lambda _: 1),
        lambda: in_turns(read_loki_protobuf(loki_binary(PARTS)), lambda _: 1),
        lambda: read_text(b" \n" * PARTS),
    ],
    ids=["resources", "scopes", "resources in protobuf", "scopes in protobuf", "streams",
         "streams in protobuf", "blank lines"],
)  # fmt: skip
def test_parts_without_logs_take_turns_too(turns: Callable[[], Iterator[object]]) -> None:
    assert sum(1 for _ in turns()) >= TURNS


def test_what_many_share_shortens_their_turns() -> None:
    shared = "x" * (REPEATED_AT_ONCE // 4)
    batches = list(read_otlp(otlp(records=20, shared=shared)))
    assert [len(each.objects) for each in batches] == [4] * 5
    assert all(each.repeated >= REPEATED_AT_ONCE for each in batches)


def test_labels_without_end_are_one_label() -> None:
    text = "{" + ",".join(f'a{number}="b"' for number in range(20_000)) + "}"
    assert labels_of(text) == {"labels": text}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/logs", otlp(records=70, shared="x" * 2**20)),
        ("/loki/api/v1/push", loki(1, values=70, label="x" * 2**20)),
    ],
)
def test_body_whose_logs_share_too_much_is_refused_whole(
    server: ServerProcess, path: str, body: bytes
) -> None:
    answer = post(server, body, path, Content_Type="application/json")
    if path == "/v1/logs":  # in the shape of its protocol
        assert (answer.status, answer.json["code"]) == (413, 8)
    else:
        assert error_of(answer) == (413, "too_large")
    assert f"makes more than {MOST_REPEATED // 2**20} MiB" in answer.json["message"]
    assert server.get("/health")[1]["last_seq"] == 0


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_otlp(otlp(resources=0).replace(b"[]", b"[%b{}]" % (b"{}," * 1_500_000))),
        lambda: read_loki(loki(0).replace(b"[]", b"[%b{}]" % (b"{}," * 1_500_000))),
        lambda: read_otlp_protobuf(b"\x0a\x00" * 600_000),
        lambda: read_otlp_protobuf(b"\x0a\x02\x12\x00" * 2_000_000),
        lambda: read_loki_protobuf(b"\x0a\x03\x0a\x01a" * 3_200_000),
    ],
    ids=[
        "resources",
        "streams",
        "resources in protobuf",
        "scopes in protobuf",
        "streams in protobuf",
    ],
)
def test_body_of_millions_of_parts_is_refused_before_it_is_decoded(
    read: Callable[[], Iterator[object]],
) -> None:
    with pytest.raises(TooMuch, match="millions of values"):
        next(read())


def test_dense_body_of_16_mib_is_taken() -> None:
    record = b'{"body":{"stringValue":"m"},"attributes":[{"key":"a","value":{"intValue":1}}]}'
    body = otlp(records=0).replace(
        b'"logRecords": []', b'"logRecords": [%b]' % b",".join([record] * 200_000)
    )
    assert 15 * 2**20 < len(body) < 16 * 2**20
    assert len(next(read_otlp(body)).objects) > MOST_AT_ONCE - 10


@pytest.mark.parametrize("of", ["attribute", "body"])
def test_empty_texts_of_many_records_are_taken_in_protobuf(of: str) -> None:
    request = protobuf.ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name="login")
    if of == "attribute":
        record.attributes.add(key="k").value.string_value = ""
    else:
        record.body.string_value = ""
    raw = record.SerializeToString()
    scope = tagged(0x12, raw) * 200_000
    body = tagged(0x0A, tagged(0x12, scope))
    assert len(body) > 2**20
    assert body.count(b"\x0a\0") >= 200_000
    found = next(read_otlp_protobuf(body)).columns()
    assert set(found.messages) == {"login"}


def tagged(tag: int, content: bytes) -> bytes:
    """Return a field of a protobuf message: its tag, its length and its content."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([128 | size & 127])
        size >>= 7
    return bytes([tag]) + length + bytes([size]) + content


ATTRIBUTE = b'{"key":"a","value":{"intValue":1}}'
MANY = b",".join([ATTRIBUTE] * (MOST_ATTRIBUTES + 1))


def many_attributes(of: str) -> bytes:
    request = protobuf.ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    record = resource.scope_logs.add().log_records.add()
    holder = record if of == "record" else resource.resource
    for _ in range(MOST_ATTRIBUTES + 1):
        holder.attributes.add(key="a")
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_otlp_protobuf(many_attributes("record")),
        lambda: read_otlp_protobuf(many_attributes("resource")),
        lambda: read_otlp(otlp(records=1).replace(b'{"body"', b'{"attributes":[%b],"body"' % MANY)),
        lambda: read_otlp(
            otlp(records=1).replace(b'{"body"', b'{"odd":1,"attributes":[%b],"body"' % MANY)
        ),
        lambda: read_otlp(
            otlp(records=1).replace(b'"attributes": [', b'"attributes": [%b,' % MANY)
        ),
    ],
    ids=["record in protobuf", "resource in protobuf", "record", "odd record", "resource"],
)
def test_attributes_without_end_are_refused(read: Callable[[], Iterator[object]]) -> None:
    with pytest.raises(TooMuch, match="more than 100,000 attributes"):
        list(read())

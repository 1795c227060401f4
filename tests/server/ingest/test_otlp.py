"""OTLP: what its records say is the same in protobuf and in JSON, and nothing of them is lost."""

import base64
import json
import math
from collections.abc import Callable

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from server.ingest.entries import Unreadable
from server.ingest.otlp_json import read_json
from server.ingest.otlp_protobuf import read_protobuf
from server.ingest.protobuf import DecodeError, RawLogsData
from waterline.recognition.recognized import Parts

NOON = 1_764_410_000_000
MILLISECOND = 1_000_000

texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.just(math.inf)
plain_values = st.one_of(
    st.builds(AnyValue),
    st.builds(lambda value: AnyValue(string_value=value), texts),
    st.builds(lambda value: AnyValue(bool_value=value), st.booleans()),
    st.builds(lambda value: AnyValue(int_value=value), st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda value: AnyValue(double_value=value), numbers),
    st.builds(lambda value: AnyValue(bytes_value=value), st.binary(max_size=5)),
)


def nested(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    def array(values: list[AnyValue]) -> AnyValue:
        made = AnyValue()
        made.array_value.values.extend(values)
        made.array_value.SetInParent()
        return made

    def pairs(values: dict[str, AnyValue]) -> AnyValue:
        made = AnyValue()
        made.kvlist_value.values.extend(
            KeyValue(key=name, value=value) for name, value in values.items()
        )
        made.kvlist_value.SetInParent()
        return made

    return st.lists(inner, max_size=2).map(array) | st.dictionaries(
        st.text("abc", min_size=1, max_size=3), inner, max_size=2
    ).map(pairs)


values = st.recursive(plain_values, nested, max_leaves=4)
attributes = st.dictionaries(st.text("abcdef.", max_size=4), values, max_size=3).map(
    lambda found: [KeyValue(key=name, value=value) for name, value in found.items()]
)
moments = st.just(0) | st.integers(NOON * MILLISECOND, (NOON + 10**9) * MILLISECOND)
records = st.builds(
    lambda body, **fields: LogRecord(body=body, **fields) if body else LogRecord(**fields),
    st.none() | values,
    time_unix_nano=moments,
    observed_time_unix_nano=moments,
    severity_number=st.integers(0, 24),
    severity_text=st.sampled_from(["", "INFO", "WARN", "fatal", "Notice", "odd"]),
    attributes=attributes,
    trace_id=st.just(b"") | st.binary(min_size=16, max_size=16),
    span_id=st.just(b"") | st.binary(min_size=8, max_size=8),
    flags=st.integers(0, 1),
    event_name=st.sampled_from(["", "login"]),
)


@st.composite
def requests(draw: st.DrawFn) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource = ResourceLogs()
        resource.resource.attributes.extend(draw(attributes))
        for _ in range(draw(st.integers(0, 2))):
            scope = ScopeLogs(log_records=draw(st.lists(records, max_size=3)))
            scope.scope.name = draw(st.sampled_from(["", "lib"]))
            resource.scope_logs.append(scope)
        request.resource_logs.append(resource)
    return request


def as_json(request: ExportLogsServiceRequest) -> bytes:
    """Return a request in the JSON of OTLP, where ids are hexadecimal."""
    found = MessageToDict(request, use_integers_for_enums=True)
    for resource in found.get("resourceLogs", ()):
        for scope in resource.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                for name in {"traceId", "spanId"} & record.keys():
                    record[name] = base64.b64decode(record[name]).hex()
    return json.dumps(found).encode()


def read_binary(content: bytes) -> list[Parts]:
    return [row for batch in read_protobuf(content) for row in batch.columns().rows()]


def read_text(content: bytes) -> list[Parts]:
    return [row for batch in read_json(content) for row in batch.columns().rows()]


@given(requests())
def test_both_encodings_say_the_same(request: ExportLogsServiceRequest) -> None:
    found = read_text(as_json(request))
    assert found == read_binary(request.SerializeToString())
    wanted = sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)
    assert len(found) == wanted


SHORT = KeyValue(key="k", value=AnyValue(string_value="abc"))
long_texts = st.integers(100, 140).map("x".__mul__)


@given(
    st.builds(
        KeyValue,
        key=texts | long_texts,
        value=values | long_texts.map(lambda text: AnyValue(string_value=text)),
    ),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 255)), max_size=2),
)
@example(KeyValue(key="k", value=AnyValue(int_value=127)), [])
@example(KeyValue(key="k", value=AnyValue(int_value=128)), [])
@example(KeyValue(key="k", value=AnyValue(int_value=2**14)), [])
@example(KeyValue(key="k", value=AnyValue(int_value=300)), [(6, 0x81), (7, 0x80)])
@example(SHORT, [(6, 2)])
@example(SHORT, [(4, 4)])
@example(SHORT, [(1, 0)])
@example(SHORT, [(0, 0x12)])
@example(SHORT, [(8, 0xFF)])
def test_attribute_is_read_as_its_package_reads_it(
    pair: KeyValue, damage: list[tuple[int, int]]
) -> None:
    raw = pair.SerializeToString()
    for place, byte in damage:
        raw = raw[:place] + bytes([byte]) + raw[place + 1 :]
    try:
        KeyValue.FromString(raw)
    except DecodeError:
        with pytest.raises(Unreadable, match="this is no request of OTLP"):
            read_binary(with_attribute(raw))
    else:
        # With a field that nobody knows it is left to the package.
        expected = read_binary(with_attribute(raw + b"\x78\x01"))
        assert read_binary(with_attribute(raw)) == expected


def with_attribute(raw: bytes) -> bytes:
    """Return a request in protobuf with one record and its attribute."""
    data = RawLogsData()
    data.resource_logs.add().scope_logs.add().log_records.add(attributes=[raw])
    return bytes(data.SerializeToString())


@pytest.mark.parametrize(
    "odd",
    [
        {"attributes": [{"key": "k", "value": {"stringValue": "v"}, "more": 1}]},
        {"attributes": {"k": {"stringValue": "v"}}},
        {"more": "m", "attributes": [{"key": "k", "value": {"stringValue": "v"}}]},
    ],
)
def test_record_of_another_form_among_usual_ones_is_read_as_alone(odd: dict[str, object]) -> None:
    usual = {"body": {"stringValue": "a"}, "flags": 1}
    (alone,) = read_text(record(body={"stringValue": "b"}, **odd))
    scope = {"logRecords": [usual, {"body": {"stringValue": "b"}, **odd}, usual]}
    found = read_text(json.dumps({"resourceLogs": [{"scopeLogs": [scope]}]}).encode())
    assert found[1].attributes | INHERITED == alone.attributes
    assert found[0] == found[2]
    assert (found[0].message, found[0].attributes) == ("a", {"flags": 1})


def record(**fields: object) -> bytes:
    """Return a request in JSON with one record of a resource and a scope."""
    scope = {"scope": {"name": "lib", "version": "1"}, "logRecords": [fields]}
    shop = {"key": "service.name", "value": {"stringValue": "shop"}}
    resource = {"resource": {"attributes": [shop]}, "scopeLogs": [scope]}
    return json.dumps({"resourceLogs": [resource]}).encode()


INHERITED = {"service.name": "shop", "scope": "lib", "scope_version": "1"}


def test_record_has_time_severity_body_and_attributes() -> None:
    (found,) = read_text(
        record(
            timeUnixNano=str(NOON * MILLISECOND + 999_999),
            severityNumber=17,
            severityText="ERROR",
            body={"stringValue": "no stock"},
            attributes=[
                {"key": "order", "value": {"intValue": "12"}},
                {"key": "huge", "value": {"intValue": 1e21}},
                {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
                {"key": "who", "value": {"kvlistValue": {"values": []}}},
            ],
            traceId="5B8EFFF798038103D269B633813FC60C",
        )
    )
    assert (found.message, found.timestamp, found.type) == ("no stock", NOON, "error")
    others = {"order": 12, "huge": 1e21, "tags": ["a"], "who": {}}
    ids = {"traceId": "5b8efff798038103d269b633813fc60c", "severityNumber": 17}
    assert found.attributes == others | ids | INHERITED


def test_time_of_observation_stands_in_for_one_that_is_not_known() -> None:
    observed = {"observedTimeUnixNano": str(NOON * MILLISECOND)}
    for time in ({}, {"timeUnixNano": "0"}, {"time_unix_nano": 0}):
        (found,) = read_text(record(**time, **observed, body={"stringValue": "a"}))
        assert (found.timestamp, found.message, found.attributes) == (NOON, "a", INHERITED)


def test_line_in_body_says_what_its_record_does_not() -> None:
    line = {"stringValue": "2026-11-29T09:00:00Z WARN from a file"}
    observed = {"observedTimeUnixNano": str(NOON * MILLISECOND)}
    (found,) = read_text(record(**observed, body=line))
    assert (found.type, found.timestamp) == ("warning", 1_795_942_800_000)
    (found,) = read_text(record(**observed, body=line, severityNumber=9))
    assert (found.type, found.timestamp) == ("info", NOON)


def test_names_of_the_proto_file_and_of_its_enum_are_read_too() -> None:
    body = b"""{"resource_logs": [{"scope_logs": [{"log_records": [
        {"severity_number": "SEVERITY_NUMBER_WARN2", "body": {"stringValue": "a"}}]}]}]}"""
    (found,) = read_text(body)
    assert (found.type, found.message) == ("warning", "a")


@pytest.mark.parametrize("odd", [b"7", b'"text"', b"[1]", b"null"])
def test_odd_record_costs_only_itself(odd: bytes) -> None:
    sent = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%b,{"body":{"stringValue":"a"}}]}]}]}'
    found = read_text(sent % odd)
    assert [each.message for each in found] == [odd.decode(), "a"]


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_text, b"no json"),
        (read_text, b'{"resourceLogs": 7}'),
        (read_text, b"[]"),
        (read_text, b'{"message": "a log of its own"}'),
        (read_text, b'{"resourceLogs": [{"instrumentationLibraryLogs": [{"logs": [{}]}]}]}'),
        (read_text, b'{"resource_logs": [{}, {"scopeLogs": [{}, {"logrecords": [{}]}]}]}'),
        (read_text, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}'),
        (read_binary, b"\xff\xff"),
    ],
)
def test_body_of_something_else_is_unreadable(
    read: Callable[[bytes], list[Parts]], body: bytes
) -> None:
    with pytest.raises(Unreadable, match="this is no request of OTLP"):
        read(body)


@pytest.mark.parametrize("kind", ["arrayValue", "kvlistValue"])
@pytest.mark.parametrize("values", [7, "a", True])
def test_list_that_is_none_is_kept_as_it_is(kind: str, values: object) -> None:
    value = {kind: {"values": values}}
    record = {"body": {"stringValue": "a"}, "attributes": [{"key": "k", "value": value}]}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    (found,) = read_text(json.dumps(body).encode())
    assert found.attributes == {"k": value}


def test_resource_and_scope_that_are_no_text_cost_no_record() -> None:
    body = (
        b'{"resourceLogs":[{"resource":{"a":1e999},"scopeLogs":[{"scope":{"name":"\xff"},'
        b'"logRecords":[{"body":{"stringValue":"m"}}]}]}]}'
    )
    (found,) = read_text(body)
    assert found.message == "m"
    assert found.attributes == {"resource": '{"a":1e999}', "scope": "\ufffd"}


def test_request_without_any_log_is_no_other_request() -> None:
    bodies = (
        *(b"{}", b'{"resourceLogs":[]}', b'{"resource_logs":null}', b'{"resourceLogs":[{}]}'),
        b'{"resourceLogs":[{"scopeLogs":null,"resource":{"a":1},"schemaUrl":"u"}]}',
        b'{"resourceLogs":[{"scopeLogs":[{"scope":{"name":"a"},"logRecords":null}]}]}',
    )
    for body in bodies:
        assert read_text(body) == []


def test_null_is_no_part_and_costs_no_record() -> None:
    body = b"""{"resourceLogs": [{"resource": null, "scopeLogs": null}, {"scopeLogs": [
        {"scope": null, "logRecords": [{"body": {"stringValue": "a"}, "attributes": null}]},
        {"logRecords": null}]}], "resource_logs": null}"""
    assert [(each.message, each.attributes) for each in read_text(body)] == [("a", {})]


@pytest.mark.parametrize("odd", [rb"a\ud83d", rb"a\udc00", b"a\xe6"])
def test_text_that_was_cut_within_a_character_costs_no_record(odd: bytes) -> None:
    body = (
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%b"},'
        b'"severityNumber":17,"attributes":[{"key":"k","value":{"intValue":1}}]},'
        b'{"body":{"stringValue":"b\\ud83d\\ude00"}}]}]}]}' % odd
    )
    first, second = read_text(body)
    assert (first.message, first.type, first.attributes) == ("a\ufffd", "error", {"k": 1})
    assert second.message == "b\U0001f600"


def kvlist(**members: str) -> AnyValue:
    made = AnyValue()
    made.kvlist_value.values.extend(
        KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in members.items()
    )
    return made


@pytest.mark.parametrize(
    ("record", "message", "attributes"),
    [
        (LogRecord(event_name="login"), "login", {"eventName": "login"}),
        (
            LogRecord(event_name="login", body=AnyValue(string_value="Ada is in")),
            "Ada is in",
            {"eventName": "login"},
        ),
        (
            LogRecord(event_name="login", body=kvlist(user="ada")),
            "login",
            {"eventName": "login", "user": "ada"},
        ),
        (
            LogRecord(event_name="login", body=kvlist(msg="hello", user="ada")),
            "hello",
            {"eventName": "login", "user": "ada"},
        ),
        (LogRecord(body=kvlist(user="ada")), '{"user":"ada"}', {"user": "ada"}),
        (
            LogRecord(event_name="login", body=AnyValue(string_value="")),
            "login",
            {"eventName": "login"},
        ),
        (
            LogRecord(
                event_name="login",
                attributes=[KeyValue(key="message", value=AnyValue(string_value='{"a":1}'))],
            ),
            '{"a":1}',
            {"eventName": "login"},
        ),
    ],
    ids=["event", "text", "object", "object with message", "no event", "empty", "attribute"],
)
@pytest.mark.parametrize("time", [0, NOON * MILLISECOND])
def test_record_without_text_says_the_name_of_its_event_or_its_body(
    record: LogRecord, message: str, attributes: dict[str, object], time: int
) -> None:
    record = LogRecord.FromString(record.SerializeToString())
    record.time_unix_nano = time
    resource = ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])
    resource.resource.attributes.add(key="service", value=AnyValue(string_value="shop"))
    request = ExportLogsServiceRequest(resource_logs=[resource])
    for found in (read_binary(request.SerializeToString()), read_text(as_json(request))):
        assert [each.message for each in found] == [message]
        expected = attributes | {"service": "shop"}
        assert {name: found[0].attributes.get(name) for name in expected} == expected


def test_array_as_body_is_its_json() -> None:
    body = AnyValue()
    body.array_value.values.extend([AnyValue(string_value="a"), AnyValue(int_value=1), AnyValue()])
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(body=body)])])]
    )
    (found,) = read_binary(request.SerializeToString())
    assert (found.message, found.attributes) == ('["a",1,null]', {})

"""OTLP in JSON: the JSON of protobuf, with ids in hexadecimal.

A package for protobuf would refuse a whole request for an `intValue` of 1e+21, which exporters of
JavaScript send.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from server.ingest.entries import (
    IN_JSON,
    NO_JSON,
    Unreadable,
    decoded,
    in_turns,
    refuse_crowded,
)
from server.ingest.otlp_records import Inherited, OtlpBatch, refuse_too_many
from waterline.recognition.object_shapes import Members, integer_of, plain, plain_attributes

_NO_OBJECT: Final = msgspec.Raw(b"{}")


class _Scope(msgspec.Struct, gc=False):
    scope: msgspec.Raw = _NO_OBJECT
    log_records: list[msgspec.Raw] | None = msgspec.field(default=None, name="logRecords")
    in_proto_case: list[msgspec.Raw] | None = msgspec.field(default=None, name="log_records")


class _Resource(msgspec.Struct, gc=False):
    resource: msgspec.Raw = _NO_OBJECT
    scope_logs: list[_Scope] | None = msgspec.field(default=None, name="scopeLogs")
    in_proto_case: list[_Scope] | None = msgspec.field(default=None, name="scope_logs")


class _Request(msgspec.Struct):
    resource_logs: list[_Resource] | None = msgspec.field(default=None, name="resourceLogs")
    in_proto_case: list[_Resource] | None = msgspec.field(default=None, name="resource_logs")


class _Pair(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    key: str = ""
    value: dict[str, object] | None = None


class _Record(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A record as exporters write it; what has more members or odd ones is read as it stands."""

    time_unix_nano: object = None
    observed_time_unix_nano: object = None
    severity_number: object = None
    severity_text: object = None
    dropped_attributes_count: object = None
    flags: object = None
    trace_id: object = None
    span_id: object = None
    event_name: object = None
    body: object = None
    attributes: list[_Pair] = []


class _RawRecord(NamedTuple):
    raw: msgspec.Raw
    inherited: Inherited


_decode_request: Final = msgspec.json.Decoder(_Request).decode
_decode_records: Final = msgspec.json.Decoder(list[_Record]).decode
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder().decode
_decode_list: Final = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
# Resources, and scopes, of a request without any record that are looked at.
_MOST_PARTS: Final = 1000
# Members of a request, its resources and their scopes; the first two hold what is below.
_LEVELS: Final = (
    ("resourceLogs", "resource_logs"),
    ("scopeLogs", "scope_logs", "resource", "schemaUrl", "schema_url"),
    ("logRecords", "log_records", "scope", "schemaUrl", "schema_url"),
)
# Fields of a record under the names that protobuf's JSON allows too.
_NAMES: Final = {
    "time_unix_nano": "timeUnixNano",
    "observed_time_unix_nano": "observedTimeUnixNano",
    "severity_number": "severityNumber",
    "severity_text": "severityText",
    "trace_id": "traceId",
    "span_id": "spanId",
    "dropped_attributes_count": "droppedAttributesCount",
    "event_name": "eventName",
}
_ORDER: Final = (
    *("timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText"),
    *("droppedAttributesCount", "flags", "traceId", "spanId", "eventName"),
)
_NUMBERS: Final = {"timeUnixNano", "observedTimeUnixNano", "flags", "droppedAttributesCount"}
_SEVERITIES: Final = {
    f"SEVERITY_NUMBER_{name}{suffix or ''}": 4 * place + (suffix or 1)
    for place, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for suffix in (None, 2, 3, 4)
}
# Characters of the name of a member that an answer tells.
_LONGEST_NAME: Final = 40
# Values that mean that a field is not there.
_DEFAULTS: Final = (None, 0, "", "0", "SEVERITY_NUMBER_UNSPECIFIED")
_DEFAULT_TEXTS: Final = frozenset(each for each in _DEFAULTS if isinstance(each, str))
_others: Final = attrgetter(
    "dropped_attributes_count", "flags", "trace_id", "span_id", "event_name"
)
_NO_OTHERS: Final = (None,) * 5


def read_json(content: bytes) -> Iterator[OtlpBatch]:
    """Yield the records of an ExportLogsServiceRequest in JSON.

    Raises:
        Unreadable: it is none.
        TooMuch: it has too many values.
    """
    refuse_crowded(content, IN_JSON)
    try:
        request = decoded(_decode_request, content)
    except NO_JSON as error:
        raise Unreadable(f"this is no request of OTLP in JSON: {error}") from error
    if not any(scope.log_records or scope.in_proto_case for scope in _scopes(request)):
        _refuse_another(content)
    found = _raw_records(request)
    for held, _ in in_turns(found, lambda each: len(each.raw), lambda each: each.inherited.size):
        yield _batch(held)


def _scopes(request: _Request) -> Iterator[_Scope]:
    for resource in (*(request.resource_logs or ()), *(request.in_proto_case or ())):
        yield from resource.scope_logs or ()
        yield from resource.in_proto_case or ()


def _refuse_another(content: bytes) -> None:
    """Refuse a request without any record that has something else, of which nothing would be kept.

    Raises:
        Unreadable: it has a member that no request of logs has.
    """
    parts = [decoded(_decode_members, content)]
    for known in _LEVELS:
        for part in parts:
            if unknown := next((name for name in part if name not in known), None):
                raise Unreadable(
                    "this is no request of OTLP with logs: it has no record, but "
                    f"{unknown[:_LONGEST_NAME]!r} in place of {known[0]}"
                )
        lists = [part[name] for part in parts for name in known[:2] if name in part]
        inner = (each for raw in lists for each in decoded(_decode_list, bytes(raw)) or ())
        parts = [decoded(_decode_members, bytes(each)) for each in islice(inner, _MOST_PARTS)]


def _raw_records(request: _Request) -> Iterator[_RawRecord | None]:
    """Yield the records, and None for each resource and scope."""
    for resource in (*(request.resource_logs or ()), *(request.in_proto_case or ())):
        yield None
        shared = _attributes_of(_part(resource.resource, "resource"))
        for scope in (*(resource.scope_logs or ()), *(resource.in_proto_case or ())):
            yield None
            inherited = Inherited(
                shared | _of_scope(_part(scope.scope, "scope")),
                len(resource.resource) + len(scope.scope),
            )
            for raw in (*(scope.log_records or ()), *(scope.in_proto_case or ())):
                yield _RawRecord(raw, inherited)


def _batch(held: Sequence[_RawRecord]) -> OtlpBatch:
    batch = OtlpBatch()
    try:
        records = decoded(_decode_records, b"[%b]" % b",".join([each.raw for each in held]))
    except NO_JSON:
        for raw, inherited in held:
            batch.add_parts(*_record(raw), inherited, len(raw))
        return batch
    for record, (raw, inherited) in zip(records, held, strict=True):
        fields = _fields(record)
        refuse_too_many(record.attributes)
        attributes = {
            pair.key: value["stringValue"]
            if (value := pair.value) and len(value) == 1 and "stringValue" in value
            else plain(value)
            for pair in record.attributes
        }
        batch.add_parts(fields, _plain(record.body), attributes, inherited, len(raw))
    return batch


def _part(raw: msgspec.Raw, name: str) -> object:
    """Return a resource or scope; what is no JSON becomes an attribute of that name."""
    try:
        return decoded(_decode, bytes(raw))
    except NO_JSON:
        return {"attributes": {name: bytes(raw).decode(errors="replace")}}


def _attributes_of(value: object) -> Members:
    return _bounded(value.get("attributes")) if isinstance(value, dict) else {}


def _bounded(attributes: object) -> Members:
    """Return attributes as an object.

    Raises:
        TooMuch: there are too many.
    """
    if isinstance(attributes, list | dict):
        refuse_too_many(attributes)
    return plain_attributes(attributes)


def _of_scope(value: object) -> Members:
    if not isinstance(value, dict):
        return {}
    named = {"scope": value.get("name"), "scope_version": value.get("version")}
    return _attributes_of(value) | {name: each for name, each in named.items() if each}


def _plain(value: object) -> object:
    if type(value) is dict and len(value) == 1 and "stringValue" in value:
        return value["stringValue"]
    return plain(value)


def _fields(record: _Record) -> Members:
    """Return the fields that do not hold their default."""
    fields: Members = {}
    if _is_given(time := record.time_unix_nano):
        fields["timeUnixNano"] = integer_of(time)
    if _is_given(observed := record.observed_time_unix_nano):
        fields["observedTimeUnixNano"] = integer_of(observed)
    if _is_given(number := record.severity_number):
        fields["severityNumber"] = _value_of("severityNumber", number)
    if _is_given(record.severity_text):
        fields["severityText"] = record.severity_text
    others = _others(record)
    if others != _NO_OTHERS:
        for name, value in zip(_ORDER[-len(others) :], others, strict=True):
            if _is_given(value):
                fields[name] = _value_of(name, value)
    return fields


def _is_given(value: object) -> bool:
    return value not in (_DEFAULT_TEXTS if type(value) is str else _DEFAULTS)


def _record(raw: msgspec.Raw) -> tuple[Members, object, Members]:
    """Return fields, body and attributes of a record that has other members too, or odd ones."""
    try:
        value = decoded(_decode, bytes(raw))
    except NO_JSON:
        value = None
    if not isinstance(value, dict):
        return {}, bytes(raw).decode(errors="replace"), {}
    fields: Members = {}
    body, attributes = None, {}
    for name, each in value.items():
        field = str(_NAMES.get(name, name))
        if field == "body":
            body = plain(each)
        elif field == "attributes":
            attributes = _bounded(each)
        elif each not in _DEFAULTS:
            fields[field] = _value_of(field, each)
    # The fields may become the message, in one order for both encodings.
    return {name: fields[name] for name in _ORDER if name in fields} | fields, body, attributes


def _value_of(field: str, value: object) -> object:
    if field in _NUMBERS:
        return integer_of(value)
    if field == "severityNumber" and isinstance(value, str):
        return _SEVERITIES.get(value, integer_of(value))
    if field in ("traceId", "spanId") and isinstance(value, str):
        return value.lower()
    return value

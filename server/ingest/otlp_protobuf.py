"""OTLP in protobuf (opentelemetry-proto, logs/v1); only the first request of it loads this."""

import base64
import math
from collections.abc import Iterator
from typing import Any

from server.ingest.entries import Unreadable
from server.ingest.otlp_records import OtlpRecord
from server.ingest.protobuf import DecodeError, ExportLogsServiceRequest
from waterline.recognition.object_shapes import Members

# A value within more arrays and objects stays a text.
_DEEPEST = 100


def read_protobuf(content: bytes) -> Iterator[OtlpRecord]:
    """Yield the records of an ExportLogsServiceRequest.

    Raises:
        Unreadable: it is none.
    """
    try:
        request = ExportLogsServiceRequest.FromString(content)
    except DecodeError as error:
        raise Unreadable(f"this is no request of OTLP in protobuf: {error}") from error
    for resource in request.resource_logs:
        shared = _attributes(resource.resource.attributes)
        for scope in resource.scope_logs:
            named: Members = {"scope": scope.scope.name} if scope.scope.name else {}
            inherited = shared | _attributes(scope.scope.attributes) | named
            for record in scope.log_records:
                body = _value(record.body) if record.HasField("body") else None
                attributes = _attributes(record.attributes)
                yield OtlpRecord(_fields(record), body, attributes, inherited, record.ByteSize())


def _fields(record: Any) -> Members:  # noqa: ANN401 - protobuf's classes have no types
    """Return the fields that do not hold their default, by their names in JSON."""
    fields: Members = {}
    if record.time_unix_nano:
        fields["timeUnixNano"] = record.time_unix_nano
    if record.observed_time_unix_nano:
        fields["observedTimeUnixNano"] = record.observed_time_unix_nano
    if record.severity_number:
        fields["severityNumber"] = record.severity_number
    if record.severity_text:
        fields["severityText"] = record.severity_text
    if record.dropped_attributes_count:
        fields["droppedAttributesCount"] = record.dropped_attributes_count
    if record.flags:
        fields["flags"] = record.flags
    if record.trace_id:
        fields["traceId"] = record.trace_id.hex()
    if record.span_id:
        fields["spanId"] = record.span_id.hex()
    if record.event_name:
        fields["eventName"] = record.event_name
    return fields


def _attributes(pairs: Any) -> Members:  # noqa: ANN401 - protobuf's classes have no types
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any, depth: int = 0) -> object:  # noqa: ANN401 - protobuf's classes have no types
    """Return an AnyValue as plain JSON has it."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "double_value":
            number: float = value.double_value
            return number if math.isfinite(number) else _infinite(number)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value" if depth < _DEEPEST:
            return [_value(each, depth + 1) for each in value.array_value.values]
        case "kvlist_value" if depth < _DEEPEST:
            return {each.key: _value(each.value, depth + 1) for each in value.kvlist_value.values}
        case "array_value" | "kvlist_value":
            return str(getattr(value, kind))
    found: object = getattr(value, kind)
    return found


def _infinite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"

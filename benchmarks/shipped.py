"""Bodies of logs as shippers and loggers write them: each holds the same logs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import cramjam
import msgspec
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from server.ingest import protobuf

Log = Mapping[str, Any]
_JOB: Final = "bench"
_NANOSECONDS: Final = 1_000_000
_SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17}
_PINO_LEVELS: Final = {"debug": 20, "info": 30, "warning": 40, "error": 50}
_GELF_LEVELS: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_OUR_KEYS: Final = frozenset({"id", "timestamp", "type", "message"})


def in_our_form(logs: Sequence[Log]) -> bytes:
    """One log a line, as `POST /ingest` documents it."""
    return _lines(logs)


def by_pino(logs: Sequence[Log]) -> bytes:
    """Pino: a number for the level, milliseconds, `msg`."""
    return _lines(
        {"level": _PINO_LEVELS[log["type"]], "time": log["timestamp"], "pid": 7, "hostname": "a"}
        | _others(log)
        | {"msg": log["message"]}
        for log in logs
    )


def by_zap(logs: Sequence[Log]) -> bytes:
    """Zap: seconds with a fraction, a caller."""
    return _lines(
        {"level": log["type"], "ts": log["timestamp"] / 1000, "caller": "a/b.go:7"}
        | {"msg": log["message"]}
        | _others(log)
        for log in logs
    )


def in_ecs(logs: Sequence[Log]) -> bytes:
    """Elastic Common Schema, with names that are split at points."""
    return _lines(
        {"@timestamp": _written(log), "log.level": log["type"], "message": log["message"]}
        | {"ecs.version": "1.6.0", "log": {"logger": "a"}}
        | _others(log)
        for log in logs
    )


def by_docker(logs: Sequence[Log]) -> bytes:
    """Docker's json-file driver, whose `log` is a line of text."""
    return _lines(
        {
            "log": f"{_written(log)} {log['type'].upper()} {log['message']}\n",
            "stream": "stdout",
            "time": _written(log),
        }
        for log in logs
    )


def in_otlp(logs: Sequence[Log]) -> bytes:
    """OTLP in protobuf."""
    return bytes(_exported(logs).SerializeToString())


def in_otlp_json(logs: Sequence[Log]) -> bytes:
    """OTLP in JSON."""
    return msgspec.json.encode(MessageToDict(_exported(logs)))


def by_loki(logs: Sequence[Log]) -> bytes:
    """Loki's push in JSON, with structured metadata."""
    values = [[str(log["timestamp"] * _NANOSECONDS), log["message"], _texts(log)] for log in logs]
    return msgspec.json.encode({"streams": [{"stream": {"job": _JOB}, "values": values}]})


def by_loki_protobuf(logs: Sequence[Log]) -> bytes:
    """Loki's push in protobuf, packed by snappy."""
    push = protobuf.PushRequest()
    stream = push.streams.add(labels=f'{{job="{_JOB}"}}')
    for log in logs:
        entry = stream.entries.add(line=log["message"])
        entry.timestamp.FromMilliseconds(log["timestamp"])
        for name, value in _texts(log).items():
            entry.structuredMetadata.add(name=name, value=value)
    return bytes(cramjam.snappy.compress_raw(push.SerializeToString()))


def in_bulk(logs: Sequence[Log]) -> bytes:
    """Elasticsearch's bulk, with an id for each document."""
    return _lines(
        line
        for log in logs
        for line in (
            {"create": {"_index": "logs", "_id": log["id"]}},
            {"@timestamp": log["timestamp"], "level": log["type"], "message": log["message"]}
            | _others(log),
        )
    )


def as_events(logs: Sequence[Log]) -> bytes:
    """Splunk's events, one behind the other."""
    return b"".join(
        msgspec.json.encode(
            {
                "time": log["timestamp"] / 1000,
                "event": {"severity": log["type"], "message": log["message"]} | _others(log),
                "sourcetype": "_json",
            }
        )
        for log in logs
    )


def in_gelf(logs: Sequence[Log]) -> bytes:
    """GELF, one message a line."""
    return _lines(
        {"version": "1.1", "host": "a", "short_message": log["message"]}
        | {"timestamp": log["timestamp"] / 1000, "level": _GELF_LEVELS[log["type"]]}
        | {f"_{name}": value for name, value in _others(log).items()}
        for log in logs
    )


def _lines(values: Iterator[Log] | Sequence[Log]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, values)) + b"\n"


def _others(log: Log) -> dict[str, Any]:
    return {name: value for name, value in log.items() if name not in _OUR_KEYS}


def _texts(log: Log) -> dict[str, str]:
    return {"level": log["type"]} | {name: str(value) for name, value in _others(log).items()}


def _written(log: Log) -> str:
    at = datetime.fromtimestamp(log["timestamp"] / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _exported(logs: Sequence[Log]) -> protobuf.ExportLogsServiceRequest:
    request = protobuf.ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.append(_pair("service.name", _JOB))
    scope = resource.scope_logs.add()
    for log in logs:
        record = scope.log_records.add(
            time_unix_nano=log["timestamp"] * _NANOSECONDS,
            severity_number=_SEVERITIES[log["type"]],
            severity_text=log["type"],
        )
        record.body.string_value = log["message"]
        record.attributes.extend(_pair(*each) for each in _others(log).items())
    return request


def _pair(name: str, value: object) -> KeyValue:
    match value:
        case bool():
            made = AnyValue(bool_value=value)
        case int():
            made = AnyValue(int_value=value)
        case float():
            made = AnyValue(double_value=value)
        case _:
            made = AnyValue(string_value=str(value))
    return KeyValue(key=name, value=made)

"""Bodies of shippers with values at random, odd ones too, and how they may be packed."""

import base64
import gzip
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import cramjam
import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from pyarrow import Codec

from server.ingest import protobuf

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_NANOSECONDS: Final = 1_764_410_000_000_000_000
_LEVELS: Final = ("info", "ERROR", "warn", "debug", "critical", "", "?")
_LINES: Final = (
    "order accepted",
    "2026-03-17T12:00:00Z ERROR no stock",
    '{"level":"warn","msg":"slow","ts":1773748800}',
    '127.0.0.1 - - [17/Mar/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8"',
    "Mar 17 12:00:00 host app[7]: started",
    "",
    "é𝄞\t\x1b[31m",
    "x" * 5000,
    "{" * 300,
    "[" * 3000,
)
_ODD: Final[tuple[object, ...]] = (
    None,
    True,
    -1,
    0,
    2**63,
    2**64 + 1,
    -(2**70),
    1e300,
    -0.0,
    10**400,
    "",
    "\0",
    "NaN",
    "9" * 300,
    "1e+21",
    [],
    {},
    [[[[[[]]]]]],
    {"": {"": ""}},
    "half of a pair",
    [None, {"a": [1]}],
)


def _odd(random: Random) -> object:
    """Return a value of any kind, at times nested deep."""
    if random.random() < 0.1:
        depth = random.choice((62, 63, 64, 65, 99, 101, 150))
        value: object = 1
        for _ in range(depth):
            value = [value] if random.random() < 0.5 else {"k": value}
        return value
    return random.choice(_ODD)


def _text(random: Random) -> str:
    return random.choice(_LINES)


def _moment(random: Random) -> int:
    return _NANOSECONDS + random.randrange(10**12)


def _count(random: Random) -> int:
    return random.choice((0, 1, 1, 2, 5, 40))


def damaged_value(random: Random, value: Any) -> Any:  # noqa: ANN401 - of JSON
    """Return a JSON value in which members here and there are of another kind, or renamed."""
    if random.random() < 0.03:
        return _odd(random)
    if isinstance(value, dict):
        return {
            (key if random.random() < 0.97 else random.choice(("", "type", "message", key * 9))): (
                damaged_value(random, each)
            )
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [damaged_value(random, each) for each in value]
    return value


def _json(random: Random, value: object) -> bytes:
    if random.random() < 0.7:
        value = damaged_value(random, value)
    # As libraries of Python write numbers beyond 64 bits.
    written = msgspec.json.encode(value) if _fits(value) else _written(value)
    return written.replace(b"half of a pair", rb"\ud800")


def _fits(value: object) -> bool:
    match value:
        case bool():
            return True
        case int():
            return -(2**63) <= value < 2**64
        case dict():
            return all(map(_fits, value.values()))
        case list():
            return all(map(_fits, value))
    return True


def _written(value: object) -> bytes:
    """Return JSON of numbers of any size."""
    match value:
        case dict():
            pairs = (
                msgspec.json.encode(key) + b":" + _written(each) for key, each in value.items()
            )
            return b"{" + b",".join(pairs) + b"}"
        case list():
            return b"[" + b",".join(map(_written, value)) + b"]"
        case int() if not isinstance(value, bool):
            return b"%d" % value if abs(value) < 10**300 else b"1" + b"0" * 400
    return msgspec.json.encode(value)


def _lines(random: Random, values: list[object]) -> bytes:
    return b"\n".join(_json(random, each) for each in values) + random.choice((b"", b"\n", b"\r\n"))


# OTLP


def _any_value(random: Random, depth: int = 0) -> dict[str, object]:
    made: tuple[Callable[[], dict[str, object]], ...] = (
        lambda: {"stringValue": _text(random)},
        lambda: {"intValue": random.choice((7, "7", 1e21, "1e+21", -(2**63), "x"))},
        lambda: {"doubleValue": random.choice((0.5, "NaN", "Infinity", -1e308))},
        lambda: {"boolValue": random.choice((True, "true"))},
        lambda: {"bytesValue": base64.b64encode(random.randbytes(5)).decode()},
        dict,
        lambda: {"arrayValue": {"values": [_any_value(random, depth + 1)]}},
        lambda: {"kvlistValue": {"values": [_pair(random, depth + 1)]}},
    )
    return random.choice(made[:6] if depth > 4 else made)()


def _pair(random: Random, depth: int = 0) -> dict[str, object]:
    key = random.choice(("a", "service.name", "level", "id", "", "message"))
    return {"key": key, "value": _any_value(random, depth)}


def otlp(random: Random) -> bytes:
    """OTLP in JSON."""
    records = [
        {
            "timeUnixNano": random.choice((str(_moment(random)), _moment(random), "0", "soon")),
            "observedTimeUnixNano": str(_moment(random)),
            "severityNumber": random.choice((9, 17, 0, 99, "SEVERITY_NUMBER_ERROR")),
            "severityText": random.choice(_LEVELS),
            "body": _any_value(random),
            "attributes": [_pair(random) for _ in range(random.randrange(4))],
            "traceId": random.choice(("", "5b8efff798038103d269b633813fc60c", "zz")),
        }
        for _ in range(_count(random))
    ]
    scope = {"scope": {"name": "a", "attributes": [_pair(random)]}, "logRecords": records}
    resource = {"resource": {"attributes": [_pair(random)]}, "scopeLogs": [scope]}
    return _json(random, {"resourceLogs": [resource] * random.choice((1, 1, 3))})


def _proto_value(random: Random, depth: int = 0) -> AnyValue:
    value = AnyValue()
    match random.randrange(7 if depth < 70 else 4):
        case 0:
            value.string_value = _text(random)
        case 1:
            value.int_value = random.choice((0, 7, -(2**63), 2**63 - 1))
        case 2:
            value.double_value = random.choice((0.5, math.nan, math.inf, -1e308))
        case 3:
            value.bytes_value = random.randbytes(5)
        case 4:
            # Beyond a hundred levels the package reads no message.
            for _ in range(random.choice((1, 1, 2))):
                value.array_value.values.append(
                    _proto_value(random, depth + random.choice((1, 30)))
                )
        case 5:
            value.kvlist_value.values.add(key="k").value.CopyFrom(_proto_value(random, depth + 1))
    return value


def otlp_binary(random: Random) -> bytes:
    """OTLP in protobuf."""
    request = protobuf.ExportLogsServiceRequest()
    for _ in range(random.choice((1, 1, 3))):
        resource = request.resource_logs.add()
        resource.resource.attributes.add(key="a").value.CopyFrom(_proto_value(random))
        scope = resource.scope_logs.add()
        for _ in range(_count(random)):
            record = scope.log_records.add(
                time_unix_nano=random.choice((0, 1, _moment(random), 2**64 - 1)),
                observed_time_unix_nano=random.choice((0, _moment(random))),
                severity_number=random.choice((0, 9, 17, 24)),
                severity_text=random.choice(_LEVELS),
                trace_id=random.randbytes(random.choice((0, 16, 3))),
                flags=random.choice((0, 1, 2**32 - 1)),
            )
            if random.random() < 0.9:
                record.body.CopyFrom(_proto_value(random))
            record.attributes.add(key="k").value.CopyFrom(_proto_value(random))
    return bytes(request.SerializeToString())


# Loki


def loki(random: Random) -> bytes:
    """Loki in JSON, of both versions."""
    labels = {"job": "a", "level": random.choice(_LEVELS), "message": _text(random)}
    values = [
        [str(_moment(random)), _text(random), *random.choice(([], [{}], [None], [{"a": "b"}]))]
        for _ in range(_count(random))
    ]
    entries = [{"ts": "2026-03-17T12:00:00Z", "line": _text(random)} for _ in range(_count(random))]
    streams: list[object] = [{"stream": labels, "values": values}]
    if random.random() < 0.3:
        streams.append({"labels": random.choice(('{job="a"}', "{", '{a="\\"')), "entries": entries})
    return _json(random, {"streams": streams})


def loki_binary(random: Random) -> bytes:
    """Loki in protobuf, not packed yet."""
    push = protobuf.PushRequest()
    for _ in range(random.choice((1, 1, 3))):
        stream = push.streams.add(
            labels=random.choice(('{job="a"}', "", "{" * 9, '{a="b",level="x"}'))
        )
        for _ in range(_count(random)):
            entry = stream.entries.add(line=_text(random))
            entry.timestamp.seconds = random.choice((0, _NANOSECONDS // 10**9, -(2**63), 2**63 - 1))
            entry.timestamp.nanos = random.choice((0, 5, -1, 2**31 - 1))
            entry.structuredMetadata.add(name="level", value=random.choice(_LEVELS))
    return bytes(push.SerializeToString())


# The others


def bulk(random: Random) -> bytes:
    """Elasticsearch's bulk."""
    values: list[object] = []
    for _ in range(_count(random)):
        action = random.choice(("create", "create", "index", "update", "delete"))
        name = random.choice(({}, {"_id": "7"}, {"_id": "i" * 200}, {"_index": "a", "_id": 7}))
        values.append({action: name})
        if action != "delete":
            values.append({"@timestamp": "2026-03-17T12:00:00Z", "message": _text(random), "a": 1})
    return _lines(random, values)


def events(random: Random) -> bytes:
    """Splunk's events."""
    inner = {"message": "m", "severity": random.choice(_LEVELS)}
    return b"".join(
        _json(
            random,
            {
                "time": random.choice((1773748800.5, "1773748800", None, "soon", 1e300)),
                "host": "a",
                "event": random.choice((_text(random), inner, 7, None, [1])),
                "fields": random.choice(({"a": "b"}, {}, None, [])),
            },
        )
        for _ in range(_count(random))
    )


def text(random: Random) -> bytes:
    """Lines of text."""
    return "\n".join(_text(random) for _ in range(_count(random))).encode()


def gelf(random: Random) -> bytes:
    """GELF, one message or several."""
    return _lines(
        random,
        [
            {
                "version": "1.1",
                "host": "a",
                "short_message": _text(random),
                "timestamp": random.choice((1773748800.5, "1773748800.5", -1, 1e300)),
                "level": random.choice((3, 6, 99, "3")),
                "_id": "7",
                "_a": {"b": [1]},
            }
            for _ in range(random.choice((1, 1, 1, 3)))
        ],
    )


def form(random: Random) -> bytes:
    """A record of Python's HTTPHandler."""
    arguments = random.choice(
        ("()", "(7,)", "('a',", "(((((", r"('\ud800',)", "{'a': 1}", "(" * 200)
    )
    template = random.choice((_text(random), "%s", "%d %s", "%" * 50, "%99999999d"))
    return urlencode({"msg": template, "args": arguments, "levelname": "ERROR"}).encode()


def objects(random: Random) -> bytes:
    """Objects of other programs, one a line."""
    return _lines(
        random,
        [
            random.choice(
                (
                    {"level": 30, "time": 1773748800000, "msg": _text(random)},
                    {"log": _text(random), "stream": "stdout", "time": "2026-03-17T12:00:00Z"},
                    {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {}}]}]}]},
                    {"waterline.log": {"type": "a", "message": "m", "attributes": {"a": 1}}},
                    {"logEvents": [{"message": _text(random), "timestamp": 1}], "logGroup": "g"},
                )
            )
            for _ in range(_count(random))
        ],
    )


@dataclass(frozen=True)
class Wire:
    """How bodies of a protocol travel.

    Attributes:
        path: where they are posted.
        content_type: the header.
        make: returns a body.
        success: the status of one that is stored.
    """

    path: str
    content_type: str
    make: Callable[[Random], bytes]
    success: int = 200


WIRES: Final[Mapping[str, Wire]] = {
    "OTLP": Wire("/v1/logs", JSON, otlp),
    "OTLP in protobuf": Wire("/v1/logs", PROTOBUF, otlp_binary),
    "Loki": Wire("/loki/api/v1/push", JSON, loki, 204),
    "Loki in protobuf": Wire("/loki/api/v1/push", PROTOBUF, loki_binary, 204),
    "bulk": Wire("/_bulk", "application/x-ndjson", bulk),
    "bulk of an index": Wire("/logs-a/_bulk", JSON, bulk),
    "events": Wire("/services/collector", JSON, events),
    "raw events": Wire("/services/collector/raw?host=a&source=b", "text/plain", text),
    "GELF": Wire("/gelf", JSON, gelf, 202),
    "text": Wire("/ingest", "text/plain", text),
    "forms": Wire("/ingest", "application/x-www-form-urlencoded", form),
    "objects": Wire("/ingest", JSON, objects),
}


def _bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def snappy(data: bytes) -> bytes:
    """Pack a body as one block of snappy."""
    return bytes(cramjam.snappy.compress_raw(data))


PACKED: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("", bytes),
    ("identity", bytes),
    ("gzip", partial(gzip.compress, mtime=0)),
    ("deflate", zlib.compress),
    ("deflate", _bare_deflate),
    ("gzip,deflate", zlib.compress),
    ("zstd", lambda data: Codec("zstd").compress(data, asbytes=True)),
    ("snappy", snappy),
)
"""Content-Encodings, and what packs a body so."""

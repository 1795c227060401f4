"""JSON objects of loggers, shippers and servers, each to the letter of its format."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.recognition.json_text import object_in
from waterline.recognition.levels import TYPES
from waterline.recognition.object_dialects import DIALECTS
from waterline.recognition.object_plans import Overrides, Plans
from waterline.recognition.objects import ObjectReader, recognize_object
from waterline.recognition.own_logs import TIMES_OF_OTHERS, is_ours
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer

SECOND = 1_795_514_400_000  # 2026-11-24T10:00:00Z
MOMENT = SECOND + 123
ISO = "2026-11-24T10:00:00.123Z"

EVTX = (
    '{"Event":{"System":{"Level":3,"EventID":41,"TimeCreated":{"#attributes":{"SystemTime":'
    '"2026-11-24T10:00:00.123456Z"}}},"EventData":{"a":1}}}'
)

# By name: an object, then message, time, type and attributes that it has.
OBJECTS: dict[str, tuple[dict[str, Any], str, int | None, str | None, dict[str, Any]]] = {
    "pino": (
        {"level": 30, "time": MOMENT, "pid": 1, "hostname": "h", "msg": "ok", "err": {"type": "E"}},
        "ok", MOMENT, "info", {"pid": 1, "hostname": "h", "err": {"type": "E"}},
    ),
    "pino, fatal": (
        {"level": 60, "time": MOMENT, "msg": "out"}, "out", MOMENT, "error", {"level": 60}
    ),
    "bunyan": (
        {"name": "app", "hostname": "h", "pid": 1, "level": 40, "msg": "hm", "time": ISO, "v": 0},
        "hm", MOMENT, "warning", {"name": "app", "hostname": "h", "pid": 1, "v": 0},
    ),
    "winston": (
        {"level": "\x1b[31merror\x1b[39m", "message": "boom", "timestamp": ISO, "service": "web"},
        "boom", MOMENT, "error", {"service": "web"},
    ),
    "zap": (
        {"level": "warn", "ts": 1795514400.123, "caller": "m.go:1", "msg": "hm"},
        "hm", MOMENT, "warning", {"caller": "m.go:1"},
    ),
    "zap, development": (
        {"L": "DPANIC", "T": "2026-11-24T11:00:00.123+0100", "C": "m.go:1", "M": "hm", "N": "n"},
        "hm", MOMENT, "error", {"level": "DPANIC", "C": "m.go:1", "N": "n"},
    ),
    "zerolog": (
        {"level": "info", "time": 1795514400, "message": "up", "id": "q-1"},
        "up", SECOND, "info", {"id": "q-1"},
    ),
    "slog": (
        {"time": "2026-11-24T11:00:00.123456+01:00", "level": "INFO+2", "msg": "hm",
         "source": {"line": 3}},
        "hm", MOMENT, "info", {"level": "INFO+2", "source": {"line": 3}},
    ),
    "logrus": (
        {"level": "fatal", "msg": "boom", "time": ISO, "fields.level": "x"},
        "boom", MOMENT, "error", {"level": "fatal", "fields.level": "x"},
    ),
    "structlog": (
        {"event": "boom", "level": "critical", "timestamp": ISO, "logger": "app"},
        "boom", MOMENT, "error", {"level": "critical", "logger": "app"},
    ),
    "loguru": (
        {"text": "…", "record": {"level": {"name": "WARNING", "no": 30, "icon": "x"}, "line": 7,
         "message": "hm", "time": {"repr": "2026", "timestamp": 1795514400.123},
         "extra": {"a": 1}}},
        "hm", MOMENT, "warning", {"text": "…", "line": 7, "extra": {"a": 1}},
    ),
    "python-json-logger": (
        {"asctime": "2026-11-24 10:00:00,123", "levelname": "CRITICAL", "name": "a",
         "message": "boom"},
        "boom", MOMENT, "error", {"level": "CRITICAL", "name": "a"},
    ),
    "Python, numbers": (
        {"levelno": 40, "created": 1795514400.123, "msg": "boom", "lineno": 3},
        "boom", MOMENT, "error", {"lineno": 3},
    ),
    "Serilog CLEF": (
        {"@t": "2026-11-24T10:00:00.1234567Z", "@mt": "User {Name}", "@l": "Fatal", "Name": "x"},
        "User {Name}", MOMENT, "error", {"level": "Fatal", "Name": "x"},
    ),
    "Serilog, plain": (
        {"Timestamp": "2026-11-24T11:00:00.1234567+01:00", "Level": "Verbose",
         "MessageTemplate": "User {N}", "RenderedMessage": "User 1", "Properties": {"N": 1}},
        "User 1", MOMENT, "trace",
        {"level": "Verbose", "MessageTemplate": "User {N}", "Properties": {"N": 1}},
    ),
    ".NET": (
        {"EventId": 0, "LogLevel": "Critical", "Category": "App", "Message": "boom",
         "State": {"a": 1}},
        "boom", None, "error",
        {"EventId": 0, "level": "Critical", "Category": "App", "State": {"a": 1}},
    ),
    "ECS": (
        {"@timestamp": ISO, "log.level": "ERROR", "message": "boom", "ecs.version": "1.6.0",
         "event.dataset": "x"},
        "boom", MOMENT, "error", {"ecs.version": "1.6.0", "event.dataset": "x"},
    ),
    "ECS, nested": (
        {"@timestamp": ISO, "log": {"level": "warn", "logger": "a"}, "message": "hm",
         "event": {"dataset": "x"}},
        "hm", MOMENT, "warning", {"log": {"logger": "a"}, "event": {"dataset": "x"}},
    ),
    "GELF": (
        {"version": "1.1", "host": "h", "short_message": "boom", "full_message": "boom\nat x",
         "timestamp": 1795514400.123, "level": 2, "_user_id": 42, "_host": "other"},
        "boom", MOMENT, "error",
        {"version": "1.1", "host": "h", "full_message": "boom\nat x", "level": 2, "user_id": 42,
         "_host": "other"},
    ),
    "journald": (
        {"__REALTIME_TIMESTAMP": "1795514400123456", "PRIORITY": "4", "_PID": "7",
         "MESSAGE": [103, 114, 195, 188, 195, 159, 101], "_UDEV_DEVLINK": ["a", "b"]},
        "grüße", MOMENT, "warning", {"_PID": "7", "_UDEV_DEVLINK": ["a", "b"]},
    ),
    "journald, repeated": (
        {"__REALTIME_TIMESTAMP": "1795514400123456", "MESSAGE": ["one", [116, 119, 111]],
         "PRIORITY": "5"},
        "one\ntwo", MOMENT, "info", {"MESSAGE": ["one", "two"], "level": "5"},
    ),
    "MongoDB": (
        {"t": {"$date": "2026-11-24T10:00:00.123+00:00"}, "s": "E", "c": "NETWORK", "id": 22943,
         "ctx": "main", "msg": "boom", "attr": {"port": 1}},
        "boom", MOMENT, "error", {"c": "NETWORK", "id": 22943, "ctx": "main", "attr": {"port": 1}},
    ),
    "MongoDB, debug": (
        {"t": {"$date": ISO}, "s": "D2", "c": "REPL", "id": 1, "ctx": "m", "msg": "hm"},
        "hm", MOMENT, "debug", {"level": "D2", "c": "REPL", "id": 1, "ctx": "m"},
    ),
    "log4j2 JsonLayout": (
        {"instant": {"epochSecond": 1795514400, "nanoOfSecond": 123456789}, "thread": "main",
         "level": "FATAL", "loggerName": "c.e.X", "message": "boom", "endOfBatch": False},
        "boom", MOMENT, "error",
        {"thread": "main", "level": "FATAL", "loggerName": "c.e.X", "endOfBatch": False},
    ),
    "log4j2 JsonLayout, old": (
        {"timeMillis": MOMENT, "thread": "main", "level": "WARN", "message": "hm"},
        "hm", MOMENT, "warning", {"thread": "main"},
    ),
    "log4j2 JsonTemplateLayout": (
        {"@version": 1, "source_host": "h", "message": "hm", "thread_name": "main",
         "@timestamp": "2026-11-24T10:00:00.123+0000", "level": "WARN", "logger_name": "c.e.X"},
        "hm", MOMENT, "warning",
        {"@version": 1, "source_host": "h", "thread_name": "main", "logger_name": "c.e.X"},
    ),
    "logstash-logback": (
        {"@timestamp": "2026-11-24T11:00:00.123+01:00", "@version": "1", "message": "hm",
         "level": "WARN", "level_value": 30000},
        "hm", MOMENT, "warning", {"@version": "1", "level_value": 30000},
    ),
    "Logback": (
        {"sequenceNumber": 0, "timestamp": MOMENT, "nanoseconds": 123456789, "level": "INFO",
         "message": "user {}", "formattedMessage": "user 1", "arguments": ["1"]},
        "user 1", MOMENT, "info",
        {"sequenceNumber": 0, "nanoseconds": 123456789, "message": "user {}", "arguments": ["1"]},
    ),
    "Spring Boot, GELF": (
        {"version": "1.1", "short_message": "up", "timestamp": 1795514400.123, "level": 6,
         "_level_name": "INFO"},
        "up", MOMENT, "info", {"version": "1.1", "level_name": "INFO"},
    ),
    "Docker": (
        {"log": "started\n", "stream": "stdout", "time": "2026-11-24T10:00:00.123456789Z"},
        "started", MOMENT, None, {"stream": "stdout"},
    ),
    "Docker, an object within": (
        {"log": '{"level":50,"time":1795514400000,"msg":"boom","stream":"s"}\n',
         "stream": "stderr", "time": ISO},
        "boom", SECOND, "error", {"stream": "s", "stream_2": "stderr"},
    ),
    "Docker, an object of ours within": (
        {"log": '{"type":"audit","message":"x","id":"a","level":"warn"}', "stream": "stdout",
         "time": ISO},
        "x", MOMENT, "audit", {"id": "a", "level": "warn", "stream": "stdout"},
    ),
    "Fluent Bit": (
        {"date": 1795514400.123, "log": "hm", "kubernetes": {"pod_name": "p"}},
        "hm", MOMENT, None, {"kubernetes": {"pod_name": "p"}},
    ),
    "Vector": (
        {"message": '{"lvl":"warn","msg":"hm","t":1795514400123}', "source_type": "file",
         "timestamp": "2026-11-24T10:00:09Z"},
        "hm", MOMENT, "warning", {"source_type": "file"},
    ),
    "Filebeat": (
        {"@timestamp": ISO, "message": "hm", "agent": {"type": "filebeat"},
         "input": {"type": "log"}, "log": {"offset": 0}},
        "hm", MOMENT, None,
        {"agent": {"type": "filebeat"}, "input": {"type": "log"}, "log": {"offset": 0}},
    ),
    "Loki": (
        {"labels": {"app": "a"}, "line": '{"level":"error","msg":"boom"}', "timestamp": ISO},
        "boom", MOMENT, "error", {"labels": {"app": "a"}},
    ),
    "Splunk HEC": (
        {"time": 1795514400.123, "sourcetype": "_json", "event": {"severity": "ERROR", "msg": "x"},
         "fields": {"dc": "a"}},
        "x", MOMENT, "error", {"sourcetype": "_json", "dc": "a"},
    ),
    "Elasticsearch hit": (
        {"_index": "logs", "_id": "1", "_source": {"@timestamp": ISO, "message": "hm",
         "log": {"level": "warn"}}},
        "hm", MOMENT, "warning", {"_index": "logs", "_id": "1"},
    ),
    "Rust tracing": (
        {"timestamp": ISO, "level": "ERROR", "fields": {"message": "boom", "port": 1},
         "target": "app::db"},
        "boom", MOMENT, "error", {"target": "app::db", "port": 1},
    ),
    "Monolog": (
        {"message": "boom", "context": {"a": 1}, "level": 550, "level_name": "ALERT",
         "channel": "app", "datetime": "2026-11-24T10:00:00.123456+00:00", "extra": []},
        "boom", MOMENT, "error",
        {"context": {"a": 1}, "level": 550, "level_name": "ALERT", "channel": "app", "extra": []},
    ),
    "hclog": (
        {"@level": "warn", "@message": "hm", "@module": "core", "@timestamp": ISO},
        "hm", MOMENT, "warning", {"@module": "core"},
    ),
    "Nextcloud": (
        {"reqId": "a", "level": 3, "time": "2026-11-24T10:00:00+00:00", "app": "core",
         "message": "boom"},
        "boom", SECOND, "error", {"reqId": "a", "app": "core"},
    ),
    "PostgreSQL": (
        {"timestamp": "2026-11-24 10:00:00.123 UTC", "pid": 1, "error_severity": "FATAL",
         "message": "boom"},
        "boom", MOMENT, "error", {"pid": 1, "level": "FATAL"},
    ),
    "MySQL": (
        {"prio": 2, "err_code": 1, "msg": "hm", "time": ISO, "label": "Warning"},
        "hm", MOMENT, "warning", {"prio": 2, "err_code": 1},
    ),
    "Kubernetes audit": (
        {"kind": "Event", "level": "Metadata", "auditID": "a", "verb": "get",
         "requestURI": "/api/v1/pods", "responseStatus": {"code": 403},
         "requestReceivedTimestamp": "2026-11-24T10:00:00.123456Z", "stageTimestamp": ISO},
        "get /api/v1/pods", MOMENT, "warning",
        {"kind": "Event", "level": "Metadata", "auditID": "a", "verb": "get",
         "requestURI": "/api/v1/pods", "responseStatus": {"code": 403}, "stageTimestamp": ISO},
    ),
    "Caddy": (
        {"level": "error", "ts": 1795514400.123, "logger": "http.log.access", "msg": "handled",
         "request": {"method": "GET", "uri": "/"}, "duration": 0.0125, "status": 502},
        "handled", MOMENT, "error",
        {"logger": "http.log.access", "request": {"method": "GET", "uri": "/"},
         "duration": 0.0125, "duration_ms": 12.5, "status": 502},
    ),
    "Traefik": (
        {"DownstreamStatus": 502, "Duration": 1500000, "RequestMethod": "GET", "RequestPath": "/a",
         "RequestProtocol": "HTTP/2.0", "level": "info", "msg": "", "time": ISO},
        "GET /a HTTP/2.0", MOMENT, "info",
        {"DownstreamStatus": 502, "Duration": 1500000, "duration_ms": 1.5, "RequestMethod": "GET",
         "RequestPath": "/a", "RequestProtocol": "HTTP/2.0"},
    ),
    "Envoy": (
        {"start_time": ISO, "method": "GET", "path": "/a", "protocol": "HTTP/1.1",
         "response_code": 404, "duration": 7},
        "GET /a HTTP/1.1", MOMENT, "warning",
        {"method": "GET", "path": "/a", "protocol": "HTTP/1.1", "response_code": 404,
         "duration": 7, "duration_ms": 7},
    ),
    "nginx": (
        {"time_local": "24/Nov/2026:10:00:00 +0000", "remote_addr": "192.0.2.1",
         "request": "GET /a HTTP/1.1", "status": "502", "request_time": "0.125"},
        "GET /a HTTP/1.1", SECOND, "error",
        {"remote_addr": "192.0.2.1", "status": 502, "request_time": 0.125, "duration_ms": 125.0,
         "method": "GET", "path": "/a", "protocol": "HTTP/1.1"},
    ),
    "lograge": (
        {"method": "GET", "path": "/a", "controller": "A", "action": "b", "status": 500,
         "duration": 58.3},
        "GET /a", None, "error",
        {"method": "GET", "path": "/a", "controller": "A", "action": "b", "status": 500,
         "duration": 58.3, "duration_ms": 58.3},
    ),
    "Google Cloud, text": (
        {"insertId": "a", "textPayload": "hm", "severity": "NOTICE", "timestamp": ISO,
         "logName": "l"},
        "hm", MOMENT, "info", {"insertId": "a", "level": "NOTICE", "logName": "l"},
    ),
    "Google Cloud, JSON": (
        {"jsonPayload": {"message": "boom", "a": 1}, "severity": "ERROR", "timestamp": ISO,
         "receiveTimestamp": ISO},
        "boom", MOMENT, "error", {"jsonPayload": {"a": 1}, "receiveTimestamp": ISO},
    ),
    "Google Cloud, request": (
        {"httpRequest": {"requestMethod": "GET", "requestUrl": "/a", "status": 503},
         "logName": "l", "timestamp": ISO},
        "GET /a", MOMENT, "error",
        {"httpRequest": {"requestMethod": "GET", "requestUrl": "/a", "status": 503},
         "logName": "l"},
    ),
    "CloudTrail": (
        {"eventVersion": "1.08", "eventTime": "2026-11-24T10:00:00Z",
         "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "errorCode": "AccessDenied"},
        "s3.amazonaws.com GetObject AccessDenied", SECOND, None,
        {"eventVersion": "1.08", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
         "errorCode": "AccessDenied"},
    ),
    "Suricata": (
        {"timestamp": "2026-11-24T10:00:00.123456+0000", "event_type": "alert", "src_port": 1,
         "alert": {"signature": "ET SCAN", "severity": 2}},
        "alert ET SCAN", MOMENT, "warning",
        {"event_type": "alert", "src_port": 1, "alert": {"signature": "ET SCAN"}},
    ),
    "Suricata, flow": (
        {"timestamp": "2026-11-24T10:00:00.123456+0000", "event_type": "flow", "proto": "TCP"},
        "flow", MOMENT, None, {"event_type": "flow", "proto": "TCP"},
    ),
    "OpenTelemetry": (
        {"timeUnixNano": "1795514400123000000", "severityNumber": 13, "body": {"stringValue": "hm"},
         "attributes": [{"key": "n", "value": {"intValue": "7"}},
                        {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": True}]}}}]},
        "hm", MOMENT, "warning", {"n": 7, "l": [True]},
    ),
    "OpenTelemetry, a file": (
        {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name",
         "value": {"stringValue": "web"}}]}, "scopeLogs": [{"scope": {"name": "s"}, "logRecords": [
             {"timeUnixNano": "1795514400123000000", "severityNumber": 21, "traceId": "t",
              "body": {"stringValue": "boom"}}]}]}]},
        "boom", MOMENT, "error",
        {"level": 21, "traceId": "t", "service.name": "web", "scope": "s"},
    ),
    "AWS Lambda": (
        {"timestamp": ISO, "level": "FATAL", "requestId": "r", "message": "boom"},
        "boom", MOMENT, "error", {"level": "FATAL", "requestId": "r"},
    ),
    "Vault audit": (
        {"time": ISO, "type": "request", "auth": {"a": 1},
         "request": {"operation": "read", "path": "secret/a"}},
        "read secret/a", MOMENT, "request",
        {"auth": {"a": 1}, "request": {"operation": "read", "path": "secret/a"}},
    ),
    "osquery": (
        {"name": "pack", "hostIdentifier": "h", "calendarTime": "Tue Nov 24 10:00:00 2026 UTC",
         "unixTime": 1795514400, "action": "added", "columns": {"a": "1"}},
        "pack added", SECOND, None,
        {"name": "pack", "hostIdentifier": "h", "calendarTime": "Tue Nov 24 10:00:00 2026 UTC",
         "action": "added", "columns": {"a": "1"}},
    ),
    "Zeek": (
        {"ts": 1795514400.123, "uid": "C1", "id.orig_h": "192.0.2.1"},
        '{"ts":1795514400.123,"uid":"C1","id.orig_h":"192.0.2.1"}', MOMENT, None,
        {"uid": "C1", "id.orig_h": "192.0.2.1"},
    ),
    "Windows event": (
        {"TimeCreated": "/Date(1795514400123)/", "LevelDisplayName": "Critical", "Level": 1,
         "Message": "boom", "Id": 41},
        "boom", MOMENT, "error", {"level": "Critical", "Level": 1, "Id": 41},
    ),
    "Windows event, evtx": (
        {"Event": {"System": {"Level": 3, "EventID": 41, "TimeCreated": {"#attributes":
         {"SystemTime": "2026-11-24T10:00:00.123456Z"}}}, "EventData": {"a": 1}}},
        EVTX,
        MOMENT, "warning", {"EventID": 41, "EventData": {"a": 1}},
    ),
    "Datadog": (
        {"message": "boom", "status": "error", "ddsource": "nodejs", "date": MOMENT},
        "boom", MOMENT, "error", {"ddsource": "nodejs"},
    ),
    "Sentry": (
        {"event_id": "a", "platform": "python", "timestamp": 1795514400.123, "level": "fatal",
         "logentry": {"formatted": "boom", "params": []}},
        "boom", MOMENT, "error",
        {"event_id": "a", "platform": "python", "level": "fatal", "logentry": {"params": []}},
    ),
    "OpenTelemetry in Elasticsearch": (
        {"@timestamp": "1795514400123.456789", "body": {"text": "boom"}, "severity_number": 17,
         "severity_text": "ERROR", "attributes": {"order": 7}},
        "boom", MOMENT, "error", {"severity_number": 17, "attributes": {"order": 7}},
    ),
    "Falco": (
        {"output": "shell", "priority": "Notice", "rule": "r", "time": ISO},
        "shell", MOMENT, "info", {"level": "Notice", "rule": "r"},
    ),
    "Kibana 7": (
        {"type": "log", "@timestamp": ISO, "tags": ["warning", "plugins"], "pid": 1,
         "message": "hm"},
        "hm", MOMENT, "warning", {"type": "log", "tags": ["warning", "plugins"], "pid": 1},
    ),
    "Elasticsearch 7": (
        {"type": "server", "timestamp": ISO, "level": "ERROR", "component": "o.e.b",
         "cluster.name": "c", "message": "boom"},
        "boom", MOMENT, "error", {"type": "server", "component": "o.e.b", "cluster.name": "c"},
    ),
    "Azure": (
        {"time": ISO, "resourceId": "/s", "operationName": "Write", "level": "Informational"},
        "Write", MOMENT, "info", {"resourceId": "/s", "operationName": "Write"},
    ),
    "names in another case": (
        {"Time": ISO, "Log-Level": "WARN", "Msg": "hm", "A": 1}, "hm", MOMENT, "warning", {"A": 1},
    ),
    "names as they are before those in another case": (
        {"Message": "b", "MSG": "c", "msg": "a", "LEVEL": "error", "level": "info"},
        "a", None, "info", {"Message": "b", "MSG": "c", "LEVEL": "error"},
    ),
    "OpenTelemetry in the words of its data model": (
        {"Timestamp": ISO, "SeverityText": "ERROR", "Body": "boom"}, "boom", MOMENT, "error", {},
    ),
    "a level with its number": (
        {"level": {"name": "error", "no": 40}, "message": "x"}, "x", None, "error",
        {"level": {"no": 40}},
    ),
    "a priority in words": ({"priority": "Warning", "msg": "x"}, "x", None, "warning", {}),
    "a priority in numbers": ({"priority": 3, "msg": "x"}, "x", None, None, {"priority": 3}),
    "date and clock apart": (
        {"date": "2026-11-24", "time": "10:00:00.123", "msg": "hm"}, "hm", MOMENT, None, {},
    ),
    "a type and no message": (
        {"type": "info", "timestamp": ISO, "status": 1},
        '{"type":"info","timestamp":"2026-11-24T10:00:00.123Z","status":1}', MOMENT, "info",
        {"status": 1},
    ),
    "a type of its own and no message of ours": (
        {"type": "job", "msg": "done"}, "done", None, "job", {},
    ),
    "a type beside a level": (
        {"type": "request", "level": "error", "msg": "x"}, "x", None, "error", {"type": "request"},
    ),
    "a message that is an object": (
        {"type": "info", "message": {"a": 1}}, '{"a":1}', None, "info", {"message": {"a": 1}},
    ),
    "a message that is a number": ({"msg": 7, "level": "warn"}, "7", None, "warning", {}),
    "a message that is empty": ({"msg": "", "level": "warn"}, "", None, "warning", {}),
    "times that are none": (
        {"msg": "x", "timestamp": 0, "time": 12.5, "ts": "0001-01-01T00:00:00Z"},
        "x", None, None, {"timestamp": 0, "time": 12.5, "ts": "0001-01-01T00:00:00Z"},
    ),
    "the second time, where the first is none": (
        {"msg": "x", "timestamp": "soon", "time": ISO}, "x", MOMENT, None, {"timestamp": "soon"},
    ),
    "a level that is none": (
        {"msg": "x", "level": "gold", "severity": "high"}, "x", None, None,
        {"level": "gold", "severity": "high"},
    ),
    "nothing that is known": ({"a": 1, "b": [True]}, '{"a":1,"b":[true]}', None, None,
                              {"a": 1, "b": [True]}),
    "nothing at all": ({}, "{}", None, None, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_object_gives_its_message_time_level_and_attributes(name: str) -> None:
    value, message, timestamp, log_type, attributes = OBJECTS[name]
    before = json.dumps(value)
    assert recognize_object(value) == Recognized(message, timestamp, log_type, attributes)
    assert json.dumps(value) == before


def test_every_dialect_has_an_example() -> None:
    plans = Plans(None)
    seen = {plans.of(value).dialect.name for value, *_ in OBJECTS.values()}
    unseen = {each.name for each in DIALECTS} - seen
    assert unseen <= {
        *("CloudWatch", "Docker by Fluentd", "Docker by GELF", "Kubernetes", "NXLog", "Wazuh"),
        *("MinIO", "Cloudflare", "API Gateway"),
    }


def test_container_holds_a_log_each_with_what_they_share() -> None:
    value: dict[str, object] = {
        "logGroup": "g",
        "logStream": "s",
        "logEvents": [
            {"id": "1", "timestamp": MOMENT, "message": '{"level":"error","msg":"boom"}'},
            {"id": "2", "timestamp": MOMENT + 1, "message": "fine"},
        ],
    }
    first, second = ObjectReader().read_all(value)
    shared = {"logGroup": "g", "logStream": "s"}
    assert first == ("boom", MOMENT, "error", {"id": "1", **shared})
    assert second == ("fine", MOMENT + 1, None, {"id": "2", **shared})
    one = recognize_object(value)
    assert one.message == msgspec.json.encode(value).decode()


def test_what_logs_share_is_repeated_within_bounds() -> None:
    resource = {"attributes": [{"key": "k", "value": {"stringValue": "x" * 2**14}}]}
    records = [{"body": {"stringValue": "m"}}] * 1000
    otlp: dict[str, object] = {
        "resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]
    }
    listed: dict[str, object] = {"shared": "x" * 2**14, "logEvents": [{"message": "m"}] * 1000}
    for value in (otlp, listed):
        assert len(ObjectReader().read_all(value)) == 1000
    records *= 2
    listed["logEvents"] = [{"message": "m"}] * 2000
    for value in (otlp, listed):
        (one,) = ObjectReader().read_all(value)
        assert one.message == msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    "value", [{"Records": [1]}, {"Records": []}, {"resourceLogs": {}}, {"logEvents": None}]
)
def test_container_of_another_shape_is_a_log(value: dict[str, object]) -> None:
    (one,) = ObjectReader().read_all(value)
    assert one == (msgspec.json.encode(value).decode(), None, None, value)


def test_line_that_is_forwarded_is_read_as_a_line() -> None:
    def read_line(text: str) -> Recognized:
        return Recognized(text.partition(" ")[2], None, "error", {"word": text.partition(" ")[0]})

    docker = {"log": "ERROR boom\r\n", "stream": "stderr", "time": ISO}
    expected = Recognized("boom", MOMENT, "error", {"word": "ERROR", "stream": "stderr"})
    assert recognize_object(docker, read_line) == expected
    logger = {"msg": "ERROR boom", "level": "info"}
    assert recognize_object(logger, read_line) == Recognized("ERROR boom", None, "info", {})


@pytest.mark.parametrize("text", ["{", "{}", '{"a', "{1}", '{"a":1} tail', "{" * 5000, "{Name}"])
def test_text_that_begins_like_an_object_stays_what_it_is(text: str) -> None:
    assert recognize_object({"msg": text}).message == text


def test_overrides_come_before_what_the_dialect_says() -> None:
    value: dict[str, object] = {
        "type": "info", "message": "m", "timestamp": ISO, "what": "boom", "kind": "FATAL",
        "at": {"ms": MOMENT + 1},
    }  # fmt: skip
    reader = ObjectReader(Overrides("what", "at.ms", "kind"))
    assert reader.read(value) == (
        "boom",
        MOMENT + 1,
        "error",
        {"type": "info", "message": "m", "timestamp": ISO, "level": "FATAL"},
    )
    assert reader.read({"type": "WARN", "message": "m", "level": "debug"}) == (
        "m", None, "WARN", {"level": "debug"},
    )  # fmt: skip
    assert reader.read({"kind": "job", "msg": "m"}) == ("m", None, "job", {})


def test_number_of_a_level_counts_by_its_member() -> None:
    def type_of(**members: object) -> str | None:
        return recognize_object({"msg": "m", **members}).type

    assert type_of(severity=3) == type_of(PRIORITY="3") == type_of(severityNumber=17) == "error"
    assert type_of(severity=400) == type_of(severityLevel=2) == type_of(level=40) == "warning"
    assert type_of(level=40, lineno=7) == "error"
    assert type_of(level=True) is type_of(level=1.5) is type_of(level=10**30) is None


NAMES = (
    "type message msg id timestamp time level severity log stream event record body t s c fields "
    "target MESSAGE PRIORITY __REALTIME_TIMESTAMP short_message version resourceLogs request "
    "_source _index status remote_addr Event attributes level_2 date _time _x"
)
names = st.sampled_from(NAMES.split()) | st.text(max_size=3)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["error", ISO, "{}", '{"msg":"x"}', "30", MOMENT, 30])
)
objects = st.dictionaries(
    names,
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    ),
    max_size=6,
)


def texts_in(value: object) -> set[str]:
    """Return every text and number within a value, as texts."""
    if isinstance(value, dict):
        return set().union(*map(texts_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(texts_in, value))
    if value is None or isinstance(value, bool):
        return set()
    return {value if isinstance(value, str) else msgspec.json.encode(value).decode()}


@given(objects)
def test_any_object_is_recognized_and_stays_as_it_is(value: dict[str, object]) -> None:
    before = msgspec.json.encode(value)
    found = recognize_object(value)
    assert msgspec.json.encode(value) == before
    assert msgspec.json.encode(found)
    assert "type" not in value or found.type is not None or value["type"] not in TYPES


@example({"message": '{"msg":"x"}'})
@given(objects)
def test_no_member_is_lost(value: dict[str, object]) -> None:
    """Only a time and a level are gone as they were written, and what encodes a text."""
    for mark in ("MESSAGE", "short_message", "remote_addr", "resourceLogs", "body", "Event"):
        value.pop(mark, None)
    found = recognize_object(value)
    kept = texts_in(found.attributes) | {found.message, str(found.type)}
    opened, lost = 0, list[str]()
    for each in texts_in(value) - kept:
        # A text that is an object is opened, and may have a time and a level too.
        inner = object_in(each)
        opened += inner is not None
        lost += [
            text
            for text in ({each} if inner is None else texts_in(inner) - kept)
            if text not in found.message
        ]
    told = (found.timestamp is not None) + (found.type is not None)
    assert len(lost) <= told * (1 + opened), lost


alike = [
    {"level": 30, "time": MOMENT, "msg": "m", "a": 1},
    {"level": 60, "time": MOMENT, "msg": "m", "a": 1},
    {"level": "30", "time": MOMENT, "msg": "m", "a": 1},
    {"level": "fatal", "time": MOMENT, "msg": "", "a": 1},
    {"level": True, "time": MOMENT, "msg": "m", "a": 1},
    {"level": [], "time": ISO, "msg": "m", "a": 1},
    {"level": "info", "time": "2026-11-24 10:00:00,123", "msg": "m", "a": 1},
    {"level": "info", "time": "soon", "msg": "m", "a": 1},
    {"level": "info", "time": 12.5, "msg": "m", "a": 1},
    {"level": "info", "time": 1795514400.123, "msg": "m", "a": 1},
    {"level": "info", "time": 1e308, "msg": "m", "a": 1},
    {"level": "info", "time": 1795514400.123, "msg": {"b": 1}, "a": 1},
    {"level": "info", "time": ISO, "msg": "m", "a": 1},
    {"severity": "fatal", "ts": ISO, "message": "m"},
    {"severity": "fatal", "ts": ISO, "message": "m", "level": "gold"},
    {"type": "info", "message": "m", "time": ISO, "level": "error"},
    {"type": "info", "message": "m", "time": 7, "level": "error"},
    {"type": "log", "message": "m", "@timestamp": ISO, "tags": ["error"], "pid": 7},
    {"log": '{"level":30,"msg":"m","time":1795514400124}\n', "stream": "a", "time": ISO},
    {"log": '{"level":60,"msg":"m","stream":"b"}', "stream": "a", "time": ISO},
    {"log": '{"logEvents":[{"msg":"m"}]}', "stream": "a", "time": ISO},
    {"log": "text", "stream": "a", "time": ISO},
    {"log": '{"msg":"m"}', "stream": "a", "time": "soon"},
    {"message": '{"msg":"m","time":1795514400124}', "timestamp": ISO, "source_type": "x"},
    {"message": '{"msg":"m"}', "timestamp": ISO, "source_type": "x"},
    {"version": "1.1", "short_message": "m", "timestamp": 1795514400.1, "level": 3, "_a": 1},
    {"version": "1.1", "short_message": "m", "timestamp": 1795514400.1, "level": 5, "_a": 1},
]


@given(st.lists(st.sampled_from(alike) | objects, min_size=1, max_size=6))
def test_many_are_read_as_each_alone(values: list[dict[str, object]]) -> None:
    each = [recognize_object(value) for value in values]
    columns = ObjectReader().read_many([value.copy() for value in values])
    assert columns is None or [Recognized(*row) for row in zip(*columns, strict=True)] == each


forwarded = st.sampled_from(
    [
        "text\n",
        "INFO: text\r\n",
        "2026-11-24 10:00:01.5 FATAL a.b - text\n",
        '{"level":30,"time":1795514400100,"msg":"m"}\n',
        '{"level":60,"msg":"m"}\n',
        "{}\n",
        "\n",
        "",
    ]
)


@given(
    st.lists(forwarded, min_size=1, max_size=6),
    st.sampled_from([{"stream": "stdout"}, {"container_name": "/web"}]),
    st.sampled_from([ISO, "2026-11-24T10:00:00.123456789Z", "soon"]),
)
def test_lines_that_are_forwarded_are_read_as_each_alone(
    texts: list[str], others: dict[str, object], time: str
) -> None:
    read = Recognizer(reference=datetime(2027, 1, 1, tzinfo=UTC)).line
    values: list[dict[str, object]] = [{"log": text, "time": time, **others} for text in texts]
    columns = ObjectReader(read_line=read).read_many([value.copy() for value in values])
    assert columns is not None
    assert [Recognized(*row) for row in zip(*columns, strict=True)] == [
        recognize_object(value, read) for value in values
    ]


@given(
    objects,
    st.text(min_size=1, max_size=64),
    st.text(),
)
def test_object_in_our_own_contract_is_untouched(
    others: dict[str, object], log_type: str, message: str
) -> None:
    for name in ("timestamp", "cluster.name", *TIMES_OF_OTHERS):
        others.pop(name, None)
    value = {**others, "type": log_type, "message": message}
    assert is_ours(value)
    assert recognize_object(value) == Recognized(
        message, None, log_type, {k: v for k, v in value.items() if k not in ("type", "message")}
    )


def test_tag_that_is_no_level_leaves_the_type_as_it_is() -> None:
    kibana = {"type": "ops", "@timestamp": ISO, "tags": ["x", "E", 7], "pid": 1, "message": "m"}
    assert recognize_object(kibana).type == "ops"
    assert recognize_object({**kibana, "tags": "error"}).type == "ops"
    assert recognize_object({**kibana, "level": "warn", "tags": ["error"]}).type == "warning"

"""The dialects of JSON objects that are known: loggers, shippers and servers.

A logger that says its time, level and message in members of their usual names needs none.
"""

from collections.abc import Callable, Mapping
from typing import Final

from waterline.recognition import object_shapes as shapes
from waterline.recognition.levels import (
    type_of_alert,
    type_of_dotnet,
    type_of_glog,
    type_of_monolog,
    type_of_nextcloud,
    type_of_otel,
    type_of_python,
    type_of_syslog,
    type_of_wazuh,
    type_of_windows,
)
from waterline.recognition.object_dialect import ObjectDialect
from waterline.recognition.object_members import texts


def _joined(*names: str) -> Callable[[Mapping[str, object]], str | None]:
    """Return what makes a message of the texts of members, with spaces between."""

    def sentence(value: Mapping[str, object]) -> str | None:
        return " ".join(texts(value, names)) or None

    return sentence


DIALECTS: Final = (
    # Shippers, whose message is a line of another program.
    ObjectDialect(
        name="Docker", marks=("log", "stream"), message=("log",), forwards=True, dates=True
    ),
    ObjectDialect(
        name="Docker by Fluentd", marks=("log", "container_name"), message=("log",), forwards=True
    ),
    ObjectDialect(name="Fluent Bit", marks=("log", "date"), message=("log",), forwards=True),
    ObjectDialect(name="Kubernetes", marks=("log", "kubernetes"), message=("log",), forwards=True),
    ObjectDialect(name="Vector", marks=("message", "source_type"), forwards=True),
    ObjectDialect(
        name="Filebeat", marks=("message", "agent", "@timestamp", "input"), forwards=True
    ),
    ObjectDialect(name="CloudWatch", marks=("logGroup", "logStream", "message"), forwards=True),
    ObjectDialect(
        name="Loki", marks=("labels", "line", "timestamp"), message=("line",), forwards=True
    ),
    ObjectDialect(
        name="Splunk HEC",
        marks=("event", "sourcetype"),
        reshape=shapes.splunk_event,
        forwards=True,
    ),
    ObjectDialect(
        name="Docker by GELF",
        marks=("short_message", "_container_id"),
        scale=type_of_syslog,
        reshape=shapes.gelf,
        forwards=True,
        dates=True,
    ),
    ObjectDialect(
        name="journald",
        marks=("MESSAGE", "__REALTIME_TIMESTAMP"),
        time=("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"),
        scale=type_of_syslog,
        reshape=shapes.journald,
        sentence=shapes.journald_message,
        forwards=True,
        dates=True,
    ),
    ObjectDialect(
        name="journald",
        marks=("MESSAGE", "PRIORITY"),
        scale=type_of_syslog,
        reshape=shapes.journald,
        sentence=shapes.journald_message,
        forwards=True,
        dates=True,
    ),
    ObjectDialect(name="Elasticsearch hit", marks=("_source", "_index"), reshape=shapes.search_hit),
    # Loggers.
    ObjectDialect(
        name="GELF",
        marks=("short_message", "version"),
        scale=type_of_syslog,
        reshape=shapes.gelf,
    ),
    ObjectDialect(name="loguru", marks=("record", "text"), reshape=shapes.loguru),
    ObjectDialect(name="Rust tracing", marks=("fields", "target"), reshape=shapes.rust_tracing),
    ObjectDialect(name="Python", marks=("levelno",), scale=type_of_python),
    ObjectDialect(name="Python", marks=("level", "pathname"), scale=type_of_python),
    ObjectDialect(name="Python", marks=("level", "asctime"), scale=type_of_python),
    ObjectDialect(name="Python", marks=("level", "lineno"), scale=type_of_python),
    ObjectDialect(
        name="zap, development", marks=("L", "T", "M"), message=("M",), time=("T",), level=("L",)
    ),
    ObjectDialect(
        name="Logback",
        marks=("sequenceNumber", "formattedMessage"),
        message=("formattedMessage",),
    ),
    ObjectDialect(name=".NET", marks=("EventId", "Category"), scale=type_of_dotnet),
    ObjectDialect(name="Serilog", marks=("MessageTemplate", "Level"), message=("RenderedMessage",)),
    ObjectDialect(
        name="Monolog",
        marks=("channel", "datetime"),
        level=("level_name",),
        scale=type_of_monolog,
    ),
    ObjectDialect(
        name="OpenTelemetry",
        marks=("body", "severityNumber"),
        scale=type_of_otel,
        reshape=shapes.otel_record,
    ),
    ObjectDialect(
        name="OpenTelemetry in Elasticsearch",
        marks=("@timestamp", "body", "severity_number"),
        message=("body.text",),
        scale=type_of_otel,
    ),
    ObjectDialect(
        name="OpenTelemetry",
        marks=("body", "timeUnixNano"),
        scale=type_of_otel,
        reshape=shapes.otel_record,
    ),
    ObjectDialect(
        name="OpenTelemetry",
        marks=("body", "observedTimeUnixNano"),
        scale=type_of_otel,
        reshape=shapes.otel_record,
    ),
    # Servers.
    ObjectDialect(name="Kibana", marks=("@timestamp", "tags", "pid"), reshape=shapes.kibana),
    ObjectDialect(name="MongoDB", marks=("t", "s", "c", "msg"), level=("s",)),
    ObjectDialect(name="MySQL", marks=("prio", "label", "msg"), time=("time",), level=("label",)),
    ObjectDialect(name="Nextcloud", marks=("reqId", "level", "app"), scale=type_of_nextcloud),
    ObjectDialect(name="Falco", marks=("output", "rule"), message=("output",), level=("priority",)),
    ObjectDialect(
        name="Wazuh",
        marks=("rule", "agent", "manager"),
        message=("full_log", "rule.description"),
        level=("rule.level",),
        scale=type_of_wazuh,
    ),
    ObjectDialect(
        name="Suricata",
        marks=("event_type", "timestamp"),
        level=("alert.severity",),
        scale=type_of_alert,
        sentence=_joined("event_type", "alert.signature"),
    ),
    ObjectDialect(
        name="Kubernetes audit",
        marks=("auditID", "verb"),
        time=("requestReceivedTimestamp", "stageTimestamp"),
        sentence=_joined("verb", "requestURI"),
    ),
    ObjectDialect(
        name="CloudTrail",
        marks=("eventName", "eventSource", "eventTime"),
        sentence=_joined("eventSource", "eventName", "errorCode"),
    ),
    ObjectDialect(
        name="Vault audit",
        marks=("type", "request", "auth"),
        sentence=_joined("request.operation", "request.path"),
    ),
    ObjectDialect(
        name="osquery", marks=("hostIdentifier", "severity"), time=("unixTime",), scale=type_of_glog
    ),
    ObjectDialect(
        name="osquery",
        marks=("hostIdentifier", "unixTime"),
        time=("unixTime",),
        sentence=_joined("name", "action"),
    ),
    ObjectDialect(
        name="Windows event",
        marks=("Event",),
        level=("Level",),
        scale=type_of_windows,
        reshape=shapes.windows_event,
    ),
    ObjectDialect(
        name="Windows event",
        marks=("TimeCreated", "Message"),
        level=("LevelDisplayName", "Level"),
        scale=type_of_windows,
    ),
    ObjectDialect(name="NXLog", marks=("EventTime", "Severity"), level=("Severity",)),
    ObjectDialect(name="Datadog", marks=("ddsource",), level=("status",)),
    ObjectDialect(name="Datadog", marks=("ddtags",), level=("status",)),
    ObjectDialect(
        name="Sentry",
        marks=("event_id", "platform"),
        message=("logentry.formatted", "logentry.message"),
    ),
    ObjectDialect(
        name="Google Cloud",
        marks=("jsonPayload",),
        message=("jsonPayload.message", "jsonPayload.msg"),
        time=("timestamp",),
        level=("severity", "jsonPayload.level", "jsonPayload.severity"),
    ),
    ObjectDialect(
        name="Google Cloud",
        marks=("httpRequest", "logName"),
        sentence=_joined("httpRequest.requestMethod", "httpRequest.requestUrl"),
    ),
    ObjectDialect(
        name="Google Cloud",
        marks=("protoPayload", "logName"),
        sentence=_joined("protoPayload.serviceName", "protoPayload.methodName"),
    ),
    ObjectDialect(
        name="Google Cloud",
        marks=("timestampSeconds", "timestampNanos"),
        time=("timestampSeconds",),
    ),
    ObjectDialect(
        name="Azure", marks=("resourceId", "operationName"), sentence=_joined("operationName")
    ),
    ObjectDialect(name="MinIO", marks=("errKind", "level"), message=("error.message",)),
    # Access logs.
    ObjectDialect(
        name="Caddy", marks=("ts", "request", "status", "duration"), reshape=shapes.caddy
    ),
    ObjectDialect(
        name="Traefik",
        marks=("DownstreamStatus", "RequestMethod"),
        reshape=shapes.traefik,
        sentence=_joined("RequestMethod", "RequestPath", "RequestProtocol"),
    ),
    ObjectDialect(
        name="Envoy",
        marks=("start_time", "response_code", "method"),
        reshape=shapes.envoy,
        sentence=_joined("method", "path", "protocol"),
    ),
    ObjectDialect(
        name="nginx",
        marks=("remote_addr", "status"),
        time=("time_iso8601", "time_local", "msec"),
        reshape=shapes.nginx,
        sentence=_joined("request_method", "request_uri", "server_protocol"),
        message=("request",),
    ),
    ObjectDialect(
        name="lograge",
        marks=("method", "path", "controller", "duration"),
        reshape=shapes.lograge,
        sentence=_joined("method", "path"),
    ),
    ObjectDialect(
        name="Cloudflare",
        marks=("EdgeResponseStatus",),
        time=("EdgeStartTimestamp",),
        sentence=_joined("ClientRequestMethod", "ClientRequestURI", "ClientRequestProtocol"),
    ),
    ObjectDialect(
        name="API Gateway",
        marks=("requestId", "httpMethod"),
        sentence=_joined("httpMethod", "path", "resourcePath", "protocol"),
    ),
)
"""In the order in which they are tried."""

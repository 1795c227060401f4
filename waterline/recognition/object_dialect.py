"""What a dialect of JSON objects is, and what most of them have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from waterline.recognition.levels import (
    Scale,
    type_of_azure,
    type_of_bunyan,
    type_of_cloud,
    type_of_logback,
    type_of_otel,
    type_of_python,
    type_of_syslog,
)

Reshape = Callable[[dict[str, object]], dict[str, object] | None]
"""Gives an object another shape, without changing it; None if it is of another dialect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDialect:
    """How one program writes its logs as JSON objects.

    Names are those of members; `log.level` is a member of that name, or `level` within `log`.
    Those that most programs use (`MESSAGES`, `TIMES`, `LEVELS`) are tried after its own.

    Attributes:
        name: what it is called.
        marks: members that all of its objects have, and few others.
        message: where its message is.
        time: where its time is.
        level: where its level is.
        scale: what numbers mean as its level.
        reshape: what to do before any of them is looked for.
        sentence: makes a message of an object that has none.
        forwards: whether its message is a line of yet another program.
        dates: whether it was made as that line was written, so that its time counts, not that of
            a line of text, which may lack its zone.
    """

    name: str
    marks: tuple[str, ...]
    message: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    scale: Scale | None = None
    reshape: Reshape | None = None
    sentence: Callable[[Mapping[str, object]], str | None] | None = None
    forwards: bool = False
    dates: bool = False


MESSAGES: Final = (
    *("message", "msg", "MESSAGE", "short_message", "event", "log", "body", "textPayload"),
    *("@m", "@mt", "Message", "@message", "_msg", "RenderedMessage", "MessageTemplate"),
    *("displayMessage", "errorMessage", "Body"),
)
TIMES: Final = (
    *("timestamp", "@timestamp", "time", "ts", "date", "asctime", "@t", "t", "instant"),
    *(
        "__REALTIME_TIMESTAMP",
        "_SOURCE_REALTIME_TIMESTAMP",
        "timeUnixNano",
        "Timestamp",
        "datetime",
        "@time",
        "_time",
    ),
    *("eventTime", "EventTime", "event_time", "TimeCreated", "timeMillis", "time_iso8601"),
    *("time_local", "start_time", "StartUTC", "requestReceivedTimestamp", "stageTimestamp"),
    *("date_time", "requestTime", "requestTimeEpoch", "unixTime", "calendarTime", "published"),
    *("observedTimeUnixNano", "created", "created_at", "logged_at", "timestamp_ms"),
    *("startTime", "CreationTime", "ts_ms", "stamp"),
)
LEVELS: Final = (
    *("level", "severity", "log.level", "levelname", "lvl", "PRIORITY", "@l", "severityText"),
    *("severityNumber", "loglevel", "level_name", "Level", "@level", "severity_text"),
    *("severity_number", "LogLevel", "logLevel", "log_level", "LevelDisplayName"),
    *("error_severity", "severityLevel", "levelno", "level_value", "level.levelStr", "level.name"),
    *("s", "priority"),
)
WORDS_ALONE: Final = ("s", "priority")
"""Members of `LEVELS` whose numbers mean something else."""
STATUSES: Final = (
    *("status", "status_code", "statusCode", "http_status", "response_code", "responseStatus"),
    *("DownstreamStatus", "EdgeResponseStatus", "http.response.status_code", "httpRequest.status"),
    *("response.status", "responseStatus.code", "response"),
)
"""Where the status of an HTTP request is."""
REQUESTS: Final = (
    *("request", "request_method", "method", "http_method", "httpMethod", "RequestMethod", "uri"),
    *("request_uri", "requestURI", "path", "url", "RequestPath", "ClientRequestMethod", "http"),
    *("httpRequest",),
)
"""Members that tell that an object is about an HTTP request."""

_SCALES: Final[Mapping[str, Scale]] = {
    "PRIORITY": type_of_syslog,
    "severityNumber": type_of_otel,
    "severity_number": type_of_otel,
    "SeverityNumber": type_of_otel,
    "severityLevel": type_of_azure,
    "levelno": type_of_python,
    "level_value": type_of_logback,
}
_MOST_OF_SYSLOG: Final = 7
_LEAST_OF_CLOUD: Final = 100


def scale_of(member: str, number: int) -> Scale:
    """Return the scale of a number for a level, in an object whose dialect names none."""
    if member in _SCALES:
        return _SCALES[member]
    if number <= _MOST_OF_SYSLOG:
        return type_of_syslog
    return type_of_cloud if number >= _LEAST_OF_CLOUD else type_of_bunyan

"""Objects that nest or encode what they say, brought into the flat shape of others."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from waterline.recognition.levels import type_of_word

Members = dict[str, object]

# Shapes whose names are remembered, and characters of such names at most.
_MOST_REMEMBERED: Final = 1000
_LONGEST_REMEMBERED: Final = 2000
_bare_names: Final[dict[tuple[str, ...], Sequence[str]]] = {}

_REQUEST_LINE: Final = re.compile(
    r"(?P<method>[A-Z][A-Z_-]*) (?P<path>\S.*) (?P<protocol>HTTP/\d(?:\.\d)?)"
)
_NGINX_NUMBERS: Final = (
    *("status", "body_bytes_sent", "bytes_sent", "request_length", "request_time", "msec"),
    *("connection", "connection_requests", "remote_port", "server_port"),
    *("upstream_response_time", "upstream_connect_time", "upstream_header_time"),
    *("upstream_status", "upstream_response_length", "content_length", "http_content_length"),
)
_MOST_DIGITS: Final = 20
_INTEGER: Final = re.compile(rf"-?\d{{1,{_MOST_DIGITS}}}", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(?P<fraction>\.\d{1,17})?", re.ASCII)


def merged(*objects: Mapping[str, object]) -> Members:
    """Return the members of all objects; of equal names the first has it, others get a number."""
    together: Members = {}
    size = 0
    for each in objects:
        together.update(each)
        size += len(each)
    if len(together) == size:
        return together
    together.clear()
    for each in objects:
        for name, value in each.items():
            key, number = name, 2
            while key in together:
                key, number = f"{name}_{number}", number + 1
            together[key] = value
    return together


def kibana(value: Members) -> Members:
    """Give the level a name, which Kibana 7 writes as one of several tags."""
    tags = value["tags"]
    if "level" in value or not isinstance(tags, list):
        return value
    words = (each for each in tags if isinstance(each, str) and len(each) > 1)
    level = next(filter(type_of_word, words), None)
    return value if level is None else {**value, "level": level}


def loguru(value: Members) -> Members | None:
    """Bring the members of `record` to the top; `text` is the line as a terminal shows it."""
    record = value["record"]
    if not isinstance(record, dict):
        return None
    record = {str(name): each for name, each in record.items()}
    level = record.get("level")
    if isinstance(level, dict) and "name" in level:
        record["level"] = level["name"]
    rest = {name: each for name, each in value.items() if name not in ("record", "text")}
    text = {"text": value["text"]} if "text" in value else {}
    return merged(record, rest, text)


def gelf(value: Members) -> Members:
    """Take the underscore off the additional fields."""
    names = tuple(value)
    bare = _bare_names.get(names)
    if bare is None:
        bare = _bare(names)
        if len(_bare_names) >= _MOST_REMEMBERED:
            _bare_names.clear()
        if sum(map(len, names)) <= _LONGEST_REMEMBERED:
            _bare_names[names] = bare
    return dict(zip(bare, value.values(), strict=True))


def _bare(names: Sequence[str]) -> Sequence[str]:
    given, named = set(names), set[str]()
    found = []
    for name in names:
        bare = name[1:] if name.startswith("_") and len(name) > 1 else name
        if bare != name and (bare in given or bare in named):
            bare = name
        named.add(bare)
        found.append(bare)
    return tuple(found)


def journald(value: Members) -> Members:
    """Make texts of arrays of bytes; fields that are repeated stay arrays."""
    return {name: _journal_value(each) for name, each in value.items()}


def _journal_value(value: object) -> object:
    if not isinstance(value, list) or not value:
        return value
    if all(type(each) is int and 0 <= each <= 255 for each in value):
        return bytes(value).decode(errors="backslashreplace")
    return [_journal_value(each) for each in value]


def journald_message(value: Mapping[str, object]) -> str | None:
    """Return a message that was given several times, a line each."""
    message = value.get("MESSAGE")
    if isinstance(message, list):
        return "\n".join(str(each) for each in message)
    return None


def rust_tracing(value: Members) -> Members | None:
    """Bring the members of `fields` to the top, as `flatten_event` does."""
    fields = value["fields"]
    if not isinstance(fields, dict):
        return None
    rest = {name: each for name, each in value.items() if name != "fields"}
    return merged(rest, fields)


def splunk_event(value: Members) -> Members | None:
    """Bring the members of an event to the top, and those of `fields`."""
    event, fields = value["event"], value.get("fields", {})
    rest = {name: each for name, each in value.items() if name not in ("event", "fields")}
    inner = event if isinstance(event, dict) else {"event": event}
    return merged(inner, rest, fields if isinstance(fields, dict) else {"fields": fields})


def search_hit(value: Members) -> Members | None:
    """Return the document of a search hit, with what else the hit says."""
    source = value["_source"]
    if not isinstance(source, dict):
        return None
    return merged(source, {name: each for name, each in value.items() if name != "_source"})


def windows_event(value: Members) -> Members | None:
    """Bring what evtx tools nest below `Event` to the top."""
    event = value["Event"]
    system = event.get("System") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(system, dict):
        return None
    created = system.get("TimeCreated")
    if isinstance(created, dict):
        attributes = created.get("#attributes", created)
        created = attributes.get("SystemTime") if isinstance(attributes, dict) else None
    system = {name: each for name, each in system.items() if name != "TimeCreated"}
    rest = {name: each for name, each in event.items() if name != "System"}
    others = {name: each for name, each in value.items() if name != "Event"}
    return merged({"TimeCreated": created}, system, rest, others)


def nginx(value: Members) -> Members:
    """Read numbers that nginx writes as texts; split the request; give its time in milliseconds."""
    shaped = dict(value)
    for name in _NGINX_NUMBERS:
        if name in shaped:
            shaped[name] = number_of(shaped[name])
    request = shaped.get("request")
    found = _REQUEST_LINE.fullmatch(request) if isinstance(request, str) else None
    if found:
        for name, text in found.groupdict().items():
            shaped.setdefault(name, text)
    return with_duration(shaped, "request_time", 1000)


def caddy(value: Members) -> Members:
    """Give the duration, which Caddy writes in seconds, in milliseconds."""
    return with_duration(value, "duration", 1000)


def traefik(value: Members) -> Members:
    """Give the duration, which Traefik writes in nanoseconds, in milliseconds."""
    return with_duration(value, "Duration", 1e-6)


def envoy(value: Members) -> Members:
    """Give the duration, which Envoy writes in milliseconds, the name it has elsewhere."""
    return with_duration(value, "duration", 1)


def lograge(value: Members) -> Members:
    """Give the duration, which Rails writes in milliseconds, the name it has elsewhere."""
    return with_duration(value, "duration", 1)


def with_duration(value: Members, name: str, milliseconds: float) -> Members:
    """Return an object with `duration_ms` beside a duration in another unit.

    Args:
        value: the object.
        name: the member with the duration.
        milliseconds: those in one of its unit.
    """
    duration = number_of(value.get(name))
    if (
        "duration_ms" in value
        or isinstance(duration, bool)
        or not isinstance(duration, int | float)
    ):
        return value
    return {**value, "duration_ms": round(duration * milliseconds, 6)}


def number_of(value: object) -> object:
    """Return the number that a text is, or else the value itself."""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    return float(found[0]) if found["fraction"] else int(found[0])


def integer_of(value: object) -> object:
    """Return the 64-bit integer that a text is, as the JSON of protobuf has it, or the value."""
    if not isinstance(value, str):
        return value
    if len(value) <= _MOST_DIGITS and value.isdecimal() and value.isascii():
        return int(value)
    return int(value) if _INTEGER.fullmatch(value) else value


def otel_record(value: Members) -> Members:
    """Bring a log record of OTLP/JSON into plain JSON: values without their kinds."""
    if "attributes" not in value and type(value.get("body")) is str:
        return value
    shaped = {name: each for name, each in value.items() if name not in ("attributes", "body")}
    body = plain(value.get("body"))
    inner = body if isinstance(body, dict) else {}
    if body is not None and not inner:
        shaped["body"] = body
    return merged(shaped, plain_attributes(value.get("attributes")), inner)


def plain_attributes(attributes: object) -> Members:
    """Return OTLP's list of keys and values as an object."""
    if isinstance(attributes, dict):
        return {str(name): plain(each) if each else each for name, each in attributes.items()}
    if not isinstance(attributes, list):
        return {}
    return {
        str(each.get("key", "")): plain(each.get("value"))
        for each in attributes
        if isinstance(each, dict) and ("key" in each or "value" in each)
    }


def plain(value: object) -> object:
    """Return a value of OTLP/JSON without the name of its kind; None if it has none."""
    if not isinstance(value, dict) or len(value) != 1:
        return None if value == {} else value
    ((kind, inner),) = value.items()
    if kind == "intValue":
        return integer_of(inner)
    if kind in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        return inner
    values = (inner.get("values") or []) if isinstance(inner, dict) else None
    if kind == "arrayValue" and isinstance(values, list):
        return [plain(each) for each in values]
    if kind == "kvlistValue" and isinstance(values, list | dict):
        return plain_attributes(values)
    return value

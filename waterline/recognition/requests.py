"""The request of an access log, and what its server put behind it."""

import re
from typing import Final

from waterline.recognition.dialect import Attributes, Reader, number_of, unescaped
from waterline.recognition.recognized import Recognized

IP: Final = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+|unknown|-)"
IPS: Final = rf"{IP}(?:, ?{IP})*"
_REQUEST: Final = re.compile(
    r"(?P<method>[A-Z][A-Z_-]*) (?P<path>\S.*) (?P<protocol>(?:HTTP|RTSP|SIP)/\d(?:\.\d)?)"
    r"|(?P<simple_method>[A-Z][A-Z_-]*) (?P<simple_path>/\S*)"
)
_SPEED: Final = r"(?:\d+\.\d+|-)"
_UPSTREAM_DURATION: Final = rf"(?: (?P<upstream_duration_s>{_SPEED}))?"
_INGRESS_NGINX: Final = (
    rf" (?P<request_length>\d+) (?P<duration_s>{_SPEED}) \[(?P<upstream_name>[^\]]*)\] "
    r"\[[^\]]*\] (?P<upstream>[^ ,]+)(?:, \S+)* (?P<upstream_bytes>[\d-]+)(?:, \S+)* "
    rf"(?P<upstream_duration_s>{_SPEED})(?:, \S+)* (?P<upstream_status>\d+|-)(?:, \S+)* "
    r"(?P<request_id>\S+)"
)
_TRAEFIK: Final = (
    r' (?P<request_number>\d+) "(?P<router>[^"]*)" "(?P<upstream>[^"]*)" (?P<duration_ms>\d+)ms'
)
# What servers put behind the agent, as their documents have it; other things are kept as `rest`.
_BEHIND: Final = tuple(
    (pattern, Attributes(pattern))
    for text in (
        rf' "(?P<x_forwarded_for>{IPS})"',  # nginx: main
        rf' "(?P<x_forwarded_for>{IPS})" (?P<duration_s>{_SPEED}){_UPSTREAM_DURATION}',
        rf" (?P<duration_s>{_SPEED}){_UPSTREAM_DURATION}(?: [.p])?",
        _INGRESS_NGINX,
        _TRAEFIK,
        r" (?P<bytes_in>\d+) (?P<bytes_out>\d+)",  # Apache: combinedio
        r" (?P<duration_us>\d+)",  # Apache: %D
        r" (?P<request_id>[0-9a-f]{4}[0-9a-f-]*+) (?P<duration_us>\d+)",  # InfluxDB
        r" (?P<duration_ms>\d+(?:\.\d+)?) ?ms",
        r" (?P<duration_s>\d+(?:\.\d+)?) ?s",
        r" (?P<duration_us>\d+(?:\.\d+)?) ?[uµ]s",
    )
    for pattern in [re.compile(text + r"\s*", re.ASCII)]
)
_PAIRS: Final = re.compile(r'(?:"[^"]*" )?(?:[\w.-]++[=:](?:"[^"]*"|\S++)[ ,]*+)++', re.ASCII)
_PAIR: Final = re.compile(r'([\w.-]+)[=:](?:"([^"]*)"|([^\s,]+))')
# Seconds, by the names that nginx's own documents and most configurations give them.
_SECONDS: Final = {
    **dict.fromkeys(("rt", "request_time", "reqtime"), "duration_ms"),
    **dict.fromkeys(("urt", "upstream_response_time"), "upstream_duration_ms"),
    **dict.fromkeys(("uct", "upstream_connect_time"), "upstream_connect_ms"),
    **dict.fromkeys(("uht", "upstream_header_time"), "upstream_header_ms"),
}


_TOLD: Final = re.compile(rf"\b({'|'.join(_SECONDS)})[ =:]+\"?(\d+\.\d+)")
# nginx writes seconds with three digits behind the point, and nothing else that way.
_SPENT: Final = re.compile(r"(?:^| )(\d+\.\d{3})(?= |$)")
_NUMBER: Final = re.compile(r"(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?", re.ASCII)


def with_request(_match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the message apart, which is the request line, and what stands behind the agent.

    Args:
        _match: not needed here.
        found: what the groups of the line say.
        _reader: not needed here.
    """
    attributes = found.attributes
    if "method" not in attributes:
        attributes |= request_parts(found.message)
    behind = attributes.pop("behind", None)
    if isinstance(behind, str) and behind.strip():
        attributes |= _behind(behind)
    return found


def request_parts(request: str) -> dict[str, object]:
    """Return method, path and protocol of a request line; nothing of one that is no HTTP."""
    match = _REQUEST.fullmatch(request)
    if match is None:
        return {}
    return {
        name.removeprefix("simple_"): unescaped(text)
        for name, text in match.groupdict().items()
        if text
    }


def _behind(text: str) -> dict[str, object]:
    for pattern, attributes in _BEHIND:
        if match := pattern.fullmatch(text):
            return attributes.of(match)
    text = text.strip()
    if _PAIRS.fullmatch(text):
        return _named(text)
    found: dict[str, object] = {"rest": text}
    for name, seconds in _TOLD.findall(text):
        found[_SECONDS[name]] = number_of(seconds, 1000)
    if len(found) == 1 and (spent := _SPENT.search(text)):
        found["duration_ms"] = number_of(spent[1], 1000)
    return found


def _named(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if text.startswith('"'):
        forwarded, _, text = text[1:].partition('"')
        if forwarded != "-":
            found["x_forwarded_for"] = forwarded
    for name, quoted, plain in _PAIR.findall(text):
        value = quoted or plain
        if value in ("", "-"):
            continue
        seconds = _SECONDS.get(name.lower())
        if seconds:
            found[seconds] = number_of(value, 1000)
        else:
            found[name] = number_of(value) if _NUMBER.fullmatch(value) else value
    return found

"""Access logs of proxies, load balancers, stores and frameworks, each in an order of its own."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, QUOTED, Dialect, Reader, number_of
from waterline.recognition.recognized import Recognized
from waterline.recognition.requests import request_parts, with_request

_DAY_FIRST: Final = FORMS["day_first"]
_ISO: Final = FORMS["iso"]
_STATUS: Final = r"(?P<status>[1-9]\d\d)"
_METHOD: Final = "(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"
_DAY: Final = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8}"


def _haproxy(_match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Keep the last of the timers, the whole; the line is the message."""
    attributes = found.attributes
    timers = str(attributes.pop("timers")).split("/")
    attributes["duration_ms"] = number_of(timers[-1].lstrip("+"))
    request = attributes.pop("request", None)
    if isinstance(request, str):
        attributes |= request_parts(request)
    return found


def _seconds_summed(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Add up the three times of a load balancer, of which -1 says there was none."""
    attributes = found.attributes
    parts = [attributes.pop(name, None) for name in ("request_ms", "target_ms", "response_ms")]
    known = [part for part in parts if isinstance(part, int | float) and part >= 0]
    if known:
        attributes["duration_ms"] = round(sum(known), 6)
    return with_request(match, found, reader)


PROXIES: Final = (
    Dialect(
        "s3",
        "0Aa",
        rf"\S+[ ]\S+[ ]{_DAY}[ ][+-]\d{{4}}\][ ]\S+[ ]\S+[ ]\S+[ ][A-Z]+\.",
        rf"(?P<owner>\S+) (?P<bucket>\S+) \[{_DAY_FIRST.core}\] (?P<remote_host>\S+) "
        r"(?P<requester>\S+) (?P<request_id>\S+) (?P<operation>\S+) (?P<key>\S+) "
        rf"{QUOTED.format('message')} {_STATUS} (?P<error_code>\S+) (?P<bytes>\S+) "
        r"(?P<object_size>\S+) (?P<duration_ms>\S+) (?P<turn_around_ms>\S+) "
        rf"{QUOTED.format('referrer')} {QUOTED.format('agent')}(?P<behind>.*)$",
        _DAY_FIRST,
        by_status=True,
        complete=True,
        refine=with_request,
    ),
    Dialect(
        "nginx_proxy_manager",
        "[",
        rf"{_DAY}[ ][+-]\d{{4}}\][ ]\S+[ ](?:\S+[ ])?[1-9]\d\d[ ]-[ ]",
        rf"\[{_DAY_FIRST.core}\] (?P<cache>\S+) (?:(?P<upstream_status>\S+) )?{_STATUS} - "
        rf"(?P<method>\S+) (?P<scheme>\S+) (?P<host>\S+) {QUOTED.format('path')} "
        r"\[Client (?P<remote_host>[^\]]*)\] \[Length (?P<bytes>[^\]]*)\] \[Gzip [^\]]*\] "
        r"\[Sent-to (?P<upstream>[^\]]*)\] "
        rf"{QUOTED.format('agent')} {QUOTED.format('referrer')}",
        _DAY_FIRST,
        by_status=True,
        complete=True,
    ),
    Dialect(
        "haproxy",
        "0Aa[",
        rf"\S+:\d+[ ]{_DAY}\.\d{{3}}\][ ]",
        rf"(?P<remote_host>\S+):(?P<port>\d+) \[{_DAY_FIRST.core}\] (?P<frontend>\S+) "
        r"(?P<backend>[^\s/]+)/(?P<server>\S+) (?P<timers>[-+\d/]+) "
        r"(?:(?P<status>-1|\d{3}) )?(?P<bytes>\+?\d+) (?:\S+ \S+ )?"
        r"(?P<termination>[A-Za-z-]{2,4})"
        rf" [\d/+]+ [\d/+]+(?: \{{[^}}]*\}}){{0,2}}(?: {QUOTED.format('request')})?",
        _DAY_FIRST,
        refine=_haproxy,
    ),
    Dialect(
        "envoy",
        "[",
        r"\[\d{4}-\d\d-\d\dT[\d:.]+Z\][ ]\"",
        rf"\[{_ISO.core}\] {QUOTED.format('message')} (?P<status>\d{{1,3}}) (?P<flags>\S+) "
        r'(?:(?P<details>[a-z-]\S*) (?P<termination>\S+) "(?P<failure>[^"]*)" )?'
        r"(?P<bytes_in>\d+|-) (?P<bytes>\d+|-) (?P<duration_ms>\d+|-) "
        r'(?P<upstream_duration_ms>\d+|-) "(?P<x_forwarded_for>[^"]*)" '
        rf'{QUOTED.format("agent")} "(?P<request_id>[^"]*)" "(?P<host>[^"]*)" '
        r'"(?P<upstream>[^"]*)"(?P<behind>.*)$',
        _ISO,
        by_status=True,
        complete=True,
        refine=with_request,
    ),
    Dialect(
        "load_balancer",
        "Ta",
        r"(?:(?:https?|h2|grpcs?|wss?)[ ])?\d{4}-\d\d-\d\dT[\d:.]+Z[ ][\w./-]+[ ]\S+:\d+[ ]"
        r"(?:\S+:\d+|-)[ ]",
        rf"(?:(?P<scheme>\w+) )?{_ISO.core} (?P<balancer>\S+) "
        r"(?P<remote_host>\S+):(?P<port>\d+) (?P<target>\S+) (?P<request_s>-?[\d.]+) "
        r"(?P<target_s>-?[\d.]+)"
        rf" (?P<response_s>-?[\d.]+) {_STATUS} (?P<target_status>\d+|-) (?P<bytes_in>\d+)"
        rf" (?P<bytes>\d+) {QUOTED.format('message')}(?: {QUOTED.format('agent')})?"
        r"(?P<behind>.*)$",
        _ISO,
        by_status=True,
        complete=True,
        refine=_seconds_summed,
    ),
    Dialect(
        "squid",
        "0",
        r"\d{9,10}\.\d{3}[ ]+-?\d+[ ]\S+[ ][A-Z_]+/\d{3}[ ]",
        rf"{FORMS['epoch'].core}[ ]+(?P<duration_ms>-?\d+) (?P<remote_host>\S+) "
        r"(?P<result>[A-Z_]+)/(?P<status>\d{3}) (?P<bytes>\d+) (?P<method>\S+) (?P<path>\S+) "
        r"(?P<remote_user>\S+) (?P<hierarchy>[A-Z_]+)/(?P<upstream>\S+) (?P<content_type>\S+)",
        FORMS["epoch"],
        by_status=True,
        complete=True,
    ),
    Dialect(
        "gin",
        "[",
        r"\[GIN\][ ]\d{4}/",
        rf"\[GIN\] {_ISO.core} \| *{_STATUS} *\| *(?:(?P<duration_us>[\d.]+)[µu]s"
        r"|(?P<duration_ms>[\d.]+)ms|(?P<duration_s>[\d.]+)s|(?P<duration_ns>\d+)ns|[^\s|]+)"
        r" *\| *(?P<remote_host>[^\s|]+) *\| *(?P<method>[A-Z]+) +(?P<path>\"[^\"]*\"|\S+)",
        _ISO,
        by_status=True,
        complete=True,
    ),
    Dialect(
        "uvicorn",
        "A",
        r"(?:INFO:[ ]+)\S+:\d+[ ]-[ ]\"",
        r"(?P<level>INFO): +(?P<remote_host>\S+):(?P<port>\d+) - "
        r'"(?P<method>[A-Z]+) (?P<path>\S+) (?P<protocol>HTTP/[\d.]+)" (?P<status>\d{3})',
    ),
    Dialect(
        "uwsgi",
        "[",
        r"\[pid:[ ]\d+\|app:",
        r"\[pid: (?P<pid>\d+)\|[^\]]*\] (?P<remote_host>\S*) \((?P<remote_user>[^)]*)\) "
        rf"\{{[^}}]*\}} \[{FORMS['month_name'].core}\] (?P<method>[A-Z]+) (?P<path>\S+) => "
        r"generated (?P<bytes>\d+) bytes in (?P<duration_ms>\d+) msecs "
        r"\((?P<protocol>HTTP/[\d.]+) (?P<status>\d{3})\)",
        FORMS["month_name"],
        by_status=True,
        complete=True,
    ),
    Dialect(
        "morgan",
        "A",
        rf"{_METHOD}[ ]\S+[ ]\d{{3}}[ ][\d.]+[ ]ms[ ]-[ ]",
        r"(?P<method>[A-Z]+) (?P<path>\S+) (?P<status>\d{3}) (?P<duration_ms>[\d.]+) ms - "
        r"(?P<bytes>\d+|-)\s*$",
        by_status=True,
    ),
    Dialect(
        "morgan_short",
        "0:a",
        rf"\S+[ ]\S+[ ]{_METHOD}[ ]\S+[ ]HTTP/\S+[ ]\d{{3}}[ ]\S+[ ]-[ ]",
        r"(?P<remote_host>\S+) (?P<remote_user>\S+) (?P<method>[A-Z]+) (?P<path>\S+) "
        r"(?P<protocol>HTTP/\S+) (?P<status>\d{3}) (?P<bytes>\S+) - "
        r"(?P<duration_ms>[\d.]+) ms\s*$",
        by_status=True,
    ),
    Dialect(
        "chi",
        "S",
        r"\d{4}/\d\d/\d\d[ ][\d:]{8}[ ](?:\[\S+\][ ])?\"[A-Z]+[ ]\S+[ ]HTTP/\S+[ ]from[ ]",
        rf'{_ISO.core} (?:\[(?P<request_id>\S+)\] )?"(?P<method>[A-Z]+) (?P<path>\S+) '
        r'(?P<protocol>HTTP/[\d.]+)" from (?P<remote_host>\S+) - (?P<status>\d{3}) '
        r"(?P<bytes>\d+)B in (?:(?P<duration_us>[\d.]+)[µu]s|(?P<duration_ms>[\d.]+)ms"
        r"|(?P<duration_s>[\d.]+)s|\S+)",
        _ISO,
        by_status=True,
    ),
    Dialect(
        "rails_request",
        "A",
        r"Started[ ][A-Z]+[ ]\"",
        r'Started (?P<method>[A-Z]+) "(?P<path>[^"]*)" for (?P<remote_host>\S+) at ' + _ISO.core,
        _ISO,
    ),
)
"""Dialects of access logs that are not of the combined kind."""

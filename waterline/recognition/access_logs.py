"""Access logs of the combined format, with what is put before or behind it."""

from typing import Final

from waterline.recognition.dialect import FORMS, QUOTED, Dialect
from waterline.recognition.requests import IP, IPS, with_request
from waterline.recognition.time_forms import TimeForm

_DAY_FIRST: Final = FORMS["day_first"]
_ISO: Final = FORMS["iso"]
_STATUS: Final = r"(?P<status>[1-9]\d\d)"
# A virtual host, the client, who it says it is behind, and the user, whose name may have blanks.
_BEFORE: Final = (
    rf"(?:\"(?P<forwarded_for>[^\"]*)\"[ ])?"
    rf"(?:(?P<vhost>[\w.*-]+:\d{{1,5}}|[A-Za-z][\w-]*(?:\.[\w-]+)+(?=[ ]{IP}[ ])"
    rf"|-(?=[ ]{IP}[ ]))[ ](?=\S+[ ]\S+[ ]\S+[ ]\[))?"
    rf"(?P<remote_host>[^\s,\[\"]+)(?:,?[ ](?P<x_forwarded_for>(?!-){IPS})(?=[ ]\S+[ ]\S+[ ]\[))?"
    r"(?:[ ](?P<remote_identity>\S+)[ ](?P<remote_user>\"[^\"]*\"|[^\[\]\"]*?))?[ ]"
)
# What most lines are, told at once.
_REQUEST: Final = (
    r'"(?P<message>(?P<method>[A-Z]+) (?P<path>[^\s"\\]++) (?P<protocol>HTTP/\d(?:\.\d)?)'
    r'|[^"\\]*+(?:\\.[^"\\]*+)*+)"'
)
_COMBINED: Final = (
    rf"(?P<remote_host>\S+) (?P<remote_identity>\S+) (?P<remote_user>\S+) \[{_DAY_FIRST.core}\] "
    rf"{_REQUEST} {_STATUS} (?P<bytes>\d{{1,18}}|-)"
    rf"(?: {QUOTED.format('referrer')} {QUOTED.format('agent')})?\s*$"
)
_ANSWER: Final = (
    rf"{_REQUEST} {_STATUS} (?P<bytes>\d{{1,18}}|-)"
    rf"(?: {QUOTED.format('referrer')} {QUOTED.format('agent')})?(?P<behind>(?: .*)?)\s*$"
)
_NO_SYSLOG: Final = r"(?![A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d)"
BEFORE_BRACKET: Final = rf"{_NO_SYSLOG}[^\[\]]{{0,300}}+\["
"""How lines begin that have their time in brackets behind the client."""
_DAY: Final = r"\d\d?/[A-Z][a-z]{2}/\d{4}[: ][\d:]{8}(?:[.,]\d+)?(?:[ ][+-]\d{4})?\][ ]"
_ISO_DAY: Final = r"\d{4}-\d\d-\d\dT[\d:]{8}[^\]\s]*\][ ]"


def _access(name: str, first: str, shape: str, pattern: str, time: TimeForm) -> Dialect:
    return Dialect(
        name,
        first,
        shape,
        pattern + _ANSWER,
        time,
        by_status=True,
        complete=True,
        refine=with_request,
    )


ACCESS_LOGS: Final = (
    Dialect(
        "combined",
        "0Aa-:",
        r"\S+[ ]\S+[ ]\S+[ ]\[\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8}[ ][+-]\d{4}\][ ]"
        r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"[ ]\d{3}[ ](?:\d+|-)"
        r"(?:(?:[ ]\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"){2})?\s*$",
        _COMBINED,
        _DAY_FIRST,
        by_status=True,
        complete=True,
        refine=with_request,
    ),
    _access(
        "access",
        '0Aa[-:"',
        rf"{BEFORE_BRACKET}{_DAY}\"",
        rf"{_NO_SYSLOG}(?:{_BEFORE})?\[{_DAY_FIRST.core}\] ",
        _DAY_FIRST,
    ),
    _access(
        "access_influxdb",
        "[",
        rf"\[httpd\][ ]{BEFORE_BRACKET}{_DAY}\"",
        rf"\[(?P<program>httpd)\] {_BEFORE}\[{_DAY_FIRST.core}\] ",
        _DAY_FIRST,
    ),
    _access(
        "access_iso",
        '0Aa-:"',
        rf"{BEFORE_BRACKET}{_ISO_DAY}\"",
        rf"{_NO_SYSLOG}{_BEFORE}\[{_ISO.core}\] ",
        _ISO,
    ),
    _access(
        "access_time_first",
        "[",
        rf"\[{_DAY}\S+[ ]\S+[ ]\S+[ ]\"[^\"]*\"[ ]\d{{3}}[ ]",
        rf"\[{_DAY_FIRST.core}\] (?P<remote_host>\S+) (?P<remote_identity>\S+) "
        r"(?P<remote_user>\S+) ",
        _DAY_FIRST,
    ),
    Dialect(
        "access_tls",  # Apache: ssl_request_log
        "[",
        rf"\[{_DAY}\S+[ ](?:TLS|SSL|-)\S*[ ]\S+[ ]\"",
        rf"\[{_DAY_FIRST.core}\] (?P<remote_host>\S+) (?P<tls>(?:TLS|SSL|-)\S*) "
        rf"(?P<cipher>\S+) {_REQUEST} (?P<bytes>\d+|-)\s*$",
        _DAY_FIRST,
        complete=True,
        refine=with_request,
    ),
)
"""Dialects of access logs that begin with the client."""

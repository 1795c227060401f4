"""Access logs of the combined format, with what is put before or behind it."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, QUOTED, Dialect
from waterline.recognition.requests import IP, IPS, with_request

_DAY_FIRST: Final = FORMS["day_first"]
_STATUS: Final = r"(?P<status>[1-9]\d\d)"
# A virtual host, the client, who it says it is behind, and the user, whose name may have blanks.
_BEFORE: Final = (
    rf"(?:(?P<vhost>[\w.*-]+:\d{{1,5}}|[A-Za-z][\w-]*(?:\.[\w-]+)+(?=[ ]{IP}[ ])"
    rf"|-(?=[ ]{IP}[ ]))[ ](?=\S+[ ]\S+[ ]\S+[ ]\[))?"
    rf"(?P<remote_host>[^\s,\[]+)(?:,?[ ](?P<x_forwarded_for>(?!-){IPS})(?=[ ]\S+[ ]\S+[ ]\[))?"
    r"(?:[ ](?P<remote_identity>\S+)[ ](?P<remote_user>[^\[\]\"]*?))?[ ]"
)
# What most lines are, told at once.
_REQUEST: Final = (
    r'"(?P<request>(?P<method>[A-Z]+) (?P<path>[^\s"\\]++) (?P<protocol>HTTP/\d(?:\.\d)?)'
    r'|[^"\\]*+(?:\\.[^"\\]*+)*+)"'
)
_COMBINED: Final = re.compile(
    rf"(?P<remote_host>\S+) (?P<remote_identity>\S+) (?P<remote_user>\S+) \[{_DAY_FIRST.core}\] "
    rf"{_REQUEST} {_STATUS} (?P<bytes>\d{{1,18}}|-)"
    rf"(?: {QUOTED.format('referrer')} {QUOTED.format('agent')})?\s*$",
    re.ASCII,
)
_CLIENT: Final = re.compile(
    rf"(?:{_BEFORE})?\[{_DAY_FIRST.core}\] {_REQUEST} {_STATUS} (?P<bytes>\d{{1,18}}|-)"
    rf"(?: {QUOTED.format('referrer')} {QUOTED.format('agent')})?(?P<behind>(?: .*)?)\s*$",
    re.ASCII | re.DOTALL,
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
    Dialect(
        "access",
        "0Aa[-:",
        r"[^\[\]\"]{0,300}+\[\d\d?/[A-Z][a-z]{2}/\d{4}[: ][\d:]{8}(?:[ ][+-]\d{4})?\][ ]\"",
        _CLIENT,
        _DAY_FIRST,
        by_status=True,
        complete=True,
        refine=with_request,
    ),
)
"""Dialects of access logs that begin with the client."""

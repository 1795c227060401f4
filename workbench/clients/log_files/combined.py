"""The combined and common log formats of web servers such as Apache and Nginx."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Final

from workbench.clients.log_files.dates import MONTH_NAMES, milliseconds

_QUOTED: Final = r'"(?P<{0}>(?:[^"\\]|\\.)*+)"'
_LINE: Final = re.compile(
    r"(?P<remote_host>\S++) (?P<remote_identity>\S++) (?P<remote_user>\S++) "
    rf"\[(?P<day>\d\d)/(?P<month>{'|'.join(MONTH_NAMES)})/(?P<year>\d{{4}})"
    r":(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)"
    r" (?P<zone>[+-](?:[01]\d|2[0-3])[0-5]\d)\] "
    + _QUOTED.format("request")
    + r" (?P<status>[1-9]\d\d) (?P<bytes>\d{1,18}|-)"
    + rf"(?: {_QUOTED.format('referrer')} {_QUOTED.format('agent')})?\s*",
    re.ASCII,
)
_REQUEST: Final = re.compile(
    r"(?P<method>[A-Z][A-Z_-]*) (?P<path>\S.*) (?P<protocol>HTTP/\d(?:\.\d)?)"
)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_TEXTS: Final = ("referrer", "agent", "remote_host", "remote_identity", "remote_user")


def parse_combined(line: str) -> dict[str, object] | None:
    r"""Return the log that a line of an access log holds, without an id, or None if it is none.

    The message is the request line as written; attributes have `\"` and `\\` unescaped. What the
    server wrote as "-" is left out. A request line that is no HTTP request has no method, path
    and protocol.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    parts = match.groupdict()
    try:
        timestamp = milliseconds(parts, int(parts["year"]), UTC)
    except ValueError:
        return None
    status = int(parts["status"])
    return {
        "type": _type_of(status),
        "message": parts["request"],
        "timestamp": timestamp,
        **_request_attributes(parts["request"]),
        "status": status,
        **({} if parts["bytes"] == "-" else {"bytes": int(parts["bytes"])}),
        **_text_attributes(parts),
    }


def _type_of(status: int) -> str:
    if status >= 500:
        return "error"
    return "warning" if status >= 400 else "info"


def _request_attributes(request: str) -> dict[str, str]:
    match = _REQUEST.fullmatch(request)
    if match is None:
        return {}
    return {name: _unescaped(text) for name, text in match.groupdict().items()}


def _text_attributes(parts: Mapping[str, str | None]) -> dict[str, str]:
    return {
        name: _unescaped(text)
        for name in _TEXTS
        if (text := parts[name]) is not None and text != "-"
    }


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text

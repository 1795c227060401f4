"""Lines of syslog: RFC 3164 and 5424, with a priority or without, as daemons and journals write."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, Dialect, Reader
from waterline.recognition.line_levels import FACILITY, WORDS
from waterline.recognition.recognized import Recognized

_ISO: Final = FORMS["iso"]
_MONTH_NAME: Final = FORMS["month_name"]
_PRI: Final = r"<(?P<pri>\d{1,3})>"
# Which of several names is the host is told by its place alone, so it must not be a level.
_HOST: Final = rf"(?!(?:{WORDS})[ ])(?P<host>[\w.:@/-]+)(?<!:)"
# A number is the sequence of a device, whose own time follows.
_SEQUENCE: Final = r"\d+:[ ](?=[*.]?[A-Z][a-z]{2}[ ])"
_PROGRAM: Final = rf"(?P<program>(?!{_SEQUENCE})[^\s:\[\]%][^\s:\[\]]{{0,63}})"
_PID: Final = rf"\[(?!(?=[A-Z])(?:{WORDS})\])(?P<pid>[^\]\s]{{1,64}})\](?:[ ]\([^)]{{1,100}}\))?"
_BUSYBOX: Final = rf"(?:{FACILITY}\.(?P<level>[a-z]+)[ ])?"
_TAG: Final = (
    rf"(?:{_HOST}[ ])?{_BUSYBOX}(?:{_PROGRAM}(?:{_PID})?:(?:[ ]|$)|(?=(?:CEF|LEEF):[ ]?\d|\{{))"
)
_ELEMENT: Final = r"\[[^\s\]\"=]+(?:[ ][^\s\]\"=]+=\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\")*+\]"
_PARAMETER: Final = re.compile(r'([^\s=\]"]+)="([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ELEMENTS: Final = re.compile(
    r"\[([^\s\]\"=]+)((?: [^\s\]\"=]+=\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\")*+)\]"
)
_UNESCAPED: Final = re.compile(r'\\(["\\\]])')

_BEGINS_A_TIME: Final = frozenset("0123456789[")


def _with_inner(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Add what the message says, where it is of a dialect of its own: HAProxy, JSON, CEF."""
    rest = match["rest"]
    inner = reader.inner(rest)
    if inner is None:
        if found.type is None and rest[:1] in _BEGINS_A_TIME:
            found = Recognized(
                found.message, found.timestamp, reader.outer(rest).type, found.attributes
            )
        return found
    attributes = inner.attributes | found.attributes
    return Recognized(found.message, found.timestamp, inner.type or found.type, attributes)


def _behind_sequence(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Take the level from what a device has written, behind its own time."""
    inner = reader.outer(match["rest"])
    return Recognized(found.message, found.timestamp, inner.type, found.attributes)


def _with_structured_data(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Add the parameters of RFC 5424; the message is what stands behind them."""
    data = {
        name: {key: _UNESCAPED.sub(r"\1", value) for key, value in _PARAMETER.findall(parameters)}
        for name, parameters in _ELEMENTS.findall(match["structured"])
    }
    found.attributes.pop("structured", None)
    if data:
        found.attributes["structured_data"] = data
    message = match["rest"]
    return (
        _with_inner(
            match, Recognized(message, found.timestamp, found.type, found.attributes), reader
        )
        if message
        else found
    )


def _behind_priority(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Read what stands behind a priority, which says the level where nothing else does."""
    inner = reader.outer(match["text"])
    return Recognized(
        found.message,
        inner.timestamp,
        inner.type or found.type,
        found.attributes | inner.attributes,
    )


# Who wrote a line is told by the number of the process, or by host and program behind an offset.
_ISO_SHAPE: Final = (
    r"\d{4}-\d\d-\d\d(?:[T ][\d:]{8}\S*+[ ](?:[+-]\d{4}[ ])?(?:[\w.:@/-]++[ ])?"
    r"(?:[^\s:\[\]]+\[[^\]\s]+\](?:[ ]\([^)]{1,100}\))?|(?<=[+-]\d\d:\d\d[ ])\S+[ ]\S+):"
    r"|T\S++[ ]\S++[ ](?:(?:CEF|LEEF):[ ]?\d|\{))"
)

_BSD_SHAPE: Final = r"[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ][\d:]{8}[ ]\S+[ ]"
_BSD: Final = rf"{_MONTH_NAME.core}[ ]{_HOST}[ ]"
# F5 writes the severity before the program, AIX behind the facility.
_SEVERITY: Final = (
    rf"(?:{FACILITY}(?:\|[a-z]+)?:)?{{}}(?:emerg|alert|crit|err|warning|notice|info|debug){{}}[ ]"
)

SYSLOG: Final = (
    Dialect(
        "rfc5424",
        "<",
        r"<\d{1,3}>1[ ]\S",
        rf"{_PRI}1 (?:-|{_ISO.core}) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) "
        rf"(?P<message_id>\S+) (?P<structured>-|(?:{_ELEMENT})+)(?: \ufeff?(?P<rest>.*))?$",
        _ISO,
        refine=_with_structured_data,
    ),
    Dialect(
        "priority",
        "<",
        r"<\d{1,3}>(?!1[ ]\S)",
        rf"{_PRI}(?!1[ ]\S)[ ]*+(?:\d+:[ ])?(?P<text>.*)$",
        refine=_behind_priority,
    ),
    Dialect(
        "syslog_severity",
        "A",
        rf"{_BSD_SHAPE}{_SEVERITY.format('', '')}[^\s:\[\]]+[\[:]",
        rf"{_BSD}{_SEVERITY.format('(?P<level>', ')')}{_PROGRAM}(?:{_PID})?:(?:[ ]|$)(?P<rest>.*)$",
        _MONTH_NAME,
        refine=_with_inner,
    ),
    Dialect(
        "syslog_apple",
        "A",
        rf"{_BSD_SHAPE}[^\s:\[\]]+\[\d+\][ ]<[A-Z][a-z]+>:[ ]",
        rf"{_BSD}{_PROGRAM}{_PID}[ ](?=<[A-Z][a-z]+>:[ ])(?P<rest>.*)$",
        _MONTH_NAME,
        refine=_with_inner,
    ),
    Dialect(
        "syslog_sequence",  # Cisco, as rsyslog forwards it
        "A",
        rf"{_BSD_SHAPE}{_SEQUENCE}",
        rf"{_BSD}{_SEQUENCE}(?P<rest>.*)$",
        _MONTH_NAME,
        refine=_behind_sequence,
    ),
    Dialect(
        "syslog",
        "A",
        r"[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d",
        rf"(?=[A-Z][a-z]{{2}}[ ]{{1,2}}\d){_MONTH_NAME.core}[ ]{_TAG}(?P<rest>.*)$",
        _MONTH_NAME,
        refine=_with_inner,
    ),
    Dialect(
        "syslog_iso",
        "YT",
        _ISO_SHAPE,
        rf"(?={_ISO_SHAPE}){_ISO.core}[ ]{_TAG}(?P<rest>.*)$",
        _ISO,
        refine=_with_inner,
    ),
)
"""Dialects of syslog."""
_HEADED: Final = SYSLOG[2:]
BARE_HEADER: Final = Dialect(
    "syslog_bare",
    "A",
    _BSD_SHAPE,
    rf"{_BSD}(?:{_PROGRAM}{_PID}[ ])?(?P<rest>\S.*)$",
    _MONTH_NAME,
    refine=_with_inner,
)
"""Time and host, which stand behind a priority in any case (RFC 3164); log4j names no program."""


def message_in(text: str) -> str:
    """Return what stands behind time, host and program in a line; all of it where nothing does."""
    for dialect in _HEADED:
        rest = dialect.part(text, "rest")
        if rest is not None:
            return rest or text
    return text

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
_PROGRAM: Final = r"(?P<program>[^\s:\[\]%][^\s:\[\]]{0,63})"
_PID: Final = rf"\[(?!(?=[A-Z])(?:{WORDS})\])(?P<pid>[^\]\s]{{1,64}})\](?:[ ]\([^)]{{1,100}}\))?"
# BusyBox and AIX write facility and severity before the program, F5 the severity alone.
_SEVERITY: Final = (
    rf"(?:(?:{FACILITY}(?:\|[a-z]+)?[.:]|(?=(?:emerg|alert|crit|err|warning|notice|info|debug)[ ]))"
    r"(?P<level>[a-z]+)[ ])?"
)
# A number is the sequence of a device, whose own time follows. Apple's level takes the colon.
_TAG: Final = (
    rf"(?:{_HOST}[ ])?{_SEVERITY}(?:\d+:[ ](?=[*.]?[A-Z][a-z]{{2}}[ ])"
    rf"|{_PROGRAM}(?:{_PID}(?:[ ](?=<[A-Z][a-z]+>:[ ]))?)?(?::(?:[ ]|$)|(?<=[ ]))"
    r"|(?=(?:CEF|LEEF):[ ]?\d|\{))"
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
        no_program = "program" not in found.attributes
        if found.type is None and (no_program or rest[:1] in _BEGINS_A_TIME):
            found = Recognized(
                found.message, found.timestamp, reader.outer(rest).type, found.attributes
            )
        return found
    attributes = inner.attributes | found.attributes
    return Recognized(found.message, found.timestamp, inner.type or found.type, attributes)


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
        "syslog",
        "A",
        r"[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d",
        rf"(?=[A-Z][a-z]{{2}}[ ]{{1,2}}\d){_MONTH_NAME.core}[ ]{_TAG}(?P<rest>.*)$",
        _MONTH_NAME,
        refine=_with_inner,
    ),
    Dialect(
        "syslog_iso",
        "Y",
        _ISO_SHAPE,
        rf"(?={_ISO_SHAPE}){_ISO.core}[ ]{_TAG}(?P<rest>.*)$",
        _ISO,
        refine=_with_inner,
    ),
)
"""Dialects of syslog."""
_HEADED: Final = SYSLOG[2:]


def message_in(text: str) -> str:
    """Return what stands behind time, host and program in a line; all of it where nothing does."""
    for dialect in _HEADED:
        rest = dialect.part(text, "rest")
        if rest is not None:
            return rest or text
    return text

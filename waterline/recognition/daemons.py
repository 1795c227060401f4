"""Lines of daemons and libraries whose header has its level, or its time, in a place of its own."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, Dialect, Reader, by_mark
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_names import LONG_ZONES

_ISO: Final = FORMS["iso"]
_CLOCK: Final = FORMS["clock"]
_MONTH_NAME: Final = FORMS["month_name"]
_DAY_AND_MONTH: Final = FORMS["day_and_month"]
_OF_SYSLOG: Final = "(?:emerg|alert|crit|err|warning|notice|info|debug)"
_OF_VMWARE: Final = {
    **dict.fromkeys(("Em", "Al", "Cr", "Er", "E"), "error"),
    **dict.fromkeys(("Wa", "W"), "warning"),
    **dict.fromkeys(("Db", "D"), "debug"),
}


def _zone_first(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Read a time whose zone stands before it."""
    timestamp = reader.time_of(f"{match['head']} {match['zone']}")
    if timestamp is None:
        timestamp = reader.time_of(match["head"])
    return Recognized(found.message, timestamp, found.type, found.attributes)


def _zone_in_words(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Read a time whose zone is called as Java does in words."""
    offset = LONG_ZONES.get(match["zone"])
    timestamp = reader.time_of(match["head"] if offset is None else f"{match['head']} Z")
    if timestamp is not None and offset is not None:
        timestamp -= offset * 60_000
    return Recognized(found.message, timestamp, found.type, found.attributes)


DAEMONS: Final = (
    Dialect(
        "couchbase",
        "[",
        r"\[[\w.-]+:[a-z]+,\d{4}-\d\d-\d\dT",
        rf"\[(?P<component>[\w.-]+):(?P<level>[a-z]+),{_ISO.core},(?P<node>[^:\]]+)",
        _ISO,
    ),
    Dialect(
        "monit",
        "[",
        r"\[[A-Z]{3,5}[ ][A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ][\d:]{8}\][ ][a-z]+[ ]*:[ ]",
        r"\[(?P<zone>[A-Z]+) (?P<head>[A-Za-z]+ +\d+ [\d:]+)\] (?P<level>[a-z]+) *: ",
        refine=_zone_first,
    ),
    Dialect(
        "weblogic_console",
        "<",
        r"<[A-Z][a-z]{2}[ ]\d{1,2},[ ]\d{4},?[ ][\d:,]+[ ][AP]M[ ][A-Z][A-Za-z ]{5,40}[ ]Time>[ ]<",
        r"<(?P<head>[^<>]*?[AP]M) (?P<zone>[A-Za-z ]+)> <(?P<level>\w+)> <(?P<subsystem>[^<>]*)>",
        refine=_zone_in_words,
    ),
    Dialect(
        "sap_time",  # of the lines behind it
        "A",
        r"[A-Z][ ]{2}[A-Z][a-z]{2}[ ][A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d\d:",
        rf"[A-Z]  {_MONTH_NAME.core}\s*$",
        _MONTH_NAME,
    ),
    Dialect(
        "sap_fault",
        "A",
        r"[A-Z][ ]{2}\*\*\*[ ](?:ERROR|WARNING)[ ]=>",
        r"[A-Z]  \*\*\* (?P<level>[A-Z]+) =>",
    ),
    Dialect(
        "windows_installer",
        "A",
        r"MSI[ ]\([cs]\)[ ]\([0-9A-F]+[:!][0-9A-F]+\)[ ]\[\d",
        rf"MSI \((?P<side>[cs])\) \([0-9A-F]+[:!][0-9A-F]+\) \[{_CLOCK.core}\]",
        _CLOCK,
    ),
    Dialect(
        "windows_installer_start",
        "=",
        r"===[ ][A-Z][a-z]+[ ]logging[ ](?:started|stopped):[ ]\d",
        rf"=== [A-Z][a-z]+ logging (?:started|stopped): {_DAY_AND_MONTH.core}",
        _DAY_AND_MONTH,
    ),
    Dialect(
        "log4j_xml",  # of an element over several lines, the first
        "<",
        r"<(?:log4j:)?[Ee]vent[ ][^<>]*(?:timestamp|timeMillis)=\"\d{13}\"",
        r"<(?=[^<>]*[ ](?:timestamp|timeMillis)=\"(?P<epoch>\d{13})\")"
        r"(?:(?=[^<>]*[ ]level=\"(?P<level>\w+)\"))?(?:(?=[^<>]*[ ]thread=\"(?P<thread>[^\"]*)\"))?"
        r"(?:(?=[^<>]*[ ]logger(?:Name)?=\"(?P<logger>[^\"]*)\"))?",
        FORMS["epoch"],
    ),
    Dialect(
        "swift_log",
        "T",
        r"\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d{4}[ ]"
        r"(?:trace|debug|info|notice|warning|error|critical)[ ][\w.-]+[ ]?:[ ]",
        r"(?=\S{19}[+-]\d{4} "
        r"(?:trace|debug|info|notice|warning|error|critical) )"
        rf"{_ISO.core} (?P<level>[a-z]+) (?P<logger>[\w.-]+) ?: ",
        _ISO,
    ),
    Dialect(
        "esxi",
        "T",
        r"\d{4}-\d\d-\d\dT[\d:.]++Z[ ](?:Em|Al|Cr|Er|Wa|No|In|Db)\(\d+\)[ ]",
        rf"{_ISO.core} (?P<mark>[A-Z][a-z])\(\d+\) "
        r"(?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?(?::| -)",
        _ISO,
        refine=by_mark(_OF_VMWARE),
    ),
    Dialect(
        "vmware",
        "T",
        r"\d{4}-\d\d-\d\dT[\d:.]++(?:Z|[+-]\d\d:\d\d)?\|[ ][^|]{1,80}\|[ ][EWID]\d+",
        rf"{_ISO.core}\| (?P<thread>[^|]+)\| (?P<mark>[EWID])\d+",
        _ISO,
        refine=by_mark(_OF_VMWARE),
    ),
    Dialect(
        "gitea",
        "S",
        r"\d{4}/\d\d/\d\d[ ][\d:]{8}[ ]\S+[ ]\[[TDIWECF]\][ ]",
        rf"{_ISO.core} (?P<source>\S+) \[(?P<level>[TDIWECF])\] ",
        _ISO,
    ),
    Dialect(
        "puppet",
        "Y",
        rf"\d{{4}}-\d\d-\d\d[ ][\d:]{{8}}[ ][+-]\d{{4}}[ ][^()]{{1,200}}[ ]\({_OF_SYSLOG}\):[ ]",
        rf"{_ISO.core} (?P<source>[^()]+) \((?P<level>{_OF_SYSLOG})\): ",
        _ISO,
    ),
    Dialect(
        "palo_alto",  # the serial number behind the time is no fraction of it
        "0",
        r"\d,\d{4}/\d\d/\d\d[ ][\d:]{8},\d{10,},[A-Z]",
        r"\d,(?P<head>(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d) "
        r"(?P<hour>\d\d):(?P<minute>\d\d))"
        r":(?P<second>\d\d)(?P<fraction>)(?P<half>)(?P<zone>),(?P<serial>\d+),"
        r"(?P<log_type>[A-Z-]+),(?P<subtype>[^,]*),",
        _ISO,
        complete=True,
    ),
    Dialect(
        "i2pd",
        "0",
        r"\d\d:\d\d:\d\d@\d+/[a-z]+[ ]-[ ]",
        rf"{_CLOCK.core}@(?P<tid>\d+)/(?P<level>[a-z]+) - ",
        _CLOCK,
    ),
)
"""Dialects of daemons and libraries."""

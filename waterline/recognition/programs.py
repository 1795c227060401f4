"""Lines of programs whose time or level stands where no other program has it."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, Dialect, Reader
from waterline.recognition.levels import type_of_word
from waterline.recognition.recognized import Recognized

_ISO: Final = FORMS["iso"]
_DIGITS: Final = FORMS["digits"]
_EPOCH: Final = FORMS["epoch"]
_MONTH_AND_DAY: Final = FORMS["month_and_day"]
_DAY_FIRST: Final = FORMS["day_first"]
_CLOCK: Final = (
    r"(?P<hour>[01]\d|2[0-3]){0}(?P<minute>[0-5]\d)){0}(?P<second>[0-5]\d|60)"
    r"(?:\.(?P<fraction>\d+))?(?P<half>)(?P<zone>)"
)
# klog and Chromium write month and day as four digits.
_GLUED_DAY: Final = r"(?P<head>(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
_GLUED_YEAR: Final = r"(?P<head>(?P<year>\d{4})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
_ANDROID: Final = r"(?P<level>[VDIWEFSA])"
_ANDROID_FIELDS: Final = (
    rf" +(?:(?:[a-z]\S*|\d+) +)?(?P<pid>\d+) +(?P<tid>\d+) +{_ANDROID} (?P<tag>[^:]*?) *: "
)
_ANDROID_HEADER: Final = (
    r"[\d:]{5}\.\d{3,6}(?:[ ][+-]\d{4})?[ ]+(?:(?:[a-z]\S*|\d+)[ ]+)?\d+[ ]+\d+[ ]+[VDIWEFSA][ ]"
)
_CRASH: Final = (
    r"(?:Traceback[ ]\(most[ ]recent[ ]call[ ]last\):|panic:[ ]|fatal[ ]error:[ ]"
    r"|Exception[ ]in[ ]thread[ ]\"|thread[ ]'[^']*'[ ](?:\(\d+\)[ ])?panicked[ ]at"
    r"|PHP[ ]Fatal[ ]error:|Unhandled[ ]exception)"
)
_MARKS: Final = {".": "debug", "-": "debug", "*": "info", "#": "warning"}


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _redis(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    found.attributes.pop("mark", None)
    return Recognized(found.message, found.timestamp, _MARKS[match["mark"]], found.attributes)


def _ceph(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the type from a debug level, below zero for errors."""
    level = int(match["debug"])
    found.attributes.pop("debug", None)
    name = "error" if level < 0 else "info" if level <= 1 else "debug"
    return Recognized(found.message, found.timestamp, name, found.attributes)


def _samba(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the type from a debug level: 0 error, 1 warning, 2 and 3 notice and information."""
    level = int(match["debug"])
    found.attributes.pop("debug", None)
    name = ("error", "warning", "info", "info")[level] if level < 4 else "debug"
    return Recognized(found.message, found.timestamp, name, found.attributes)


def _php(_match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    word = str(found.attributes.pop("severity_word"))
    name = "error" if word == "error" else "warning" if word == "Warning" else "info"
    return Recognized(found.message, found.timestamp, name, found.attributes)


def _super_computer(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the level from the words behind `RAS`, where there are some."""
    word = re.match(r"\S+ RAS \S+ ([A-Z]+) ", match["behind"])
    found.attributes.pop("behind", None)
    name = type_of_word(word[1]) if word else None
    return Recognized(found.message, found.timestamp, name, found.attributes)


PROGRAMS: Final = (
    Dialect(
        "klog",
        "A",
        r"[IWEF]\d{4}[ ]\d\d:\d\d:\d\d\.",
        _compiled(rf"(?P<level>[IWEF]){_GLUED_DAY} {_CLOCK.format(':')} +(?P<tid>\d+) "),
        _MONTH_AND_DAY,
    ),
    Dialect(
        "glog",
        "A",
        r"[IWEF]\d{8}[ ]\d\d:\d\d:\d\d\.",
        _compiled(rf"(?P<level>[IWEF]){_GLUED_YEAR} {_CLOCK.format(':')} +(?P<tid>\d+) "),
        _DIGITS,
    ),
    Dialect(
        "chromium",
        "[",
        r"\[(?:\d+:\d+:)?\d{4}/\d{6}[.:]",
        _compiled(
            rf"\[(?:(?P<pid>\d+):(?P<tid>\d+):)?{_GLUED_DAY}/{_CLOCK.format('')}"
            r":(?P<level>[A-Z]+)\d*:(?P<source>[^\]]+)\]"
        ),
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat",
        "0",
        rf"\d\d-\d\d[ ]\d\d:{_ANDROID_HEADER}",
        _compiled(rf"{_MONTH_AND_DAY.core}{_ANDROID_FIELDS}"),
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat_year",
        "Y",
        rf"\d{{4}}-\d\d-\d\d[ ]\d\d:{_ANDROID_HEADER}",
        _compiled(rf"{_ISO.core}{_ANDROID_FIELDS}"),
        _ISO,
    ),
    Dialect(
        "logcat_time",
        "0",
        r"\d\d-\d\d[ ]\d\d:\d\d:\d\d\.\d{3}[ ][VDIWEFSA]/",
        _compiled(rf"{_MONTH_AND_DAY.core} {_ANDROID}/(?P<tag>[^(]*?) *\( *(?P<pid>\d+)\): "),
        _MONTH_AND_DAY,
    ),
    Dialect(
        "logcat_brief",
        "A",
        r"[VDIWEFSA]/[^(:]{1,80}\([ ]*\d+\):",
        _compiled(rf"{_ANDROID}/(?P<tag>[^(]*?) *\( *(?P<pid>\d+)\): "),
    ),
    Dialect(
        "auditd",
        "a",
        r"(?:node=\S+[ ]|audit:[ ])?type=[\w\[\]]+[ ](?:msg=)?audit\(",
        _compiled(
            r"(?:node=(?P<host>\S+) |audit: )?type=(?P<audit_type>\S+) (?:msg=)?audit\("
            r"(?P<epoch>\d{9,10}\.\d{1,9}):(?P<serial>\d+)\):"
        ),
        _EPOCH,
        level="info",
    ),
    Dialect(
        "redis",
        "0[",
        r"(?:\d+:[A-Z][ ]|\[\d+\][ ])\d\d[ ][A-Z][a-z]{2}[ ]",
        _compiled(rf"(?:(?P<pid>\d+):(?P<role>[A-Z])|\[\d+\]) {_DAY_FIRST.core} (?P<mark>[.*#-]) "),
        _DAY_FIRST,
        refine=_redis,
    ),
    Dialect(
        "ceph",
        "Y",
        r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:[+-]\d{4})?[ ]+[0-9a-f]{6,16}[ ]+-?\d{1,2}[ ]",
        _compiled(rf"{_ISO.core} +[0-9a-f]{{6,16}} +(?P<debug>-?\d{{1,2}}) "),
        _ISO,
        refine=_ceph,
    ),
    Dialect(
        "mongodb",
        "Y",
        r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d{4})[ ][FEWID]\d?[ ]+[A-Z_-]+[ ]+\[",
        _compiled(
            rf"{_ISO.core} (?P<level>[FEWID])\d? +(?P<component>[A-Z_-]+) +\[(?P<context>[^\]]*)\]"
        ),
        _ISO,
    ),
    Dialect(
        "ruby",
        "A",
        r"[DIWEFAU],[ ]\[\d{4}-",
        _compiled(
            rf"[DIWEFAU], \[{_ISO.core} #(?P<pid>\d+)\] +(?P<level>[A-Z]+) -- (?P<program>[^:]*): "
        ),
        _ISO,
    ),
    Dialect(
        "tornado",
        "[",
        r"\[[DIWEC][ ]\d{6}[ ]\d\d:",
        _compiled(rf"\[(?P<level>[DIWEC]) {_DIGITS.core} (?P<source>[^\]]+)\]"),
        _DIGITS,
    ),
    Dialect(
        "jupyter",
        "[",
        r"\[[DIWEC][ ]\d{4}-",
        _compiled(rf"\[(?P<level>[DIWEC]) {_ISO.core} (?P<source>[^\]]+)\]"),
        _ISO,
    ),
    Dialect(
        "logrus",
        "A",
        r"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4,}\][ ]",
        _compiled(r"(?P<level>[A-Z]{4})\[\d+\] "),
    ),
    Dialect(
        "logrus_full",
        "A",
        r"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4}-",
        _compiled(rf"(?P<level>[A-Z]{{4}})\[{_ISO.core}\]"),
        _ISO,
    ),
    Dialect(
        "windows_servicing",
        "Y",
        r"\d{4}-\d\d-\d\d[ ]\d\d:\d\d:\d\d,[ ][A-Z][a-z]+[ ]{2}",
        _compiled(rf"{_ISO.core}, (?P<level>[A-Z][a-z]+) +(?P<component>\S+) "),
        _ISO,
    ),
    Dialect(
        "unified_log",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]+[+-]\d{4}[ ]+0x[0-9a-f]+[ ]+[A-Z][a-z]+[ ]",
        _compiled(rf"{_ISO.core} +0x[0-9a-f]+ +(?P<level>Default|[A-Z][a-z]+) +"),
        _ISO,
    ),
    Dialect(
        "samba",
        "[",
        r"\[\d{4}/\d\d/\d\d[ ][\d:.]+,[ ]+\d+[\],]",
        _compiled(rf"\[{_ISO.core}, +(?P<debug>\d+)"),
        _ISO,
        refine=_samba,
    ),
    Dialect(
        "super_computer",  # Blue Gene, Thunderbird, Spirit, Liberty: the alert, the epoch, the day
        "0Aa-",
        r"\S+[ ]\d{9,10}[ ]\d{4}\.\d\d\.\d\d[ ]",
        _compiled(
            r"(?P<alert>\S+) (?P<epoch>\d{9,10}) \d{4}\.\d\d\.\d\d (?P<node>\S+) \S+ (?P<behind>.*)"
        ),
        _EPOCH,
        refine=_super_computer,
    ),
    Dialect(
        "hpc",
        "0",
        r"\d+[ ][\w-]+[ ][\w.]+[ ][\w.]+[ ]\d{9,10}[ ]\d[ ]",
        _compiled(
            r"\d+ (?P<node>\S+) (?P<component>\S+) (?P<state>\S+) (?P<epoch>\d{9,10}) (?P<flag>\d) "
        ),
        _EPOCH,
    ),
    Dialect(
        "vpc_flow",
        "0",
        r"\d[ ]\d{12}[ ]eni-",
        _compiled(
            r"\d (?P<account>\d+) (?P<interface>\S+) (?P<source>\S+) (?P<destination>\S+) "
            r"(?P<source_port>\S+) (?P<destination_port>\S+) (?P<protocol>\S+) (?P<packets>\S+) "
            r"(?P<bytes>\S+) (?P<epoch>\d{9,10}) \d+ (?P<action>\S+) (?P<log_status>\S+)"
        ),
        _EPOCH,
    ),
    Dialect(
        "npm",
        "a",
        r"npm[ ](?:ERR!|WARN|error|warn|notice|info|verb)[ ]",
        _compiled(r"npm (?P<level>ERR|WARN|error|warn|notice|info|verb)!? "),
    ),
    Dialect(
        "kernel_facility",
        "a",
        r"(?:kern|user|daemon|auth|syslog)[ ]{2}:[a-z]+[ ]*:",
        _compiled(r"(?:kern|user|daemon|auth|syslog)  :(?P<level>[a-z]+) *:"),
    ),
    Dialect(
        "postgres_csv",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]+[ ]\S+,\"?[^,]*,\"?[^,]*,\d+,",
        re.compile(
            rf"{_ISO.core},(?P<user>[^,]*),(?P<database>[^,]*),(?P<pid>\d+),[^,]*,[^,]*,\d*,"
            r"(?:\"[^\"]*\"|[^,]*),[^,]*,[^,]*,[^,]*,(?P<level>[A-Z]+\d?),(?P<sql_state>\w{5})?,"
        ),
        _ISO,
    ),
    Dialect(
        "php",
        "[",
        r"\[\d\d-[A-Z][a-z]{2}-\d{4}[ ][\d:]{8}[^\]]*\][ ]PHP[ ]",
        _compiled(
            rf"\[{_DAY_FIRST.core}\] PHP (?:[A-Z][a-z]+ )?(?P<severity_word>error|Warning|Notice"
            r"|Deprecated)\b"
        ),
        _DAY_FIRST,
        refine=_php,
    ),
    Dialect(
        "erlang",
        "=",
        r"=[A-Z]+[ ]REPORT====[ ]",
        _compiled(rf"=(?P<level>[A-Z]+) REPORT==== {_DAY_FIRST.core} ==="),
        _DAY_FIRST,
    ),
    Dialect("crash", "Aa", _CRASH, _compiled(_CRASH), level="error"),
)
"""Dialects of single programs."""

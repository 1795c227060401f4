"""Lines of programs whose time or level stands where no other program has it."""

import re
from typing import Final

from waterline.recognition.dialect import FORMS, Dialect, Reader, by_mark
from waterline.recognition.levels import type_of_word
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_values import read_time

_ISO: Final = FORMS["iso"]
_DIGITS: Final = FORMS["digits"]
_DOTS: Final = FORMS["iso_dots"]
_EPOCH: Final = FORMS["epoch"]
_SHORT_YEAR: Final = FORMS["short_year"]
_DAY_FIRST: Final = FORMS["day_first"]
_MARKS: Final = {".": "debug", "-": "debug", "*": "info", "#": "warning"}
_OF_WEBSPHERE: Final = {
    **dict.fromkeys("FE", "error"),
    "W": "warning",
    **dict.fromkeys("AIC", "info"),
    **dict.fromkeys("D1", "debug"),
    **dict.fromkeys("23<>", "trace"),
}
_OF_ERLANG: Final = {
    **dict.fromkeys(("ERROR", "CRASH", "SUPERVISOR"), "error"),
    "WARNING": "warning",
    "DEBUG": "debug",
}
_OF_PHP: Final = {"error": "error", "warning": "warning"}
_OF_ECLIPSE: Final = {"1": "info", "2": "warning", "4": "error"}
_OF_CONFIGURATION_MANAGER: Final = {"1": "info", "2": "warning", "3": "error"}
_QUOTED: Final = r"(?:\"[^\"]*+(?:\"\"[^\"]*+)*+\")?"

# A field of WebLogic's, such as <main> or <<WLS Kernel>>.
_FIELD: Final = r"<(?:[^<>]*+|<[^<>]*+>)>"


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


def _super_computer(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the level from the words behind `RAS`, where there are some."""
    word = re.match(r"\S+ RAS \S+ ([A-Z]+) ", match["behind"])
    found.attributes.pop("behind", None)
    name = type_of_word(word[1]) if word else None
    return Recognized(found.message, found.timestamp, name, found.attributes)


def _php(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the type from the word that ends the kind: Fatal error, User Warning, Notice."""
    found.attributes.pop("mark", None)
    name = _OF_PHP.get((match["mark"] or "").lower(), "info")
    return Recognized(found.message, found.timestamp, name, found.attributes)


def _unquoted(_match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the quotes off what a row of CSV has."""
    attributes = {
        name: value[1:-1].replace('""', '"')
        if isinstance(value, str) and value[:1] == '"'
        else value
        for name, value in found.attributes.items()
    }
    return Recognized(found.message, found.timestamp, found.type, attributes)


def _db2(match: re.Match[str], found: Recognized, _reader: Reader) -> Recognized:
    """Take the offset from the minutes behind the time, which Db2 always writes."""
    del found.attributes["offset"]
    sign, minutes = match["offset"][0], int(match["offset"][1:])
    day = f"{match['year']}-{match['month']}-{match['day']}"
    clock = f"{match['hour']}:{match['minute']}:{match['second']}.{match['fraction']}"
    timestamp = read_time(f"{day}T{clock}{sign}{minutes // 60:02d}:{minutes % 60:02d}")
    return Recognized(found.message, timestamp, found.type, found.attributes)


def _configuration_manager(match: re.Match[str], found: Recognized, reader: Reader) -> Recognized:
    """Take the time from two attributes: the bias is what must be added to have UTC."""
    for name in ("clock", "bias", "month", "day", "year"):
        found.attributes.pop(name, None)
    timestamp = reader.time_of(
        f"{match['year']}-{int(match['month']):02d}-{int(match['day']):02d} {match['clock']}"
        + ("Z" if match["bias"] else "")
    )
    if timestamp is not None and match["bias"]:
        timestamp += int(match["bias"]) * 60_000
    return by_mark(_OF_CONFIGURATION_MANAGER)(
        match, Recognized(found.message, timestamp, found.type, found.attributes), reader
    )


PROGRAMS: Final = (
    Dialect(
        "auditd",
        "a",
        r"(?:node=\S+[ ]|audit:[ ])?type=[\w\[\]]+[ ](?:msg=)?audit\(",
        r"(?:node=(?P<host>\S+) |audit: )?type=(?P<audit_type>\S+) (?:msg=)?audit\("
        r"(?P<epoch>\d{9,10}\.\d{1,9}):(?P<serial>\d+)\):",
        _EPOCH,
        level="info",
    ),
    Dialect(
        "redis",
        "0[",
        r"(?:\d+:[A-Z][ ]|\[\d+\][ ])\d\d[ ][A-Z][a-z]{2}[ ]",
        rf"(?:(?P<pid>\d+):(?P<role>[A-Z])|\[\d+\]) {_DAY_FIRST.core} (?P<mark>[.*#-]) ",
        _DAY_FIRST,
        refine=_redis,
    ),
    Dialect(
        "ceph",
        "YT",
        r"\d{4}-\d\d-\d\d[T ][\d:.]++(?:[+-]\d{4})?[ ]++[0-9a-f]{6,16}+[ ]++-?\d{1,2}[ ]",
        rf"{_ISO.core} +[0-9a-f]{{6,16}} +(?P<debug>-?\d{{1,2}}) ",
        _ISO,
        refine=_ceph,
    ),
    Dialect(
        "mongodb",
        "T",
        r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d{4})[ ][FEWID]\d?[ ]+[A-Z_-]+[ ]+\[",
        rf"{_ISO.core} (?P<level>[FEWID])\d? +(?P<component>[A-Z_-]+) +\[(?P<context>[^\]]*)\]",
        _ISO,
    ),
    Dialect(
        "ruby",
        "A",
        r"[DIWEFAU],[ ]\[\d{4}-",
        rf"[DIWEFAU], \[{_ISO.core} #(?P<pid>\d+)\] +(?P<level>[A-Z]+) -- (?P<program>[^:]*): ",
        _ISO,
    ),
    Dialect(
        "tornado",
        "[",
        r"\[[DIWEC][ ]\d{6}[ ]\d\d:",
        rf"\[(?P<level>[DIWEC]) {_DIGITS.core} (?P<source>[^\]]+)\]",
        _DIGITS,
    ),
    Dialect(
        "jupyter",
        "[",
        r"\[[ ]?[DIWECN][ ]\d{4}-",
        rf"\[ ?(?P<level>[DIWECN]) {_ISO.core} (?P<source>[^\]]+)\]",
        _ISO,
    ),
    Dialect(
        "logrus",
        "A",
        r"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4,}\][ ]",
        r"(?P<level>[A-Z]{4})\[\d+\] ",
    ),
    Dialect(
        "logrus_full",
        "A",
        r"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4}-",
        rf"(?P<level>[A-Z]{{4}})\[{_ISO.core}\]",
        _ISO,
    ),
    Dialect(
        "windows_servicing",
        "Y",
        r"\d{4}-\d\d-\d\d[ ]\d\d:\d\d:\d\d,[ ][A-Z][a-z]+[ ]{2}",
        rf"{_ISO.core}, (?P<level>[A-Z][a-z]+) +(?P<component>\S+) ",
        _ISO,
    ),
    Dialect(
        "unified_log",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]++[+-]\d{4}[ ]++0x[0-9a-f]+[ ]+[A-Z][a-z]+[ ]",
        rf"{_ISO.core} +0x[0-9a-f]+ +(?P<level>Default|[A-Z][a-z]+) +",
        _ISO,
    ),
    Dialect(
        "unified_log_compact",
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]++[ ](?:Df|Db|[IEFA][ ])[ ][^\[\]]{1,80}\[\d+:[0-9a-f]+\]",
        rf"{_ISO.core} (?P<mark>D[fb]|[IEFA] ) (?P<program>[^\[\]]+)\[(?P<pid>\d+):[0-9a-f]+\]",
        _ISO,
        refine=by_mark({"Db": "debug", "E ": "error", "F ": "error"}),
    ),
    Dialect(
        "samba",
        "[",
        r"\[\d{4}/\d\d/\d\d[ ][\d:.]+,[ ]+\d+[\],]",
        rf"\[{_ISO.core}, +(?P<debug>\d+)",
        _ISO,
        refine=_samba,
    ),
    Dialect(
        "super_computer",  # Blue Gene, Thunderbird, Spirit, Liberty: the alert, the epoch, the day
        "0Aa-",
        r"\S+[ ]\d{9,10}[ ]\d{4}\.\d\d\.\d\d[ ]",
        r"(?P<alert>\S+) (?P<epoch>\d{9,10}) \d{4}\.\d\d\.\d\d (?P<node>\S+) \S+ (?P<behind>.*)",
        _EPOCH,
        refine=_super_computer,
    ),
    Dialect(
        "hpc",
        "0",
        r"\d+[ ][\w-]+[ ][\w.]+[ ][\w.]+[ ]\d{9,10}[ ]\d[ ]",
        r"\d+ (?P<node>\S+) (?P<component>\S+) (?P<state>\S+) (?P<epoch>\d{9,10}) (?P<flag>\d) ",
        _EPOCH,
    ),
    Dialect(
        "vpc_flow",
        "0",
        r"\d[ ]\d{12}[ ]eni-",
        r"\d (?P<account>\d+) (?P<interface>\S+) (?P<source>\S+) (?P<destination>\S+) "
        r"(?P<source_port>\S+) (?P<destination_port>\S+) (?P<protocol>\S+) (?P<packets>\S+) "
        r"(?P<bytes>\S+) (?P<epoch>\d{9,10}) \d+ (?P<action>\S+) (?P<log_status>\S+)",
        _EPOCH,
    ),
    Dialect(
        "php",
        "[A",
        r"(?:\[\d\d-[A-Z][a-z]{2}-\d{4}[ ][\d:]{8}[^\]]{0,40}\][ ])?PHP[ ][A-Za-z ]{4,40}:[ ]",
        rf"(?:\[{_DAY_FIRST.core}\] )?PHP (?:[A-Za-z]+ )?"
        r"(?P<mark>[Ee]rror|[Ww]arning|[Nn]otice|[Dd]eprecated|[Ss]tandards)?[a-z]*:",
        _DAY_FIRST,
        refine=_php,
    ),
    Dialect(
        "websphere",
        "[",
        r"\[\d\d?[/.]\d\d?[/.]\d\d,?[ ][\d:]+[ ]\w+\][ ][0-9a-f]{8}[ ]",
        rf"\[{_SHORT_YEAR.core}\] (?P<thread>[0-9a-f]{{8}}) (?P<component>\S+) +"
        r"(?P<mark>[FEWAIDCORZ123<>]) ",
        _SHORT_YEAR,
        refine=by_mark(_OF_WEBSPHERE),
    ),
    Dialect(
        "weblogic",  # names its zone in words, and the moment in a field of its own
        "#",
        rf"\#{{4}}<[^<>]*+>(?:[ ]{_FIELD}){{8}}[ ]<\d{{13}}>",
        rf"\#{{4}}<[^<>]*> <(?P<level>\w+)> <(?P<subsystem>[^<>]*)> <(?P<host>[^<>]*)> "
        rf"<(?P<server>[^<>]*)> <(?P<thread>[^<>]*)>(?: {_FIELD}){{3}} <{_EPOCH.core}",
        _EPOCH,
    ),
    Dialect(
        "postgresql_hosted",  # Amazon's prefix: %t:%r:%u@%d:[%p]:
        "Y",
        r"\d{4}-\d\d-\d\d[ ][\d:.]+[ ][A-Z]{3,5}:[^:\s]*:[^:\s]*:\[\d+\]:[A-Z]",
        rf"{_ISO.core}:(?P<remote_host>[^:(\s]*)(?:\((?P<port>\d+)\))?:(?P<user>[^@:\s]*)"
        r"@(?P<database>[^:\s]*):\[(?P<pid>\d+)\]:(?P<level>[A-Z]+\d?): ",
        _ISO,
    ),
    Dialect(
        "postgresql_csv",
        "Y",
        rf"\d{{4}}-\d\d-\d\d[ ][\d:.]+[ ][\w+-]+,{_QUOTED},{_QUOTED},\d*,",
        rf"{_ISO.core},(?P<user>{_QUOTED}),(?P<database>{_QUOTED}),(?P<pid>\d*),"
        rf"(?P<remote_host>{_QUOTED}),[^,]*,\d*,{_QUOTED},[^,]*,[^,]*,\d*,"
        r"(?P<level>[A-Z]+\d?),(?P<sql_state>\w*),",
        _ISO,
        refine=_unquoted,
        is_csv=True,
    ),
    Dialect(
        "db2",
        "Y",
        r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+[+-]\d{3}[ ]",
        rf"{_DOTS.core}(?P<offset>[+-]\d{{3}}) +(?P<record>\S+) +LEVEL: *(?P<level>\w+)",
        _DOTS,
        refine=_db2,
    ),
    Dialect(
        "configuration_manager",
        "<",
        r"<!\[LOG\[",
        r"<!\[LOG\[.*?\]LOG\]!>"
        r"<time=\"(?P<clock>\d\d:\d\d:\d\d\.\d+)(?P<bias>[+-]\d{1,4})?\" "
        r"date=\"(?P<month>\d\d?)-(?P<day>\d\d?)-(?P<year>\d{4})\" "
        r"component=\"(?P<component>[^\"]*)\" context=\"[^\"]*\" type=\"(?P<mark>\d)\" "
        r"thread=\"(?P<tid>\d*)\"",
        refine=_configuration_manager,
    ),
    Dialect(
        "eclipse",
        "!",
        r"!ENTRY[ ]\S+[ ]\d",
        rf"!ENTRY (?P<plugin>\S+) (?P<mark>\d) (?P<code>-?\d+) {_ISO.core}",
        _ISO,
        refine=by_mark(_OF_ECLIPSE),
    ),
    Dialect(
        "erlang_report",
        "=",
        r"=[A-Z]+[ ]REPORT=+[ ]\d",
        rf"=(?P<mark>[A-Z]+) REPORT=+ {_DAY_FIRST.core} ===",
        _DAY_FIRST,
        refine=by_mark(_OF_ERLANG),
    ),
    Dialect(
        "cups",
        "Aa",
        r"[A-Zd][ ]\[\d\d/[A-Z][a-z]{2}/\d{4}:",
        rf"(?P<level>[A-Zd]) \[{_DAY_FIRST.core}\]",
        _DAY_FIRST,
    ),
    Dialect(
        "cometbft",
        "A",
        r"[DIE]\[\d{4}-\d\d-\d\d\|",
        rf"(?P<level>[DIE])\[{_ISO.core}\] ",
        _ISO,
    ),
    Dialect(
        "service_wrapper",  # Tanuki's, around Java's servers
        "A",
        r"[A-Z]+[ ]*\|[ ]\w+(?:[ ]\d+)?[ ]*\|[ ]\d{4}/\d\d/\d\d[ ]",
        rf"(?P<level>[A-Z]+) *\| (?P<source>\w+(?: \d+)?) *\| {_ISO.core} \|",
        _ISO,
    ),
    Dialect(
        "esp",  # Espressif's chips, with the milliseconds since their start
        "A",
        r"[EWIDV][ ]\(\d+\)[ ][\w.-]+:[ ]",
        r"(?P<level>[EWIDV]) \(\d+\) (?P<tag>[\w.-]+): ",
    ),
)
"""Dialects of single programs."""

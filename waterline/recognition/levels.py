"""Levels of other programs: words and numbers in, one of five log types out.

fatal, critical, severe, alert, emergency and panic are errors, notice is info.
"""

import re
from typing import Final

TYPES: Final = ("trace", "debug", "info", "warning", "error")

# Spellings that say no more than the type itself.
_PLAIN: Final = {
    "error": "ERROR ERR ERRO EROR ERRR E EE FAIL",
    "warning": "WARNING WARN WRN WAR WARNI W WW",
    "info": "INFO INF INFORMATION INFORMATIONAL INFOR I II",
    "debug": "DEBUG DBG DEBU DEBG DBUG DEB D",
    "trace": "TRACE TRC TRCE TRAC TRA T",
}
# Spellings of levels between or beyond the five, which are worth keeping.
_NUANCED: Final = {
    "error": (
        "FATAL FTL FATA FATL FAT F CRITICAL CRIT CRT CRI C SEVERE EMERGENCY EMERG EMRG EMER ALERT "
        "ALRT ALER PANIC PANI PNC DPANIC DPAN FAILURE FAULT ASSERT A"
    ),
    "info": "NOTICE NOTE NOTI NTC N LOG HTTP SUCCESS OK",
    "debug": "FINE FINER CONFIG",
    "trace": "FINEST VERBOSE VERB VRB V SILLY",
}
_PLAIN_WORDS: Final = frozenset(word for words in _PLAIN.values() for word in words.split())
_TYPES: Final = {
    spelling: name
    for table in (_PLAIN, _NUANCED)
    for name, words in table.items()
    for word in words.split()
    for spelling in (word, word.lower(), word.capitalize())
}
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_AROUND: Final = " \t\r\n[](){}<>|:,'\""
# PostgreSQL has DEBUG1 to 5, Apache TRACE1 to 8, MongoDB D1 to 5, OpenTelemetry INFO2 to INFO4.
_NUMBERED: Final = re.compile(r"(TRACE|DEBUG|INFO|WARN|ERROR|FATAL|D)([1-8])")
# Go's log/slog writes levels between its own as a distance: DEBUG-4, INFO+2.
_DISTANCE: Final = re.compile(r"(DEBUG|INFO|WARN|ERROR)([+-]\d{1,3})")
_SLOG: Final = {"DEBUG": -4, "INFO": 0, "WARN": 4, "ERROR": 8}


def type_of_word(word: str) -> str | None:
    """Return the log type that a word for a level means, in any spelling; None if it is none.

    Colours, brackets and quotes around the word do not matter. Single letters are levels here, as
    in `[E]` or `"s": "W"`; whether a level may stand where the word stood is for the caller.
    """
    return _TYPES.get(word) or _type_of_spelling(_bare(word))


def type_of_status(status: int) -> str:
    """Return the log type of a request by the status of its answer."""
    if status >= 500:
        return "error"
    return "warning" if status >= 400 else "info"


def says_more(word: str) -> bool:
    """Return whether a word for a level says more than its type, as `fatal` and `notice` do."""
    return _bare(word) not in _PLAIN_WORDS


def _bare(word: str) -> str:
    return _COLOUR.sub("", word).strip(_AROUND).upper()


def _type_of_spelling(word: str) -> str | None:
    if found := _NUMBERED.fullmatch(word):
        return _TYPES[found[1]]
    if found := _DISTANCE.fullmatch(word):
        return type_of_slog(_SLOG[found[1]] + int(found[2]))
    return _TYPES.get(word)


class Scale:
    """Log types of the numbers of one program.

    Args:
        begins: the number at which each type begins.
        most: the greatest number.
        plain: numbers that say no more than their type; by default those in `begins`.
    """

    def __init__(self, begins: dict[int, str], most: int, plain: str = "") -> None:
        self._types = sorted(begins.items(), reverse=True)
        self._most = most
        self._plain = frozenset(map(int, plain.split()) if plain else begins)

    def __call__(self, number: int) -> str | None:
        """Return the type that a number means; None if it means none."""
        if number > self._most:
            return None
        for begin, name in self._types:
            if number >= begin:
                return name
        return None

    def says_more(self, number: int) -> bool:
        """Return whether a number says more than its type, as 60 of pino and 5 of syslog do."""
        return number not in self._plain


def _listed(types: str, plain: str) -> Scale:
    """Return a scale that counts up from 0."""
    names = types.split()
    return Scale(dict(enumerate(names)), len(names) - 1, plain)


type_of_bunyan: Final = Scale(
    {1: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error"}, 99, "10 20 30 40 50"
)
"""pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal."""
type_of_python: Final = Scale(
    {1: "trace", 10: "debug", 20: "info", 30: "warning", 40: "error"}, 99, "10 20 30 40"
)
"""Python's logging: 10 debug, 20 info, 30 warning, 40 error, 50 critical."""
type_of_otel: Final = Scale({1: "trace", 5: "debug", 9: "info", 13: "warning", 17: "error"}, 24)
"""OpenTelemetry's severity numbers: four a type, from 1 trace to 24 fatal."""
type_of_slog: Final = Scale(
    {-99: "trace", -4: "debug", 0: "info", 4: "warning", 8: "error"}, 99, "-4 0 4 8"
)
"""Go's log/slog: -4 debug, 0 info, 4 warn, 8 error."""
type_of_logback: Final = Scale(
    {0: "trace", 10_000: "debug", 20_000: "info", 30_000: "warning", 40_000: "error"},
    2**31,
    "5000 10000 20000 30000 40000",
)
"""Logback's integers: 5000 trace, 10000 debug, 20000 info, 30000 warn, 40000 error."""
type_of_cloud: Final = Scale({100: "debug", 200: "info", 400: "warning", 500: "error"}, 800)
"""Google's severity numbers: 100 debug, 200 info, 300 notice, 400 warning, 500 to 800 errors."""
type_of_monolog: Final = Scale({100: "debug", 200: "info", 300: "warning", 400: "error"}, 600)
"""PHP's Monolog: 100 debug, 200 info, 250 notice, 300 warning, 400 error to 600 emergency."""
type_of_syslog: Final = _listed("error error error error warning info info debug", "3 4 6 7")
"""Severities of syslog: 0 emergency to 3 error, 4 warning, 5 notice, 6 info, 7 debug."""
type_of_windows: Final = _listed("info error error warning info trace", "0 2 3 4")
"""Windows events: 0 always, 1 critical, 2 error, 3 warning, 4 information, 5 verbose."""
type_of_nextcloud: Final = _listed("debug info warning error error", "0 1 2 3")
"""Nextcloud: 0 debug, 1 info, 2 warning, 3 error, 4 fatal."""
type_of_dotnet: Final = _listed("trace debug info warning error error", "0 1 2 3 4")
"""LogLevel of .NET: 0 trace, 1 debug, 2 information, 3 warning, 4 error, 5 critical."""
type_of_azure: Final = _listed("trace info warning error error", "1 2 3")
"""Application Insights: 0 verbose, 1 information, 2 warning, 3 error, 4 critical."""
type_of_glog: Final = _listed("info warning error error", "0 1 2")
"""glog and osquery: 0 info, 1 warning, 2 error, 3 fatal."""
type_of_alert: Final = Scale({1: "error", 2: "warning", 3: "info"}, 255)
"""Priorities of Suricata and Snort: 1 is the gravest."""
type_of_wazuh: Final = Scale({0: "info", 7: "warning", 12: "error"}, 16, "-1")
"""Wazuh's rules: 0 to 15, above 6 worth a look, above 11 grave; the number always says more."""

"""The level of a log line: recognised where levels stand, which is the header, not the message."""

import re
from typing import Final, NamedTuple

_WORDS_OF_TYPES: Final = {
    "error": ("ERROR", "ERR", "FATAL", "CRITICAL", "CRIT", "SEVERE", "EMERG", "ALERT", "PANIC"),
    "warning": ("WARNING", "WARN"),
    "info": ("INFO", "NOTICE"),
    "debug": ("DEBUG",),
    "trace": ("TRACE",),
}
_TYPES: Final = {word: name for name, words in _WORDS_OF_TYPES.items() for word in words}
_KLOG_TYPES: Final = {"I": "info", "W": "warning", "E": "error", "F": "error"}
_KLOG: Final = re.compile(r"(?P<letter>[IWEF])\d{4} \d\d:\d\d:\d\d\.")

# Apache numbers its trace levels, PostgreSQL its debug levels.
_LEVEL: Final = rf"(?:{'|'.join(_TYPES)}|TRACE[1-8]|DEBUG[1-5])"
_KEY: Final = r"(?:level|lvl|severity|loglevel|log_level|log\.level|levelname)"
_MAX_GROUP: Final = 100
_GAP: Final = re.compile(r"[\s,;:|\])>-]*")
# What was opened around the time: a bracket, or the quotes of `time="..."`.
_CLOSING: Final = re.compile(r"[\"'\])>}]*")
_FIELD: Final = re.compile(
    rf"""
      (?P<upper>{_LEVEL}) (?![\w.=])
    | (?P<label>(?i:{_LEVEL})) (?=:(?:\s|$))
    | [\[<(] \s* (?:[\w.-]+:)? (?P<bracketed>(?i:{_LEVEL})) \s* [\])>]
    | (?i:{_KEY}) = ["']? (?P<value>(?i:{_LEVEL})) (?![\w.-])
    | (?P<object>\{{) (?=\s*")
    | (?P<pair>[\w.@-]++ = (?:"(?:[^"\\]|\\.)*+"|[^\s"]*))
    | (?P<group>
        \[ (?:[^\[\]]|\[[^\[\]]*\]){{0,{_MAX_GROUP}}} \]
        | \( [^()]{{0,{_MAX_GROUP}}} \)
        | \{{ [^{{}}"]{{0,{_MAX_GROUP}}} \}}
        | < [^<>]{{0,{_MAX_GROUP}}} >
      )
    | (?P<clock>\d\d?:\d\d[\d:.,]*)
    | (?P<number>\d++) (?=[\s\])|:,])
    | (?P<tag>[\w./@$+()-]++ (?::[\w./@$+()-]++)*+ (?:\[\d+\])?) (?=:\s)
    | (?P<delimited>\w++) (?=\s+[-|]\s)
    | (?P<word>[a-z][a-z0-9]*+) (?=\s)
    | (?P<name>(?=[a-zA-Z]*[^a-zA-Z\s]) [\w.$@/:\#+%-]++) (?=[\s\])|])
    """,
    re.VERBOSE,
)
# A host and a program stand before the message of syslog: behind its own kind of time, behind the
# time with an offset that newer daemons write, or told by the process number.
_SYSLOG: Final = re.compile(
    r"""
    (?: (?<=[A-Z][a-z]{2}[ ][ \d]\d[ ]\d\d:\d\d:\d\d)
      | (?<=[+-]\d\d:\d\d)
      | (?=[ ]\S++[ ][^\s\[\]:]++\[\d+\]:)
    )
    [ ]\S++[ ][^\s\[\]:]++ (?:\[\d+\])? (?=:\s)
    """,
    re.VERBOSE,
)
_JSON_LEVEL: Final = re.compile(rf'(?i)"{_KEY}"\s*:\s*"(?P<value>{_LEVEL})"')
# Process, thread, host, logger, module and request: no known header has more before its level.
_MAX_FIELDS: Final = 6


class FoundLevel(NamedTuple):
    """A level in a line: `type` as logs have it, and the `word` that was written."""

    type: str
    word: str


def find_level(line: str, after: int) -> FoundLevel | None:
    """Return the level that the header of a line names, or None if it names none.

    The header is what stands around the time and before the message: at the start of the line,
    and behind the time up to six fields such as process, thread, host or logger, and any number
    of `key=value`. The first thing that is none of these begins the message, where words mean
    what they like.

    Args:
        line: the line.
        after: where the time of the line ends; 0 if the line has no time.
    """
    klog = _KLOG.match(line)
    if klog:
        return FoundLevel(_KLOG_TYPES[klog["letter"]], klog["letter"])
    return _before_time(line, after or len(line)) or (_after_time(line, after) if after else None)


def _before_time(line: str, until: int) -> FoundLevel | None:
    """Look at the start of the line, where only what cannot be a message may be passed over."""
    position = _end_of(_GAP, line, 0)
    while position < until and (field := _FIELD.match(line, position)):
        kind = field.lastgroup or ""
        if kind == "object":
            return _level_in_json(line, position)
        if kind in {"upper", "label", "bracketed", "value"}:
            return _level_named(field[kind])
        if kind not in {"pair", "group", "clock"}:
            return None
        position = _end_of(_GAP, line, field.end())
    return None


def _after_time(line: str, after: int) -> FoundLevel | None:
    syslog = _SYSLOG.match(line, after)
    closed = syslog.end() if syslog else _end_of(_CLOSING, line, after)
    position = _end_of(_GAP, line, closed)
    fields = 0
    # A lone word may be a host or a logger; two in a row are a sentence. Behind the tag, which is
    # a name with a colon, stands nothing more but the level itself.
    spoken = tagged = syslog is not None
    while fields < _MAX_FIELDS and (field := _FIELD.match(line, position)):
        kind = field.lastgroup or ""
        if kind == "object":
            return _level_in_json(line, position)
        if kind in {"upper", "bracketed", "value"} or (kind == "label" and (tagged or not spoken)):
            return _level_named(field[kind])
        if (tagged and kind != "group") or (spoken and kind in {"word", "tag", "label"}):
            return None
        fields += kind != "pair"
        tagged = tagged or kind == "tag"
        spoken = spoken or kind in {"word", "name", "delimited"}
        position = _end_of(_GAP, line, field.end())
    return None


def _level_in_json(line: str, position: int) -> FoundLevel | None:
    match = _JSON_LEVEL.search(line, position)
    return _level_named(match["value"]) if match else None


def _level_named(word: str) -> FoundLevel:
    return FoundLevel(_TYPES[word.upper().rstrip("12345678")], word)


def _end_of(pattern: re.Pattern[str], line: str, position: int) -> int:
    match = pattern.match(line, position)
    return match.end() if match else position

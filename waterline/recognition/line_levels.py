"""The level of a line: recognised where levels stand, which is the header, not the message."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from waterline.recognition.levels import says_more, type_of_syslog, type_of_word


class LineLevel(NamedTuple):
    """A level in a line: `type` as logs have it, and the word that was written if it says more."""

    type: str
    more: str | None


# Words that stand for a level without brackets. Shorter ones, and OK or LOG, are other words too.
WORDS: Final = (
    "ERROR|ERRO|ERR|WARNING|WARN|WRN|INFORMATION|INFO|INF|NOTICE|NOTI|NOTE|DEBUG|DEBU|DBUG|DBG"
    "|TRACE|TRCE|TRC|VERBOSE|VRB|FATAL|FATA|FTL|FAIL|CRITICAL|CRIT|SEVERE|EMERGENCY|EMERG|ALERT"
    "|DPANIC|PANIC|PANI|FINEST|FINER|FINE|CONFIG|SUCCESS"
)
"""Alternatives of a regular expression."""
_ALONE: Final = frozenset((*WORDS.split("|"), "EE", "WW", "II"))  # these by the X server
_LETTERS: Final = frozenset("EWIDFCTVN")
# Most messages begin so: a word with a capital, or two without, which are no field of a header.
_SENTENCE: Final = re.compile(r"(?:[A-Z][A-Za-z]+|[a-z]+[ ][a-z]+)[ ](?=[^\s\[|-])")
# A letter behind a time is a level if what follows is a mark or a name, and no word of a sentence.
_LETTER: Final = re.compile(
    r"([EWIDFCTV])(?:[!:]\s|\s+[|\[(]|[ ]{2,}\S|\s[\w$-]+(?:[/\[]|\.\w))", re.ASCII
)
_BEHIND_LETTER: Final = frozenset(" \t!:")
# apt and the checkers of Debian begin their lines so.
_LETTER_ALONE: Final = re.compile(r"([EWI]): \S")
FACILITY: Final = (
    r"(?:kern|user|mail|daemon|auth|authpriv|syslog|lpr|news|uucp|cron|ftp|local[0-7])"
)
"""Facilities of syslog, as BusyBox writes them before the level."""
_KEY: Final = r"(?:level|lvl|severity|loglevel|log_level|log\.level|levelname)"
_MAX_GROUP: Final = 100
_GAP: Final = re.compile(r"[\s,;:|\])>-]*")
# What was opened around the time: a bracket, or the quotes of `time="..."`.
_TO_HEADER: Final = re.compile(r"[\"'\])>}]*[\s,;:|\])>-]*")
# Apache numbers its trace levels, PostgreSQL its debug levels, OpenTelemetry all of them.
_NUMBERED: Final = r"(?:[1-8](?!\d)|[+-]\d{1,2}(?!\d))?"
_WORD: Final = re.compile(rf"([A-Za-z]{{3,11}}{_NUMBERED})(?![\w.=]|-\w)")
_DELIMITERS: Final = frozenset(",;|\t")
# Behind most times: marks, perhaps the number of a thread, and a word in capitals.
_USUAL: Final = re.compile(
    r"[\"'\])>}]*[\s,;:|\])>-]*(?:\d++\s[\s,;:|\])>-]*)?([A-Z]{3,11})(?![\w.=+]|-\w)"
)
# The mark may be that of a name behind the level: `critical/Listener:`, `error vpxd[12]`.
_MARKED: Final = re.compile(r":(?:\s|$)|\t|\s*\||\s{2,}|\s:\s|/\w+:\s|\s[\w-]+\[\d+\]", re.ASCII)
_MARKED_FIELD: Final = rf"""
      [\[<({{] \s* (?:[\w.-]*[:/\#])?
      (?P<bracketed>[A-Za-z]{{1,11}}{_NUMBERED}) \s* [\])>}}]
    | \[ (?:[\w .:\#-]{{1,60}}[/ ])? (?P<qualified>(?:{WORDS}){_NUMBERED})
      (?:\s+-\s[\d:]+(?:[ ][AP]M)?)? \]
    | \#\#\[(?P<hashed>[a-z]{{4,8}})\]
    | \[ID\ \d+\ {FACILITY}\.(?P<solaris>[a-z]+)\]
    | %[A-Z][A-Z0-9_]*(?:-[A-Z][A-Z0-9_]*)*-(?P<cisco>[0-7])-[A-Z0-9_]+
    | (?P<object>\{{) (?=\s*")
"""
_GROUP: Final = rf"""(?P<group>
        \[ (?:[^\[\]]|\[[^\[\]]*\]){{0,{_MAX_GROUP}}} \]
        | \( [^()]{{0,{_MAX_GROUP}}} \)
        | \{{ [^{{}}"]{{0,{_MAX_GROUP}}} \}}
        | < [^<>]{{0,{_MAX_GROUP}}} >
      )"""
# No host, user or logger is called so: with these the message begins.
_IN_SENTENCES: Final = (
    r"(?:an?|and|are|as|at|been|but|by|for|from|got|had|has|if|in|is|it|its|no|not|of|on|one|or|so"
    r"|some|such|the|there|this|to|was|were|when|with|without)"
)
_FIELD: Final = re.compile(
    rf"""{_MARKED_FIELD} | {_GROUP}
    | (?i:{_KEY}) = ["']? (?P<value>[A-Za-z]+\d?) (?![\w.-])
    | (?P<letter>[VDIWEF]) (?=[ /][\w.$-]+(?:\([^)]*\))?:[ ])
    | [\w-]+\.(?P<channel>(?:{WORDS})) (?=:\s)
    | {FACILITY}\.(?P<priority>[a-z]+) (?=[\s:])
    | [\w.-]++ (?: /(?P<slashed>(?:{WORDS}))/ | \[(?P<glued>(?:{WORDS}))\] (?=:\s) )
    | (?P<process>[\w./-]++ \[[\w:]+\] (?=\s) | cpu\d+:\d+\))
    | (?P<pair>[\w.@-]++ = (?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"]*))
    | (?P<clock>\d\d?:\d\d[\d:.,]*)
    | (?P<number>\#?\d++) (?=[\s\])|:,])
    | (?P<tag>[\w./@$+()-]++ (?::[\w./@$+()-]++)*+ (?:\[\d+\])?) (?=:\s)
    | (?P<delimited>\w++) (?=\s+[-|]\s)
    | (?P<word>(?!{_IN_SENTENCES}\s)[a-z][a-z0-9]*+) (?=\s)
    | (?P<name>(?=[a-zA-Z]*[^a-zA-Z\s]) [\w.$@/:\#+%()-]++) (?=[\s\])|])
    """,
    re.VERBOSE,
)
# Behind the tag, which is a name with a colon, stands nothing more but the level itself.
# Without one of these no level stands before a time.
_BEFORE_TIME: Final = re.compile(r"[A-Z]{3}|[A-Za-z][\])>|:,]|=|[EWIDF] ")
_LETTER_BEFORE_TIME: Final = re.compile(r"([EWIDFTV])[ ]\d")
_BEHIND_TAG: Final = re.compile(f"{_MARKED_FIELD} | {_GROUP}", re.VERBOSE)
_BEGINS_MARK: Final = frozenset("[({<#%")
_LEVELS: Final = {
    *(
        "bracketed",
        "qualified",
        "value",
        "channel",
        "cisco",
        "letter",
        "slashed",
        "priority",
        "glued",
        "hashed",
        "solaris",
    )
}
# A level in brackets is one behind two words, too, and behind a name with a colon.
_IN_BRACKETS: Final = re.compile(rf"\s+\[((?:{WORDS}))\]")
_BEHIND_COLON: Final = re.compile(r":\s+\[([A-Za-z]{3,11})\]")
_JSON_LEVEL: Final = re.compile(rf'(?i)"{_KEY}"\s*:\s*"(?P<value>[a-z]+)"')
# Process, thread, host, logger, module and request: no known header has more before its level.
_MAX_FIELDS: Final = 6


@lru_cache(maxsize=1024)
def level_of_word(word: str) -> LineLevel | None:
    """Return the level that a word means, in any spelling; None if it means none."""
    name = type_of_word(word)
    return LineLevel(name, word if says_more(word) else None) if name else None


def level_of_severity(number: int) -> LineLevel | None:
    """Return the level that a severity of syslog means; None if it is none."""
    name = type_of_syslog(number)
    return LineLevel(name, None) if name else None


def level_before(line: str, until: int) -> LineLevel | None:
    """Return the level at the start of a line, where only what cannot be a message is passed over.

    Args:
        line: the line.
        until: where its time begins; its length if it has none.
    """
    if not _BEFORE_TIME.search(line, 0, until):
        return None
    letter = _LETTER_ALONE.match(line)
    if letter is None and until < len(line):
        letter = _LETTER_BEFORE_TIME.match(line)
    if letter:
        return level_of_word(letter[1])
    position = _end_of(_GAP.match(line))
    while position < until:
        if level := _word_at(line, position, marked=True):
            return level
        field = _FIELD.match(line, position)
        if field is None:
            return None
        kind = field.lastgroup or ""
        if kind == "object":
            return _level_in_json(line, position)
        if kind in _LEVELS and (level := _level_in(field, kind)):
            return level
        if kind == "bracketed" and until < len(line) and field[kind] in _LETTERS:
            return level_of_word(field[kind])
        if kind == "tag" and (marked := _BEHIND_COLON.match(line, field.end())):
            return level_alone(marked[1])
        if kind not in {"pair", "group", "clock", "value", "bracketed"}:
            return None
        position = _end_of(_GAP.match(line, field.end()))
    return None


def level_after(line: str, after: int, *, tagged: bool = False) -> LineLevel | None:
    """Return the level in the header behind the time of a line, or None if it names none.

    The header has up to six fields such as process, thread, host or logger, and any number of
    `key=value`. The first thing that is none of these begins the message, where words mean what
    they like.

    Args:
        line: the line.
        after: where its time ends.
        tagged: whether a name with a colon, behind which the message begins, ends there.
    """
    if not tagged and (usual := _USUAL.match(line, after)) and (level := level_alone(usual[1])):
        return level
    if not tagged and _is_sentence(line, after):
        return None
    position = _end_of(_TO_HEADER.match(line, after))
    if tagged and line[position : position + 1] not in _BEGINS_MARK:
        return _word_at(line, position, marked=True)
    if (
        not tagged
        and line[position + 1 : position + 2] in _BEHIND_LETTER
        and (letter := _LETTER.match(line, position))
    ):
        return level_of_word(letter[1])
    fields = 0
    # A lone word may be a host or a logger; two in a row are a sentence.
    spoken = False
    while fields < _MAX_FIELDS:
        if level := _word_at(line, position, marked=tagged or not spoken):
            return level
        field = (_BEHIND_TAG if tagged else _FIELD).match(line, position)
        if field is None:
            return None
        kind = field.lastgroup or ""
        if kind == "object":
            return _level_in_json(line, position)
        if kind in _LEVELS and not (spoken and kind == "letter"):
            level = _level_in(field, kind)
            if level:
                return level
        if spoken and kind in {"word", "tag", "letter"}:
            marked = _IN_BRACKETS.match(line, field.end())
            return level_alone(marked[1]) if marked else None
        fields += kind not in {"pair", "value"}
        tagged = tagged or kind == "tag"
        spoken = spoken or kind in {"word", "name", "delimited"}
        position = _end_of(_GAP.match(line, field.end()))
    return None


def _is_sentence(line: str, position: int) -> bool:
    """Return whether the words that come next are none of a header."""
    found = _SENTENCE.match(line, position)
    return found is not None and _ALONE.isdisjoint(found[0].upper().split())


def _word_at(line: str, position: int, *, marked: bool) -> LineLevel | None:
    """Return the level that is the next word: in capitals, or marked by what stands behind it."""
    found = _WORD.match(line, position)
    if found is None:
        return None
    level = level_alone(found[1])
    if level is None or found[1].isupper():
        return level
    end = found.end()
    before = line[position - 1 : position]
    is_column = before in _DELIMITERS and line[end : end + 1] == before
    return level if marked and (is_column or _MARKED.match(line, end)) else None


@lru_cache(maxsize=4096)
def level_alone(word: str) -> LineLevel | None:
    """Return the level that a word means that may stand without brackets; None if it is none."""
    return level_of_word(word) if word.rstrip("+-0123456789").upper() in _ALONE else None


def _level_in(field: re.Match[str], kind: str) -> LineLevel | None:
    word = field[kind]
    if kind == "cisco":
        return level_of_severity(int(word))
    if kind == "bracketed" and len(word) <= 1:
        return level_of_word(word) if word in _LETTERS and field[0][0] == "[" else None
    return level_of_word(word) if kind in {"value", "letter"} else level_alone(word)


def _level_in_json(line: str, position: int) -> LineLevel | None:
    match = _JSON_LEVEL.search(line, position)
    return level_of_word(match["value"]) if match else None


def _end_of(match: re.Match[str] | None) -> int:
    assert match is not None  # the pattern fits nothing, too
    return match.end()

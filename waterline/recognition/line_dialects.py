"""All dialects of lines, and which of them a line begins as."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, Protocol

from waterline.recognition.access_logs import ACCESS_LOGS, BEFORE_BRACKET
from waterline.recognition.android import ANDROID
from waterline.recognition.cef import CEF_SHAPE, LEEF_SHAPE, read_cef, read_leef
from waterline.recognition.daemons import DAEMONS
from waterline.recognition.dialect import Reader
from waterline.recognition.envelopes import ENVELOPES
from waterline.recognition.logfmt import LOGFMT_SHAPE, LTSV_SHAPE, read_logfmt, read_ltsv
from waterline.recognition.programs import PROGRAMS
from waterline.recognition.proxies import PROXIES
from waterline.recognition.recognized import Recognized
from waterline.recognition.sentences import is_sentence
from waterline.recognition.syslog import SYSLOG
from waterline.recognition.tools import TOOLS

_DAY: Final = r"\d{4}-\d\d-\d\d"
# What several shapes begin with.
_STARTS: Final = (_DAY, BEFORE_BRACKET)


class LineDialect(Protocol):
    """Lines of one program: what they begin with, and how they are read."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def first(self) -> str:
        """Kinds of beginnings.

        They are `T` for a day with dashes and a T behind it, `Y` for others that have a year and a
        dash, `S` for those with a slash, `0` for other digits, `A`, `a`, other marks.
        """

    @property
    def shape(self) -> str:
        """Regular expression that its lines alone begin with, without groups."""

    @property
    def complete(self) -> bool:
        """Whether its lines are whole logs, which no other line continues."""

    @property
    def is_csv(self) -> bool:
        """Whether its lines are rows of CSV, whose quoted fields may have line breaks."""

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a line says, or None if it is of another dialect."""


@dataclass(frozen=True)
class _PairDialect:
    """A dialect that is read by a function, as its parts stand in no fixed order."""

    name: str
    first: str
    shape: str
    function: Callable[[str, Reader], Recognized | None]
    complete: bool = True
    is_csv: bool = False

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a line says, or None if it is of another dialect."""
        return self.function(line, reader) if self._begins(line) else None

    @cached_property
    def _begins(self) -> Callable[[str], object]:
        return re.compile(self.shape, re.ASCII).match


DIALECTS: Final[Sequence[LineDialect]] = (
    *ENVELOPES,
    *ACCESS_LOGS,
    *PROXIES,
    *ANDROID,
    *PROGRAMS,
    *DAEMONS,
    *TOOLS,
    *SYSLOG,
    _PairDialect("cef", "A", CEF_SHAPE, read_cef),
    _PairDialect("leef", "A", LEEF_SHAPE, read_leef),
    _PairDialect("ltsv", "a_", LTSV_SHAPE, read_ltsv),
    _PairDialect("logfmt", "Aa_@", LOGFMT_SHAPE, read_logfmt),
)
"""All dialects, told apart by how their lines begin."""
_BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}
_OF_LETTERS: Final = frozenset("Aa")
_KINDS: Final = {mark for dialect in DIALECTS for mark in dialect.first}


def kind_of(line: str) -> str:
    """Return how a line begins, as `first` of a dialect names it."""
    first = line[:1]
    if first.isdecimal():
        behind_year = line[4:5]
        if behind_year == "-":
            return "T" if line[10:11] == "T" else "Y"
        return "S" if behind_year == "/" else "0"
    if "A" <= first <= "Z":
        return "A"
    return "a" if "a" <= first <= "z" else first


@cache
def _shapes_of(kind: str) -> re.Pattern[str]:
    """Return all shapes of a kind as one pattern, which matches what begins several once.

    What is behind such a beginning is one expression: alternatives in a shape stand in parentheses.
    """
    shapes: dict[str, list[str]] = {}
    for each in DIALECTS:
        if kind in each.first:
            start = next(filter(each.shape.startswith, _STARTS), "")
            rest = f"(?P<{each.name}>{each.shape.removeprefix(start)})"
            shapes.setdefault(start or each.name, []).append(rest)
    days = shapes.pop(_DAY, [])
    alternatives = [
        f"{start}(?:{'|'.join(rests)})" if start in _STARTS else rests[0]
        for start, rests in (*shapes.items(), *([(_DAY, days)] if days else []))
    ]
    return re.compile("|".join(alternatives), re.ASCII)


def dialect_of(line: str) -> LineDialect | None:
    """Return the dialect that a line begins as."""
    kind = kind_of(line)
    if kind in _OF_LETTERS and is_sentence(line):
        return None
    shape = _shapes_of(kind).match(line) if kind in _KINDS else None
    return None if shape is None else _BY_NAME[shape.lastgroup or ""]

r"""The text of a query, such as `type:error status>=500 -path:/health "timed out"`.

    query  = term, separated by blanks; a log must meet all of them
    term   = ["-"] text                           its message holds the text, or not
           | ["-"] name (":" | "=" | "==") value  it has the value; several of one name are
                                                  alternatives
           | name ("!=" | "<" | "<=" | ">" | ">=") value
    name   = "type" | "source" | an attribute; "attributes.NAME" where NAME is a column
    text, name, value = a word, or "quoted", where \" is a quote and \\ a backslash

A number or `true` without quotes equals the text that reads the same, as nobody who types it knows
how a program wrote it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from waterline.errors import UsageError
from waterline.query_text.condition import Condition, Scalar

MOST_TERMS: Final = 100
"""Greatest number of terms of a query, as SQLite bounds the depth of an expression."""

_OPERATOR: Final = re.compile(r"!=|<=|>=|==|[:=<>]")
_EQUAL: Final = frozenset({":", "=", "=="})
# A word ends where an operator begins.
_WORD: Final = re.compile(r'(?:(?!!=)[^\s":=<>])+')
_VALUE: Final = re.compile(r'[^\s"]+')
_QUOTED: Final = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\\])')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
# Digits that no 64 bits hold by far; the nearest float is as good, and read faster.
_MOST_DIGITS: Final = 400
_LOGIC: Final = frozenset({"AND", "OR", "NOT"})
_INSTEAD: Final = {
    "message": 'a text of the message has no name before it, as in "timed out"',
    "timestamp": "bounds of time are not in it; give since and until beside it",
    "received_at": "bounds of time are not in it; give since and until beside it",
}
_PREFIX: Final = "attributes."
_COLUMNS: Final = frozenset({"seq", "id", "attributes", *_INSTEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuery:
    """The filters that a text asks for; a log must meet all of them."""

    types: tuple[str, ...] | None = None
    """Alternatives; None is any."""
    sources: tuple[str, ...] | None = None
    """Alternatives; None is any."""
    without_types: tuple[str, ...] = ()
    without_sources: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    """Texts that the message holds, all of them."""
    lacks: tuple[str, ...] = ()
    """Texts that the message does not hold."""
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    """A part of a term: its text as meant, and whether it stood in quotes."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class _Term:
    """A term; without a name, `value` is a text of the message."""

    is_negated: bool
    name: str | None
    operator: str
    value: _Word
    at: int
    """Position of its first character, from 0."""


def parse(text: str) -> TextQuery:
    """Return the filters of a text; an empty one asks for every log.

    Raises:
        UsageError: it is no query; the sentence names the position, from 1.
    """
    reader, found = _Reader(text), _Found()
    for number, term in enumerate(reader.terms(), start=1):
        if number > MOST_TERMS:
            reader.refuse(term.at, f"a query has {MOST_TERMS} terms at most; this is one more")
        _add(found, term, reader)
    equal = {name: Condition(name, *_alternatives(each)) for name, each in found.equal.items()}
    return TextQuery(
        types=tuple(found.types) or None,
        sources=tuple(found.sources) or None,
        without_types=tuple(found.without_types),
        without_sources=tuple(found.without_sources),
        contains=tuple(found.contains),
        lacks=tuple(found.lacks),
        where=(*equal.values(), *found.compared),
    )


class _Reader:
    """Reads terms, and refuses at a position."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def terms(self) -> Iterator[_Term]:
        while self._skip_blanks():
            yield self._term()

    def refuse(self, at: int, what: str) -> NoReturn:
        raise UsageError(f"the query {self._text!r}, position {at + 1}: {what}")

    def _skip_blanks(self) -> bool:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _term(self) -> _Term:
        begin = self._at
        is_negated = self._text[begin] == "-"
        self._at += is_negated
        first = self._word(_WORD)
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            if first is None:
                self.refuse(begin, "there is nothing behind the minus; write -name:value or -text")
            self._end()
            self._check_text(first, begin)
            return _Term(is_negated, None, ":", first, begin)
        if first is None:
            self.refuse(
                self._at,
                f"a name is missing before {operator[0]!r}; write both without blanks, as "
                f"status{operator[0]}500, or quote it as text",
            )
        self._at = operator.end()
        whole = f"{first.text}{operator[0]}"
        value = self._word(_VALUE)
        if value is None:
            self.refuse(
                self._at,
                f'a value is missing after {whole!r}; write both without blanks, and "" for the '
                "empty text",
            )
        if not value.is_quoted and value.text[0] in "<=>":
            self.refuse(
                operator.start(),
                f"{operator[0] + value.text[0]!r} is no operator; there are : = != < <= > >=, and "
                f'a value that begins so is quoted, as {whole}"{value.text}"',
            )
        self._end()
        return _Term(is_negated, first.text, operator[0], value, begin)

    def _word(self, bare: re.Pattern[str]) -> _Word | None:
        if self._text.startswith('"', self._at):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                self.refuse(self._at, 'this quote has no end; add another "')
            self._at = quoted.end()
            return _Word(_ESCAPE.sub(r"\1", quoted[1]), is_quoted=True)
        word = bare.match(self._text, self._at)
        if word is None:
            return None
        self._at = word.end()
        return _Word(word[0], is_quoted=False)

    def _end(self) -> None:
        if self._at < len(self._text) and not self._text[self._at].isspace():
            self.refuse(
                self._at,
                "a blank is missing between two terms; a quote within a text is written "
                r'"\"", in quotes',
            )

    def _check_text(self, word: _Word, at: int) -> None:
        if not word.text:
            self.refuse(at, "the text to look for is empty; leave it out")
        if not word.is_quoted and word.text in _LOGIC:
            self.refuse(
                at,
                f"{word.text} is no operator here: all terms must be met, several values of one "
                "name are alternatives, and a minus excludes; quote it to look for the word",
            )


@dataclass(slots=True)
class _Found:
    """What the terms so far ask for; the keys of each are in their order, each once."""

    types: dict[str, None] = field(default_factory=dict)
    sources: dict[str, None] = field(default_factory=dict)
    without_types: dict[str, None] = field(default_factory=dict)
    without_sources: dict[str, None] = field(default_factory=dict)
    contains: dict[str, None] = field(default_factory=dict)
    lacks: dict[str, None] = field(default_factory=dict)
    equal: dict[str, list[Scalar]] = field(default_factory=dict)
    compared: dict[Condition, None] = field(default_factory=dict)


def _add(found: _Found, term: _Term, reader: _Reader) -> None:
    name, text = term.name, term.value.text
    if name is None:
        (found.lacks if term.is_negated else found.contains)[text] = None
        return
    if term.is_negated and term.operator not in _EQUAL:
        reader.refuse(
            term.at, f"a minus before {name}{term.operator} says no twice; write the opposite of it"
        )
    operator = "==" if term.operator in _EQUAL else term.operator
    if term.is_negated:
        operator = "!="
    if name in ("type", "source"):
        if operator not in ("==", "!="):
            reader.refuse(
                term.at, f"{name} is not compared by {operator}; write {name}:NAME or -{name}:NAME"
            )
        wanted, unwanted = (
            (found.types, found.without_types)
            if name == "type"
            else (found.sources, found.without_sources)
        )
        (wanted if operator == "==" else unwanted)[text] = None
        return
    if name in _COLUMNS:
        reader.refuse(
            term.at,
            f"{name} is a column, and no filter of a query: "
            f"{_INSTEAD.get(name, 'the filters are type, source and attributes')}; an attribute "
            f"of that name is {_PREFIX}{name}",
        )
    attribute = name.removeprefix(_PREFIX)
    if operator == "==":
        found.equal.setdefault(attribute, []).extend(_readings(term.value))
    elif operator == "!=":
        for each in _readings(term.value):
            found.compared[Condition(attribute, operator, (each,))] = None
    else:
        condition = Condition(attribute, operator, (_compared(term.value),))
        found.compared[condition] = None


def _alternatives(values: list[Scalar]) -> tuple[str, tuple[Scalar, ...]]:
    # True equals 1, but is another value.
    distinct = {(type(each), each): each for each in values}
    return "==" if len(distinct) == 1 else "in", tuple(distinct.values())


def _readings(word: _Word) -> tuple[Scalar, ...]:
    """Return the values that a word may stand for."""
    if word.is_quoted:
        return (word.text,)
    if word.text in _BOOLEANS:
        return _BOOLEANS[word.text], word.text
    number = _number(word.text)
    return (word.text,) if number is None else (number, word.text)


def _compared(word: _Word) -> Scalar:
    number = None if word.is_quoted else _number(word.text)
    return word.text if number is None else number


def _number(text: str) -> int | float | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    is_whole = found[1] is None and found[2] is None
    return int(text) if is_whole and len(text) <= _MOST_DIGITS else float(text)

"""The terms of a query's text, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from waterline.errors import QueryError

MOST_TERMS: Final = 100
"""Greatest number of terms of a query, as SQLite bounds the depth of an expression."""
MOST_NESTED: Final = 10
"""Greatest number of parentheses within each other."""

# A regular expression is quoted, so that ~ needs no quotes elsewhere.
OPERATOR: Final = re.compile(r'!=|<=|>=|==|[:=<>]|~(?=")')
# A word ends where an operator begins.
_WORD: Final = re.compile(r'(?:(?!!=|~")[^\s":=<>])+')
_VALUE: Final = re.compile(r'[^\s"]+')
_QUOTED: Final = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\\])')
_OR: Final = "OR"
_LOGIC: Final = frozenset({"AND", "NOT"})


@dataclass(frozen=True, slots=True)
class Word:
    """A part of a term: its text as meant, and how it stood there."""

    text: str
    is_quoted: bool
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A term; without a name, `value` is about the message."""

    is_negated: bool
    name: str | None
    operator: str
    value: Word
    value_begin: int
    """Position of the value, from 0."""
    begin: int
    """Position of its first character, from 0."""
    end: int
    """Position behind its last character."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alternatives, each some terms that must all be met."""

    alternatives: tuple["Terms", ...]
    begin: int
    end: int


Terms = tuple[Term | Group, ...]


def read_terms(text: str) -> tuple[Terms, ...]:
    """Return the alternatives of a text, each some terms; an empty text has one without any.

    Raises:
        QueryError: it is no query.
    """
    return _Reader(text).alternatives()


def refuse(text: str, begin: int, what: str, end: int | None = None) -> NoReturn:
    """Refuse a text at a place.

    Args:
        text: the query.
        begin: position of the fault, from 0.
        what: what is wrong with it.
        end: position behind the fault; None is that of the next blank.

    Raises:
        QueryError: always.
    """
    if end is None:
        word = re.compile(r"\S+").match(text, begin)
        end = begin if word is None else word.end()
    raise QueryError(text, (begin, end), what)


class _Reader:
    """Reads terms, and refuses at a position."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._terms = 0
        self._opened: list[int] = []
        """Positions of the parentheses that are open."""
        _check_encodable(text)

    def alternatives(self) -> tuple[Terms, ...]:
        found: list[list[Term | Group]] = [[]]
        last_or = None
        for each in self._items():
            if isinstance(each, int):
                if not found[-1]:
                    self._refuse(each, "a term is missing before OR; quote it to look for the word")
                last_or = each
                found.append([])
            else:
                found[-1].append(each)
        if last_or is not None and not found[-1]:
            self._refuse(last_or, "a term is missing after OR; quote it to look for the word")
        return tuple(map(tuple, found))

    def _items(self) -> Iterator[Term | Group | int]:
        """Yield terms, groups and the positions of OR, up to the end or a parenthesis."""
        while self._skip_blanks():
            begin = self._at
            if self._text[begin] == ")":
                if self._opened:
                    return
                self._refuse(begin, "there is no ( for this ); quote it to look for it", begin + 1)
            if self._text[begin] == "(":
                yield self._group()
                continue
            term = self._term()
            if term.name is None and not (term.is_negated or term.value.is_quoted):
                if term.value.text == _OR:
                    yield begin
                    continue
                self._check_logic(term)
            self._terms += 1
            if self._terms > MOST_TERMS:
                self._refuse(begin, f"a query has {MOST_TERMS} terms at most; this is one more")
            yield term

    def _group(self) -> Group:
        begin = self._at
        self._opened.append(begin)
        if len(self._opened) > MOST_NESTED:
            self._refuse(begin, f"at most {MOST_NESTED} parentheses lie within each other")
        self._at += 1
        alternatives = self.alternatives()
        if self._at == len(self._text):
            self._refuse(begin, "this ( has no end; add a ), or quote it to look for it", begin + 1)
        if not alternatives[0]:
            self._refuse(begin, "there is nothing between these parentheses", self._at + 1)
        self._opened.pop()
        self._at += 1
        self._end()
        return Group(alternatives, begin, self._at)

    def _term(self) -> Term:
        begin = self._at
        is_negated = self._text[begin] == "-"
        self._at += is_negated
        if is_negated and self._text.startswith("(", self._at):
            self._refuse(
                begin, "a minus stands before a term, not before a parenthesis", self._at + 1
            )
        first = self._word(_WORD)
        operator = OPERATOR.match(self._text, self._at)
        if operator is None:
            if first is None:
                self._refuse(begin, "there is nothing behind the minus; write -name:value or -text")
            first = self._with_case(first)
            self._end()
            if not first.text:
                self._refuse(begin, "the text to look for is empty; leave it out")
            return Term(is_negated, None, ":", first, begin, begin, self._at)
        if first is None and operator[0] != "~":
            self._refuse(
                self._at,
                f"a name is missing before {operator[0]!r}; write both without blanks, as "
                f"status{operator[0]}500, or quote it as text",
            )
        self._at = operator.end()
        name = None if first is None else first.text
        value = self._value(f"{name or ''}{operator[0]}", operator)
        self._end()
        return Term(is_negated, name, operator[0], value, operator.end(), begin, self._at)

    def _value(self, whole: str, operator: re.Match[str]) -> Word:
        value = self._word(_VALUE, is_raw=operator[0] == "~")
        if value is None:
            self._refuse(
                self._at,
                f'a value is missing after {whole!r}; write both without blanks, and "" for the '
                "empty text",
            )
        if not value.is_quoted and value.text[0] in "<=>":
            self._refuse(
                operator.start(),
                f"{operator[0] + value.text[0]!r} is no operator; there are : = != < <= > >= ~, "
                f'and a value that begins so is quoted, as {whole}"{value.text}"',
            )
        return self._with_case(value)

    def _word(self, bare: re.Pattern[str], *, is_raw: bool = False) -> Word | None:
        """Read a word or a quoted text; in a raw one, backslashes stay."""
        if self._text.startswith('"', self._at):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                self._refuse(self._at, 'this quote has no end; add another "', len(self._text))
            self._at = quoted.end()
            return Word(quoted[1] if is_raw else _ESCAPE.sub(r"\1", quoted[1]), is_quoted=True)
        word = bare.match(self._text, self._at)
        text = "" if word is None else word[0][: _balanced(word[0])]
        self._at += len(text)
        return Word(text, is_quoted=False) if text else None

    def _with_case(self, word: Word) -> Word:
        """Return a word, which ignores case if an i stands behind its quotes."""
        behind = self._text[self._at : self._at + 2]
        if not word.is_quoted or not behind.startswith("i") or not _ends(behind[1:]):
            return word
        self._at += 1
        return Word(word.text, is_quoted=True, ignores_case=True)

    def _end(self) -> None:
        behind = self._text[self._at : self._at + 1]
        if behind == ")" and not self._opened:
            self._refuse(self._at, "there is no ( for this ); quote it to look for it")
        if not _ends(behind):
            self._refuse(
                self._at,
                "a blank is missing between two terms; a quote within a text is written "
                r'"\"", in quotes',
            )

    def _check_logic(self, term: Term) -> None:
        if term.value.text in _LOGIC:
            self._refuse(
                term.begin,
                f"{term.value.text} is no operator here: all terms must be met, OR stands between "
                "alternatives, and a minus excludes; quote it to look for the word",
            )

    def _skip_blanks(self) -> bool:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _refuse(self, at: int, what: str, end: int | None = None) -> NoReturn:
        refuse(self._text, at, what, end)


def _ends(behind: str) -> bool:
    """Return whether a term may end before a character, or the end."""
    return not behind or behind.isspace() or behind == ")"


def _balanced(word: str) -> int:
    """Return the place of the first ) in a word that has no ( in it, or the length."""
    depth = 0
    for place, character in enumerate(word):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return place
    return len(word)


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        refuse(text, error.start, "this is no character that a log could hold", error.end)

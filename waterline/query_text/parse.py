r"""The text of a query, such as `type:error status>=500 -path:/health "timed out"`.

    query  = terms, separated by OR; a log must meet one of the alternatives
    terms  = term, separated by blanks; a log must meet all of them
    term   = "(" query ")"
           | ["-"] text                           its message holds the text, or not
           | ["-"] [name] "~" quoted              the text, by default the message, matches
           | ["-"] name (":" | "=" | "==") value  it has the value; several of one name are
                                                  alternatives
           | name ("!=" | "<" | "<=" | ">" | ">=") value
    name   = "type" | "source" | an attribute or a path; "attributes.NAME" where NAME is a column
    value  = text | number ".." number, one of them at least | "*", which is any value
    text, name = a word, or "quoted", where \" is a quote and \\ a backslash; behind the quotes
                 an i ignores case

A number or `true` without quotes equals the text that reads the same, as nobody who types it knows
how a program wrote it. Within a regular expression, backslashes are those of RE2.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn

from waterline.query_text.condition import ColumnPattern, Condition, Pattern, Range, Scalar
from waterline.query_text.patterns import escaped, fault_of, ignoring_case, one_of
from waterline.query_text.terms import Group, Term, Terms, Word, read_terms, refuse

COLUMN_PREFIX: Final = "attributes."
"""Before the name of an attribute that is called as a column is."""

_EQUAL: Final = frozenset({":", "=", "=="})
_ANY: Final = "*"
_NUMERAL: Final = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_NUMBER: Final = re.compile(_NUMERAL, re.ASCII)
_WHOLE: Final = re.compile(r"-?\d+", re.ASCII)
_RANGE: Final = re.compile(rf"({_NUMERAL})?\.\.({_NUMERAL})?", re.ASCII)
_LIKE_A_RANGE: Final = re.compile(r"(?=.*\d)[-+.\deE]*\.\.[-+.\deE]*", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
# Digits that no 64 bits hold by far; the nearest float is as good, and read faster.
_MOST_DIGITS: Final = 400
_INSTEAD: Final = {
    "message": 'a text of the message has no name before it, as in "timed out" or ~"timed? out"',
    "timestamp": "bounds of time are not in it; give since and until beside it",
    "received_at": "bounds of time are not in it; give since and until beside it",
}
COLUMNS: Final = frozenset({"seq", "id", "attributes", *_INSTEAD})
"""Columns that no term is about."""

_Named = Literal["type", "source"]
_NAMES: Final[Mapping[str, _Named]] = {"type": "type", "source": "source"}
_Value = Scalar | Range | Pattern


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
    patterns: tuple[ColumnPattern, ...] = ()
    where: tuple[Condition, ...] = ()
    any_of: tuple[tuple["TextQuery", ...], ...] = ()
    """Groups of alternatives; of each group one must be met."""


def parse(text: str) -> TextQuery:
    """Return the filters of a text; an empty one asks for every log.

    Raises:
        QueryError: it is no query; the sentence names the position, from 1.
        MissingPart: it has a regular expression, or ignores case, and the packages for that are
            not installed.
    """
    return _Parser(text).either(read_terms(text))


def both(some: tuple[str, ...] | None, others: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the alternatives that two filters leave; None is any."""
    if some is None or others is None:
        return others if some is None else some
    return tuple(each for each in some if each in others)


@dataclass(slots=True)
class _Found:
    """What the terms so far ask for; the keys of each are in their order, each once."""

    named: dict[_Named, list[Word]] = field(default_factory=dict)
    without: dict[_Named, dict[str, None]] = field(
        default_factory=lambda: {"type": {}, "source": {}}
    )
    contains: dict[str, None] = field(default_factory=dict)
    lacks: dict[str, None] = field(default_factory=dict)
    patterns: dict[ColumnPattern, None] = field(default_factory=dict)
    equal: dict[str, list[_Value | None]] = field(default_factory=dict)
    """Values by attribute; None is any value."""
    compared: dict[Condition, None] = field(default_factory=dict)
    any_of: list[tuple[TextQuery, ...]] = field(default_factory=list)


class _Parser:
    """Makes filters of terms, and refuses at a position."""

    def __init__(self, text: str) -> None:
        self._text = text

    def either(self, alternatives: Iterable[Terms]) -> TextQuery:
        queries = [self._all(terms) for terms in alternatives]
        return queries[0] if len(queries) == 1 else _grouped(_Found(any_of=[tuple(queries)]))

    def _all(self, terms: Terms) -> TextQuery:
        found = _Found()
        for each in terms:
            if isinstance(each, Group):
                found.any_of.append(tuple(map(self._all, each.alternatives)))
            else:
                self._add(found, each)
        return _grouped(found)

    def _refuse(self, term: Term, what: str) -> NoReturn:
        refuse(self._text, term.begin, what, term.end)

    def _add(self, found: _Found, term: Term) -> None:
        name, word = term.name, term.value
        pattern = self._pattern(term) if term.operator == "~" else None
        if name is None:
            if pattern is None and word.ignores_case:
                pattern = self._checked(term, ignoring_case(word.text))
            if pattern is not None:
                found.patterns[ColumnPattern("message", pattern, term.is_negated)] = None
            else:
                (found.lacks if term.is_negated else found.contains)[word.text] = None
            return
        if term.is_negated and term.operator not in {*_EQUAL, "~"}:
            self._refuse(
                term,
                f"a minus before {name}{term.operator} says no twice; write the opposite of it",
            )
        is_negated = term.is_negated or term.operator == "!="
        if name in _NAMES:
            self._add_named(found, term, _NAMES[name], pattern, is_negated=is_negated)
        elif name in COLUMNS:
            self._refuse(
                term,
                f"{name} is a column, and no filter of a query: "
                f"{_INSTEAD.get(name, 'the filters are type, source and attributes')}; an "
                f"attribute of that name is {COLUMN_PREFIX}{name}",
            )
        else:
            attribute = name.removeprefix(COLUMN_PREFIX)
            self._add_attribute(found, term, attribute, pattern, is_negated=is_negated)

    def _add_named(
        self, found: _Found, term: Term, name: _Named, pattern: Pattern | None, *, is_negated: bool
    ) -> None:
        """Add a term about the type or the source."""
        word = term.value
        if pattern is not None:
            found.patterns[ColumnPattern(name, pattern, is_negated)] = None
            return
        if term.operator not in {*_EQUAL, "!="}:
            self._refuse(
                term,
                f"{name} is not compared by {term.operator}; write {name}:NAME or -{name}:NAME",
            )
        if word.text == _ANY and not word.is_quoted:
            self._refuse(term, f"every log has a {name}; leave it out")
        if word.ignores_case:
            self._checked(term, ignoring_case(word.text))
        if not is_negated:
            found.named.setdefault(name, []).append(word)
        elif word.ignores_case:
            whole = one_of([ignoring_case(word.text)])
            found.patterns[ColumnPattern(name, whole, is_negated=True)] = None
        else:
            found.without[name][word.text] = None

    def _add_attribute(
        self,
        found: _Found,
        term: Term,
        attribute: str,
        pattern: Pattern | None,
        *,
        is_negated: bool,
    ) -> None:
        word, operator = term.value, term.operator
        if pattern is not None:
            found.compared[Condition(attribute, "!=" if is_negated else "==", (pattern,))] = None
        elif operator not in {*_EQUAL, "!="}:
            if word.ignores_case:
                self._refuse(term, f"texts are not compared by {operator} without their case")
            found.compared[Condition(attribute, operator, (_compared(word),))] = None
        elif is_negated and word.text == _ANY and not word.is_quoted:
            found.compared[Condition(attribute, "lacks", ())] = None
        elif is_negated:
            for each in self._readings(term):
                found.compared[Condition(attribute, "!=", (each,))] = None
        elif word.text == _ANY and not word.is_quoted:
            found.equal.setdefault(attribute, []).append(None)
        else:
            found.equal.setdefault(attribute, []).extend(self._readings(term))

    def _readings(self, term: Term) -> tuple[_Value, ...]:
        """Return the values that the word of a term may stand for."""
        word = term.value
        if word.ignores_case:
            self._checked(term, ignoring_case(word.text))
            return (one_of([ignoring_case(word.text)]),)
        if word.is_quoted:
            return (word.text,)
        if word.text in _BOOLEANS:
            return _BOOLEANS[word.text], word.text
        if _LIKE_A_RANGE.fullmatch(word.text):
            return (self._range(term),)
        number = _number(word.text)
        return (word.text,) if number is None else (number, word.text)

    def _range(self, term: Term) -> Range:
        ends = _RANGE.fullmatch(term.value.text)
        if ends is None:
            refuse(
                self._text,
                term.value_begin,
                f"{term.value.text!r} is no range of numbers, such as 500..599, 100.. or ..5; "
                "quote it if it is text",
                term.end,
            )
        low, high = (None if end is None else _number(end) for end in ends.groups())
        if low is not None and high is not None and low > high:
            what = f"the range {term.value.text} ends before it begins; swap its ends"
            refuse(self._text, term.value_begin, what, term.end)
        return Range(low, high)

    def _pattern(self, term: Term) -> Pattern:
        text = term.value.text
        pattern = self._checked(term, text)
        # Before the text, as \Q in it would quote what stands behind it.
        return Pattern(f"(?i){text}") if term.value.ignores_case else pattern

    def _checked(self, term: Term, pattern: str) -> Pattern:
        fault = fault_of(pattern)
        if fault is not None:
            refuse(self._text, term.value_begin, fault, term.end)
        return Pattern(pattern)


def _grouped(found: _Found) -> TextQuery:
    """Return the filters of terms and groups.

    Where all alternatives of a group are of some types or sources, so is every log that is found:
    the catalog of archives leaves batches out by that. A group of these alone is no group then.
    """
    patterns = dict(found.patterns)
    named: dict[_Named, tuple[str, ...] | None] = {"type": None, "source": None}
    for name, words in found.named.items():
        if any(each.ignores_case for each in words):
            readings = [
                ignoring_case(each.text) if each.ignores_case else escaped(each.text)
                for each in words
            ]
            patterns[ColumnPattern(name, one_of([*dict.fromkeys(readings)]))] = None
        else:
            named[name] = tuple(dict.fromkeys(each.text for each in words))
    return TextQuery(
        types=both(named["type"], _shared([_all_types(each) for each in found.any_of])),
        sources=both(named["source"], _shared([_all_sources(each) for each in found.any_of])),
        without_types=tuple(found.without["type"]),
        without_sources=tuple(found.without["source"]),
        contains=tuple(found.contains),
        lacks=tuple(found.lacks),
        patterns=tuple(patterns),
        where=(*(_alternatives(*each) for each in found.equal.items()), *found.compared),
        any_of=tuple(each for each in found.any_of if not _is_of_names_alone(each)),
    )


def _is_of_names_alone(group: tuple[TextQuery, ...]) -> bool:
    return all(each == TextQuery(types=each.types) for each in group) or all(
        each == TextQuery(sources=each.sources) for each in group
    )


def _all_types(group: tuple[TextQuery, ...]) -> tuple[str, ...] | None:
    return _union([each.types for each in group])


def _all_sources(group: tuple[TextQuery, ...]) -> tuple[str, ...] | None:
    return _union([each.sources for each in group])


def _union(parts: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    names: dict[str, None] = {}
    for each in parts:
        if each is None:
            return None
        names.update(dict.fromkeys(each))
    return tuple(names)


def _shared(parts: list[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    left: tuple[str, ...] | None = None
    for each in parts:
        left = both(left, each)
    return left


def _alternatives(attribute: str, values: list[_Value | None]) -> Condition:
    # True equals 1, but is another value.
    distinct = {(type(each), each): each for each in values if each is not None}
    if None in values:
        return Condition(attribute, "exists", ())
    return Condition(attribute, "==" if len(distinct) == 1 else "in", tuple(distinct.values()))


def _compared(word: Word) -> Scalar:
    number = None if word.is_quoted else _number(word.text)
    return word.text if number is None else number


def has_another_reading(text: str) -> bool:
    """Return whether a value without quotes may stand for more than its text."""
    return (
        text == _ANY
        or text in _BOOLEANS
        or _LIKE_A_RANGE.fullmatch(text) is not None
        or _number(text) is not None
    )


def _number(text: str) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    is_whole = _WHOLE.fullmatch(text) is not None
    return int(text) if is_whole and len(text) <= _MOST_DIGITS else float(text)

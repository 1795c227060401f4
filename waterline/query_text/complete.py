"""What may stand at the cursor in the text of a query, which need not be whole yet."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from waterline.query_text.condition import Scalar
from waterline.query_text.edit import name_text, value_text
from waterline.query_text.terms import OPERATOR

MOST_OPTIONS: Final = 50
"""Greatest number of options."""

_NAME: Final = re.compile(r'"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>(?:(?!!=|~")[^\s":=<>])*)')
_ESCAPE: Final = re.compile(r'\\(["\\])')
_REST_OF_NAME: Final = re.compile(r'[^\s"():=<>!~]*:?')
_REST_OF_VALUE: Final = re.compile(r'[^\s"()]*"?')
_COMPARED: Final = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand in place of `text[begin:end]`; the best first."""

    begin: int
    end: int
    options: tuple[str, ...]


def complete(
    text: str,
    cursor: int,
    names: Sequence[str],
    values: Callable[[str], Iterable[Scalar]],
) -> Completion:
    """Return what may stand at the cursor.

    Args:
        text: the query so far.
        cursor: position in it, from 0.
        names: `type`, `source` and attributes, as `attribute_name` returns them, the best first.
        values: returns the known values of a name, the best first.
    """
    cursor = min(max(cursor, 0), len(text))
    begin = _begin_of_term(text, cursor)
    begin += text.startswith("-", begin, cursor)
    name = _NAME.match(text, begin, cursor)
    operator = None if name is None else OPERATOR.match(text, name.end(), cursor)
    if name is None or operator is None:
        end = _end(_REST_OF_NAME, text, cursor)
        start = text[begin:cursor].lstrip('"')
        options = tuple(f"{name_text(each)}:" for each in _fitting(names, start))
        return Completion(begin, end, options)
    end = _end(_REST_OF_VALUE, text, cursor)
    if operator[0] == "~":
        return Completion(operator.end(), end, ())
    asked = name["bare"] if name["quoted"] is None else _ESCAPE.sub(r"\1", name["quoted"])
    start = text[operator.end() : cursor].lstrip('"')
    # There may be thousands, so only those that fit are written as a query has them.
    known = {
        each if isinstance(each, str) else value_text(each): each
        for each in values(asked)
        if _fits(each, operator[0])
    }
    options = tuple(value_text(known[each]) for each in _fitting([*known], start))
    return Completion(operator.end(), end, options)


def _fits(value: Scalar, operator: str) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number or operator not in _COMPARED


def _fitting(known: Sequence[str], start: str) -> list[str]:
    """Return those that begin so in any case, then those that have it elsewhere."""
    folded = start.casefold()
    first: list[str] = []
    later: list[str] = []
    for each in known:
        text = each.casefold()
        if text.startswith(folded):
            first.append(each)
        elif folded in text:
            later.append(each)
    return [*first, *later][:MOST_OPTIONS]


def _begin_of_term(text: str, cursor: int) -> int:
    """Return where the term begins in which the cursor stands."""
    begin = place = 0
    is_quoted = False
    while place < cursor:
        character = text[place]
        if is_quoted and character == "\\":
            place += 1
        elif character == '"':
            is_quoted = not is_quoted
        elif not is_quoted and (character.isspace() or (character == "(" and place == begin)):
            begin = place + 1
        place += 1
    return min(begin, cursor)


def _end(rest: re.Pattern[str], text: str, cursor: int) -> int:
    found = rest.match(text, cursor)
    return cursor if found is None else found.end()

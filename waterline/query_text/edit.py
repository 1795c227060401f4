"""Terms written back into the text of a query, for pages where a click adds and removes them."""

from typing import Final

from waterline.errors import QueryError
from waterline.query_text.condition import Scalar
from waterline.query_text.parse import COLUMN_PREFIX, COLUMNS, TextQuery, has_another_reading, parse
from waterline.query_text.terms import Term, Terms, read_terms

_NAMED: Final = frozenset({"type", "source"})


def attribute_name(attribute: str) -> str:
    """Return the name by which a query has an attribute: its own, unless a column has that."""
    is_taken = attribute in COLUMNS | _NAMED or attribute.startswith(COLUMN_PREFIX)
    return f"{COLUMN_PREFIX}{attribute}" if is_taken else attribute


def term(name: str, value: Scalar, *, is_negated: bool = False) -> str:
    """Return the term of a value.

    A number, true or false is written without quotes, so that the text that reads the same is
    found too.

    Args:
        name: `type`, `source`, or what `attribute_name` returns.
        value: the value.
        is_negated: whether logs with the value are left out.
    """
    return f"{'-' if is_negated else ''}{name_text(name)}:{value_text(value)}"


def name_text(name: str) -> str:
    """Return a name as it is written, in quotes where it needs them."""
    read = _only_term(f"{name}:x")
    is_plain = read is not None and read.name == name and not read.is_negated
    return name if is_plain and read is not None and read.value.text == "x" else quoted(name)


def value_text(value: Scalar) -> str:
    """Return a value as it is written behind an operator, in quotes where it needs them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    read = _only_term(f"a:{value}")
    is_bare = read is not None and not read.value.is_quoted and read.value.text == value
    # Another reading, such as that of a number or a range, is not meant.
    return value if is_bare and not has_another_reading(value) else quoted(value)


def quoted(text: str) -> str:
    """Return a text in quotes."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def with_term(text: str, name: str, value: Scalar, *, is_negated: bool = False) -> str:
    """Return a query with a term; its opposite is removed.

    Args:
        text: the query.
        name: `type`, `source`, or what `attribute_name` returns.
        value: the value.
        is_negated: whether logs with the value are left out.

    Raises:
        QueryError: the text is no query.
    """
    text = without_term(text, name, value, is_negated=not is_negated)
    added = term(name, value, is_negated=is_negated)
    alternatives = read_terms(text)
    if len(alternatives) > 1:
        return f"({text.strip()}) {added}"
    if _places(text, alternatives[0], parse(added)):
        return text
    return f"{text.rstrip()} {added}".lstrip()


def without_term(text: str, name: str, value: Scalar, *, is_negated: bool = False) -> str:
    """Return a query without a term; within parentheses it stays.

    Args:
        text: the query.
        name: `type`, `source`, or what `attribute_name` returns.
        value: the value.
        is_negated: whether the term leaves logs with the value out.

    Raises:
        QueryError: the text is no query.
    """
    alternatives = read_terms(text)
    if len(alternatives) > 1:
        return text
    meaning = parse(term(name, value, is_negated=is_negated))
    for begin, end in reversed(_places(text, alternatives[0], meaning)):
        text = f"{text[:begin].rstrip()} {text[end:].lstrip()}".strip()
    return text


def _places(text: str, terms: Terms, meaning: TextQuery) -> list[tuple[int, int]]:
    """Return begin and end of the terms that mean the same."""
    # repr tells 1, 1.0 and True apart.
    return [
        (each.begin, each.end)
        for each in terms
        if isinstance(each, Term) and repr(parse(text[each.begin : each.end])) == repr(meaning)
    ]


def _only_term(text: str) -> Term | None:
    """Return the term that a text is; None if it is no query, or another."""
    try:
        alternatives = read_terms(text)
    except QueryError:
        return None
    if len(alternatives) != 1 or len(alternatives[0]) != 1:
        return None
    (only,) = alternatives[0]
    return only if isinstance(only, Term) and only.end == len(text) else None

"""Terms are added to the text of a query and removed from it, and mean what was clicked."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import QueryError
from waterline.query_text.condition import Condition
from waterline.query_text.edit import attribute_name, term, with_term, without_term
from waterline.query_text.parse import TextQuery, parse

TEXTS = [
    *("", "*", "OR", "500", "-1", "true", "1..2", "..", "a b", 'a"b', "\\", "-x", "(", "x)", "(a)"),
    *("~", '~"a"', "<5", "=", "a:b", "/a", "ä", "\n", "i", '"a"i', "type", "attributes.a", "08..9"),
]
texts = st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=6)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = texts | texts | st.booleans() | numbers
names = st.sampled_from(["type", "source"]) | texts.map(attribute_name)


def meaning(name: str, value: Any, *, is_negated: bool) -> TextQuery:  # noqa: ANN401 - any scalar
    """Return the filters that are meant by a term, made without any text."""
    if name in ("type", "source"):
        text = value if isinstance(value, str) else json.dumps(value)
        member: dict[str, Any] = {f"without_{name}s" if is_negated else f"{name}s": (text,)}
        return TextQuery(**member)
    attribute = name.removeprefix("attributes.")
    readings = (value,) if isinstance(value, str) else (value, repr_of(value))
    if is_negated:
        return TextQuery(where=tuple(Condition(attribute, "!=", (each,)) for each in readings))
    operator = "==" if len(readings) == 1 else "in"
    return TextQuery(where=(Condition(attribute, operator, readings),))


def repr_of(value: Any) -> str:  # noqa: ANN401 - any scalar
    return str(value).lower() if isinstance(value, bool) else repr(value)


@given(names, values, st.booleans())
def test_term_is_read_as_what_it_was_written_for(
    name: str, value: object, is_negated: bool
) -> None:
    if name in ("type", "source") and not isinstance(value, str):
        value = repr_of(value)
    written = term(name, value, is_negated=is_negated)  # type: ignore[arg-type] # a scalar
    assert repr(parse(written)) == repr(meaning(name, value, is_negated=is_negated))


QUERIES = ["", "a", " type:error  -b ", 'x ~"y" path:"/a b"', "a OR b", "(a OR type:b) c", "n:1..2"]


@given(st.sampled_from(QUERIES), names, values, st.booleans())
def test_added_term_narrows_a_query_and_removed_leaves_it(
    text: str, name: str, value: str | float, is_negated: bool
) -> None:
    more = with_term(text, name, value, is_negated=is_negated)
    assert term(name, value, is_negated=is_negated) in more
    assert with_term(more, name, value, is_negated=is_negated) == more
    less = without_term(more, name, value, is_negated=is_negated)
    both_ways = {each for each in QUERIES if parse(each) == parse(text)}
    if " OR " not in text:
        assert parse(less) in [parse(each) for each in both_ways]
    other = with_term(more, name, value, is_negated=not is_negated)
    assert other == with_term(less, name, value, is_negated=not is_negated)


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("", ("type", "error", False), "type:error"),
        ("-type:error a", ("type", "error", False), "a type:error"),
        ('type:"error" a', ("type", "error", False), 'type:"error" a'),
        ("type!=error", ("type", "error", True), "type!=error"),
        ("status=500", ("status", 500, True), "-status:500"),
        ("status:1", ("status", 1.0, False), "status:1 status:1.0"),
        ("a OR b", ("path", "/a b", True), '(a OR b) -path:"/a b"'),
        ("type:error", ("attributes.type", "error", False), "type:error attributes.type:error"),
    ],
)
def test_click_changes_the_text(text: str, arguments: tuple[str, Any, bool], expected: str) -> None:
    name, value, is_negated = arguments
    assert with_term(text, name, value, is_negated=is_negated) == expected


def test_removed_term_stays_within_parentheses() -> None:
    assert without_term("(a:1 OR b) a:1 c", "a", 1) == "(a:1 OR b) c"
    assert without_term("a:1 OR b", "a", 1) == "a:1 OR b"


def test_text_that_is_no_query_is_refused() -> None:
    with pytest.raises(QueryError):
        with_term('a "b', "type", "x")

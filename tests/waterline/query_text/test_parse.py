"""The text of a query becomes filters, or is refused at the position where it went wrong."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import UsageError
from waterline.query_text.condition import Condition
from waterline.query_text.parse import MOST_TERMS, TextQuery, parse


def equal(name: str, *values: Any) -> Condition:  # noqa: ANN401 - any scalar
    return Condition(name, "==" if len(values) == 1 else "in", values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" \n\t ", {}),
        ("type:error", {"types": ("error",)}),
        ("type:error type=warning type:error", {"types": ("error", "warning")}),
        ("source==web -source:db", {"sources": ("web",), "without_sources": ("db",)}),
        ("-type:debug type!=trace", {"without_types": ("debug", "trace")}),
        ("timed out", {"contains": ("timed", "out")}),
        ('"timed out" -retry', {"contains": ("timed out",), "lacks": ("retry",)}),
        ("wow! -5 50% a.b/c -", None),
        ("wow! -5 50% a.b/c", {"contains": ("wow!", "50%", "a.b/c"), "lacks": ("5",)}),
        ("status>=500", {"where": (Condition("status", ">=", (500,)),)}),
        ("a<-1.5 a>1e3", {"where": (Condition("a", "<", (-1.5,)), Condition("a", ">", (1000.0,)))}),
        ("version>=v2", {"where": (Condition("version", ">=", ("v2",)),)}),
        ('n<="10"', {"where": (Condition("n", "<=", ("10",)),)}),
        ("path:/a path:/b", {"where": (equal("path", "/a", "/b"),)}),
        ("status:500", {"where": (equal("status", 500, "500"),)}),
        ('status:"500"', {"where": (equal("status", "500"),)}),
        ("zip:01234", {"where": (equal("zip", "01234"),)}),
        ("ok:true n:1", {"where": (equal("ok", True, "true"), equal("n", 1, "1"))}),
        ("ok:1 ok:true", {"where": (equal("ok", 1, "1", True, "true"),)}),
        ("-path:/health", {"where": (Condition("path", "!=", ("/health",)),)}),
        ("s!=1", {"where": (Condition("s", "!=", (1,)), Condition("s", "!=", ("1",)))}),
        ('path:""', {"where": (equal("path", ""),)}),
        ("ip:::1 url:http://x:80/?a=b", {"where": (equal("ip", "::1"), equal("url", "http://x:80/?a=b"))}),
        ("attributes.type:x", {"where": (equal("type", "x"),)}),
        ("attributes.attributes.a:x", {"where": (equal("attributes.a", "x"),)}),
        ('"a b":"c d" "e\\"\\\\f"', {"where": (equal("a b", "c d"),), "contains": ('e"\\f',)}),
        (r'file:"C:\temp"', {"where": (equal("file", r"C:\temp"),)}),
        ("größe>1", {"where": (Condition("größe", ">", (1,)),)}),
        ('"OR" or', {"contains": ("OR", "or")}),
    ],
)  # fmt: skip
def test_text_becomes_filters(text: str, expected: dict[str, Any] | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            parse(text)
    else:
        assert repr(parse(text)) == repr(TextQuery(**expected))  # 1, 1.0 and True are told apart


def test_example_of_the_documents_has_each_kind_of_filter() -> None:
    assert parse('type:error source:web status>=500 -path:/health "timed out"') == TextQuery(
        types=("error",),
        sources=("web",),
        contains=("timed out",),
        where=(Condition("status", ">=", (500,)), Condition("path", "!=", ("/health",))),
    )


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ('type:error "timed out', 12, "has no end"),
        ('path:"a', 6, "has no end"),
        ("status >= 500", 8, "a name is missing before '>='"),
        ("type:", 6, "a value is missing after 'type:'"),
        ("type: error", 6, "a value is missing after 'type:'"),
        ("a -", 3, "nothing behind the minus"),
        ("- a", 1, "nothing behind the minus"),
        ('a ""', 3, "is empty"),
        ('a"b"', 2, "a blank is missing"),
        ('"a"b', 4, "a blank is missing"),
        ('path:a"b"', 7, "a blank is missing"),
        ("a status:>500", 9, "':>' is no operator"),
        ("n=>5", 2, "'=>' is no operator"),
        ("-status>=500", 1, "write the opposite"),
        ("-status!=500", 1, "write the opposite"),
        ("type>error", 1, "type is not compared by >"),
        ("a OR b", 3, "OR is no operator"),
        ("NOT a", 1, "NOT is no operator"),
        ("timestamp>2026", 1, "since and until"),
        ("received_at>2026", 1, "since and until"),
        ("message:x", 1, "has no name before it"),
        ("  id:5", 3, "an attribute of that name is attributes.id"),
        ("a " * MOST_TERMS + "b", 2 * MOST_TERMS + 1, "at most"),
    ],
)
def test_mistake_is_told_with_its_position(text: str, position: int, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as told:
        parse(text)
    assert f", position {position}: " in str(told.value)
    assert "\n" not in str(told.value)


def quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


# As they may stand bare, and what else a text may hold.
words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5)
wild = st.text(st.sampled_from('ab "\\-:=<>!\n.') | st.characters(codec="utf-8"), max_size=6)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "!="])
NAMED = {"type", "id", "seq", "AND", "OR", "NOT"}


@given(st.data())
def test_what_is_written_in_quotes_is_read_as_meant(data: st.DataObject) -> None:
    texts = st.lists(wild.filter(bool), max_size=3, unique=True)
    types, sources, contains, lacks = (data.draw(texts) for _ in range(4))
    compared = st.tuples(wild, OPERATORS, wild)
    conditions = data.draw(st.lists(compared, unique=True, max_size=3))
    terms = data.draw(
        st.permutations(
            [
                *(f"type:{quoted(each)}" for each in types),
                *(f"source={quoted(each)}" for each in sources),
                *map(quoted, contains),
                *(f"-{quoted(each)}" for each in lacks),
                *(
                    f"{quoted(f'attributes.{name}')}{operator}{quoted(value)}"
                    for name, operator, value in conditions
                ),
            ]
        )
    )
    found = parse(data.draw(st.sampled_from([" ", "\n", "\t  "])).join(terms))
    assert set(found.types or ()) == {*types}
    assert set(found.sources or ()) == {*sources}
    assert set(found.contains) == {*contains}
    assert set(found.lacks) == {*lacks}
    assert set(found.where) == {Condition(name, how, (value,)) for name, how, value in conditions}
    assert (found.types is None, found.sources is None) == (not types, not sources)


@given(words.filter(lambda word: word not in NAMED), st.sampled_from(["<", ">="]), st.integers())
def test_word_needs_no_quotes(name: str, operator: str, number: int) -> None:
    assert parse(f"{name}{operator}{number}").where == (Condition(name, operator, (number,)),)
    assert parse(f"-{name.lower()}").lacks == (name.lower(),)


@given(wild | st.text())
def test_any_text_is_a_query_or_a_mistake_with_a_position(text: str) -> None:
    try:
        found = parse(text)
    except UsageError as error:
        told = re.search(r", position (\d+): ", str(error))
        assert told is not None
        assert 1 <= int(told[1]) <= len(text) + 1
    else:
        assert (found == TextQuery()) == (not text.strip())

"""The text of a query becomes filters, or is refused at the position where it went wrong."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import QueryError, UsageError
from waterline.query_text.condition import ColumnPattern, Condition, Pattern, Range
from waterline.query_text.parse import TextQuery, parse
from waterline.query_text.terms import MOST_TERMS


def message(pattern: str, *, negated: bool = False) -> ColumnPattern:
    return ColumnPattern("message", Pattern(pattern), negated)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "n:5..7 n:..-1 n:1.5..",
            {"where": (Condition("n", "in", (Range(5, 7), Range(None, -1), Range(1.5, None))),)},
        ),
        ("-n:5..7", {"where": (Condition("n", "!=", (Range(5, 7),)),)}),
        (
            'n:"5..7" path:../a v:a..b d:..',
            {
                "where": (
                    equal("n", "5..7"),
                    equal("path", "../a"),
                    equal("v", "a..b"),
                    equal("d", ".."),
                )
            },
        ),
        ("type:1..2", {"types": ("1..2",)}),
        ("u:* u:bob -v:*", {"where": (Condition("u", "exists", ()), Condition("v", "lacks", ()))}),
        ('u:"*" u:a*', {"where": (equal("u", "*", "a*"),)}),
        (
            r'~"a\.b\"\\" -~"c"i',
            {"patterns": (message(r"a\.b\"\\"), message("(?i)c", negated=True))},
        ),
        ('"a.B"i -"c"i', {"patterns": (message(r"(?i:a\.B)"), message("(?i:c)", negated=True))}),
        (
            'p~"x" -p~"y"',
            {"where": (equal("p", Pattern("x")), Condition("p", "!=", (Pattern("y"),)))},
        ),
        ('p:"/A"i p:/b', {"where": (equal("p", Pattern(r"\A(?:(?i:\/A))\z"), "/b"),)}),
        (
            'type:"E"i type:b.c',
            {"patterns": (ColumnPattern("type", Pattern(r"\A(?:(?i:E)|b\.c)\z")),)},
        ),
        (
            '-source:"E"i source~"f"',
            {
                "patterns": (
                    ColumnPattern("source", Pattern(r"\A(?:(?i:E))\z"), True),
                    ColumnPattern("source", Pattern("f")),
                )
            },
        ),
        ("a~b ~c x:~d", {"contains": ("a~b", "~c"), "where": (equal("x", "~d"),)}),
        ("f(x) g(", {"contains": ("f(x)", "g(")}),
        ("type:a OR type:b", {"types": ("a", "b")}),
        ("(type:a OR type:b) type:b", {"types": ("b",)}),
        ("(a)", {"any_of": ((TextQuery(contains=("a",)),),)}),
        ("a b OR c", {"any_of": ((TextQuery(contains=("a", "b")), TextQuery(contains=("c",))),)}),
        (
            "type:a (x OR (y OR -z) w)",
            {
                "types": ("a",),
                "any_of": (
                    (
                        TextQuery(contains=("x",)),
                        TextQuery(
                            contains=("w",),
                            any_of=((TextQuery(contains=("y",)), TextQuery(lacks=("z",))),),
                        ),
                    ),
                ),
            },
        ),
        (
            "type:a x OR type:b",
            {
                "types": ("a", "b"),
                "any_of": ((TextQuery(types=("a",), contains=("x",)), TextQuery(types=("b",))),),
            },
        ),
    ],
)
def test_ranges_patterns_and_alternatives_become_filters(
    text: str, expected: dict[str, Any]
) -> None:
    assert repr(parse(text)) == repr(TextQuery(**expected))


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
        ("a AND b", 3, "AND is no operator"),
        ("OR a", 1, "a term is missing before OR"),
        ("a OR", 3, "a term is missing after OR"),
        ("a (OR b)", 4, "a term is missing before OR"),
        ("a OR OR b", 6, "a term is missing before OR"),
        ("a (b", 3, "this ( has no end"),
        ("a)", 2, "there is no ( for this"),
        ("a )", 3, "there is no ( for this"),
        ("a () b", 3, "nothing between these parentheses"),
        ("-(a)", 1, "not before a parenthesis"),
        ("(" * 11 + "a" + ")" * 11, 11, "at most 10 parentheses"),
        ("(a)b", 4, "a blank is missing"),
        ('a ~"b("', 4, "missing ): b("),
        ('p~"a(?=b)"', 3, "invalid perl operator"),
        ('type:"a" ~"[z-a]"i', 11, "invalid character class range: z-a"),
        ('~"a{600}b{401}"', 2, "add up to 1,000"),
        (f'~"{"a" * 1001}"', 2, "has 1,000 characters at most"),
        ("n:1..2..3", 3, "is no range of numbers"),
        ("n:08..9", 3, "is no range of numbers"),
        ("n:7..5", 3, "ends before it begins"),
        ("type:*", 1, "every log has a type"),
        ('n<"a"i', 1, "not compared by <"),
        ('n~b:"c', 5, "has no end"),
        ("a \ud800", 3, "no character"),
        ("NOT a", 1, "NOT is no operator"),
        ("timestamp>2026", 1, "since and until"),
        ("received_at>2026", 1, "since and until"),
        ("message:x", 1, "has no name before it"),
        ("  id:5", 3, "an attribute of that name is attributes.id"),
        ("a " * MOST_TERMS + "b", 2 * MOST_TERMS + 1, "at most"),
    ],
)
def test_mistake_is_told_with_its_position(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says)) as told:
        parse(text)
    assert f", position {position}: " in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.text == text
    begin, end = told.value.at
    assert begin == position - 1
    assert begin <= end <= len(text)


def quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


# As they may stand bare, and what else a text may hold.
words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5)
wild = st.text(st.sampled_from('ab "\\-:=<>!\n.~()*i') | st.characters(codec="utf-8"), max_size=6)
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

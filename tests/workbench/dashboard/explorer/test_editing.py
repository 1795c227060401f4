"""Queries that a page edits: terms of a click, what completes them, what is marked."""

import pytest

from waterline.errors import UsageError
from waterline.query_text.parse import parse
from workbench.dashboard.explorer.editing import as_query, edited, suggested, texts_of
from workbench.dashboard.explorer.messages import Complete, Edit, Pair
from workbench.explore.fields import Field

SERVICE = Field("service", False, 9, 2, [("web", True, 6), ("5", True, 3)])
STATUS = Field("status", False, 9, 2, [("500", False, 6), ("true", False, 3)])
SOURCE = Field("source", True, 9, 1, [("demo", True, 9)])


@pytest.mark.parametrize(
    ("pair", "query"),
    [
        (Pair("service", "web", True), "service:web"),
        (Pair("service", "500", True), 'service:"500"'),
        (Pair("service", "", True), 'service:""'),
        (Pair("status", "500", False), "status:500"),
        (Pair("ok", "true", False), "ok:true"),
        (Pair("source", "demo", True, True), "source:demo"),
        (Pair("source", "demo", True), "attributes.source:demo"),
        (Pair("a b", 'c "d" \\', True), r'"a b":"c \"d\" \\"'),
        (None, ""),
    ],
)
def test_value_is_written_as_it_is_read(pair: Pair | None, query: str) -> None:
    assert as_query(pair) == query
    parse(query)


@pytest.mark.parametrize("value", ["null", "[1]", "{}", "nonsense", ""])
def test_value_that_no_query_asks_for_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        as_query(Pair("a", value, False))


def test_term_replaces_its_opposite_and_text_is_quoted() -> None:
    pair = Pair("service", "web", True)
    assert edited(Edit("-service:web x", pair)) == "x service:web"
    assert edited(Edit("x", pair, is_negated=True)) == "x -service:web"
    assert edited(Edit(" x ", text='no "free" one')) == 'x "no \\"free\\" one"'
    assert edited(Edit("", text="gone", is_negated=True)) == '-"gone"'


def test_query_at_fault_is_not_edited() -> None:
    with pytest.raises(UsageError, match="position"):
        edited(Edit("status:", text="x"))


def test_names_and_values_are_suggested_with_what_they_replace() -> None:
    fields = [SOURCE, SERVICE, STATUS]
    options = suggested(Complete("x serv", 6), ["error"], fields)
    assert options == [["service:", 2, 6, "2 values"]]
    assert suggested(Complete("service:", 8), [], fields) == [
        ["web", 8, 8, ""], ['"5"', 8, 8, ""],
    ]  # fmt: skip
    levels = [each[0] for each in suggested(Complete("type:", 5), ["odd", "error"], fields)]
    assert levels == ["odd", "error", "warning", "info", "debug"]


def test_texts_of_every_alternative_are_marked() -> None:
    query = parse('"timed out" -gone (retry OR "no \\"answer\\"") status:500')
    assert [*texts_of(query)] == ["timed out", "retry", 'no "answer"']

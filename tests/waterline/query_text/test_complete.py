"""Names and values are offered for the term in which the cursor stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.query_text.complete import MOST_OPTIONS, Completion, complete
from waterline.query_text.condition import Scalar
from waterline.query_text.parse import parse

NAMES = ["type", "source", "status", "path", "http.status", "a b", "attributes.id"]
VALUES: dict[str, list[Scalar]] = {
    "type": ["error", "warning", "Error rate"],
    "path": ["/api", "/a b", "500", 'say "hi"'],
    "status": [500, 404, "ok", True],
    "a b": ["c"],
}


def completed(text: str, cursor: int | None = None) -> Completion:
    at = len(text) if cursor is None else cursor
    return complete(text, at, NAMES, lambda name: VALUES.get(name, []))


@pytest.mark.parametrize(
    ("text", "begin", "end", "options"),
    [
        ("", 0, 0, [*(f"{name}:" for name in NAMES[:5]), '"a b":', "attributes.id:"]),
        ("ST", 0, 2, ["status:", "http.status:"]),
        ("x -pa", 3, 5, ["path:"]),
        ('"a b" (so', 7, 9, ["source:"]),
        ('"a', 0, 2, ['"a b":', "attributes.id:", "status:", "path:", "http.status:"]),
        ("type:", 5, 5, ["error", "warning", '"Error rate"']),
        ("type:err", 5, 8, ["error", '"Error rate"']),
        ('type:"err', 5, 9, ["error", '"Error rate"']),
        ("-type!=w", 7, 8, ["warning"]),
        ("path:", 5, 5, ["/api", '"/a b"', '"500"', r'"say \"hi\""']),
        ('path:"/a ', 5, 9, ['"/a b"']),
        ('"a b":', 6, 6, ["c"]),
        ("status:", 7, 7, ["500", "404", "ok", "true"]),
        ("status>=", 8, 8, ["500", "404"]),
        ('path~"', 5, 6, []),
        ("nothing:", 8, 8, []),
        ("zzz", 0, 3, []),
    ],
)  # fmt: skip
def test_options_of_the_end(text: str, begin: int, end: int, options: list[str]) -> None:
    assert completed(text) == Completion(begin, end, tuple(options))


def test_word_behind_the_cursor_is_replaced_too() -> None:
    assert completed("status:500 b", 3) == Completion(0, 7, ("status:", "http.status:"))
    assert completed("type:error b", 7) == Completion(5, 10, ("error", '"Error rate"'))
    assert completed('(type:"err" OR b)', 8) == Completion(6, 11, ("error", '"Error rate"'))


def test_number_of_options_is_bounded() -> None:
    found = complete("", 0, [f"n{number}" for number in range(1000)], lambda _: [])
    assert len(found.options) == MOST_OPTIONS


@given(st.text('ab "\\:<~(-)=\n'), st.integers(-5, 20))
def test_any_text_has_a_completion_within_it(text: str, cursor: int) -> None:
    found = completed(text, cursor)
    assert 0 <= found.begin <= found.end <= len(text)


@given(st.sampled_from(["", "x ", "(x OR ", "-"]), st.sampled_from([*VALUES]), st.data())
def test_options_one_after_the_other_make_a_query(
    before: str, name: str, data: st.DataObject
) -> None:
    text = before
    for chosen in (
        name,
        data.draw(
            st.sampled_from(completed(f"{name}:" if " " not in name else f'"{name}":').options)
        ),
    ):
        found = completed(text)
        option = next(each for each in found.options if chosen in (each, each.strip('":')))
        text = text[: found.begin] + option + text[found.end :]
    parse(f"{text})" if "(" in before else text)

"""What a reader asks for: which logs each query chooses, and what is refused."""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.escape import parse_qs_bytes

from server.live.filters import EVERYTHING, MAX_SEQ, Filter, read_query
from waterline.errors import UsageError
from waterline.records import StoredLog


def stored(kind: str = "info", source: str = "web", message: str = "m") -> StoredLog:
    return StoredLog(1, "a", kind, 2, 3, source, message, msgspec.Raw(b"{}"))


def asked(**parameters: object) -> tuple[Filter, int | None]:
    """Read a query as it comes over HTTP."""
    return read_query(parse_qs_bytes(urlencode(parameters, doseq=True), keep_blank_values=True))


def test_query_without_parameters_asks_for_everything_from_now_on() -> None:
    assert asked() == (EVERYTHING, None)
    assert asked(token="secret") == (EVERYTHING, None)
    assert EVERYTHING.takes_all
    assert EVERYTHING.accepts(stored())
    assert EVERYTHING.choose([stored()]) is None


def test_repeated_parameters_are_alternatives_and_different_ones_must_all_hold() -> None:
    wanted, _ = asked(type=["error", "warning"], source="pump", contains=["dry", "leak"])
    assert wanted.choose(
        [
            stored("error", "pump", "ran dry"),
            stored("warning", "pump", "a leak"),
            stored("info", "pump", "ran dry"),
            stored("error", "tank", "ran dry"),
            stored("error", "pump", "fine"),
        ]
    ) == [True, True, False, False, False]


def test_comma_is_part_of_value() -> None:
    wanted, _ = asked(type="a,b")
    assert wanted.choose([stored("a"), stored("a,b")]) == [False, True]


@pytest.mark.parametrize("text", ["%", "_", ".", "*", " x ", "\t", "Grüße", "a+b&c=d"])
def test_contains_is_literal(text: str) -> None:
    wanted, _ = asked(contains=text)
    assert wanted == Filter(contains=frozenset([text]))
    assert wanted.accepts(stored(message=f"before{text}behind"))
    assert not wanted.accepts(stored(message="before behind"))


def test_contains_minds_case_and_looks_at_message_only() -> None:
    wanted, _ = asked(contains="web")
    assert not wanted.accepts(stored(kind="web", source="web", message="Web"))


def test_same_alternatives_in_another_order_are_same_filter() -> None:
    assert asked(type=["a", "b"]) == asked(type=["b", "a", "b"])


@pytest.mark.parametrize("after", [0, 1, MAX_SEQ])
def test_after_is_seq(after: int) -> None:
    assert asked(after=after) == (EVERYTHING, after)


@pytest.mark.parametrize(
    "after", ["", "-1", "+1", " 1", "1_0", "1.0", "x", "\u0661", MAX_SEQ + 1, "9" * 5_000, [1, 2]]
)
def test_after_that_is_no_seq_is_refused(after: object) -> None:
    with pytest.raises(UsageError, match="after is one seq: a whole number from 0"):
        asked(after=after)


def test_unknown_parameter_is_refused_with_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        asked(typ="error")
    assert str(caught.value) == (
        "'typ' is unknown here; there is type, source, contains, after, token"
    )


@pytest.mark.parametrize("name", ["type", "source", "contains"])
def test_empty_value_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is empty"):
        asked(**{name: ["a", ""]})


def test_value_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UsageError, match="type is not UTF-8"):
        asked(type=b"\xff")


def chosen_slowly(wanted: Filter, logs: Sequence[StoredLog], step: int) -> list[bool]:
    *costs, chosen = wanted.choose_slowly(logs, step)
    assert isinstance(chosen, list)
    assert all(isinstance(each, int) for each in costs)
    return chosen


@given(
    st.lists(st.text("xy", max_size=3_000), max_size=5),
    st.frozensets(st.text("xy", min_size=1, max_size=8), max_size=3),
    st.integers(1, 5_000),
)
def test_filter_chooses_same_in_steps(
    messages: list[str], contains: frozenset[str], step: int
) -> None:
    wanted, logs = Filter(contains=contains), [stored(message=each) for each in messages]
    assert chosen_slowly(wanted, logs, step) == (wanted.choose(logs) or [True] * len(logs))


def test_steps_of_many_texts_are_small_also_where_messages_are() -> None:
    texts = frozenset(f"text {number}" for number in range(100))
    logs = [stored(message="short")] * 50
    *costs, chosen = Filter(contains=texts).choose_slowly(logs, 100_000)
    assert chosen == [False] * 50
    assert len(costs) > 20


names = st.sampled_from(["a", "b", "c"])
sets = st.frozensets(names, max_size=2)


@given(sets, sets, sets, st.lists(st.tuples(names, names, names), max_size=9))
def test_filter_chooses_what_its_definition_says(
    types: frozenset[str],
    sources: frozenset[str],
    contains: frozenset[str],
    logs: list[tuple[str, str, str]],
) -> None:
    wanted = Filter(types, sources, contains)
    chosen = wanted.choose([stored(*each) for each in logs])
    given_sets = (types, sources, contains)
    expected = [
        all(not allowed or value in allowed for allowed, value in zip(given_sets, log, strict=True))
        for log in logs
    ]
    assert (chosen or [True] * len(logs)) == expected

"""Values over the network are the same again, and nothing else is made of what comes in."""

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import NOON
from tests.workbench.query.test_execute import TIMESTAMPS, questions
from tests.workbench.remote.test_alike import BATCHES
from waterline.errors import (
    IncompleteAnswer,
    QueryError,
    ServerFailed,
    UsageError,
)
from workbench.query.pin import Pin
from workbench.query.question import ask
from workbench.wire.calls import CALLS, check_arguments
from workbench.wire.codec import CODEC
from workbench.wire.faults import raised, warning, written
from workbench.wire.values import Unreadable

FRAME = pd.DataFrame(
    {
        "text": ["a", None],
        "whole": [1, 2],
        "nullable": pd.array([1, None], "Int64"),
        "real": [0.5, math.inf],
        "flag": [True, False],
        "time": pd.to_datetime([1, 2], unit="s", utc=True).as_unit("us"),
        "length": pd.to_timedelta([1, 2], unit="s").as_unit("us"),
        "object": [{"a": 1, 2: [None]}, Decimal("1.50")],
    }
)
FRAME.attrs = {"pin": "p", "rows": {"hot": 1}}

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@costly(200)
@given(plain)
def test_a_value_is_the_same_again(value: object) -> None:
    assert CODEC.decode(CODEC.encode(value)) == value


@pytest.mark.parametrize(
    "frame", [FRAME, FRAME.iloc[:0], FRAME[FRAME["whole"] > 1], FRAME[["object", "object"]]]
)
def test_a_frame_is_the_same_again(frame: pd.DataFrame) -> None:
    again = CODEC.decode(CODEC.encode(frame))
    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (pd.Timestamp("2026-03-01", tz="Europe/Berlin"), datetime(2026, 2, 28, 23, tzinfo=UTC)),
        (pd.NaT, None),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a"]), ["a"]),
        (time(1, 2), time(1, 2)),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (timedelta(-1, 2, 3), timedelta(-1, 2, 3)),
        (UUID(int=5), UUID(int=5)),
        ({"@": 1}, {"@": 1}),
    ],
)
def test_values_of_other_libraries_become_plain_ones(value: object, becomes: object) -> None:
    assert CODEC.decode(CODEC.encode(value)) == becomes


def test_a_value_that_cannot_be_sent_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be sent to a server"):
        CODEC.encode({"where": object()})


@costly(100)
@given(questions(BATCHES), st.sampled_from([None, Pin(TIMESTAMPS[-2], 7, "0" * 8, "1" * 8)]))
def test_a_question_is_the_same_again(filters: dict[str, Any], pin: Pin | None) -> None:
    question = ask(now=NOON, **filters, at=pin)
    assert CODEC.decode(CODEC.encode(question)) == question


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("limit", "3"),
        ("limit", -1),
        ("limit", True),
        ("columns", ["seq"]),
        ("columns", {"@": "tuple", "value": ["sequel"]}),
        ("columns", {"@": "tuple", "value": []}),
        ("clock", "now"),
        ("filters", {}),
        ("pin", "2026"),
        ("nothing", 1),
    ],
)
def test_a_question_with_a_member_of_another_type_is_refused(member: str, value: object) -> None:
    sound = json.loads(CODEC.encode(ask(now=NOON)))
    sound["value"][member] = value
    with pytest.raises(Unreadable):
        CODEC.decode(json.dumps(sound).encode())


@pytest.mark.parametrize(
    "condition",
    [
        {"attribute": "a", "operator": "; DROP", "values": {"@": "tuple", "value": [1]}},
        {"attribute": "a", "operator": "==", "values": {"@": "tuple", "value": []}},
        {"attribute": "a", "operator": "lacks", "values": {"@": "tuple", "value": [1]}},
        {"attribute": 1, "operator": "==", "values": {"@": "tuple", "value": [1]}},
    ],
)
def test_a_condition_without_a_meaning_is_refused(condition: object) -> None:
    with pytest.raises(Unreadable):
        CODEC.decode(json.dumps({"@": "Condition", "value": condition}).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 200_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b'{"@": 1}',
        b'{"@": "datetime", "value": "now"}',
        b'{"@": "decimal", "value": "x"}',
        b'{"@": "frame", "arrow": "AAAA", "columns": [], "objects": {}, "attrs": {}}',
        b'{"@": "dict", "value": [[[1], 2]]}',
        b'{"@": "Pattern", "value": {"text": "("}}',
        b'{"@": "Workbench", "value": {}}',
        b'{"@": "Range", "value": 3}',
    ],
)
def test_what_is_no_value_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable):
        CODEC.decode(content)


def test_an_error_is_of_the_same_class_with_the_same_sentence() -> None:
    for error in (UsageError("so"), IncompleteAnswer("a; b"), ServerFailed("x")):
        again = raised(written(error))
        assert (type(again), str(again)) == (type(error), str(error))
    query = raised(written(QueryError("status:(", (7, 8), "a group has no end")))
    assert isinstance(query, QueryError)
    assert (query.text, query.at) == ("status:(", (7, 8))
    assert str(query) == str(QueryError("status:(", (7, 8), "a group has no end"))
    with pytest.raises(Unreadable):
        raised({"error": "SystemExit", "message": "x"})
    with pytest.raises(Unreadable):
        warning("DeprecationWarning")


def test_every_call_has_arguments_that_are_checked() -> None:
    for name in CALLS:
        with pytest.raises(Unreadable, match="takes other arguments"):
            check_arguments(name, [None] * 9)

"""What values of a program are as JSON, kind by kind."""

import enum
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import pytest

from waterline.errors import UsageError
from workbench.clients.json_values import to_json
from workbench.clients.log_files.jsonlines import parse_json_line


@dataclass
class Order:
    number: int
    paid: object = float("nan")


class State(enum.Enum):
    OPEN = "open"


class Name(str):
    __slots__ = ()


MISSING = [
    None,
    float("nan"),
    np.float32("nan"),
    pd.NaT,
    pd.NA,
    Decimal("NaN"),
    np.datetime64("NaT"),
]

VALUES: list[tuple[object, object]] = [
    (float("inf"), "Infinity"),
    (np.float64("-inf"), "-Infinity"),
    (np.int64(-5), -5),
    (np.uint64(2**63), 2**63),
    (2**70, 2**70),
    (np.float32(1.5), 1.5),
    (np.longdouble(2.5), 2.5),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (Name("x"), "x"),
    (State.OPEN, "open"),
    (datetime(2026, 1, 2, 3, 4, 5, 600_000), "2026-01-02T03:04:05.600000Z"),  # noqa: DTZ001
    (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T00:00:00+02:00"),
    (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00Z"),
    (pd.Timestamp("2026-01-02", tz="Europe/Berlin"), "2026-01-02T00:00:00+01:00"),
    (np.datetime64("2026-01-02T03"), "2026-01-02T03:00:00Z"),
    (np.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789Z"),
    (date(2026, 1, 2), "2026-01-02"),
    (time(3, 4), "03:04:00"),
    (timedelta(seconds=5), "PT5S"),
    (np.timedelta64(5, "s"), "PT5S"),
    (pd.Timedelta("5s"), "PT5S"),
    (pd.Period("2026-01"), "2026-01"),
    (Decimal("0.10"), "0.10"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Path("/var/log"), "/var/log"),
    ("grün".encode(), "grün"),
    (b"\xffx", "\\xffx"),
    ({3, 1}, [1, 3]),
    (deque([1, np.nan]), [1, None]),
    ((1, (2,)), [1, [2]]),
    (np.array([[1.0, np.nan]]), [[1.0, None]]),
    (pd.Series([1.5, None]), [1.5, None]),
    (pd.array([1, None]), [1, None]),
    (Order(5), {"number": 5, "paid": None}),
    ({5: 2, None: 3, True: 4}, {"5": 2, "null": 3, "true": 4}),
    ({(1, 2): {"deep": [np.int8(1)]}}, {"[1,2]": {"deep": [1]}}),
]


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_missing_values_are_null(value: object) -> None:
    assert to_json({"v": value}) == {"v": None}
    assert to_json({"v": [value]}) == {"v": [None]}


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda each: repr(each)[:40])
def test_value_becomes_what_json_has(value: object, expected: object) -> None:
    made = to_json({"v": value})
    assert made == {"v": expected}
    assert type(made["v"]) is type(expected)
    assert msgspec.json.decode(msgspec.json.encode(made)) == {"v": expected}


def test_log_of_plain_values_is_not_copied() -> None:
    log = {"type": "info", "message": "x", "n": 1, "f": 1.5, "none": None, "yes": True}
    assert to_json(log) is log


@pytest.mark.parametrize("value", [object(), 1j, pd.DataFrame({"a": [1]}), pd.DataFrame, iter([])])
def test_value_without_json_is_refused_and_named(value: object) -> None:
    with pytest.raises(UsageError, match=r"cannot be written as JSON: a\.b\[1\] is an? "):
        to_json({"a": {"b": [1, value]}})


def test_keys_that_are_one_text_and_a_list_that_holds_itself_are_refused() -> None:
    with pytest.raises(UsageError, match="two members '1'"):
        to_json({"v": {1: "a", "1": "b"}})
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(UsageError, match="holds itself"):
        to_json({"v": endless})


def test_line_of_python_s_json_follows_the_same_rule() -> None:
    line = b'{"type":"a","message":"NaN","x":NaN,"y":[Infinity,-Infinity]}'
    expected = {"type": "a", "message": "NaN", "x": None, "y": ["Infinity", "-Infinity"]}
    assert parse_json_line(line) == expected


@pytest.mark.parametrize("value", ["text", None, 1, [{"type": "info", "message": "m"}], b"{}"])
def test_log_that_is_no_mapping_is_refused_in_a_sentence(value: object) -> None:
    with pytest.raises(UsageError, match="a log is a dict or another mapping with type and"):
        to_json(value)

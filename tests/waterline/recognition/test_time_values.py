"""Times as members of JSON objects, in every way that programs write them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.recognition.time_values import (
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    read_time,
    time_of_number,
    time_of_text,
    times_of_texts,
)

SECOND = 1_795_514_400_000  # 2026-11-24T10:00:00Z
MOMENT = SECOND + 123
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1_795_514_400, SECOND),
        (1_795_514_400.123, MOMENT),
        (1_795_514_400_123, MOMENT),
        (1_795_514_400_123.9, MOMENT),
        (1_795_514_400_123_456, MOMENT),
        (1_795_514_400_123_456_789, MOMENT),
        (1.795514400123e18, MOMENT),
        (0, 0),
        (-1, -1000),
        (-1.5, -1500),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (99_999_999_999_999, 99_999_999_999_999),
        (100_000_000_000_000, 100_000_000_000),
        (99_999_999_999_999_999, 99_999_999_999_999),
        (100_000_000_000_000_000, 100_000_000_000),
    ],
)
def test_number_is_read_by_its_size_as_number_and_as_text(number: float, expected: int) -> None:
    assert time_of_number(number) == expected
    assert time_of_text(repr(number)) == expected


@given(st.integers(0, 99_999_999_999), st.integers(0, 999))
def test_fraction_of_a_second_is_exact(second: int, millisecond: int) -> None:
    text = f"{second}.{millisecond:03d}"
    assert time_of_text(text) == time_of_number(float(text)) == second * 1000 + millisecond


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T10:00:00Z", SECOND),
        ("2026-11-24T10:00:00.123456789Z", MOMENT),
        ("2026-11-24 10:00:00.123456", MOMENT),
        ("2026-11-24T10:00:00", SECOND),
        ("2026-11-24T10:00:00,123Z", MOMENT),
        ("2026-11-24 10:00:00,123", MOMENT),
        ("2026-11-24T11:00:00.123+0100", MOMENT),
        ("2026-11-24T11:00:00.123+01", MOMENT),
        ("2026-11-24 05:00:00 -0500", SECOND),
        ("2026-11-24 10:00:00.123 UTC", MOMENT),
        ("2026-11-23T24:00:00Z", SECOND - 36_000_000),
        ("2026-11-23 24:00:00.000", SECOND - 36_000_000),
        ("2016-12-31T23:59:60.5+00:00", 1_483_228_800_000),
        ("2016-12-31 23:59:60", 1_483_228_800_000),
    ],
)
def test_text_is_rfc_3339_or_written_like_it(text: str, expected: int) -> None:
    assert time_of_text(text) == read_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-24",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-24T24:00:01Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T10:00:61Z",
        "2026-11-24T10:00:00+24:00",
        "2026-11-24T10:00:00 +01:60",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "2026-11-24T10:00:00ZZ",
        "1e400",
        "9" * 21,
        "9" * 5000,
        "\uff11795514400",
        "nan",
        "0x10",
        "1_000",
    ],
)
def test_text_that_is_no_time_never_becomes_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|years"):
        time_of_text(text)
    assert read_time(text) is None


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["2026-11-24T10:00:00.123Z", "2026-11-24t11:00:00.123456+01:00"],
        ["2026-11-24T10:00:00.123Z", "2026-11-24 10:00:00,123"],
        ["2026-11-24T10:00:00.123Z", "2026-11-24T10:00:00"],
        ["2026-11-24T10:00:00.123Z", "2026-11-24T10:00:00.1239999999Z"],
        ["2026-11-24T10:00:00.999999999Z", "2026-11-24T10:00:00.99999995Z", "2026-11-24T10:00:00Z"],
        ["2026-11-24T10:00:00.999999999+01:00", "2026-11-24T10:00:00.123456789Z"],
        ["2016-12-31T23:59:60Z", "1795514400"],
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"],
    ],
)
def test_times_of_texts_are_those_of_each(texts: list[str]) -> None:
    assert times_of_texts(texts) == [time_of_text(each) for each in texts]


@pytest.mark.parametrize(
    "odd",
    ["soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z", "2026-11-24T10:00:00.123456 1Z"],
)
def test_times_of_texts_want_a_time_of_each(odd: str) -> None:
    with pytest.raises(ValueError, match=r"time|years"):
        times_of_texts(["2026-11-24T10:00:00.123Z", odd])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**21, 1e300, -(10**40)])
def test_number_beyond_all_years_is_no_time(number: float) -> None:
    with pytest.raises(ValueError, match=r"time|years"):
        time_of_number(number)
    assert read_time(number) is None


@pytest.mark.parametrize(
    "value",
    [
        {"$date": "2026-11-24T10:00:00.123+00:00"},
        {"$date": 1_795_514_400_123},
        {"$date": {"$numberLong": "1795514400123"}},
        {"epochSecond": 1_795_514_400, "nanoOfSecond": 123_000_000},
        {"seconds": "1795514400", "nanos": 123_456_789},
        {"repr": "2026-11-24 10:00:00.123+00:00", "timestamp": 1_795_514_400.123},
        {"date": "2026-11-24 10:00:00.123456", "timezone_type": 3, "timezone": "UTC"},
        {"date": "2026-11-24 11:00:00.123456", "timezone_type": 1, "timezone": "+01:00"},
        {"date": "2026-11-24 11:00:00.123456", "timezone_type": 3, "timezone": "Europe/Berlin"},
        [2026, 11, 24, 10, 0, 0, 123_000_000],
        "2026-11-24 11:00:00.123 CET",
        "2026-11-24 05:00:00,123 EST",
        "/Date(1795514400123)/",
        "/Date(1795514400123+0100)/",
        "Nov 24, 2026 @ 10:00:00.123",
        "2026-11-24T11:00:00.123+01:00[Europe/Berlin]",
        "2026/11/24 10:00:00.123",
        "20261124T100000.123Z",
        " 2026-11-24T10:00:00.123Z\n",
        "1795514400.123",
    ],
)
def test_read_time_of_what_programs_nest_and_write(value: object) -> None:
    assert read_time(value) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "24/Nov/2026:10:00:00 +0000",
        "[24/Nov/2026:11:00:00 +0100]",
        "Tue, 24 Nov 2026 10:00:00 GMT",
        "Tue Nov 24 10:00:00 2026",
        "Tue Nov 24 10:00:00 2026 UTC",
        "Tue Nov 24 11:00:00 CET 2026",
        "Tue Nov 24 2026 11:00:00 GMT+0100 (Central European Standard Time)",
        "2026-11-24T10:00Z",
        "20261124100000",
        "20261124T100000Z",
        [2026, 11, 24, 10, 0],
        {"epochSecond": 1_795_514_400},
    ],
)
def test_read_time_of_dates_without_milliseconds(text: object) -> None:
    assert read_time(text) == SECOND


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        "0",
        -1,
        12.5,
        123_456_789_012,
        "123",
        2**62,
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "0001/01/01 00:00:00",
        "10:00:00",
        {},
        [],
        [2026, 11],
        [2026, 13, 1, 0, 0, 0],
        [2026, 11, 24, 10, 0, 0, True, 0],
        {"$date": {"$date": "x"}},
        {"seconds": 5},
        {"date": "2026-11-24 10:00:00", "timezone": "Europe/Nowhere"},
        {"date": "soon", "timezone": "Europe/Berlin"},
        "2026-11-24 10:00:00 CST",
        "2026-11-24 10:00:00 NOON",
        "/Date(x)/",
        "/Date(5)/",
    ],
)
def test_read_time_leaves_what_is_no_time(value: object) -> None:
    assert read_time(value) is None


@pytest.mark.parametrize("write", [str, datetime.isoformat])
@given(
    moment=st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis wants its bounds naive
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
            lambda minutes: timezone(timedelta(minutes=minutes))
        ),
    )
)
def test_any_datetime_is_read_as_its_milliseconds(
    moment: datetime, write: Callable[[datetime], str]
) -> None:
    expected = (moment - EPOCH) // MILLISECOND
    written = write(moment)
    assert time_of_text(written) == expected
    assert time_of_text(written.replace(".", ",")) == expected
    head, zone = written[:-6], written[-6:]
    assert time_of_text(f"{head} {zone.replace(':', '')}") == expected


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
members = (
    st.sampled_from(["$date", "$numberLong", "seconds", "nanos", "date", "timezone"]) | st.text()
)


@given(
    st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(members, inner), max_leaves=8
    )
)
def test_read_time_of_any_json_is_a_time_or_none(value: Any) -> None:  # noqa: ANN401 - any JSON
    moment = read_time(value)
    assert moment is None or MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP

"""Times as an analyst gives them: what each becomes, and what is refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import UsageError
from workbench.query.times import TimeLike, to_milliseconds

NOW = 1_773_748_800_000
"""2026-03-17 12:00 UTC."""

BERLIN_SUMMER = dt.timezone(dt.timedelta(hours=2))
OFFSETS = st.integers(-1439, 1439).map(lambda each: dt.timezone(dt.timedelta(minutes=each)))
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def milliseconds(value: object) -> int:
    return to_milliseconds(value, "since", NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(2026, 3, 17, 12, tzinfo=dt.UTC), NOW),
        (dt.datetime(2026, 3, 17, 14, tzinfo=BERLIN_SUMMER), NOW),
        (dt.datetime(2026, 3, 17, 12), NOW),  # noqa: DTZ001 - without a zone it is UTC
        (dt.date(2026, 3, 17), NOW - 12 * 3_600_000),
        (pd.Timestamp("2026-03-17 12:00"), NOW),
        (pd.Timestamp("2026-03-17 14:00", tz=BERLIN_SUMMER), NOW),
        (pd.Timestamp("2026-03-17 12:00:00.123456789", tz="UTC"), NOW + 123),
        ("2026-03-17T12:00", NOW),
        ("2026-03-17 12:00:00", NOW),
        ("2026-03-17T12:00:00Z", NOW),
        ("2026-03-17T14:00:00+02:00", NOW),
        ("2026-03-17T12:00:00.123999", NOW + 123),
        ("2026-03-17", NOW - 12 * 3_600_000),
        ("  2026-03-17T12:00 ", NOW),
        ("1969-12-31T23:59:59.999", -1),
        (NOW, NOW),
        (0, 0),
        (-1, -1),
        (np.int64(NOW), NOW),
        ("-1h", NOW - 3_600_000),
        ("- 1h", NOW - 3_600_000),
        (" -1 h ", NOW - 3_600_000),
        ("-90s", NOW - 90_000),
        ("-250ms", NOW - 250),
        ("-1.5min", NOW - 90_000),
        ("-30d", NOW - 30 * 86_400_000),
    ],
)
def test_moment_becomes_milliseconds(value: TimeLike, expected: int) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(1, 1, 1, tzinfo=dt.UTC), -62_135_596_800_000),
        (dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC), 253_402_300_799_999),
        (dt.date(1, 1, 1), -62_135_596_800_000),
        (pd.Timestamp("0001-01-01"), -62_135_596_800_000),
        (pd.Timestamp("9999-12-31 23:59:59.999"), 253_402_300_799_999),
        ("0001-01-01", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        # Its moment in UTC lies in a year that no datetime can name.
        (
            dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))),
            -62_135_596_800_000 - 14 * 3_600_000,
        ),
    ],
)
def test_first_and_the_last_year_are_moments_too(value: TimeLike, expected: int) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize("microseconds", [-1, -999, -1000, -1001, 0, 999, 1000, 1999])
def test_moment_is_cut_to_milliseconds_toward_the_past(microseconds: int) -> None:
    moment = EPOCH + dt.timedelta(microseconds=microseconds)
    floor = microseconds // 1000
    assert milliseconds(moment) == floor
    assert milliseconds(pd.Timestamp(moment)) == floor
    assert milliseconds(moment.isoformat()) == floor


def test_nanoseconds_before_1970_are_cut_toward_the_past() -> None:
    assert milliseconds(pd.Timestamp(-1, unit="ns")) == -1


@given(
    st.datetimes(timezones=OFFSETS),
    st.integers(-(2**40), 2**40),
)
def test_moment_is_the_same_in_any_zone_and_spelling(moment: dt.datetime, now: int) -> None:
    floor = (moment - EPOCH) // dt.timedelta(milliseconds=1)
    assert to_milliseconds(moment, "until", now) == floor
    assert to_milliseconds(moment.isoformat(), "until", now) == floor
    assert to_milliseconds(floor, "until", now) == floor


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        pd.NaT,
        None,
        1.5,
        float("nan"),
        dt.timedelta(hours=1),
        dt.time(12),
        np.datetime64("NaT"),
        np.timedelta64("NaT"),
        np.timedelta64(1, "ns"),
        np.True_,
        2**63,
        -(2**63) - 1,
        "",
        "yesterday",
        "1h",
        "+1h",
        "2026-13-01",
        "2026-02-30",
        "2026-03-17T25:00",
        b"2026-03-17",
        ["2026-03-17"],
    ],
)
def test_moment_without_meaning_is_refused_by_its_argument(value: object) -> None:
    with pytest.raises(UsageError) as refused:
        to_milliseconds(value, "until", NOW)  # type: ignore[arg-type]
    assert str(refused.value) == (
        f"until={value!r} is no time; give a datetime, ISO text such as '2026-01-31T12:00', "
        "or a time ago such as '-1h'"
    )


@pytest.mark.parametrize("text", ["-1", "-1 fortnight", "-h1", "-1h30min", "-0001-01-01", "-9e9y"])
def test_time_ago_that_cannot_be_read_names_the_units(text: str) -> None:
    with pytest.raises(UsageError, match=r"^since='-.*' is no time") as refused:
        milliseconds(text)
    assert "\n" not in str(refused.value)
    if text[1].isdigit():
        assert "write a number and a unit (ms, s, m, min, h, d, w, y), as '-1h'" in str(
            refused.value
        )


def test_time_ago_longer_than_any_log_is_old_is_refused() -> None:
    with pytest.raises(UsageError, match="since='-999999999999y' is no time ago"):
        milliseconds("-999999999999y")

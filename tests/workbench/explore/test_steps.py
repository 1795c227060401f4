"""Steps of a chart: they follow the clock of a zone, over changes of it too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.explore.steps import Steps, steps_of

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN = ZoneInfo("Europe/Berlin")
LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
UTC_ZONE = ZoneInfo("UTC")
ZONES = [
    UTC_ZONE, BERLIN, LONDON, NEW_YORK, KATHMANDU,
    ZoneInfo("Australia/Lord_Howe"),  # its clock is changed by half an hour
    ZoneInfo("Pacific/Apia"),  # it left out 30 December 2011
    ZoneInfo("Africa/Casablanca"),  # two changes within a month
    ZoneInfo("America/Havana"),  # changed at midnight
]  # fmt: skip
MOMENTS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin's clock is put forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # and back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe's
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2026, 3, 8, 5, tzinfo=UTC),  # Havana's
    datetime(1970, 1, 1, tzinfo=UTC),
]
EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999

moments = st.integers(EARLIEST, LATEST) | st.builds(
    lambda moment, by: int(moment.timestamp() * 1000) + by,
    st.sampled_from(MOMENTS),
    st.integers(-40 * DAY, 40 * DAY) | st.integers(-3 * HOUR, 3 * HOUR),
)
lengths = st.integers(0, 40).flatmap(lambda power: st.integers(1, 2**power))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def clock(steps: Steps, zone: ZoneInfo) -> list[str]:
    """Return what the clock of a zone shows at each edge."""
    shown = [datetime.fromtimestamp(each / 1000, zone) for each in steps.edges.tolist()]
    return [each.strftime("%m-%d %H:%M") for each in shown]


@given(moments, lengths, st.sampled_from(ZONES), st.integers(1, 200))
def test_edges_ascend_cover_the_range_and_are_no_more_than_asked(
    since: int, length: int, zone: ZoneInfo, most: int
) -> None:
    until = since + length
    steps = steps_of(since, until, zone, most)
    edges = steps.edges.tolist()
    assert edges == sorted({*edges})
    assert edges[0] <= since < edges[1]
    assert edges[-2] < until <= edges[-1]
    assert len(steps) == len(edges) - 1 <= most + 2


@given(moments, lengths, st.sampled_from(ZONES), st.integers(1, 200), st.integers(0, DAY))
def test_later_range_has_the_same_edges_where_both_have_some(
    since: int, length: int, zone: ZoneInfo, most: int, by: int
) -> None:
    one = steps_of(since, since + length, zone, most)
    other = steps_of(since + by, since + by + length, zone, most)
    assert one.length == other.length
    if one.length > HOUR or zone is UTC_ZONE:
        shared = {each for each in one.edges.tolist() if each >= other.edges[0]}
        assert shared <= {*other.edges.tolist()}


@pytest.mark.parametrize(
    ("length", "most", "expected"),
    [
        (5 * MINUTE, 120, 5 * SECOND),
        (15 * MINUTE, 120, 10 * SECOND),
        (HOUR, 120, 30 * SECOND),
        (DAY, 120, 15 * MINUTE),
        (7 * DAY, 120, 2 * HOUR),
        (30 * DAY, 120, 6 * HOUR),
        (120, 120, 1),
        (0, 120, 1),
        (4000 * 365 * DAY, 120, 64 * 365 * DAY),
    ],
)
def test_steps_are_the_shortest_usual_ones_of_which_there_are_few_enough(
    length: int, most: int, expected: int
) -> None:
    since = at("2026-06-01T12:34:56+00:00")
    if length > 3000 * 365 * DAY:
        since = EARLIEST
    assert steps_of(since, since + length, UTC_ZONE, most).length == expected


def test_days_begin_at_midnight_of_the_zone_also_where_clocks_are_changed() -> None:
    steps = steps_of(at("2026-10-23T12:00+00:00"), at("2026-10-27T12:00+00:00"), BERLIN, 5)
    assert steps.length == DAY
    assert {text[-5:] for text in clock(steps, BERLIN)} == {"00:00"}
    lasting = [(b - a) // HOUR for a, b in zip(steps.edges, steps.edges[1:], strict=False)]
    assert lasting == [24, 24, 25, 24, 24]


def test_weeks_begin_on_monday() -> None:
    steps = steps_of(at("2026-03-01T00:00+00:00"), at("2026-06-01T00:00+00:00"), NEW_YORK, 14)
    assert steps.length == 7 * DAY
    shown = [datetime.fromtimestamp(each / 1000, NEW_YORK) for each in steps.edges.tolist()]
    assert {each.weekday() for each in shown} == {0}
    assert {each.hour for each in shown} == {0}


def test_quarters_of_an_hour_go_through_the_hour_that_the_clock_shows_twice() -> None:
    steps = steps_of(at("2026-10-25T00:00+00:00"), at("2026-10-25T02:00+00:00"), BERLIN, 8)
    assert [*steps.edges] == [at("2026-10-25T00:00+00:00") + n * 15 * MINUTE for n in range(9)]
    assert clock(steps, BERLIN)[0] == clock(steps, BERLIN)[4] == "10-25 02:00"


def test_range_within_the_second_of_two_equal_hours_is_divided() -> None:
    since = at("2026-10-25T01:10+00:00")
    steps = steps_of(since, since + 20 * MINUTE, BERLIN, 20)
    assert len(steps) == 20
    assert steps.length == MINUTE


def test_hour_that_the_clock_leaves_out_has_no_step() -> None:
    steps = steps_of(at("2026-03-28T23:00+00:00"), at("2026-03-29T03:00+00:00"), BERLIN, 8)
    assert clock(steps, BERLIN) == [
        f"03-29 {hour}:{minute}" for hour in ("00", "01", "03", "04") for minute in ("00", "30")
    ] + ["03-29 05:00"]


def test_steps_of_several_hours_are_multiples_on_the_clock_after_a_change() -> None:
    steps = steps_of(at("2026-10-24T22:00+00:00"), at("2026-10-25T23:00+00:00"), BERLIN, 5)
    assert clock(steps, BERLIN) == [
        "10-25 00:00", "10-25 06:00", "10-25 12:00", "10-25 18:00", "10-26 00:00",
    ]  # fmt: skip
    assert int(steps.edges[1] - steps.edges[0]) == 7 * HOUR


def test_zone_that_is_off_by_quarters_of_an_hour_has_whole_hours_of_its_own() -> None:
    steps = steps_of(at("2026-06-01T00:00+00:00"), at("2026-06-01T10:00+00:00"), KATHMANDU, 10)
    assert steps.length == HOUR
    assert {text[-2:] for text in clock(steps, KATHMANDU)} == {"00"}

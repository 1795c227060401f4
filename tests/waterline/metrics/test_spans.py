"""Spans: a range is covered without gap or overlap, from tables that hold it, by few rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.metrics.spans import HOUR, MINUTE, SECOND, STEP_OF, Kept, Span, Table, cover

ORDER: tuple[Table, ...] = ("hours", "minutes", "seconds")
HOURS = 5
"""What is kept lies within so many hours of 1970, which keeps the oracle quick."""


@st.composite
def kept(draw: st.DrawFn) -> Kept:
    """What a file holds, as closing and pruning leave it: see `RollupStore`."""
    hours_through = draw(st.integers(0, HOURS - 1)) * HOUR
    minutes_through = draw(st.integers(hours_through // MINUTE, HOURS * 60 - 1)) * MINUTE
    minutes_from = draw(st.integers(0, hours_through // HOUR)) * HOUR
    hours_from = draw(st.integers(0, minutes_from // HOUR)) * HOUR
    seconds_from = draw(st.integers(minutes_from // MINUTE, minutes_through // MINUTE)) * MINUTE
    return Kept(seconds_from, minutes_from, hours_from, minutes_through, hours_through)


moments = st.integers(-HOUR, HOURS * HOUR) | st.builds(
    lambda whole, part: whole * MINUTE + part, st.integers(0, HOURS * 60), st.integers(-1, 1)
)


def through(table: Table, kept: Kept, end: int) -> int:
    return {"hours": kept.hours_through, "minutes": kept.minutes_through, "seconds": end}[table]


def begin_of_row(second: int, kept: Kept) -> int:
    """Return where the finest row begins that tells of a second."""
    if second >= kept.seconds_from:
        return second
    return second // MINUTE * MINUTE if second >= kept.minutes_from else second // HOUR * HOUR


def end_of_row(second: int, kept: Kept) -> int:
    step = SECOND
    if second < kept.minutes_from:
        step = HOUR
    elif second < kept.seconds_from:
        step = MINUTE
    return second // step * step + step


def whole(since: int, until: int, kept: Kept) -> tuple[int, int] | None:
    """Return the range that is to be covered, found second by second."""
    first = max(since, kept.hours_from)
    if first >= until:
        return None
    first = first // SECOND * SECOND
    last = (until - 1) // SECOND * SECOND
    return begin_of_row(first, kept), end_of_row(last, kept)


def fewest_rows(begin: int, end: int, kept: Kept) -> int:
    """Return how few rows tell of a range, by trying each table at each place."""
    rows, place = 0, begin
    while place < end:
        steps = [
            STEP_OF[table]
            for table in ORDER
            if place % STEP_OF[table] == 0
            and place >= kept.first(table)
            and place + STEP_OF[table] <= min(end, through(table, kept, end))
        ]
        place += steps[0]
        rows += 1
    return rows


@given(moments, moments, kept())
def test_spans_cover_whole_range_once_by_as_few_rows_as_can_be(
    since: int, until: int, kept: Kept
) -> None:
    spans = cover(since, until, kept)
    expected = whole(since, until, kept)
    if expected is None:
        assert spans == []
        return
    begin, end = expected
    assert (spans[0].begin, spans[-1].end) == (begin, end)
    assert [each.begin for each in spans[1:]] == [each.end for each in spans[:-1]]
    assert all(each.begin < each.end for each in spans)
    rows = sum((each.end - each.begin) // STEP_OF[each.table] for each in spans)
    assert rows == fewest_rows(begin, end, kept)


@given(moments, moments, kept())
def test_no_span_needs_rows_that_table_does_not_have(since: int, until: int, kept: Kept) -> None:
    for span in cover(since, until, kept):
        step = STEP_OF[span.table]
        assert span.begin % step == span.end % step == 0
        assert kept.first(span.table) <= span.begin
        assert span.end <= through(span.table, kept, span.end)


ALL = Kept(0, 0, 0, 4 * HOUR, 4 * HOUR)


@pytest.mark.parametrize(
    ("since", "until", "spans"),
    [
        (0, HOUR, [Span("hours", 0, HOUR)]),
        (1, 2, [Span("seconds", 0, SECOND)]),
        (0, 0, []),
        (5, 4, []),
        (
            HOUR - MINUTE - 1,
            2 * HOUR + 1,
            [
                Span("seconds", HOUR - MINUTE - SECOND, HOUR - MINUTE),
                Span("minutes", HOUR - MINUTE, HOUR),
                Span("hours", HOUR, 2 * HOUR),
                Span("seconds", 2 * HOUR, 2 * HOUR + SECOND),
            ],
        ),
        (
            4 * HOUR,
            4 * HOUR + MINUTE,
            [Span("seconds", 4 * HOUR, 4 * HOUR + MINUTE)],
        ),
    ],
)
def test_range_is_cut_where_coarser_rows_begin(since: int, until: int, spans: list[Span]) -> None:
    assert cover(since, until, ALL) == spans

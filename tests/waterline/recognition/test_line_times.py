"""Times of lines: every way to write them, and what is none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.rollover import FileTurns
from waterline.recognition.time_forms import TIME_FORMS

REFERENCE = datetime(2024, 6, 1, 12, tzinfo=UTC)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def utc(*parts: int) -> int:
    year, month, day, *clock = parts
    return milliseconds(datetime(year, month, day, tzinfo=UTC)) + (
        sum(n * f for n, f in zip(clock, (3_600_000, 60_000, 1000, 1), strict=False))
    )


def find(line: str, reference: datetime = REFERENCE) -> int | None:
    return Recognizer(reference=reference).line(line).timestamp


EXAMPLES = {
    "2015-07-29 17:41:44,747 - INFO": utc(2015, 7, 29, 17, 41, 44, 747),
    "2015-07-29T17:41:44.7Z x": utc(2015, 7, 29, 17, 41, 44, 700),
    "2015-07-29t17:41:44z x": utc(2015, 7, 29, 17, 41, 44),
    "2015-07-29T17:41:44.747999999+02:00 x": utc(2015, 7, 29, 15, 41, 44, 747),
    "2015-07-29 17:41:44.747 -0330 x": utc(2015, 7, 29, 21, 11, 44, 747),
    "2015-07-29 17:41:44+00 x": utc(2015, 7, 29, 17, 41, 44),
    "2015-07-29 17:41:44-03]": utc(2015, 7, 29, 20, 41, 44),
    "2015-07-29 17:41:44.123 UTC [12] LOG": utc(2015, 7, 29, 17, 41, 44, 123),
    "2015-07-29, 17:41:44 GMT x": utc(2015, 7, 29, 17, 41, 44),
    "2015-07-29\t17:41:44\tx": utc(2015, 7, 29, 17, 41, 44),
    "[2015-07-29 17:41:44]": utc(2015, 7, 29, 17, 41, 44),
    'time="2015-07-29T17:41:44Z" level=info': utc(2015, 7, 29, 17, 41, 44),
    "file.log:2015-07-29 17:41:44 x": utc(2015, 7, 29, 17, 41, 44),
    "2015/07/29 17:41:44 [error] x": utc(2015, 7, 29, 17, 41, 44),
    "17/06/09 20:10:40 INFO x": utc(2017, 6, 9, 20, 10, 40),
    "99/06/09 20:10:40 INFO x": utc(1999, 6, 9, 20, 10, 40),
    "081109 203615 148 INFO x": utc(2008, 11, 9, 20, 36, 15),
    "Jun  1 15:16:01 host x": utc(2024, 6, 1, 15, 16, 1),
    "Jun 1 15:16:01 host x": utc(2024, 6, 1, 15, 16, 1),
    "Jun 14 15:16:01.250 host x": utc(2023, 6, 14, 15, 16, 1, 250),
    "<34>Oct 11 22:14:15 host x": utc(2023, 10, 11, 22, 14, 15),
    "Mar 29 2004 09:54:18: x": utc(2004, 3, 29, 9, 54, 18),
    "[Sun Dec 04 04:47:44 2005] [error] x": utc(2005, 12, 4, 4, 47, 44),
    "[Sun Dec 04 04:47:44.123456 2005] x": utc(2005, 12, 4, 4, 47, 44, 123),
    "Sun Dec  4 04:47:44 UTC 2005 x": utc(2005, 12, 4, 4, 47, 44),
    'h - - [17/May/2015:10:05:03 +0200] "GET"': utc(2015, 5, 17, 8, 5, 3),
    "Sun, 17 May 2015 10:05:03 GMT": utc(2015, 5, 17, 10, 5, 3),
    "17-May-2015 10:05:03.5 UTC": utc(2015, 5, 17, 10, 5, 3, 500),
    "I0102 15:04:05.678901 12 file.go:3] x": utc(2024, 1, 2, 15, 4, 5, 678),
    "1511111111 x": 1_511_111_111_000,
    "1511111111.1239 x": 1_511_111_111_123,
    "1511111111123 x": 1_511_111_111_123,
    "978307200 x": utc(2001, 1, 1),
    "4133980799999 x": utc(2100, 12, 31, 23, 59, 59, 999),
    "2016-12-31T23:59:60Z": utc(2017, 1, 1),
    "2016-12-31T23:59:60.9Z": utc(2017, 1, 1),
}


@pytest.mark.parametrize("line", EXAMPLES)
def test_a_time_is_found_however_it_is_written(line: str) -> None:
    assert find(line) == EXAMPLES[line]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no time at all",
        "2015-13-01 10:00:00",
        "2015-00-01 10:00:00",
        "2015-02-29 10:00:00",
        "2015-04-31 10:00:00",
        "2015-04-30 10:60:00",
        "2015-04-30 10:00:61",
        "0000-04-30 10:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        "2015-04-30",
        "2015-04-30_10:00:00.log x",
        "2015-04-30 24:00:01",
        "12015-04-30 10:00:00",
        "2015-04-30 10:00:001",
        "v1.2015-04-30 10:00:00",
        "backup-2015-04-30 10:00:00",
        "2015-04-30 10:00:00.log",
        "15/13/41 10:00:00",
        "2015-04-30 13:00:00 PM",
        "81109 203615 x",
        "081309 203615 x",
        "081109 2036155 x",
        "at 081109 203615 x",
        "Jux 14 15:16:01 x",
        "Jun 31 15:16:01 x",
        "Feb 30 15:16:01 x",
        "17/Mxx/2015:10:05:03 +0000",
        "X0102 15:04:05.0 x",
        "at I0102 15:04:05.0 x",
        "1511111111",
        "at 1511111111 x",
        "2015-04-3\N{ARABIC-INDIC DIGIT ONE} 10:00:00",
        "978307199 x",
        "4133980800 x",
        "15111111111 x",
        "4133980800000 x",
    ],
)
def test_what_is_no_time_is_not_found(line: str) -> None:
    assert find(line) is None


def test_the_time_behind_a_file_name_wins_over_the_one_in_it() -> None:
    for name in (
        "nova.log.1.2017-05-16_13:53:08",
        "a-2017-05-16T13:53:08",
        "2017-05-16T13:53:08.gz",
    ):
        line = f"{name} 2017-05-18 00:00:00.008 25746 INFO x"
        assert find(line) == utc(2017, 5, 18, 0, 0, 0, 8)


def test_what_only_looks_like_a_zone_is_none() -> None:
    assert find("2015-07-29 17:41:44 -12345 x") == utc(2015, 7, 29, 17, 41, 44)
    assert find("2015-07-29 17:41:44 -03 x") == utc(2015, 7, 29, 17, 41, 44)
    assert find("2015-07-29 17:41:44 +2500 x") == utc(2015, 7, 29, 17, 41, 44)
    assert find("2015-07-29 17:41:44-10.0.0.1 x") == utc(2015, 7, 29, 17, 41, 44)


def in_zone(line: str, zone: str, reference: datetime = REFERENCE) -> int | None:
    return Recognizer(timezone=ZoneInfo(zone), reference=reference).line(line).timestamp


def test_a_time_without_a_zone_is_in_the_zone_given() -> None:
    expected = {
        "2024-01-01 12:00:00": utc(2024, 1, 1, 11),
        "Jul  1 12:00:00 h": utc(2023, 7, 1, 10),
        "2024-01-01 12:00:00Z": utc(2024, 1, 1, 12),
        "2024-01-01t12:00:00z": utc(2024, 1, 1, 12),
        "2024-01-01 12:00:00 GMT": utc(2024, 1, 1, 12),
        "2024-01-01 12:00:00 -0500 x": utc(2024, 1, 1, 17),
        "2024-01-01 12:00:00 EST x": utc(2024, 1, 1, 17),
        "2024-01-01 12:00:00 CST x": utc(2024, 1, 1, 11),
    }
    for line, timestamp in expected.items():
        assert in_zone(line, "Europe/Berlin") == timestamp


def test_a_missing_year_is_that_of_the_zone_given() -> None:
    almost_new_year = datetime(2023, 12, 30, 23, 30, tzinfo=UTC)
    found = in_zone("Jan  1 00:15:00 host x", "Europe/Berlin", almost_new_year)
    assert found == utc(2023, 12, 31, 23, 15)


def test_clock_that_is_put_forward_leaves_out_no_time() -> None:
    assert in_zone("2024-03-31 02:30:00 x", "Europe/Berlin") == utc(2024, 3, 31, 1, 30)


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("0001-01-01 00:00:00 x", "Europe/Berlin"),
        ("9999-12-31 23:59:59 x", "America/New_York"),
    ],
)
def test_a_time_whose_zone_leads_out_of_the_years_is_none(line: str, zone: str) -> None:
    assert in_zone(line, "UTC") is not None
    assert in_zone(line, zone) is None


def test_hour_that_comes_twice_is_told_by_the_lines_before() -> None:
    reader = Recognizer(timezone=ZoneInfo("Europe/Berlin"), reference=REFERENCE)
    clocks = ("01:59", "02:00", "02:30", "02:59", "02:00", "02:30", "02:59", "03:00")
    found = [reader.line(f"2023-10-29 {clock}:00 x").timestamp for clock in clocks]
    begin = utc(2023, 10, 28, 23)
    minutes = (59, 60, 90, 119, 120, 150, 179, 180)
    assert found == [begin + minute * 60_000 for minute in minutes]


@pytest.mark.parametrize(
    ("written", "reference", "year"),
    [
        ("Jun  2 11:59:59", datetime(2024, 6, 1, 12, tzinfo=UTC), 2024),
        ("Jun  2 12:00:00", datetime(2024, 6, 1, 12, tzinfo=UTC), 2024),
        ("Jun  3 00:00:00", datetime(2024, 6, 1, 12, tzinfo=UTC), 2023),
        ("Jan  1 00:00:01", datetime(2023, 12, 31, 12, tzinfo=UTC), 2024),
        ("Dec 31 23:59:59", datetime(2024, 1, 1, tzinfo=UTC), 2023),
        ("Feb 29 10:00:00", datetime(2024, 2, 28, 10, tzinfo=UTC), 2024),
        ("Feb 29 10:00:00", datetime(2024, 2, 27, 10, tzinfo=UTC), 2020),
        ("Feb 29 10:00:00", datetime(2027, 6, 1, tzinfo=UTC), 2024),
        ("Feb 29 10:00:00", datetime(2103, 6, 1, tzinfo=UTC), 2096),
    ],
)
def test_a_missing_year_is_the_latest_that_fits_the_reference(
    written: str, reference: datetime, year: int
) -> None:
    expected = datetime.strptime(f"{year} {written}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    assert find(f"{written} host x", reference) == milliseconds(expected)


@given(
    moment=st.datetimes(min_value=new_year(1950), max_value=new_year(2050)),
    reference=st.datetimes(
        min_value=new_year(1960), max_value=new_year(2050), timezones=st.just(UTC)
    ),
)
def test_a_time_without_a_year_is_never_in_the_future(
    moment: datetime, reference: datetime
) -> None:
    found = find(f"{MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S} host x", reference)
    assert found is not None
    latest = milliseconds(reference + timedelta(days=2))
    assert found <= latest
    if (moment.month, moment.day) != (2, 29):
        assert found > latest - 368 * 86_400_000


def _offset(moment: datetime, colon: str) -> str:
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


WRITERS: list[tuple[Callable[[datetime], str], int]] = [
    (lambda m: m.isoformat(), 1),
    (lambda m: f"{m:%Y-%m-%dT%H:%M:%S,%f}{_offset(m, '')}", 1),
    (lambda m: f"{m:%Y-%m-%d %H:%M:%S.%f} {_offset(m, '')}", 1),
    (lambda m: f"{m:%Y/%m/%d %H:%M:%S}{_offset(m, ':')}", 1000),
    (lambda m: f"{m:%d}/{MONTHS[m.month - 1]}/{m:%Y:%H:%M:%S} {_offset(m, '')}", 1000),
    (lambda m: f"{m.astimezone(UTC):%y/%m/%d %H:%M:%S}", 1000),
    (
        lambda m: (
            f"{DAYS[(u := m.astimezone(UTC)).weekday()]} {MONTHS[u.month - 1]} {u.day:2} "
            f"{u:%H:%M:%S.%f %Y}"
        ),
        1,
    ),
]
moments = st.datetimes(
    min_value=new_year(1971),
    max_value=new_year(2067),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n))),
)
after = st.text(alphabet="abc [](){}\"'=;|é", max_size=20)


@costly(1200)
@given(
    moment=moments,
    writer=st.sampled_from(WRITERS),
    before=st.sampled_from(["", " ", "[", '"', "<", "ERROR ", "[main] ", "a.log:", "web-1 "]),
    after=after,
)
@pytest.mark.slow
def test_a_time_written_at_the_start_of_a_line_is_found_again(
    moment: datetime, writer: tuple[Callable[[datetime], str], int], before: str, after: str
) -> None:
    write, precision = writer
    reference = moment.astimezone(UTC) + timedelta(hours=1)
    found = find(f"{before}{write(moment)} {after}", reference)
    assert found == milliseconds(moment) // precision * precision


@given(moment=moments)
def test_the_times_that_stand_at_line_starts_are_found_there(moment: datetime) -> None:
    whole = milliseconds(moment)
    assert find(f"{moment.astimezone(UTC):%y%m%d %H%M%S} 1 INFO x") == whole // 1000 * 1000
    if utc(2001, 1, 1) <= whole:
        assert find(f"{whole} x") == whole
        assert find(f"{whole // 1000}.{whole % 1000:03d}999 x") == whole


@costly(200)
@given(order=st.permutations(list(EXAMPLES)))
@pytest.mark.slow
def test_an_answer_does_not_depend_on_the_lines_before(order: list[str]) -> None:
    reader = Recognizer(reference=REFERENCE)
    for line in order:
        assert reader.line(line).timestamp == find(line)


def test_no_line_fits_two_forms() -> None:
    for line in EXAMPLES:
        fitting = [form.name for form in TIME_FORMS if form.leading.match(line)]
        assert len(fitting) <= 1, (line, fitting)


def in_order(lines: list[str], reference: datetime) -> list[int | None]:
    """Read the lines of a file that was looked through before."""
    turns = Recognizer(reference=reference).turns_in(lines)
    assert turns != FileTurns()
    reader = Recognizer(reference=reference, turns=turns)
    return [reader.line(line).timestamp for line in lines]


def test_years_that_lines_leave_out_never_run_backwards() -> None:
    days = ["Jan 10", "May 20", "Jan 12", "Jan 11", "Dec 31", "Jan  1"]
    found = in_order([f"{day} 08:00:00 h x" for day in days], datetime(2026, 1, 2, tzinfo=UTC))
    years = [2024, 2024, 2025, 2025, 2025, 2026]
    expected = [
        milliseconds(datetime.strptime(f"{year} {day} 08 +0000", "%Y %b %d %H %z"))
        for year, day in zip(years, days, strict=True)
    ]
    assert found == expected


def test_clock_alone_has_the_day_of_the_file_and_the_days_before() -> None:
    clocks = ["23:59:59,500", "00:00:01", "23:00:00", "22:59:58", "09:00:00"]
    found = in_order(
        [f"{clock} INFO x" for clock in clocks], datetime(2026, 1, 3, 9, 5, tzinfo=UTC)
    )
    assert found == [
        utc(2026, 1, 1, 23, 59, 59, 500),
        utc(2026, 1, 2, 0, 0, 1),
        utc(2026, 1, 2, 23),
        utc(2026, 1, 2, 22, 59, 58),
        utc(2026, 1, 3, 9),
    ]


DAY_OF_UPTIME = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "headed",
    [
        "Nov 24 10:00:0{} h app[1]: a",
        "Nov 24 10:00:0{}.000 [notice] Tor opens",
        "I1124 10:00:0{}.000000 1 a.go:1] a",
        "11-24 10:00:0{}.000  1  2 I tag: a",
        "[1] 24 Nov 10:00:0{}.000 * saved",
    ],
)
@pytest.mark.parametrize("clocks", [["06:30:03"], ["23:00:00", "05:00:03"], ["10:00:03"]])
def test_years_are_told_apart_from_the_days_of_clocks_alone(headed: str, clocks: list[str]) -> None:
    lines = [headed.format(0), headed.format(1), *(f"{clock} up 3 days" for clock in clocks)]
    first, second, *_ = in_order(lines, DAY_OF_UPTIME)
    assert (first, second) == (utc(2026, 11, 24, 10), utc(2026, 11, 24, 10, 0, 1))


def test_days_of_clocks_are_told_apart_from_lines_that_have_a_day() -> None:
    lines = ["23:59:58 ERROR a", "00:00:01 ERROR b", "Nov 24 10:00:01 h foo: c"]
    assert in_order(lines, DAY_OF_UPTIME) == [
        utc(2026, 11, 27, 23, 59, 58),
        utc(2026, 11, 28, 0, 0, 1),
        utc(2026, 11, 24, 10, 0, 1),
    ]


def test_years_of_lines_in_several_forms_are_told_together() -> None:
    lines = ["Dec 31 10:00:00 h a: x", "[1] 01 Jan 10:00:00.000 * b", "Jan  2 10:00:00 h a: x"]
    found = in_order(lines, datetime(2026, 1, 2, 12, tzinfo=UTC))
    assert found == [utc(2025, 12, 31, 10), utc(2026, 1, 1, 10), utc(2026, 1, 2, 10)]


def test_clock_within_a_message_begins_no_day() -> None:
    lines = ["10:00:00 INFO a", "  the next run is at 03:00:00", "10:00:01 INFO b"]
    found = in_order(lines, DAY_OF_UPTIME)
    assert found == [utc(2026, 11, 28, 10), None, utc(2026, 11, 28, 10, 0, 1)]


def test_day_of_one_digit_is_none_of_two() -> None:
    days = ["Dec 3", "Dec 31", "Jan 1", "Jan 10"]
    found = in_order([f"{day} 08:00:00 h a: x" for day in days], datetime(2026, 1, 11, tzinfo=UTC))
    assert found == [
        utc(2025, 12, 3, 8),
        utc(2025, 12, 31, 8),
        utc(2026, 1, 1, 8),
        utc(2026, 1, 10, 8),
    ]


def test_clock_alone_of_a_stream_is_never_half_a_day_ahead() -> None:
    just_after_midnight = datetime(2026, 1, 3, 0, 5, tzinfo=UTC)
    assert find("23:59:59 INFO x", just_after_midnight) == utc(2026, 1, 2, 23, 59, 59)
    assert find("00:04:00 INFO x", just_after_midnight) == utc(2026, 1, 3, 0, 4)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["03/04/2024 10:00:00 x", "13/04/2024 10:00:00 x"], (2024, 4, 3)),
        (["13/01/2024 10:00:00 x", "03/04/2024 10:00:00 x"], (2024, 4, 3)),
        (["01/13/2024 10:00:00 x", "03/04/2024 10:00:00 x"], (2024, 3, 4)),
        (["03/04/2024 10:00:00 AM x"], (2024, 3, 4)),
        (["03.04.2024 10:00:00 x"], (2024, 4, 3)),
        (["01/11/2024 10:00:00 x"], (2024, 1, 11)),
        (["31/05/24 10:00:00 x"], (2024, 5, 31)),
        (["05/31/24 10:00:00 x"], (2024, 5, 31)),
        (["24/05/31 10:00:00 x"], (2024, 5, 31)),
        (["26/11/20 10:00:00 x", "20.11.21 10:00:00 x"], (2021, 11, 20)),
    ],
)
def test_day_and_month_are_told_by_size_by_form_and_by_the_file(
    lines: list[str], expected: tuple[int, int, int]
) -> None:
    reader = Recognizer(reference=REFERENCE)
    found = [reader.line(line).timestamp for line in lines]
    assert utc(*expected, 10) in found


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        *(("12:00:01 AM", 0), ("1:00:01 am", 1), ("12:00:01 PM", 12), ("11:00:01PM", 23)),
        *(("1:00:01 NACHM.", 13), ("12:00:01 VORM.", 0), ("1:00:01 p. m.", 13)),
        *(("1:00:01\u202fPM", 13), ("1:00:01 p.m.", 13)),
    ],
)
def test_hours_of_a_clock_with_two_halves(written: str, hour: int) -> None:
    assert find(f"01/31/2024 {written} x") == utc(2024, 1, 31, hour, 0, 1)


def test_a_long_line_takes_no_more_than_its_length() -> None:
    assert find("2015-13-01 10:00:00 " * 5_000) is None
    assert find("9" * 300_000) is None

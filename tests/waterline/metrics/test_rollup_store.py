"""metrics.db: rows merge, minutes and hours equal their seconds, and nothing counts twice."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import alter
from tests.support.metrics_file import (
    DAY,
    latency,
    merged,
    plain,
    plainly,
    progress,
    rows,
    summary_of,
    view,
)
from waterline.metrics.recorder import Series
from waterline.metrics.rollup_store import PRUNE_SLICE, Retention, RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND, Table
from waterline.metrics.summary import Summary
from waterline.storage.schema import METRICS, Schema
from waterline.storage.sqlite import open_writer

BEGIN = 20_000 * DAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.db"


@pytest.fixture
def file(path: Path) -> Iterator[RollupStore]:
    with closing(RollupStore(path)) as opened:
        yield opened


def write(file: RollupStore, begin: int, *values: float, through: int = 0) -> None:
    file.write(latency(begin, *values), {}, through)


# Seconds


def test_second_is_one_row_series_with_its_sketch(file: RollupStore, path: Path) -> None:
    counted = Summary(3, 12.0)
    file.write(
        {
            (BEGIN, Series("latency", "", "")): summary_of(1.0, 2.0, 6.0),
            (BEGIN, Series("bytes", "type", "a")): counted,
            (BEGIN, Series("bytes", "source", "a")): counted,
        },
        {},
        0,
    )
    found = rows(path)
    assert list(found) == [(BEGIN, "bytes", "a"), (BEGIN, "latency", "")]
    assert plain(found[BEGIN, "latency", ""]) == plain(summary_of(1.0, 2.0, 6.0))
    assert plain(found[BEGIN, "bytes", "a"]) == (3, 12.0, None, None, None)
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("SELECT count(*) FROM seconds").get == 3


def test_later_values_are_merged_into_row(file: RollupStore, path: Path) -> None:
    for values in ([3.0], [1.0, 900.0], [2.0]):
        write(file, BEGIN, *values)
    file.write({(BEGIN, Series("logs", "", "")): Summary(2, 2.0)}, {}, 0)
    file.write({(BEGIN, Series("logs", "", "")): Summary(1, 1.0)}, {}, 0)
    found = plainly(rows(path))
    assert found[BEGIN, "latency", ""] == plain(summary_of(3.0, 1.0, 900.0, 2.0))
    assert found[BEGIN, "logs", ""] == (3, 3.0, None, None, None)


def test_file_that_is_opened_again_goes_on(path: Path) -> None:
    for value in (1.0, 2.0):
        with closing(RollupStore(path)) as file:
            write(file, BEGIN, value, through=int(value))
    assert plain(rows(path)[BEGIN, "latency", ""]) == plain(summary_of(1.0, 2.0))
    assert progress(path)["counted_through"] == 2


def test_counted_through_never_decreases(file: RollupStore, path: Path) -> None:
    for through in (5, 3):
        write(file, BEGIN, 1.0, through=through)
    assert progress(path)["counted_through"] == 5


def test_source_was_seen_first_and_last(file: RollupStore, path: Path) -> None:
    for first, last in ((5, 7), (3, 4), (6, 9)):
        file.write({}, {"pump": (first, last)}, 0)
    with closing(apsw.Connection(str(path))) as connection:
        assert connection.execute("SELECT * FROM sources").fetchall() == [("pump", 3, 9)]


def test_write_that_fails_leaves_nothing_and_can_be_made_again(
    file: RollupStore, path: Path
) -> None:
    file._connection.set_busy_timeout(0)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(apsw.BusyError):
            write(file, BEGIN, 1.0)
    broken = {**latency(BEGIN, 1.0), (BEGIN, Series("new", "", "")): Summary(1, float("nan"))}
    with pytest.raises(apsw.ConstraintError):
        file.write(broken, {"pump": (1, 1)}, 9)
    assert rows(path) == {}
    assert progress(path)["counted_through"] == 0
    # The series that it made are gone with it.
    file.write({(BEGIN, Series("new", "", "")): Summary(1, 1.0)}, {}, 0)
    assert list(rows(path)) == [(BEGIN, "new", "")]


# Minutes and hours


def test_minute_is_written_once_it_is_over(file: RollupStore, path: Path) -> None:
    write(file, BEGIN + 59 * SECOND, 1.0)
    write(file, BEGIN + MINUTE, 2.0)
    file.close_steps(BEGIN + MINUTE - 1)
    assert rows(path, "minutes") == {}
    file.close_steps(BEGIN + MINUTE)
    assert list(rows(path, "minutes")) == [(BEGIN, "latency", "")]
    assert progress(path)["minutes_through"] == BEGIN + MINUTE


measurements = st.lists(
    st.tuples(
        st.integers(0, 3 * 3600 - 1),
        st.lists(st.floats(-1e6, 1e6) | st.integers(0, 9), min_size=1, max_size=5),
    ),
    max_size=25,
)
moments = st.lists(st.integers(0, 3 * 3600 + 60), max_size=6).map(sorted)


@pytest.mark.slow
@costly(200)
@given(measurements, measurements, moments)
def test_minutes_and_hours_equal_merge_of_their_seconds_whenever_these_came(
    early: list[tuple[int, list[float]]],
    late: list[tuple[int, list[float]]],
    closings: list[int],
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        with closing(RollupStore(path)) as file:
            for second, values in early:
                write(file, BEGIN + second * SECOND, *values)
            for moment in closings:
                file.close_steps(BEGIN + moment * SECOND)
            for second, values in late:  # some of them for minutes and hours that are closed
                write(file, BEGIN + second * SECOND, *values)
            file.close_steps(BEGIN + 3 * HOUR)
        expected: dict[Table, dict[int, list[Summary]]] = {
            table: defaultdict(list) for table in ("seconds", "minutes", "hours")
        }
        for second, values in early + late:
            for table, step in (("seconds", SECOND), ("minutes", MINUTE), ("hours", HOUR)):
                begin = (BEGIN + second * SECOND) // step * step
                expected[table][begin].append(summary_of(*values))  # type: ignore[index]
        for table, groups in expected.items():
            assert {begin: each for (begin, _, _), each in plainly(rows(path, table)).items()} == {
                begin: plain(merged(each)) for begin, each in groups.items()
            }


@pytest.mark.slow
def test_no_percentile_changes_from_seconds_to_hours(file: RollupStore, path: Path) -> None:
    every = [float(each % 997) ** 2 / 7 for each in range(7200)]
    for second in range(0, 3600, 2):
        write(file, BEGIN + second * SECOND, *every[second * 2 : second * 2 + 4])
    file.close_steps(BEGIN + HOUR)
    (hour,) = rows(path, "hours").values()
    total = merged(rows(path).values())
    assert len(rows(path)) == 1800
    for share in range(101):
        assert hour.quantile(share / 100) == summary_of(*every).quantile(share / 100)
        assert hour.quantile(share / 100) == total.quantile(share / 100)


# Retention


def test_rows_go_when_they_are_older_than_they_are_kept(file: RollupStore, path: Path) -> None:
    for minute in range(0, 240, 10):
        write(file, BEGIN + minute * MINUTE, 1.0)
    now = BEGIN + 4 * HOUR
    file.close_steps(now)
    file.prune(now, Retention(HOUR, 2 * HOUR, 3 * HOUR))
    begins = {table: min(key[0] for key in rows(path, table)) for table in TABLES}
    assert begins == {
        "seconds": BEGIN + 3 * HOUR,
        "minutes": BEGIN + 2 * HOUR,
        "hours": BEGIN + HOUR,
    }
    found = progress(path)
    assert {table: found[f"{table}_from"] for table in TABLES} == begins


TABLES: tuple[Table, ...] = ("seconds", "minutes", "hours")


def test_prune_keeps_rows_missing_in_coarser_table(file: RollupStore, path: Path) -> None:
    write(file, BEGIN, 1.0)
    nothing = Retention(0, 0, 0)
    file.prune(BEGIN + DAY, nothing)
    assert len(rows(path)) == 1
    file.close_steps(BEGIN + MINUTE)  # the minute is over, the hour is not
    file.prune(BEGIN + DAY, nothing)
    assert [len(rows(path, table)) for table in TABLES] == [0, 1, 0]
    file.close_steps(BEGIN + HOUR)
    file.prune(BEGIN + HOUR, Retention(0, 0, HOUR))
    assert [len(rows(path, table)) for table in TABLES] == [0, 0, 1]


@pytest.mark.parametrize(
    ("retention", "step"), [(Retention(0, DAY, DAY), "minute"), (Retention(0, 0, DAY), "hour")]
)
def test_rows_that_are_about_to_go_are_not_told_beside_coarser_ones(
    file: RollupStore, path: Path, retention: Retention, step: str
) -> None:
    write(file, BEGIN, 1.0)
    file.close_steps(BEGIN + HOUR)
    file.prune(BEGIN + HOUR, retention)
    write(file, BEGIN, 2.0)  # late: it goes with the next pruning
    assert [len(rows(path, table)) for table in TABLES] == [1, 1, 1]
    assert view(path, "metadata ->> 'step', metadata ->> 'count', value") == [(step, 2, 1.5)]


@pytest.mark.slow
@costly(160)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 6 * 3600)),
            st.tuples(st.just("close"), st.integers(0, 6 * 3600)),
            st.tuples(st.just("prune"), st.integers(0, 6 * 3600)),
        ),
        max_size=25,
    ),
    st.tuples(*[st.integers(0, 5 * 3600)] * 2).map(sorted),
)
def test_view_counts_everything_once_whatever_was_closed_and_pruned(
    changes: list[tuple[str, int]], kept: list[int]
) -> None:
    retention = Retention(kept[0] * SECOND, kept[1] * SECOND, 365 * DAY)
    written = 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        with closing(RollupStore(path)) as file:
            for change, second in sorted(changes, key=itemgetter(1)):
                moment = BEGIN + second * SECOND
                if change == "write":
                    write(file, moment, 1.0, 2.0)
                    write(file, BEGIN, 1.0, 2.0)  # late, whatever is closed
                    written += 4
                elif change == "close":
                    file.close_steps(moment)
                else:
                    file.prune(moment, retention)
            found = view(path, "metadata ->> 'count', value, id")
        assert sum(count for count, _, _ in found) == written
        assert {value for _, value, _ in found} <= {1.5}
        assert len({number for _, _, number in found}) == len(found)


def test_many_old_rows_go_in_slices(file: RollupStore, path: Path) -> None:
    file.write(
        {(BEGIN, Series(f"{each}", "", "")): Summary(1, 1.0) for each in range(2_500)}, {}, 0
    )
    file.close_steps(BEGIN + MINUTE)
    remaining = []
    for _ in range(4):
        remaining.append(len(rows(path)))
        file.prune(BEGIN + DAY, Retention(0, DAY, DAY))
    assert remaining == [2_500, 2_500 - PRUNE_SLICE, 2_500 - 2 * PRUNE_SLICE, 0]


def test_clock_that_was_ahead_for_while_makes_nothing_go_that_is_not_told_of(
    file: RollupStore, path: Path
) -> None:
    retention = Retention(DAY, 31 * DAY, 365 * DAY)

    def counts() -> list[tuple[str, int]]:
        return view(path, "metadata ->> 'step', metadata ->> 'count'")

    write(file, BEGIN, 1.0)
    file.close_steps(BEGIN + 40 * DAY)
    file.prune(BEGIN + 40 * DAY, retention)
    assert counts() == [("hour", 1)]
    for minute in (1, 30, 61, 62):
        write(file, BEGIN + minute * MINUTE, 1.0)
        file.close_steps(BEGIN + minute * MINUTE)
        file.prune(BEGIN + minute * MINUTE, retention)
    assert counts() == [("hour", 3), ("second", 1), ("second", 1)]


# The view


def test_view_has_columns_of_source_document(file: RollupStore, path: Path) -> None:
    file.write(
        {
            (BEGIN, Series("latency", "", "")): summary_of(1.0, 3.0),
            (BEGIN, Series("bytes", "type", "a")): Summary(2, 9.0),
        },
        {},
        0,
    )
    with closing(apsw.Connection(str(path))) as connection:
        cursor = connection.execute("SELECT * FROM performance_metrics")
        assert [name for name, *_ in cursor.get_description()] == [
            "id",
            "metric_name",
            "value",
            "timestamp",
            "metadata",
        ]
    (counted, measured) = view(path, "metric_name, value, timestamp, metadata")
    assert counted[:3] == ("bytes", 4.5, BEGIN)
    assert msgspec.json.decode(counted[3]) == {
        "type": "a",
        "step": "second",
        "count": 2,
        "sum": 9.0,
    }
    assert measured[:3] == ("latency", 2.0, BEGIN)
    assert msgspec.json.decode(measured[3]) == {
        "step": "second",
        "count": 2,
        "sum": 4.0,
        "min": 1.0,
        "max": 3.0,
    }


# Where it begins


def test_new_file_counts_from_log_that_comes_next(file: RollupStore, path: Path) -> None:
    assert file.begin("one", 7, BEGIN) == 7
    found = progress(path)
    assert (found["incarnation"], found["counted_from"], found["measured_from"]) == (
        "one",
        7,
        BEGIN,
    )


def test_file_that_was_begun_goes_on_behind_what_is_counted(file: RollupStore, path: Path) -> None:
    file.begin("one", 7, BEGIN)
    write(file, BEGIN, 1.0, through=9)
    assert file.begin("one", 12, BEGIN + DAY) == 9
    assert progress(path)["measured_from"] == BEGIN


@pytest.mark.parametrize(("incarnation", "last_seq"), [("other", 12), ("one", 8), ("other", 8)])
def test_new_incarnation_counts_from_its_last_seq(
    file: RollupStore, path: Path, incarnation: str, last_seq: int
) -> None:
    file.begin("one", 7, BEGIN)
    write(file, BEGIN, 1.0, through=9)
    assert file.begin(incarnation, last_seq, BEGIN + DAY) == last_seq
    found = progress(path)
    assert (found["counted_through"], found["counted_from"]) == (last_seq, last_seq)
    assert len(rows(path)) == 1  # what was measured stays


@pytest.mark.logs
def test_file_of_first_version_keeps_its_counts_of_logs(path: Path) -> None:
    first = Schema(METRICS.application_id, METRICS.steps[:1])
    with closing(open_writer(path, first, "NORMAL")) as connection:
        connection.executemany(
            "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, 1, 1, x'00')",
            [
                (BEGIN, "logs_stored", "info", 3, 3.0),
                (BEGIN + SECOND, "logs_stored", "info", 2, 2.0),
                (BEGIN, "logs_stored", "error", 1, 1.0),
                (BEGIN, "ack_latency", "", 5, 7.5),
            ],
        )
    with closing(RollupStore(path)) as file:
        write(file, BEGIN, 1.0)
        found = plainly(rows(path))
        assert found.pop((BEGIN, "latency", "")) == plain(summary_of(1.0))
        assert found == {
            (BEGIN, "logs_stored", "error"): (1, 1.0, None, None, None),
            (BEGIN, "logs_stored", "info"): (3, 3.0, None, None, None),
            (BEGIN + SECOND, "logs_stored", "info"): (2, 2.0, None, None, None),
        }
        file.close_steps(BEGIN + DAY)
    hours = plainly(rows(path, "hours"))
    assert hours[BEGIN, "logs_stored", "info"] == (5, 5.0, None, None, None)
    with closing(apsw.Connection(str(path))) as connection:
        kinds = connection.execute("SELECT DISTINCT metric, dimension FROM series").fetchall()
    assert kinds == [("latency", ""), ("logs_stored", "type")]


# Damage


@pytest.mark.logs
def test_damaged_sketch_is_told_and_its_counts_stay(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(RollupStore(path)) as file:
        for second in range(2):
            write(file, BEGIN + second * SECOND, 5.0, 6.0)
    alter(path, f"UPDATE seconds SET sketch = x'ff' WHERE begin = {BEGIN}")
    with closing(RollupStore(path)) as file:
        file.close_steps(BEGIN + MINUTE)
        write(file, BEGIN, 7.0)
    (minute,) = rows(path, "minutes").values()
    assert (minute.count, minute.sum, minute.min, minute.max) == (5, 29.0, 5.0, 7.0)
    assert minute.sketch is not None
    assert minute.sketch.count == 3
    mended = rows(path)[BEGIN, "latency", ""]
    assert mended.sketch is not None
    assert (mended.count, mended.sketch.count) == (3, 1)
    lines = [each.getMessage() for each in caplog.records]
    assert (
        lines == ["metrics.db holds a measurement that is damaged: these 1 bytes are no sketch"] * 2
    )

"""The exact throughput report equals what pandas counts over the logs themselves."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import archive, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill, fill_batches
from tests.support.part_archived import noted_reads
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import PrunedLogs, UsageError
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.storage.catalog import Clock
from workbench.reports.throughput import By
from workbench.workbench import Workbench

DTYPES = {
    "time": "datetime64[us, UTC]",
    "type": "str",
    "logs": "int64",
    "logs_per_second": "float64",
}
STEPS = {
    "1ms": 1,
    "7ms": 7,
    "250ms": 250,
    "1s": 1000,
    "1.5s": 1500,
    "1min": 60_000,
    "1d": 86_400_000,
}


def at(*timestamps: int, log_type: str = "info") -> list[Log]:
    return [{"type": log_type, "message": "m", "timestamp": each} for each in timestamps]


def milliseconds(frame: pd.DataFrame, column: str) -> "pd.Series[int]":
    found: pd.Series[int] = frame[column].dt.as_unit("ms").astype("int64")
    return found


def counted_by_pandas(logs: pd.DataFrame, step: int, clock: Clock, by: By) -> pd.DataFrame:
    """Count as an analyst would who has the logs: floor, group, and fill the gaps with zeros."""
    begin = milliseconds(logs, clock) // step * step
    counts = logs.groupby([begin, logs[by]]).size()
    labels = sorted(logs[by].unique())
    times = range(begin.min(), begin.max() + step, step) if len(logs) else []
    grid = pd.MultiIndex.from_product([times, labels], names=["time", by])
    frame = counts.reindex(grid, fill_value=0).rename("logs").reset_index()
    frame["logs_per_second"] = frame["logs"] / (step / 1000)
    return frame


def assert_counts_equal(frame: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(frame.columns) == list(expected.columns)
    assert milliseconds(frame, "time").tolist() == expected["time"].tolist()
    for column in expected.columns[1:]:
        assert frame[column].tolist() == expected[column].tolist()


def assert_dtypes(frame: pd.DataFrame, by: str = "type") -> None:
    assert [*frame.dtypes.astype(str).items()] == [
        (by if name == "type" else name, kind) for name, kind in DTYPES.items()
    ]
    assert isinstance(frame.index, pd.RangeIndex)


batches_of_logs = st.lists(
    st.builds(
        Batch,
        logs=st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["info", "error", "Ärger"]),
                    "message": st.just("m"),
                    "timestamp": st.integers(-5000, 5000) | st.sampled_from([-1000, 0, 999]),
                }
            ),
            min_size=1,
            max_size=8,
        ),
        source=st.sampled_from(["web", "db"]),
        received_at=st.integers(0, 5000),
    ),
    max_size=3,
)


@pytest.mark.slow
@costly(240)
@given(
    batches_of_logs,
    st.sampled_from(list(STEPS)),
    st.sampled_from(["received_at", "timestamp"]),
    st.sampled_from(["type", "source"]),
    st.lists(st.integers(-5000, 5001), max_size=2).map(sorted),
    st.booleans(),
)
def test_exact_throughput_equals_a_groupby_of_the_logs(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[Batch],
    every: str,
    clock: Clock,
    by: By,
    times: list[int],
    is_archived: bool,
) -> None:
    data = tmp_path_factory.mktemp("data")
    fill_batches(data, batches)
    if is_archived:
        archive(data, [(3, PARQUET), (5, JSON_GZ)], clear=True)
    within: dict[str, Any] = dict(zip(("since", "until"), times, strict=False))
    with Workbench(data) as wb:
        frame = wb.throughput(every, by=by, exact=True, clock=clock, **within)
        alone = wb.throughput(every, by=None, exact=True, clock=clock, **within)
        logs = wb.logs()
    moments = milliseconds(logs, clock)
    since, until = within.get("since", -(10**9)), within.get("until", 10**9)
    chosen = logs[(moments >= since) & (moments < until)]
    assert_counts_equal(frame, counted_by_pandas(chosen, STEPS[every], clock, by))
    assert_dtypes(frame, by)
    assert [*alone.columns] == ["time", "logs", "logs_per_second"]
    assert alone["logs"].tolist() == frame.groupby("time")["logs"].sum().tolist()


def test_step_without_logs_of_a_type_has_zero(data: Path) -> None:
    fill(data, at(0, 1, 2000) + at(3500, log_type="error"))
    with Workbench(data) as wb:
        frame = wb.throughput("1s", exact=True, clock="timestamp")
    assert milliseconds(frame, "time").tolist() == [0, 0, 1000, 1000, 2000, 2000, 3000, 3000]
    assert frame["type"].tolist() == ["error", "info"] * 4
    assert frame["logs"].tolist() == [0, 2, 0, 0, 0, 1, 1, 0]


def test_steps_begin_at_multiples_in_utc_before_1970_too(data: Path) -> None:
    fill(data, at(-1, -1000, -1001, 0, 999))
    with Workbench(data) as wb:
        frame = wb.throughput("1s", exact=True, clock="timestamp")
    assert milliseconds(frame, "time").tolist() == [-2000, -1000, 0]
    assert frame["logs"].tolist() == [1, 2, 2]


def test_day_begins_at_midnight_utc(data: Path) -> None:
    moment = dt.datetime(1969, 12, 30, 23, 59, tzinfo=dt.UTC)
    fill(data, at(int(moment.timestamp() * 1000), NOON))
    with Workbench(data) as wb:
        frame = wb.throughput("1d", exact=True, clock="timestamp")
    assert frame["time"].iloc[0] == pd.Timestamp("1969-12-30", tz="UTC")
    assert frame["time"].iloc[-1] == pd.Timestamp("2026-03-17", tz="UTC")


def test_step_as_long_as_all_of_history_holds_it_all(data: Path) -> None:
    fill(data, at(MIN_TIMESTAMP, -1, 0, MAX_TIMESTAMP))
    with Workbench(data) as wb:
        frame = wb.throughput("10000y", exact=True, clock="timestamp")
        assert wb.throughput("100y", exact=True, clock="timestamp")["logs"].sum() == 4
    assert frame["logs"].tolist() == [2, 2]


def test_either_clock_can_be_counted_by(data: Path) -> None:
    fill_batches(
        data, [Batch(at(0, 0), received_at=NOON), Batch(at(5000), received_at=NOON + 1000)]
    )
    with Workbench(data) as wb:
        by_receipt = wb.throughput(exact=True)
        by_timestamp = wb.throughput("1s", exact=True, clock="timestamp")
    assert milliseconds(by_receipt, "time").tolist() == [NOON, NOON + 1000]
    assert by_receipt["logs"].tolist() == [2, 1]
    assert by_timestamp["logs"].tolist() == [2, 0, 0, 0, 0, 1]


def test_rate_is_logs_by_second_whatever_the_step(data: Path) -> None:
    fill(data, at(*range(0, 3000, 100)))
    with Workbench(data) as wb:
        rates = {
            every: wb.throughput(every, exact=True, clock="timestamp")["logs_per_second"].tolist()
            for every in ("500ms", "1s", "1min")
        }
    assert rates == {"500ms": [10.0] * 6, "1s": [10.0] * 3, "1min": [0.5]}


def test_filters_choose_what_is_counted(data: Path) -> None:
    logs: list[Log] = [
        {"type": each, "message": f"m{n}", "timestamp": n, "n": n}
        for n, each in enumerate(["info", "error"] * 5)
    ]
    fill(data, logs, source="web")
    with Workbench(data) as wb:

        def total(**filters: Any) -> int:  # noqa: ANN401 - any filter
            frame = wb.throughput("1s", exact=True, clock="timestamp", **filters)
            return int(frame["logs"].sum())

        assert total(type="error") == 5
        assert total(source="app") == 0
        assert total(since=3, until=7) == 4
        assert total(contains="m9") == 1
        assert total(where={"n": (">=", 4)}, type=["info"]) == 3
        assert set(wb.throughput("1s", exact=True, type="error")["type"]) == {"error"}


def test_no_logs_give_an_empty_frame_of_the_same_dtypes(data: Path) -> None:
    fill(data)
    with Workbench(data) as wb:
        frame = wb.throughput(exact=True)
    assert frame.empty
    assert_dtypes(frame)


def test_report_without_end_is_refused_before_it_is_made(data: Path) -> None:
    fill(data, at(0, 365 * 86_400_000) + at(5, log_type="error"))
    with Workbench(data) as wb, pytest.raises(UsageError) as refused:
        wb.throughput("1ms", exact=True, clock="timestamp")
    assert str(refused.value) == (
        "every='1ms' gives 31536000001 steps for 2 types; choose a longer step, "
        "or a shorter range with since and until"
    )


@pytest.mark.parametrize(
    ("every", "sentence"),
    [
        ("", "every='' is no duration; write a number and a unit"),
        ("fast", "every='fast' is no duration; write a number and a unit"),
        ("1", "every='1' is no duration; write a number and a unit"),
        ("-1s", "every='-1s' is no duration; write a number and a unit"),
        ("0s", "every='0s' is no step; the shortest is '1ms'"),
        ("0.4ms", "every='0.4ms' is no step; the shortest is '1ms'"),
        ("999999999999y", "every='999999999999y' is too large a duration"),
        (60, "every=60 is no text; give a number and a unit, such as '5min'"),
        (None, "every=None is no text; give a number and a unit, such as '5min'"),
        (True, "every=True is no text; give a number and a unit, such as '5min'"),
        (dt.timedelta(0), "every='0ms' is no step; the shortest is '1ms'"),
    ],
)
def test_step_without_meaning_is_refused_in_a_sentence(
    data: Path,
    every: Any,  # noqa: ANN401
    sentence: str,
) -> None:
    fill(data, at(0))
    with Workbench(data) as wb, pytest.raises(UsageError, match=f"^{re.escape(sentence)}"):
        wb.throughput(every, exact=True)


@pytest.mark.parametrize("clock", ["seq", "", None, ["timestamp"]])
def test_clock_that_logs_do_not_have_is_refused(data: Path, clock: Any) -> None:  # noqa: ANN401
    fill(data)
    with Workbench(data) as wb, pytest.raises(UsageError) as refused:
        wb.throughput(exact=True, clock=clock)
    assert str(refused.value) == f"clock={clock!r} is unknown; give 'received_at' or 'timestamp'"


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"limit": 5}, "limit=5 has no meaning here; leave it out"),
        ({"limit": 0}, "limit=0 has no meaning here; leave it out"),
        ({"order": "newest"}, "order='newest' has no meaning here; leave it out"),
        ({"typ": "error"}, "there is no filter typ; the filters are"),
    ],
)
def test_filters_that_mean_nothing_here_are_refused(
    data: Path, filters: dict[str, Any], sentence: str
) -> None:
    fill(data)
    with Workbench(data) as wb:
        with pytest.raises(UsageError, match=f"^{re.escape(sentence)}"):
            wb.throughput(exact=True, **filters)
        assert wb.throughput(exact=True, limit=None).empty


def test_batches_outside_the_range_are_not_opened(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOON, NOON + 60_000, NOON + 120_000]
    fill_batches(data, [Batch(at(NOON - each), received_at=each) for each in times])
    archive(data, [(1, PARQUET)] * 3, clear=True)
    with Workbench(data) as wb:
        seen = noted_reads(monkeypatch)
        frame = wb.throughput("1min", exact=True, since=NOON + 1, until=NOON + 120_000)
        assert frame["logs"].tolist() == [1]
        wb.throughput("1min", exact=True, clock="timestamp", since=0)
        wb.latency("x", exact=True, since=NOON + 60_001)
    assert seen == [
        (2, ("type", "received_at")),
        (1, ("type", "timestamp")),
        (3, ("attributes",)),
        (3, ("attributes",)),  # for the sentence that no log has an x
    ]


def test_pruned_logs_are_told_by_the_clock_that_was_asked(data: Path) -> None:
    fill_batches(data, [Batch(at(0), received_at=NOON), Batch(at(5), received_at=NOON + 1000)])
    prune(data, archive(data, [(1, PARQUET)], clear=True))
    with Workbench(data) as wb:
        with pytest.warns(PrunedLogs) as warned:
            assert wb.throughput("1s", exact=True)["logs"].sum() == 1
        assert wb.throughput("1s", exact=True, since=NOON + 1)["logs"].sum() == 1
        with pytest.warns(PrunedLogs, match="reached from 1970-01-01T00:00:00.000Z to 1970-01"):
            wb.throughput("1s", exact=True, clock="timestamp")
    assert str(warned[0].message) == (
        "this answer lacks 1 log, pruned with batches that reached from 2026-03-17T12:00:00.000Z "
        "to 2026-03-17T12:00:00.000Z; since='2026-03-17T12:00:00.001Z' asks only for what is kept"
    )

"""The latency report from what was measured: the server's own, attributes, and questions."""

import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from tests.support.archives import archive, path_of
from tests.support.folders import DAY, NOON, Batch, Log, alter, fill
from tests.support.measured import fill_measured, write_values
from tests.support.processes import serving
from waterline.encoding import PARQUET
from waterline.errors import DataFolderError, NewerSchema, UnmeasuredLogs, UsageError
from waterline.metrics.recorder import Series
from waterline.metrics.rollup_store import Retention
from waterline.metrics.sketch import RELATIVE_ERROR
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from workbench.workbench import Workbench

FIGURES = {
    "count": "int64",
    "mean": "float64",
    "min": "float64",
    "p50": "float64",
    "p95": "float64",
    "p99": "float64",
    "max": "float64",
    "relative_error": "float64",
}
DURATION = Series("duration_ms", "type", "info")
READS = "exact=True reads the logs"


def assert_dtypes(frame: pd.DataFrame, *keys: str) -> None:
    kinds = {name: "datetime64[us, UTC]" if name == "time" else "str" for name in keys}
    assert [*frame.columns] == ["metric", *keys, *FIGURES]
    assert frame.dtypes.astype(str).to_dict() == {"metric": "str", **kinds, **FIGURES}
    assert isinstance(frame.index, pd.RangeIndex)


def durations(*values: object, log_type: str = "info") -> list[Log]:
    """Return a log for each value, as an attribute."""
    return [{"type": log_type, "message": "m", "duration_ms": each} for each in values]


# One metric


def test_seconds_are_merged_within_the_stated_error(data: Path) -> None:
    fill(data)
    values = [float(each) ** 1.5 + 0.01 for each in range(1000)]
    write_values(data, *((NOON + n * SECOND, values[n::10]) for n in range(10)))
    with Workbench(data) as wb:
        frame = wb.latency("ack_latency")
    assert_dtypes(frame)
    assert frame["metric"].tolist() == ["ack_latency"]
    assert frame["count"].tolist() == [1000]
    assert frame["relative_error"].tolist() == [RELATIVE_ERROR]
    assert frame[["min", "max"]].iloc[0].tolist() == [min(values), max(values)]
    assert frame["mean"].iloc[0] == pytest.approx(np.mean(values))
    for q in (50, 95, 99):
        exact = float(np.quantile(values, q / 100, method="inverted_cdf"))
        assert frame[f"p{q}"].iloc[0] == pytest.approx(exact, rel=RELATIVE_ERROR)


def test_since_is_inclusive_and_until_exclusive(data: Path) -> None:
    fill(data)
    write_values(data, *((NOON + n * SECOND, [float(n)]) for n in range(1, 6)))
    with Workbench(data, clock=lambda: NOON + 10_000) as wb:

        def bounds(**filters: Any) -> list[float]:  # noqa: ANN401 - since and until
            frame = wb.latency("ack_latency", **filters)
            return [float(each) for each in frame[["min", "max"]].to_numpy().ravel()]

        assert bounds() == [1.0, 5.0]
        assert bounds(since=NOON + 2000) == [2.0, 5.0]
        assert bounds(until=NOON + 4000) == [1.0, 3.0]
        # Seconds are whole.
        assert bounds(since=NOON + 2001, until=NOON + 4001) == [2.0, 4.0]
        assert bounds(since="-7s", until="-6s") == [3.0, 3.0]
        assert bounds(since=NOON + 6000) == []
        assert bounds(since="2026-03-17T12:00:05Z") == [5.0, 5.0]


def test_steps_without_a_value_have_no_row(data: Path) -> None:
    fill(data)
    write_values(data, (NOON, [1.0, 3.0]), (NOON + 2 * MINUTE, [5.0]), now=NOON + HOUR)
    with Workbench(data) as wb:
        frame = wb.latency("ack_latency", every="1min")
    assert_dtypes(frame, "time")
    assert frame["time"].dt.as_unit("ms").astype("int64").tolist() == [NOON, NOON + 2 * MINUTE]
    assert frame["count"].tolist() == [2, 1]
    assert frame["max"].tolist() == [3.0, 5.0]


def test_measured_attribute_is_told_apart_by_type(data: Path) -> None:
    fill_measured(data, [Batch(durations(1, 2, 3) + durations(10, log_type="slow"))])
    with Workbench(data) as wb:
        alone = wb.latency("duration_ms")
        by_type = wb.latency("duration_ms", by="type", every="1h")
        slow = wb.latency("duration_ms", type="slow")
    assert alone["count"].tolist() == [4]
    assert_dtypes(by_type, "time", "type")
    assert by_type["type"].tolist() == ["info", "slow"]
    assert by_type["max"].tolist() == [3.0, 10.0]
    assert slow["min"].tolist() == [10.0]


def test_any_percentile_may_be_asked_for(data: Path) -> None:
    fill_measured(data, [Batch(durations(*range(1, 1001)))])
    with Workbench(data) as wb:
        frame = wb.latency("duration_ms", percentiles=[99.5, 10, 50.0])
        exact = wb.latency("duration_ms", percentiles=(10, 50, 99.5), exact=True)
        (only,) = wb.latency("duration_ms", percentiles=[100])["p100"]
    columns = ["metric", "count", "mean", "min", "p10", "p50", "p99.5", "max", "relative_error"]
    assert [*frame.columns] == [*exact.columns] == columns
    assert exact[["p10", "p50", "p99.5"]].iloc[0].tolist() == [100.0, 500.0, 995.0]
    assert frame["p99.5"].tolist() == pytest.approx([995.0], rel=RELATIVE_ERROR)
    assert only == 1000.0


def test_gauge_measured_once_a_second_has_percentiles_too(data: Path) -> None:
    fill(data)
    write_values(data, (NOON, [4096.0]), series=Series("wal_bytes", "", ""))
    with Workbench(data) as wb:
        assert wb.latency("wal_bytes")["p50"].tolist() == [4096.0]


# All of them


def test_latency_without_a_metric_has_a_row_for_each_duration(data: Path) -> None:
    fill_measured(
        data,
        [Batch(durations(1, 2) + durations(7, log_type="slow"))],
        measured=["duration_ms", "a"],
    )
    with Workbench(data) as wb:
        wb.logs()
        frame = wb.latency()
        by_type = wb.latency(by="type")
        by_outcome = wb.latency(by="outcome")
    assert_dtypes(frame)
    names = ["ack_latency", "commit_duration", "duration_ms", "query_duration"]
    assert frame["metric"].tolist() == names
    assert frame["count"].tolist() == [3, 1, 3, 1]
    assert frame["relative_error"].tolist() == [*[RELATIVE_ERROR] * 3, 0.0]
    assert frame.attrs["counted_through"] == 3
    assert_dtypes(by_type, "type")
    assert by_type["metric"].tolist() == [*names[:3], "duration_ms", names[3]]
    assert by_type["type"].fillna("-").tolist() == ["-", "-", "info", "slow", "-"]
    assert by_outcome["outcome"].fillna("-").tolist() == ["-", "-", "-", "miss"]


def test_latency_without_a_cache_leaves_its_durations_out(data: Path) -> None:
    fill_measured(data, [Batch(durations(1))])
    with Workbench(data, cache=False) as wb:
        assert wb.latency()["metric"].tolist()[-1] == "duration_ms"
        with pytest.raises(UsageError) as refused:
            wb.latency("query_duration")
    assert str(refused.value) == (
        "query_duration is measured in the cache, and this workbench was opened without one"
    )


def test_questions_are_measured_by_what_the_cache_had(data: Path) -> None:
    fill(data, durations(1))
    moments = iter(range(NOON, NOON + DAY, MINUTE))
    with Workbench(data, clock=lambda: next(moments)) as wb:
        assert wb.latency("query_duration").empty
        assert not (data / "cache.db").exists()
        for _ in range(3):
            wb.logs()
        frame = wb.latency("query_duration", by="outcome")
        steps = wb.latency("query_duration", every="1d")
        assert wb.latency("query_duration", since=NOON + DAY).empty
        assert wb.latency("query_duration", until=NOON).empty
    assert_dtypes(frame, "outcome")
    assert dict(zip(frame["outcome"], frame["count"], strict=True)) == {"hit": 2, "miss": 1}
    assert_dtypes(steps, "time")
    assert steps["count"].tolist() == [3]
    assert (frame["min"] > 0).all()
    assert (frame["relative_error"] == 0).all()


# What there is not


@pytest.mark.parametrize("metric", [None, "ack_latency", "duration_ms"])
def test_no_measurements_give_an_empty_frame_of_the_same_dtypes(
    data: Path, metric: str | None
) -> None:
    fill(data)
    with Workbench(data) as wb:
        assert_dtypes(wb.latency(metric))
        assert_dtypes(wb.latency(metric, every="1s", by=None), "time")
    write_values(data, (NOON, [1.0]), series=Series("commit_logs", "", ""))
    write_values(data, (NOON, [1.0]), series=DURATION)
    with Workbench(data) as wb:
        frame = wb.latency(metric, since=NOON + HOUR)
    assert frame.empty
    assert_dtypes(frame)


def test_logs_that_no_server_has_measured_are_warned_of(data: Path) -> None:
    fill(data, durations(1))
    with Workbench(data) as wb, pytest.warns(UnmeasuredLogs, match="no server has counted them"):
        assert wb.latency("duration_ms").empty


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("duration_ms", "logs that came in before {}; exact=True counts them"),
        ("ack_latency", "what was measured before {}"),
        (None, "what was measured before {}"),
    ],
)
def test_range_that_reaches_before_the_measurements_is_warned_of(
    data: Path, metric: str | None, sentence: str
) -> None:
    fill(data, durations(1), received_at=NOON - DAY)
    fill_measured(data, [Batch(durations(2))])
    with Workbench(data) as wb:
        with pytest.warns(UnmeasuredLogs) as warned:
            assert set(wb.latency(metric)["count"]) == {1}
        assert len(wb.latency(metric, since=NOON))
    (warning,) = warned
    told = sentence.format("2026-03-17T12:00:00.000Z")
    assert str(warning.message) == f"this answer lacks {told}"


def test_range_whose_seconds_are_gone_goes_out_to_whole_minutes(data: Path) -> None:
    fill(data)
    write_values(
        data,
        *((NOON - HOUR + n * SECOND, [float(n)]) for n in range(0, 180, 30)),
        now=NOON,
        retention=Retention(seconds=MINUTE, minutes=DAY, hours=DAY),
    )
    since, until = NOON - HOUR + 50 * SECOND, NOON - HOUR + 70 * SECOND
    with Workbench(data) as wb:
        frame = wb.latency("ack_latency", since=since, until=until)
        with pytest.raises(UsageError, match=r"^every=.10s. needs seconds, which are"):
            wb.latency("ack_latency", every="10s", since=since)
    assert [frame.attrs[name] for name in ("since", "until")] == [
        "2026-03-17T11:00:00.000Z",
        "2026-03-17T11:02:00.000Z",
    ]
    assert frame[["min", "max"]].iloc[0].tolist() == [0.0, 90.0]


# What is refused


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"metric": 5}, "metric=5 is no name; give it as text"),
        ({"by": 5}, "by=5 is no name; give it as text"),
        (
            {"metric": "status"},
            (
                "'status' was not measured so far; exact=True computes it from the logs, and the "
                "server's setting measured_attributes has it measured from then on"
            ),
        ),
        (
            {"metric": "logs_stored"},
            "logs_stored is counted and has no percentiles; throughput has such counts",
        ),
        (
            {"metric": "ack_latency", "by": "type"},
            "ack_latency is measured as one, not by type",
        ),
        (
            {"metric": "ack_latency", "type": "error"},
            "ack_latency is measured as one, not by type",
        ),
        (
            {"metric": "ack_latency", "source": "web"},
            "ack_latency is measured as one, not by source",
        ),
        (
            {"metric": "ack_latency", "contains": "x"},
            "contains='x' is not in the measurements; leave it out",
        ),
        (
            {"metric": "duration_ms", "by": "service"},
            "duration_ms is measured by type, not by service; exact=True computes it from the logs",
        ),
        (
            {"metric": "duration_ms", "source": "web"},
            "duration_ms is measured by type, not by source; exact=True computes it from the logs",
        ),
        (
            {"metric": "duration_ms", "where": {"a": 1}},
            f"where={{'a': 1}} is not in the measurements; {READS}",
        ),
        ({"metric": "duration_ms", "limit": 5}, f"limit=5 is not in the measurements; {READS}"),
        (
            {"metric": "duration_ms", "clock": "timestamp"},
            f"clock='timestamp': measurements are by received_at; {READS}",
        ),
        ({"clock": "seq"}, "clock='seq' is unknown; give 'received_at' or 'timestamp'"),
        (
            {"by": "service"},
            (
                "by='service': without a metric the report can be by type or outcome; name an "
                "attribute, with exact=True, for others"
            ),
        ),
        (
            {"metric": "query_duration", "by": "type"},
            (
                "by='type': query_duration can be by outcome; name an attribute, with exact=True, "
                "for others"
            ),
        ),
        ({"type": "error"}, "type= chooses among logs; name one of their attributes"),
        (
            {"metric": "query_duration", "source": "web"},
            "source= chooses among logs; name one of their attributes",
        ),
        ({"every": "1.5s"}, "every='1.5s' is no multiple of a second"),
        ({"columns": ["type"]}, "columns=['type'] has no meaning here; leave it out"),
        ({"typ": "error"}, "there is no filter typ; the filters are"),
        ({"since": "soon"}, "since='soon' is no time"),
        ({"since": 2, "until": 1}, "since=2 lies after until=1; swap them"),
    ],
)
def test_question_that_is_not_measured_is_refused_in_a_sentence(
    data: Path, arguments: dict[str, Any], sentence: str
) -> None:
    fill_measured(data, [Batch(durations(1))])
    with Workbench(data) as wb, pytest.raises(UsageError, match=f"^{re.escape(sentence)}"):
        wb.latency(**arguments)


def test_measurements_of_a_later_version_are_refused(data: Path) -> None:
    fill(data)
    write_values(data, (NOON, [1.0]))
    alter(data / "metrics.db", "PRAGMA user_version = 99")
    with Workbench(data) as wb, pytest.raises(NewerSchema, match=r"metrics\.db has schema"):
        wb.latency()


@pytest.mark.parametrize("damage", ["file", "sketch"])
def test_damaged_measurements_are_refused_in_a_sentence(data: Path, damage: str) -> None:
    fill(data)
    write_values(data, (NOON, [1.0]))
    if damage == "file":
        (data / "metrics.db").write_bytes(b"no database, but long enough to look at" * 100)
    else:
        alter(data / "metrics.db", "UPDATE seconds SET sketch = x'00'")
    with Workbench(data) as wb, pytest.raises(DataFolderError) as refused:
        wb.latency()
    assert "metrics.db" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_archived_logs_matter_to_exact_percentiles_alone(data: Path) -> None:
    fill_measured(data, [Batch(durations(1, 2))])
    (batch,) = archive(data, [(1, PARQUET)])
    with Workbench(data) as wb:
        assert wb.latency("duration_ms", exact=True)["count"].tolist() == [2]
        path_of(data, batch).unlink()
        assert wb.latency("duration_ms")["count"].tolist() == [2]


@pytest.mark.slow
def test_real_server_measures_each_ack(data: Path) -> None:
    with serving(data) as server:
        socket = server.connect()
        for number in range(100):
            socket.send(f'{{"type":"info","message":"m{number}"}}')
        acks = [msgspec.json.decode(socket.recv()) for _ in range(100)]
        socket.close()
        assert {each["type"] for each in acks} == {"ack"}
    with Workbench(data) as wb:
        frame = wb.latency("ack_latency")
        assert wb.count() == 100
    assert_dtypes(frame)
    assert frame["count"].tolist() == [100]
    figures = frame[["min", "p50", "p95", "p99", "max"]].iloc[0].tolist()
    assert all(low <= high for low, high in itertools.pairwise(figures))
    assert figures[0] > 0
    assert figures[-1] < 60_000

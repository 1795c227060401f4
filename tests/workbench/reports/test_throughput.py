"""The throughput report from the server's counts: what it has, what it lacks, what it refuses."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from tests.support.archives import archive, prune
from tests.support.folders import DAY, NOON, Batch, Log, alter, fill
from tests.support.measured import fill_measured
from tests.support.processes import create_token, serving
from waterline.encoding import PARQUET
from waterline.errors import UnmeasuredLogs, UsageError
from waterline.metrics.recorder import MAX_LABELS
from waterline.metrics.rollup_store import Retention
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from workbench.workbench import Workbench

DTYPES = {
    "time": "datetime64[us, UTC]",
    "type": "str",
    "logs": "int64",
    "logs_per_second": "float64",
    "bytes": "int64",
}
NOT_BOTH = "logs are counted by type and by source, not by both at once; exact=True counts them so"
READS = "exact=True reads the logs"
KEPT = Retention(seconds=HOUR, minutes=DAY, hours=10 * DAY)


def logs(count: int = 1, log_type: str = "info") -> list[Log]:
    return [{"type": log_type, "message": "m"}] * count


def milliseconds(frame: pd.DataFrame) -> list[int]:
    return [int(each) for each in frame["time"].dt.as_unit("ms").astype("int64")]


def assert_dtypes(frame: pd.DataFrame, by: str | None = "type") -> None:
    expected = {name: kind for name, kind in DTYPES.items() if name != "type" or by is not None}
    names = [str(by) if name == "type" else name for name in expected]
    assert [*frame.columns] == names
    assert [str(each) for each in frame.dtypes] == [*expected.values()]
    assert isinstance(frame.index, pd.RangeIndex)


def test_logs_and_bytes_are_counted_by_step_and_type(data: Path) -> None:
    fill_measured(
        data,
        [
            Batch(logs(2), received_at=NOON),
            Batch(logs(1, "error"), received_at=NOON + 2 * SECOND),
        ],
    )
    size = len(msgspec.json.encode(logs()[0]))
    with Workbench(data) as wb:
        frame = wb.throughput()
    assert_dtypes(frame)
    assert milliseconds(frame) == [NOON + SECOND * each for each in (0, 0, 1, 1, 2, 2)]
    assert frame["type"].tolist() == ["error", "info"] * 3
    assert frame["logs"].tolist() == [0, 2, 0, 0, 1, 0]
    assert frame["logs_per_second"].tolist() == [0.0, 2.0, 0.0, 0.0, 1.0, 0.0]
    assert frame["bytes"].tolist() == [0, 2 * size, 0, 0, size + 1, 0]
    assert frame.attrs == {"since": None, "until": None, "counted_through": 3}


def test_they_are_counted_by_source_or_all_together(data: Path) -> None:
    fill_measured(data, [Batch(logs(2), source="web"), Batch(logs(3, "error"), source="db")])
    with Workbench(data) as wb:
        by_source = wb.throughput("1min", by="source")
        together = wb.throughput("1min", by=None)
    assert_dtypes(by_source, "source")
    assert by_source[["source", "logs"]].to_dict("list") == {
        "source": ["db", "web"],
        "logs": [3, 2],
    }
    assert_dtypes(together, None)
    assert together["logs"].tolist() == [5]
    assert together["logs_per_second"].tolist() == [5 / 60]


def test_types_or_sources_can_be_chosen(data: Path) -> None:
    fill_measured(
        data,
        [Batch(logs(2) + logs(1, "error"), source="web"), Batch(logs(3, "slow"), source="db")],
    )
    with Workbench(data) as wb:
        chosen = wb.throughput("1h", type=["error", "slow"])
        assert dict(zip(chosen["type"], chosen["logs"], strict=True)) == {"error": 1, "slow": 3}
        assert wb.throughput("1h", by=None, type="info")["logs"].tolist() == [2]
        assert wb.throughput("1h", by=None, source="web")["logs"].tolist() == [3]
        assert wb.throughput("1h", by="source", source="db")["source"].tolist() == ["db"]
        nothing = wb.throughput("1h", type="none")
    assert nothing.empty
    assert_dtypes(nothing)


def test_archived_and_pruned_logs_stay_counted(data: Path) -> None:
    fill_measured(data, [Batch(logs(4))])
    prune(data, archive(data, [(3, PARQUET)], clear=True))
    with Workbench(data) as wb:
        assert wb.throughput("1h")["logs"].sum() == 4


# What there is not


@pytest.mark.parametrize("by", ["type", "source", None])
def test_no_logs_give_an_empty_frame_of_the_same_dtypes(data: Path, by: Any) -> None:  # noqa: ANN401
    fill(data)
    with Workbench(data) as wb:
        before = wb.throughput(by=by)
    fill_measured(data, [])
    with Workbench(data) as wb:
        after = wb.throughput(by=by, since="-1h")
    for frame in (before, after):
        assert frame.empty
        assert_dtypes(frame, by)
        assert frame.attrs["since"] is frame.attrs["until"] is None


def test_logs_that_no_server_has_counted_are_warned_of(data: Path) -> None:
    fill(data, logs())
    with Workbench(data) as wb, pytest.warns(UnmeasuredLogs) as warned:
        assert wb.throughput().empty
    (warning,) = warned
    assert str(warning.message) == (
        "the logs of this folder are in no measurements yet, as no server has counted them; "
        "start one, or ask with exact=True"
    )
    assert warning.filename == __file__


def test_logs_from_before_the_counting_are_warned_of_once(data: Path) -> None:
    fill(data, logs(3), received_at=NOON - DAY)
    fill_measured(data, [Batch(logs(2))])
    with Workbench(data) as wb:
        with pytest.warns(UnmeasuredLogs) as warned:
            assert wb.throughput("1h", since=NOON - 1)["logs"].sum() == 2
        assert wb.throughput("1h", since=NOON)["logs"].sum() == 2
        assert wb.throughput("1h", exact=True)["logs"].sum() == 5
    (warning,) = warned
    assert str(warning.message) == (
        "this answer lacks logs that came in before 2026-03-17T12:00:00.000Z; "
        "exact=True counts them"
    )


def test_counts_that_are_kept_no_more_are_warned_of(data: Path) -> None:
    received = [NOON - 20 * DAY, NOON - DAY]
    fill_measured(
        data, [Batch(logs(), received_at=each) for each in received], now=NOON, retention=KEPT
    )
    alter(data / "metrics.db", f"UPDATE progress SET measured_from = {received[0]}")
    with Workbench(data) as wb:
        with pytest.warns(UnmeasuredLogs, match="before 2026-03-07T12:00:00"):
            frame = wb.throughput("1h", since=NOON - 30 * DAY)
        assert wb.throughput("1h", since=NOON - 10 * DAY)["logs"].tolist() == [1]
    assert frame["logs"].tolist() == [1]
    assert frame.attrs["since"] == "2026-03-07T12:00:00.000Z"


# Steps and ranges


@pytest.fixture
def pruned(data: Path) -> Path:
    """A folder whose seconds are kept from 11:00 on, and whose minutes since noon the day before.

    A log came in each hour of two days, ten seconds past it.
    """
    times = range(NOON - 2 * DAY + 10 * SECOND, NOON, HOUR)
    fill_measured(
        data, [Batch(logs(), received_at=each) for each in times], now=NOON, retention=KEPT
    )
    return data


@pytest.mark.parametrize(
    ("every", "since", "sentence"),
    [
        (
            "1s",
            NOON - HOUR - 1,
            (
                "every='1s' needs seconds, which are kept from 2026-03-17T11:00:00.000Z on; give "
                "since='2026-03-17T11:00:00.000Z' or later, or every='1min'"
            ),
        ),
        (
            "90s",
            NOON - 2 * HOUR,
            (
                "every='90s' needs seconds, which are kept from 2026-03-17T11:00:00.000Z on; give "
                "since='2026-03-17T11:00:00.000Z' or later, or every='2min'"
            ),
        ),
        (
            "7s",
            None,
            (
                "every='7s' needs seconds, which are kept from 2026-03-17T11:00:00.000Z on; give "
                "since='2026-03-17T11:00:00.000Z' or later, or every='1h'"
            ),
        ),
        (
            "90min",
            None,
            (
                "every='90min' needs minutes, which are kept from 2026-03-16T12:00:00.000Z on; "
                "give since='2026-03-16T12:00:00.000Z' or later, or every='2h'"
            ),
        ),
    ],
)
def test_step_that_is_not_kept_is_refused_and_one_named_that_is(
    pruned: Path, every: str, since: int | None, sentence: str
) -> None:
    with Workbench(pruned) as wb:
        with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
            wb.throughput(every, since=since)
        found = re.search("since='(.+?)' or later, or every='(.+?)'", sentence)
        assert found is not None
        assert wb.throughput(every, since=found[1])["logs"].sum() > 0
        assert wb.throughput(found[2], since=since)["logs"].sum() > 0


def test_any_step_that_is_kept_will_do(pruned: Path) -> None:
    with Workbench(pruned) as wb:
        assert wb.throughput("1s", since=NOON - HOUR)["logs"].sum() == 1
        assert wb.throughput("90s", since=NOON - HOUR)["logs"].sum() == 1
        assert wb.throughput("5min", since=NOON - DAY)["logs"].sum() == 24
        assert wb.throughput("1h")["logs"].sum() == 48
        by_day = wb.throughput("1d")
    assert milliseconds(by_day) == [NOON - 60 * HOUR, NOON - 36 * HOUR, NOON - 12 * HOUR]
    assert by_day["logs"].tolist() == [12, 24, 12]


def test_range_is_of_whole_seconds_or_of_what_is_kept(pruned: Path) -> None:
    with Workbench(pruned) as wb:
        fresh = wb.throughput("1h", since=NOON - 30 * MINUTE + 1, until=NOON - MINUTE - 1)
        minutes = wb.throughput("1h", since=NOON - 5 * HOUR + 11 * SECOND, until=NOON - HOUR)
        hours = wb.throughput("1h", since=NOON - 40 * HOUR + MINUTE, until=NOON - 39 * HOUR + 1)
    assert [fresh.attrs[name] for name in ("since", "until")] == [
        "2026-03-17T11:30:00.000Z",
        "2026-03-17T11:59:00.000Z",
    ]
    # The log came in before, in the same minute.
    assert minutes["logs"].sum() == 4
    assert minutes.attrs["since"] == "2026-03-17T07:00:00.000Z"
    assert hours["logs"].sum() == 2
    assert [hours.attrs[name] for name in ("since", "until")] == [
        "2026-03-15T20:00:00.000Z",
        "2026-03-15T22:00:00.000Z",
    ]


@pytest.mark.parametrize("times", [(-(2**63), None), (None, 2**63 - 1), (2**63 - 1, None)])
def test_ranges_without_bounds_are_answered(
    data: Path, times: tuple[int | None, int | None]
) -> None:
    fill_measured(data, [Batch(logs())])
    with Workbench(data) as wb:
        frame = wb.throughput("1s", since=times[0], until=times[1])
    assert len(frame) == (times[0] != 2**63 - 1)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"contains": "x"}, f"contains='x' is not in the measurements; {READS}"),
        ({"where": {"n": 1}}, f"where={{'n': 1}} is not in the measurements; {READS}"),
        (
            {"clock": "timestamp"},
            f"clock='timestamp': measurements are by received_at; {READS}",
        ),
        (
            {"by": "source", "type": "info"},
            NOT_BOTH,
        ),
        (
            {"by": None, "source": "web", "type": "info"},
            NOT_BOTH,
        ),
        ({"by": "service"}, "by='service' is unknown; give 'type', 'source' or None"),
        ({"by": ["type"]}, "by=['type'] is unknown; give 'type', 'source' or None"),
        (
            {"every": "500ms"},
            (
                "every='500ms' is no multiple of a second, the finest step that is measured; "
                "give one such as '1s', or exact=True"
            ),
        ),
        (
            {"every": "1.5s"},
            (
                "every='1.5s' is no multiple of a second, the finest step that is measured; "
                "give one such as '1s', or exact=True"
            ),
        ),
        ({"every": "fast"}, "every='fast' is no duration"),
        ({"limit": 5}, "limit=5 has no meaning here; leave it out"),
        ({"typ": "error"}, "there is no filter typ; the filters are"),
        ({"since": 2, "until": 1}, "since=2 lies after until=1; swap them"),
    ],
)
def test_question_that_is_not_measured_is_refused_in_a_sentence(
    data: Path, arguments: dict[str, Any], sentence: str
) -> None:
    fill_measured(data, [Batch(logs())])
    with Workbench(data) as wb, pytest.raises(UsageError, match=f"^{re.escape(sentence)}"):
        wb.throughput(**arguments)


def test_report_without_end_is_refused_before_it_is_made(data: Path) -> None:
    fill_measured(
        data, [Batch(logs(), received_at=NOON - 90 * DAY), Batch(logs(1, "error"))], now=NOON
    )
    with Workbench(data) as wb, pytest.raises(UsageError) as refused:
        wb.throughput("1s")
    assert str(refused.value) == (
        "every='1s' gives 7776001 steps for 2 types; choose a longer step, or a shorter range "
        "with since and until"
    )


def test_type_counted_as_other_cannot_be_chosen(data: Path) -> None:
    types = [log for number in range(MAX_LABELS + 5) for log in logs(1, f"type-{number:03d}")]
    fill_measured(data, [Batch(types)])
    with Workbench(data) as wb:
        assert wb.throughput("1h", by=None)["logs"].tolist() == [MAX_LABELS + 5]
        assert wb.throughput("1h", type="type-007")["logs"].tolist() == [1]
        assert wb.throughput("1h", type="other")["logs"].tolist() == [5]
        with pytest.raises(UsageError) as refused:
            wb.throughput("1h", type="type-103")
    assert str(refused.value) == (
        "type='type-103' is not in the measurements: they distinguish a limited number, "
        "and count the rest as 'other'; exact=True reads the logs"
    )


# Beside a server


@pytest.mark.slow
def test_file_that_comes_and_is_replaced_is_followed(data: Path) -> None:
    fill(data)
    with Workbench(data) as wb:
        assert wb.throughput("1h").empty
        token = create_token(data)
        for count in (2, 3):
            with serving(data, token=token) as server:
                socket = server.connect()
                socket.send(msgspec.json.encode(logs(count)))
                for _ in range(count):
                    assert msgspec.json.decode(socket.recv())["type"] == "ack"
                socket.close()
            assert wb.throughput("1h", exact=True)["logs"].sum() >= count
            if count == 2:
                assert wb.throughput("1h")["logs"].sum() == 2
                for each in data.glob("metrics.db*"):
                    each.unlink()
        with pytest.warns(UnmeasuredLogs):
            assert wb.throughput("1h")["logs"].sum() == 3


def test_logs_that_should_be_counted_by_now_are_told_to_be_lacking(data: Path) -> None:
    measured: list[Log] = [{**log, "duration_ms": 1.5} for log in logs(3)]
    fill_measured(data, [Batch(measured, received_at=NOON)])
    with Workbench(data) as wb:
        assert wb.throughput()["logs"].sum() == 3
    fill(data, logs(2), received_at=NOON + HOUR)
    said = "lacks the logs from seq 4 on, which are stored and not counted yet"
    with Workbench(data, clock=lambda: NOON + HOUR + SECOND) as wb:
        assert wb.throughput()["logs"].sum() == 3  # they came a moment ago
    with Workbench(data, clock=lambda: NOON + 2 * HOUR) as wb:
        with pytest.warns(UnmeasuredLogs, match=said):
            wb.throughput()
        with pytest.warns(UnmeasuredLogs, match=said):
            wb.latency("duration_ms")
        assert wb.throughput(until=NOON + HOUR)["logs"].sum() == 3
        assert wb.throughput(exact=True)["logs"].sum() == 5
        assert said in str(wb.report())

"""Frames that are sent and figures that are told: what needs no server."""

import msgspec
import pytest

from benchmarks.report import Report
from benchmarks.rows import Row, compared, limited
from benchmarks.sizes import SHORT
from server.websocket.frames import FrameParser, Messages
from workbench.bench.frames import Frames
from workbench.bench.load import percentile
from workbench.bench.logs import made_logs, take


@pytest.mark.parametrize("logs_a_frame", [1, 3, 1000])
def test_frames_hold_the_logs_and_tell_where_each_ends(logs_a_frame: int) -> None:
    logs = take(made_logs(), 10)
    frames = Frames.of(logs, logs_a_frame)
    assert len(frames) == -(-len(logs) // logs_a_frame)
    payloads = []
    for begin, end in zip(frames.ends[:-1], frames.ends[1:], strict=True):
        (event,) = FrameParser(masked=True).feed(frames.data[begin:end])
        assert isinstance(event, Messages)
        payloads += event.payloads
    assert b"\n".join(payloads).split(b"\n") == logs


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (90, 9), (99, 10), (100, 10)])
def test_a_percentile_is_a_value_that_was_seen(percent: int, value: float) -> None:
    assert percentile([float(each) for each in range(1, 11)], percent) == value


def test_a_ratio_is_the_median_of_the_rounds_not_of_the_sides() -> None:
    row = compared("name", [10, 100, 30], "other", [20, 100, 40], at_least=0.75)
    assert (row.measured, row.reference, row.ratio, row.met) == (30, 40, 0.75, True)


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (compared("rate", [7], "other", [10], at_least=0.7), True),
        (compared("rate", [7], "other", [10], at_least=0.8), False),
        (compared("rate", [7], "other", [10]), None),
        (limited("time", [3.0], "ms", 3.0), True),
        (limited("time", [3.1], "ms", 3.0), False),
    ],
)
def test_a_row_says_whether_its_target_was_met(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_the_table_shows_a_missed_target_and_the_json_each_round() -> None:
    rows = [compared("fast", [7000, 8000, 9000], "other", [10_000] * 3, at_least=0.9)]
    report = Report({"cores": 2}, SHORT, rows, 12.3)
    (line,) = [each for each in report.text().splitlines() if each.startswith("fast")]
    words = "fast 8,000 logs/s other 10,000 logs/s 0.80 at least 0.9 NO"
    assert line.split() == words.split()
    (members,) = msgspec.json.decode(report.json())["rows"]
    assert (members["values"], members["met"]) == ([7000, 8000, 9000], False)

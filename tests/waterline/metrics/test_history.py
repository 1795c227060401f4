"""History: what metrics.db tells of a range, beside its writer, whatever went into coarser rows."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import alter
from tests.support.metrics_file import DAY, latency, plain, summary_of
from waterline.errors import DataFolderError
from waterline.metrics.history import RollupHistory
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.rollup_store import Retention, RollupStore
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from waterline.metrics.summary import Summary

BEGIN = 20_000 * DAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.db"


@pytest.fixture
def file(path: Path) -> Iterator[RollupStore]:
    with closing(RollupStore(path)) as opened:
        yield opened


@pytest.fixture
def history(file: RollupStore) -> Iterator[RollupHistory]:
    with closing(RollupHistory(file._path)) as opened:
        yield opened


def test_empty_file_has_no_summaries(history: RollupHistory) -> None:
    assert history.summaries(0, 2 * BEGIN) == {}


def test_sums_are_of_each_label_of_one_dimension_in_the_range(
    file: RollupStore, history: RollupHistory
) -> None:
    for second in range(3):
        at = BEGIN + second * SECOND
        rows = {(at, Series("logs", "source", each)): Summary(2, 2.0) for each in "ab"}
        file.write({**rows, (at, Series("logs", "type", "c")): Summary(4, 4.0)}, {}, 0)
    file.write({(BEGIN, Series("bytes", "source", "a")): Summary(1, 9.0)}, {}, 0)
    found = history.sums("logs", "source", BEGIN, BEGIN + 2 * SECOND)
    assert found == {"a": 4.0, "b": 4.0}


def test_summaries_have_average_and_count_of_range(
    file: RollupStore, history: RollupHistory
) -> None:
    for second, values in enumerate(([1.0, 2.0], [5.0], [30.0])):
        file.write(latency(BEGIN + second * SECOND, *values), {}, 0)
    file.write({(BEGIN, Series("bytes", "type", "a")): Summary(2, 9.0)}, {}, 0)
    recorder = MetricsRecorder()
    recorder.history = history
    assert recorder.report(BEGIN, BEGIN + 2 * SECOND)["historical"] == [
        {"metric_name": "bytes", "avg": 4.5, "count": 2},
        {"metric_name": "latency", "avg": 8 / 3, "count": 3},
    ]
    assert recorder.report(BEGIN - DAY, BEGIN)["historical"] == []
    found = history.summaries(BEGIN + SECOND, BEGIN + 3 * SECOND)
    assert {name: plain(each) for name, each in found.items()} == {
        "latency": plain(summary_of(5.0, 30.0))
    }


def test_no_two_dimensions_are_added_up(file: RollupStore, history: RollupHistory) -> None:
    for dimension, counts in (("type", (1, 2)), ("source", (3,))):
        for number, count in enumerate(counts):
            series = Series("logs", dimension, f"{number}")
            file.write({(BEGIN, series): Summary(count, count)}, {}, 0)
    assert history.summaries(BEGIN, BEGIN + SECOND)["logs"].count == 3


def test_summaries_asked_for_again_have_what_came_late(
    file: RollupStore, history: RollupHistory
) -> None:
    values = [float(number) for number in range(1, 3_600)]
    for number, value in enumerate(values):
        file.write(latency(BEGIN + number * SECOND, value), {}, 0)
    file.close_steps(BEGIN + HOUR)
    since, until = BEGIN + 90 * SECOND, BEGIN + HOUR - 90 * SECOND
    wanted = plain(summary_of(*values[90:3_510]))
    for _ in range(2):
        assert plain(history.summaries(since, until)["latency"]) == wanted
    file.write(latency(BEGIN + 30 * MINUTE, 0.25), {}, 0)
    late = plain(summary_of(*values[90:3_510], 0.25))
    assert plain(history.summaries(since, until)["latency"]) == late
    file.prune(BEGIN + DAY, Retention(0, 0, DAY))
    assert plain(history.summaries(BEGIN, until + HOUR)["latency"]) == plain(
        summary_of(*values, 0.25)
    )


def test_blocks_in_memory_are_few(file: RollupStore, history: RollupHistory) -> None:
    for hour in range(0, 1_000, 5):
        file.write(latency(BEGIN + hour * HOUR, 1.0), {}, 0)
    file.close_steps(BEGIN + 1_000 * HOUR)
    for _ in range(2):
        assert history.summaries(BEGIN, BEGIN + 1_000 * HOUR)["latency"].count == 200
    assert 0 < len(history._blocks) <= 64


def test_spans_in_memory_are_few_and_answers_are_copies_of_them(
    file: RollupStore, history: RollupHistory
) -> None:
    for second in range(200):
        file.write(latency(BEGIN + second * SECOND, 1.0), {}, 0)
    for begin in (*range(BEGIN, BEGIN + 100 * SECOND, SECOND), BEGIN):
        found = history.summaries(begin, begin + 90 * SECOND)["latency"]
        assert found.count == 90
        found.add(7.0, 1_000)
    assert plain(history.summaries(BEGIN, BEGIN + 90 * SECOND)["latency"]) == plain(
        summary_of(*[1.0] * 90)
    )
    assert 0 < len(history._spans) <= 5


@pytest.mark.slow
@costly(200)
@given(
    st.lists(st.tuples(st.integers(0, 4 * 3600 - 1), st.floats(0, 1e6)), max_size=20),
    st.tuples(st.integers(0, 4 * 3600), st.integers(0, 4 * 3600)).map(sorted),
)
def test_seconds_minutes_and_hours_tell_together_what_seconds_alone_would(
    values: list[tuple[int, float]], range_of: list[int]
) -> None:
    since, until = (BEGIN + each * SECOND for each in range_of)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.db"
        with closing(RollupStore(path)) as file, closing(RollupHistory(path)) as history:
            for second, value in values:
                file.write(latency(BEGIN + second * SECOND, value), {}, 0)
            before = history.summaries(since, until)
            file.close_steps(BEGIN + 3 * HOUR + 90 * SECOND)
            after = history.summaries(since, until)
    expected = [value for second, value in values if range_of[0] <= second < range_of[1]]
    assert [plain(each) for each in before.values()] == (
        [plain(summary_of(*expected))] if expected else []
    )
    assert {name: plain(each) for name, each in after.items()} == {
        name: plain(each) for name, each in before.items()
    }


def test_pruned_seconds_count_as_whole_minutes(file: RollupStore, history: RollupHistory) -> None:
    for second in range(0, 180, 10):
        file.write(latency(BEGIN + second * SECOND, 1.0), {}, 0)
    file.close_steps(BEGIN + 2 * HOUR)
    file.prune(BEGIN + 2 * HOUR, Retention(0, DAY, DAY))
    found = history.summaries(BEGIN + 70 * SECOND, BEGIN + 80 * SECOND)
    assert found["latency"].count == 6
    file.prune(BEGIN + 2 * HOUR, Retention(0, 0, DAY))
    assert history.summaries(BEGIN + 70 * SECOND, BEGIN + MINUTE * 2)["latency"].count == 18


@pytest.mark.logs
def test_damaged_sketch_is_told_and_rest_counts(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(RollupStore(path)) as file:
        for second in range(2):
            file.write(latency(BEGIN + second * SECOND, 5.0), {}, 0)
    alter(path, f"UPDATE seconds SET sketch = x'00' WHERE begin = {BEGIN}")
    with closing(RollupStore(path)), closing(RollupHistory(path)) as history:
        found = history.summaries(BEGIN, BEGIN + DAY)["latency"]
    assert (found.count, found.sum, found.quantile(0.5)) == (2, 10.0, 5.0)
    assert [each.getMessage() for each in caplog.records] == [
        "metrics.db holds a measurement that is damaged: these 1 bytes are no sketch"
    ]


def test_file_that_cannot_be_read_is_told_in_our_words(path: Path) -> None:
    with pytest.raises(DataFolderError, match=r"metrics\.db cannot be opened"):
        RollupHistory(path)


def test_history_can_be_closed_twice(history: RollupHistory) -> None:
    history.close()
    history.close()

"""Statistics of logs: how many of each type, their bytes, and numbers of measured attributes."""

import json
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.decode.frames import read_frames
from tests.support.clock import NOON
from tests.support.metrics_file import plain
from tests.support.stats import stats_of
from waterline.metrics.log_stats import (
    TypeStats,
    measure_columns,
    measure_logs,
    record_stats,
    record_stored,
)
from waterline.metrics.recorder import MetricsRecorder, Series
from waterline.metrics.sketch import LARGEST
from waterline.metrics.summary import Packed, Summary
from waterline.records import decode_rows, encode_stored

Plain = dict[str, tuple[int, int, dict[str, tuple[object, ...]]]]


def packed(*values: Packed) -> tuple[object, ...]:
    """Return packed values as what can be compared."""
    summary = Summary()
    summary.add_packed(values)
    return plain(summary)


def plainly(found: dict[str, TypeStats]) -> Plain:
    return {
        log_type: (each.logs, each.size, {name: packed(some) for name, some in each.values.items()})
        for log_type, each in found.items()
    }


def measured(*values: object) -> list[object]:
    """Return the numbers among values of an attribute, as `measure_columns` finds them."""
    found = measure_columns(["t"] * len(values), [1] * len(values), {"a": values})["t"].values
    if "a" not in found:
        return []
    return [found["a"].size, found["a"].min, found["a"].max]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2.5, -3), [3, -3, 2.5]),
        ((None, 7, None), [1, 7, 7]),
        ((True, False), []),
        ((True, 4), [1, 4, 4]),
        (("5", [5], {"a": 5}, 6), [1, 6, 6]),
        ((None, "x"), []),
        ((0, -0.0), [2, 0, 0]),
        ((LARGEST, -LARGEST), [2, -LARGEST, LARGEST]),
        ((1e308, 1e308), []),
        ((1e308, -1e308, 2.0), [1, 2.0, 2.0]),
        ((10**400, 3), [1, 3, 3]),
        ((-(10**400),), []),
        ((1e-320, 1), [2, 1e-320, 1]),
    ],
)
def test_only_numbers_that_sketch_can_hold_are_measured(
    values: tuple[object, ...], expected: list[object]
) -> None:
    assert measured(*values) == expected


logs = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["a", "b", "größe"]), "message": st.text(max_size=5)},
        optional={
            "x": st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(),
            "y": st.integers(-(10**40), 10**40),
            "z": st.integers(0, 9),
        },
    ),
    min_size=1,
    max_size=12,
)


def frames_of(given_logs: list[dict[str, object]], kind: str) -> list[bytes]:
    texts = [json.dumps(each).encode() for each in given_logs]
    if kind == "one":
        return texts
    return [b"[" + b",".join(texts) + b"]"] if kind == "array" else [b"\n".join(texts)]


@given(logs, st.sampled_from(["one", "array", "lines", "damaged"]))
def test_decoded_logs_have_stats_of_their_logs(
    given_logs: list[dict[str, object]], kind: str
) -> None:
    frames = frames_of(given_logs, kind)
    if kind == "damaged":
        frames = [each + b"\n?" for each in frames]
    found = plainly(stats_of(read_frames(frames, "pump", measured=("x", "y"))))
    expected: defaultdict[str, dict[str, list[float]]] = defaultdict(dict)
    for each in given_logs:
        for name in ("x", "y"):
            value = each.get(name)
            if type(value) in (int, float) and abs(value) <= LARGEST:  # type: ignore[arg-type]
                expected[str(each["type"])].setdefault(name, []).append(value)  # type: ignore[arg-type]
    for log_type, (count, _, values) in found.items():
        assert count == sum(each["type"] == log_type for each in given_logs)
        assert values == {
            name: packed(Packed.of(some)) for name, some in expected[log_type].items()
        }
    size = sum(map(len, frames))
    sizes = sum(each for _, each, _ in found.values())
    if kind == "damaged":  # where a frame holds what is no log, that has its share
        assert sizes <= size
    else:
        assert sizes == size
    if kind == "one":
        for log_type, (_, size, _) in found.items():
            pairs = zip(frames, given_logs, strict=True)
            assert size == sum(len(frame) for frame, each in pairs if each["type"] == log_type)


@given(logs)
def test_stored_logs_hold_same_as_when_they_came(given_logs: list[dict[str, object]]) -> None:
    batch = read_frames(frames_of(given_logs, "one"), "pump", measured=("x", "y"))
    stored = decode_rows(b"[" + batch.rows + b"]", range(1, len(batch.ids) + 1), NOON)
    found, came = plainly(dict(measure_logs(stored, ("x", "y")))), plainly(stats_of(batch))
    assert {key: (count, values) for key, (count, _, values) in found.items()} == {
        key: (count, values) for key, (count, _, values) in came.items()
    }
    size = sum(len(encode_stored(each)) for each in stored)
    assert sum(each for _, each, _ in found.values()) == size


def test_attributes_are_not_decoded_unless_measured() -> None:
    batch = read_frames([b'{"type":"t","message":"m","x":1}'], "pump")
    assert stats_of(batch) == {"t": TypeStats(1, 32, {})}


def totals(recorder: MetricsRecorder) -> dict[Series, tuple[int, float]]:
    return {series: (each.count, each.sum) for series, each in recorder.totals().items()}


def test_stats_are_recorded_by_type_and_source() -> None:
    recorder = MetricsRecorder()
    x = {"a": TypeStats(2, 20, {"ms": Packed.of([1, 2])}), "b": TypeStats(1, 7, {})}
    y = {"a": TypeStats(1, 9, {"ms": Packed.of([4])})}
    with recorder.counting(4, NOON):
        record_stats(recorder, [("x", x), ("y", y), ("z", {})], NOON)
    assert totals(recorder) == {
        Series("logs_stored", "type", "a"): (3, 3),
        Series("logs_stored", "type", "b"): (1, 1),
        Series("logs_stored", "source", "x"): (3, 3),
        Series("logs_stored", "source", "y"): (1, 1),
        Series("bytes_received", "type", "a"): (3, 29),
        Series("bytes_received", "type", "b"): (1, 7),
        Series("bytes_received", "source", "x"): (3, 27),
        Series("bytes_received", "source", "y"): (1, 9),
        Series("ms", "type", "a"): (3, 7),
    }


def test_stored_logs_are_recorded_in_second_of_their_receipt() -> None:
    recorder = MetricsRecorder()
    batch = read_frames([b'{"type":"t","message":"m","ms":1}'] * 4, "pump")
    stored = [
        *decode_rows(b"[" + batch.rows + b"]", range(1, 5), NOON),
        *decode_rows(b"[" + batch.rows + b"]", range(5, 9), NOON + 1500),
    ]
    record_stored(recorder, stored, ("ms",))
    seconds = recorder.take()
    assert {begin: each.counted_through for begin, each in seconds.items()} == {
        NOON: 4,
        NOON + 1000: 8,
    }
    assert {each.summaries[Series("ms", "type", "t")].count for each in seconds.values()} == {4}

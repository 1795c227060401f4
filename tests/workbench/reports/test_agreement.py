"""What the server measured and what the logs say agree, within the stated error."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import NOON, Batch
from tests.support.measured import FOR_EVER, fill_measured
from waterline.errors import UsageError
from waterline.metrics.rollup_store import Retention
from waterline.metrics.sketch import RELATIVE_ERROR
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from workbench.reports.throughput import By
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

# Four hours before noon, and a few seconds that are not over yet.
BEGIN, END = NOON - 4 * HOUR, NOON + 10 * SECOND
STEPS = ["1s", "7s", "90s", "1min", "5min", "1h", "2h", "1d"]

moments = st.integers(BEGIN, END - 1) | st.builds(
    lambda hour, offset: BEGIN + hour * HOUR + offset,
    st.integers(1, 4),
    st.sampled_from([-MINUTE, -SECOND, -1, 0, 1, SECOND, MINUTE]),
)
numbers = st.floats(1e-3, 1e6) | st.integers(-5, 5) | st.floats(-1e6, -1e-3)
logs = st.fixed_dictionaries(
    {"type": st.sampled_from(["error", "info", "Ärger"]), "message": st.just("m")},
    optional={"duration_ms": numbers | st.none() | st.just("text") | st.just(10**400)},
)
batches_of_logs = st.lists(
    st.builds(
        Batch,
        logs=st.lists(logs, min_size=1, max_size=5),
        source=st.sampled_from(["web", "db"]),
        received_at=moments,
    ),
    max_size=12,
).map(lambda batches: sorted(batches, key=lambda each: each.received_at))
retentions = st.builds(
    lambda seconds, minutes: Retention(seconds, max(seconds, minutes), FOR_EVER.hours),
    st.sampled_from([0, 5 * SECOND, 10 * MINUTE, HOUR, FOR_EVER.seconds]),
    st.sampled_from([0, HOUR, 3 * HOUR, FOR_EVER.minutes]),
)
ranges = st.lists(moments, max_size=2).map(sorted)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Batch], Retention, dict[str, Any]]:
    times = draw(ranges)
    names = ("since", "until") if draw(st.booleans()) else ("until", "since")[: 2 - len(times)]
    return draw(batches_of_logs), draw(retentions), dict(zip(names, times, strict=False))


def told(frame: pd.DataFrame, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the range that an answer tells of, where one was asked for; it is no narrower."""
    within = {name: frame.attrs[name] for name in asked}
    if None in within.values():
        assert frame.empty
        return asked
    for name, moment in within.items():
        told_of = pd.Timestamp(moment).value // 10**6
        assert told_of <= asked[name] if name == "since" else told_of >= asked[name]
    return within


def in_kept_steps(
    report: Callable[[str | None], pd.DataFrame], every: str | None
) -> tuple[pd.DataFrame, str | None]:
    """Return a report in these steps, or in hours where those are not kept."""
    try:
        return report(every), every
    except UsageError as error:
        if "are kept from" not in str(error):
            raise
    return report("1h"), "1h"


@costly(240)
@given(cases(), st.sampled_from(["type", "source", None]), st.sampled_from(STEPS))
def test_throughput_is_what_is_counted_in_the_logs(
    case: tuple[list[Batch], Retention, dict[str, Any]], by: By | None, every: str | None
) -> None:
    batches, retention, within = case
    with tempfile.TemporaryDirectory() as folder:
        fill_measured(Path(folder), batches, now=END, retention=retention)
        with Workbench(folder, clock=lambda: END) as wb:
            found, every = in_kept_steps(
                lambda step: wb.throughput(str(step), by=by, **within), every
            )
            exact = wb.throughput(str(every), by=by, exact=True, **told(found, within))
    pd.testing.assert_frame_equal(found.drop(columns="bytes"), exact)
    assert found["bytes"].dtype == "int64"
    assert (found["bytes"] >= 20 * found["logs"]).all()


@costly(240)
@given(
    cases(),
    st.sampled_from([None, "type"]),
    st.sampled_from([None, *STEPS]),
    st.sampled_from([None, "error", ["info", "Ärger"]]),
)
def test_percentiles_are_within_the_error_of_the_exact_ones(
    case: tuple[list[Batch], Retention, dict[str, Any]],
    by: str | None,
    every: str | None,
    log_type: str | list[str] | None,
) -> None:
    batches, retention, within = case
    asked: dict[str, Any] = {"by": by, "type": log_type, "percentiles": (0, 10, 50, 95, 99.9, 100)}
    with tempfile.TemporaryDirectory() as folder:
        fill_measured(Path(folder), batches, now=END, retention=retention)
        with Workbench(folder, clock=lambda: END) as wb:
            if wb.latency("duration_ms", exact=True).empty:
                with pytest.raises(UsageError, match="was not measured"):
                    wb.latency("duration_ms")
                return
            found, every = in_kept_steps(
                lambda step: wb.latency("duration_ms", every=step, **asked, **within), every
            )
            within = told(found, within)
            exact = wb.latency("duration_ms", every=every, exact=True, **asked, **within)
    keys = [name for name in ("metric", "time", by) if name in found]
    pd.testing.assert_frame_equal(found[[*keys, "count"]], exact[[*keys, "count"]])
    pd.testing.assert_frame_equal(found[["min", "max"]], exact[["min", "max"]])
    np.testing.assert_allclose(found["mean"], exact["mean"], rtol=1e-9, atol=1e-6)
    for name in ("p0", "p10", "p50", "p95", "p99.9", "p100"):
        np.testing.assert_allclose(found[name], exact[name], rtol=RELATIVE_ERROR)
    assert (found["relative_error"] == RELATIVE_ERROR).all()
    assert (exact["relative_error"] == 0).all()

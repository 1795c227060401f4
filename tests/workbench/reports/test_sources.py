"""The report on sources: what it counts, how it rates it, and who it calls quiet."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import DAY, NOON, Batch, Log, alter, fill
from tests.support.measured import fill_measured
from tests.support.processes import create_token, serving
from tests.support.sockets import connected, receive
from waterline.clock import now_ms
from waterline.errors import UsageError
from waterline.metrics.quiet_sources import LEAST_MINUTES, REMEMBERED
from waterline.metrics.recorder import MAX_LABELS
from waterline.metrics.rollup_store import Retention
from waterline.metrics.spans import HOUR, MINUTE, SECOND
from workbench.reports.sources import sources
from workbench.workbench import Workbench

DTYPES = {
    "source": "str",
    "first_seen": "datetime64[us, UTC]",
    "last_seen": "datetime64[us, UTC]",
    "logs": "int64",
    "bytes": "int64",
    "rate": "float64",
    "usual_rate": "float64",
    "rejected": "int64",
    "duplicates": "int64",
    "silent_for": "timedelta64[us]",
    "quiet": "bool",
}
QUIET_AFTER = 10 * MINUTE


def logs(count: int = 1) -> list[Log]:
    return [{"type": "info", "message": "m"}] * count


SIZE = len(msgspec.json.encode(logs()[0]))


def report(data: Path, now: int = NOON, quiet_after: int = QUIET_AFTER) -> pd.DataFrame:
    frame = sources(data / "metrics.db", now, quiet_after)
    assert [*frame.columns] == [*DTYPES]
    assert [str(each) for each in frame.dtypes] == [*DTYPES.values()]
    assert isinstance(frame.index, pd.RangeIndex)
    return frame


def row(data: Path, source: str, now: int = NOON, quiet_after: int = QUIET_AFTER) -> dict[str, Any]:
    frame = report(data, now, quiet_after)
    (found,) = frame[frame["source"] == source].to_dict("records")
    return {str(name): value for name, value in found.items()}


def quiet_sources(data: Path, now: int) -> set[str]:
    frame = report(data, now)
    return set(frame["source"][frame["quiet"]])


def milliseconds(moment: Any) -> int:  # noqa: ANN401 - as pandas says
    found: int = round(moment.timestamp() * SECOND)
    return found


def test_each_source_has_a_row_of_what_came_from_it(data: Path) -> None:
    fill_measured(
        data,
        [
            Batch(logs(2), "web", NOON - 2 * HOUR),
            Batch(logs(1), "db", NOON - HOUR + 7),
            Batch(logs(3), "web", NOON - HOUR + 123),
        ],
    )
    frame = report(data)
    assert frame["source"].tolist() == ["db", "web"]
    assert frame["logs"].tolist() == [1, 5]
    assert frame["bytes"].tolist() == [SIZE, 5 * SIZE]
    assert [*map(milliseconds, frame["first_seen"])] == [NOON - HOUR + 7, NOON - 2 * HOUR]
    assert [*map(milliseconds, frame["last_seen"])] == [NOON - HOUR + 7, NOON - HOUR + 123]
    assert frame["silent_for"].tolist() == [
        pd.Timedelta(HOUR - 7, "ms"),
        pd.Timedelta(HOUR - 123, "ms"),
    ]
    assert frame["rejected"].tolist() == frame["duplicates"].tolist() == [0, 0]
    assert frame["quiet"].tolist() == [False, False]


@pytest.mark.slow
def test_logs_stay_counted_when_only_minutes_and_hours_are_left(data: Path) -> None:
    moments = [NOON - 3 * DAY, NOON - 30 * HOUR, NOON - 90 * MINUTE, NOON - SECOND]
    fill_measured(
        data,
        [Batch(logs(), "web", each) for each in moments],
        retention=Retention(seconds=HOUR, minutes=DAY, hours=10 * DAY),
    )
    found = row(data, "web")
    assert found["logs"] == 4
    assert found["bytes"] == 4 * SIZE
    assert found["usual_rate"] == pytest.approx(4 / (3 * DAY / SECOND))


def test_rate_is_of_the_last_five_minutes(data: Path) -> None:
    ages = [5 * MINUTE + SECOND, 5 * MINUTE, MINUTE, SECOND]
    fill_measured(data, [Batch(logs(10), "web", NOON - age) for age in ages], now=NOON - SECOND)
    assert row(data, "web")["rate"] == 30 / 300
    assert row(data, "web", NOON + 4 * MINUTE)["rate"] == 20 / 300
    assert row(data, "web", NOON + HOUR)["rate"] == 0


def test_rate_of_a_younger_source_is_since_its_first_log(data: Path) -> None:
    fill_measured(
        data,
        [
            Batch(logs(30), "old", NOON - HOUR),
            Batch(logs(30), "old", NOON - MINUTE),
            Batch(logs(30), "young", NOON - MINUTE),
            Batch(logs(2), "just", NOON),
        ],
    )
    rates = report(data, NOON).set_index("source")["rate"]
    assert rates["old"] == pytest.approx(30 / 300)
    assert rates["young"] == pytest.approx(30 / 60)
    assert rates["just"] == 2.0


def test_usual_rate_is_of_seven_days_or_since_the_first_log(data: Path) -> None:
    fill_measured(
        data,
        [
            Batch(logs(50), "old", NOON - 8 * DAY),
            Batch(logs(20), "old", NOON - DAY),
            Batch(logs(20), "new", NOON - 1000 * SECOND),
            Batch(logs(1), "just", NOON),
        ],
    )
    frame = report(data, NOON).set_index("source")
    assert frame["usual_rate"]["old"] == pytest.approx(20 / (REMEMBERED / SECOND))
    assert frame["usual_rate"]["new"] == pytest.approx(20 / 1000)
    assert frame["usual_rate"]["just"] == 1.0


def test_duplicates_are_told_apart_from_logs(data: Path) -> None:
    known: Log = {"id": "a", "type": "info", "message": "m"}
    fill_measured(data, [Batch([known], "web"), Batch([known, *logs(2)], "web")])
    found = row(data, "web")
    assert (found["logs"], found["duplicates"]) == (3, 1)


def test_quiet_is_told_by_the_habit_of_a_source(data: Path) -> None:
    steps = {"often": MINUTE, "seldom": 6 * MINUTE}
    batches = [
        Batch(logs(), source, NOON - place * step)
        for source, step in steps.items()
        for place in range(LEAST_MINUTES)
    ]
    few = [Batch(logs(), "few", NOON - place * MINUTE) for place in range(LEAST_MINUTES - 1)]
    fill_measured(
        data,
        sorted([*batches, *few], key=lambda each: each.received_at),
        now=NOON + 2 * MINUTE,
    )
    assert not report(data, NOON + QUIET_AFTER)["quiet"].any()
    for age, quiet in ((11, {"often"}), (12, {"often"}), (13, {"often", "seldom"})):
        assert quiet_sources(data, NOON + age * MINUTE) == quiet
    assert not report(data, NOON + 13 * MINUTE, quiet_after=HOUR)["quiet"].any()
    assert not report(data, NOON + REMEMBERED + 1)["quiet"].any()


def test_each_source_has_a_habit_of_its_own(data: Path) -> None:
    batches = [
        Batch(logs(), source, NOON - age * MINUTE)
        for age in range(59, -1, -1)
        for source in ("pausing", "steady")
        if source == "steady" or not 10 < age < 45
    ]
    fill_measured(data, batches, now=NOON + 2 * MINUTE)
    assert quiet_sources(data, NOON + 11 * MINUTE) == {"steady"}
    assert quiet_sources(data, NOON + 70 * MINUTE) == {"steady"}
    assert quiet_sources(data, NOON + 71 * MINUTE) == {"pausing", "steady"}


def test_pause_of_long_ago_makes_no_silence_usual(data: Path) -> None:
    paused = NOON - 6 * DAY
    recent = [NOON - age * MINUTE for age in range(LEAST_MINUTES - 1, -1, -1)]
    batches = [Batch(logs(), "web", moment) for moment in (paused, *recent)]
    fill_measured(data, batches, now=NOON + 2 * MINUTE)
    assert quiet_sources(data, paused + REMEMBERED) == set()
    assert quiet_sources(data, paused + REMEMBERED + 1) == {"web"}


arrivals = st.lists(
    st.tuples(st.integers(0, 12 * 60), st.sampled_from(["a", "b"]), st.integers(1, 3)),
    max_size=60,
)


@pytest.mark.slow
@costly(120)
@given(arrivals, st.integers(0, 2 * 24 * 60))
def test_report_is_what_a_plain_count_of_the_logs_says(
    tmp_path_factory: pytest.TempPathFactory, received: list[tuple[int, str, int]], later: int
) -> None:
    data = tmp_path_factory.mktemp("sources")
    received.sort()
    batches = [Batch(logs(n), source, NOON + at * MINUTE) for at, source, n in received]
    end = NOON + 13 * HOUR
    fill_measured(data, batches, now=end)
    now = end + later * MINUTE
    frame = report(data, now).set_index("source")
    assert set(frame.index) == {each.source for each in batches}
    for source, found in frame.iterrows():
        of = [each for each in batches if each.source == source]
        minutes = sorted({each.received_at for each in of if each.received_at >= now - REMEMBERED})
        silence = now - of[-1].received_at
        gaps = [after - before for before, after in pairwise(minutes)]
        assert found["logs"] == sum(len(each.logs) for each in of)
        assert found["quiet"] == (
            len(minutes) >= LEAST_MINUTES and silence > QUIET_AFTER and silence > 2 * max(gaps)
        )
        assert milliseconds(found["last_seen"]) == of[-1].received_at


def test_sources_beyond_those_told_apart_are_counted_as_other(data: Path) -> None:
    batches = [Batch(logs(), f"s{number:03}") for number in range(MAX_LABELS + 2)]
    fill_measured(data, batches)
    counts = Counter(dict(zip(*(report(data)[name] for name in ("source", "logs")), strict=True)))
    assert counts["other"] == 2
    assert (counts["s000"], counts[f"s{MAX_LABELS:03}"]) == (1, 0)
    assert len(counts) == MAX_LABELS + 3


def test_sources_without_measurements_are_an_empty_frame(data: Path) -> None:
    assert report(data).empty
    fill_measured(data, [])
    assert report(data).empty


def test_folder_of_an_earlier_version_has_no_sources_yet(data: Path) -> None:
    fill_measured(data, [])
    alter(data / "metrics.db", "UPDATE progress SET measured_from = NULL")
    assert report(data).empty


def test_arguments_without_a_meaning_are_told(data: Path) -> None:
    fill(data, logs())
    with Workbench(data) as wb:
        with pytest.raises(UsageError, match="'soon' is no duration"):
            wb.sources("soon")
        with pytest.raises(UsageError, match="quiet_after=5 is no text"):
            wb.sources(5)  # type: ignore[arg-type]
        pin = wb.pin()
    with (
        Workbench(data, at=pin) as wb,
        pytest.raises(UsageError, match=re.escape("; connect without one")),
    ):
        wb.sources()


@pytest.mark.slow
def test_sources_report_what_a_server_counts(data: Path) -> None:
    tokens = {name: create_token(data, name) for name in ("good", "bad")}
    before = now_ms()
    with serving(data, token=tokens["good"]) as server:
        for name, text in (("good", '{"type":"a","message":"m"}'), ("bad", '{"type":7}')):
            with connected(server, token=tokens[name]) as socket:
                socket.send(text)
                receive(socket)
    with Workbench(data) as wb:
        frame = wb.sources().set_index("source")
    good, bad = frame.loc["good"], frame.loc["bad"]
    assert (good["logs"], good["rejected"], bad["logs"], bad["rejected"]) == (1, 0, 0, 1)
    assert before <= milliseconds(good["first_seen"]) <= now_ms()
    assert 1 / 301 < good["rate"] <= 1
    assert good["silent_for"] >= pd.Timedelta(0)
    assert bad[["first_seen", "last_seen", "silent_for"]].isna().all()
    assert not frame["quiet"].any()

"""Tallies are what plain counting with pandas gives, over hot and archived logs."""

import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import archive, path_of, prune
from tests.support.examples import costly
from tests.support.finding import finding
from tests.support.folders import NOON, Batch, fill, fill_batches
from tests.support.plainly import PlainLog, answer_plainly, store_plainly
from tests.workbench.query.test_archived import Archiving, apply, archivings
from tests.workbench.query.test_execute import NAMES, PATHS, batches_of_logs, questions
from waterline.encoding import JSON_GZ, PARQUET
from waterline.query_text.paths import lookup
from workbench.explore.steps import Steps, steps_of
from workbench.explore.tally import Tally, tally, tally_by_type_and
from workbench.query.question import ask

pytestmark = pytest.mark.slow

ZONE = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000

bys = st.sampled_from(["type", "source", *NAMES, *PATHS])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Batch], Archiving, list[tuple[dict[str, Any], str, int]]]:
    batches = draw(batches_of_logs)
    asked = st.tuples(questions(batches), bys, st.integers(1, 30))
    return batches, draw(archivings), draw(st.lists(asked, min_size=1, max_size=4))


def label_of(log: PlainLog, by: str) -> str:
    if by in ("type", "source"):
        return str(getattr(log, by))
    value = lookup({**log.attributes}, by)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(value))).decode()


def counted_plainly(logs: list[PlainLog], steps: Steps, by: str) -> dict[str, list[int]]:
    """Count logs by step and label with pandas."""
    frame = pd.DataFrame(
        {
            "label": pd.Series([label_of(each, by) for each in logs], dtype="object"),
            "step": np.searchsorted(steps.edges, [each.timestamp for each in logs], "right") - 1,
        }
    )
    counts = frame.groupby(["label", "step"]).size()
    return {
        label: [int(counts.get((label, step), 0)) for step in range(len(steps))]
        for label in frame["label"].unique()
    }


def as_lists(found: Tally) -> dict[str, list[int]]:
    return {label: counts.tolist() for label, counts in found.counts.items() if counts.any()}


@costly(200)
@given(cases())
def test_any_tally_is_that_of_plain_counting(
    case: tuple[list[Batch], Archiving, list[tuple[dict[str, Any], str, int]]],
) -> None:
    batches, archiving, several = case
    logs = store_plainly(batches)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        fill_batches(data, batches)
        apply(data, archiving)
        with finding(data) as found:
            for filters, by, most in several:
                question = ask(now=NOON, **{**filters, "limit": None})
                chosen = answer_plainly(logs, question)
                moments = [each.timestamp for each in logs]
                since = min(moments) if question.since is None else question.since
                until = max(moments) + 1 if question.until is None else question.until
                steps = steps_of(since, until, ZONE, most)
                counted = tally(found, question, steps, by)
                assert as_lists(counted) == counted_plainly(chosen, steps, by)
                assert counted.logs == len(chosen) == counted.read.hot + counted.read.archived
                assert counted.missing == ()
                assert counted.lacks is None


@costly(150)
@given(cases(), st.sampled_from([None, (), ("error",), ("error", "info"), ("a", "b")]))
def test_tally_by_type_and_another_label_is_that_of_two(
    case: tuple[list[Batch], Archiving, list[tuple[dict[str, Any], str, int]]],
    types: tuple[str, ...] | None,
) -> None:
    batches, archiving, several = case
    logs = store_plainly(batches)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        fill_batches(data, batches)
        apply(data, archiving)
        with finding(data) as found:
            for filters, by, most in several:
                if by == "type":
                    continue
                question = ask(now=NOON, **{**filters, "limit": None, "type": None})
                chosen = answer_plainly(logs, question)
                moments = [each.timestamp for each in logs]
                since = min(moments) if question.since is None else question.since
                until = max(moments) + 1 if question.until is None else question.until
                steps = steps_of(since, until, ZONE, most)
                by_type, by_label = tally_by_type_and(found, question, steps, by, types)
                of_types = [each for each in chosen if types is None or each.type in types]
                assert as_lists(by_type) == counted_plainly(chosen, steps, "type")
                assert as_lists(by_label) == counted_plainly(of_types, steps, by)
                assert by_label.logs == by_label.read.hot + by_label.read.archived


def by_hour(data: Path, by: str = "type", **filters: Any) -> Tally:  # noqa: ANN401 - any filter
    with finding(data) as found:
        return tally(
            found, ask(now=NOON, **filters), steps_of(NOON, NOON + 10 * HOUR, ZONE, 10), by
        )


def test_batches_of_one_step_are_counted_by_the_catalog_alone(data: Path) -> None:
    logs = [
        {"type": "error" if n % 3 else "info", "message": "m", "timestamp": NOON + n * HOUR // 4}
        for n in range(40)
    ]
    fill(data, logs)
    archive(data, [(4, PARQUET)] * 8, clear=True)
    counted = by_hour(data)
    assert counted.logs == 40
    assert (counted.read.archived, counted.read.hot) == (32, 8)
    assert (counted.read.left_out, counted.read.files, counted.read.size) == (8, 0, 0)
    filtered = by_hour(data, query="type:error m")
    assert filtered.logs == 26
    assert (filtered.read.left_out, filtered.read.files) == (0, 8)
    assert filtered.read.size > 0
    assert by_hour(data, type="error").counts["error"].tolist() == counted.counts["error"].tolist()


def test_logs_that_are_pruned_and_files_that_are_damaged_are_told(data: Path) -> None:
    logs = [{"type": "info", "message": "m", "timestamp": NOON + n * HOUR} for n in range(9)]
    fill(data, logs)
    first, second, _ = archive(data, [(3, PARQUET), (3, JSON_GZ), (3, PARQUET)], clear=True)
    prune(data, [first])
    path_of(data, second).write_bytes(b"no batch")
    counted = by_hour(data, query="m")
    assert counted.logs == 3
    assert counted.lacks is not None
    assert "pruned" in counted.lacks
    (fault,) = counted.missing
    assert str(path_of(data, second)) in fault


def test_moved_tally_keeps_what_lies_in_both_ranges_and_drops_what_slid_away() -> None:
    steps = steps_of(NOON, NOON + 5 * HOUR, ZONE, 5)
    counts = {"a": np.array([1, 2, 3, 4, 5]), "gone": np.array([9, 0, 0, 0, 0])}
    before = Tally(steps, None, counts)  # type: ignore[arg-type] # no moment is looked at
    later = steps_of(NOON + 2 * HOUR, NOON + 7 * HOUR, ZONE, 5)
    moved = before.moved(later)
    assert moved is not None
    assert as_lists(moved) == {"a": [3, 4, 5, 0, 0]}
    assert moved.steps is later
    assert moved.moved(steps) is None, "what lies before is not known"
    assert moved.moved(steps_of(NOON + 2 * HOUR, NOON + 7 * HOUR, ZONE, 50)) is None


def test_totals_have_the_most_frequent_first() -> None:
    steps = steps_of(NOON, NOON + 2, ZONE, 2)
    counts = {"b": np.array([1, 1]), "a": np.array([2, 0]), "z": np.array([4, 0])}
    found = Tally(steps, None, counts)  # type: ignore[arg-type] # no moment is looked at
    assert [*found.totals.items()] == [("z", 4), ("a", 2), ("b", 2)]
    assert found.logs == 8


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a.b", "a\0b", "$", "a[0]", "é", " ", "a\nb"])
@pytest.mark.parametrize("parts", [[], [(1, PARQUET)]])
def test_attribute_of_any_name_is_counted(data: Path, name: str, parts: list[Any]) -> None:
    fill(data, [{"type": "info", "message": "m", name: value} for value in ("x", "y", "x")])
    archive(data, parts, clear=True)
    with finding(data) as found:
        counted = tally(found, ask(now=NOON), steps_of(0, 2 * NOON, ZONE, 5), name)
    assert counted.totals == {"x": 2, "y": 1}

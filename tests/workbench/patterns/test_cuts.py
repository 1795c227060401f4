"""Counts of patterns and values are the same however logs are cut into parts, and sent along."""

import pickle
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.archive.columns import MOMENT
from workbench.patterns import template_tree
from workbench.patterns.tally import Count, Tally, Templates, texts_of
from workbench.patterns.values import (
    MOST_NAMES,
    MOST_NAMES_OF_A_PART,
    MOST_NUMBERS,
    MOST_VALUES,
    Counted,
    Values,
)

WORDS = ("pump", "valve", "runs", "dry", "7", "10.0.0.1", "x=5", "opened")
LOGS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
        st.sampled_from(("info", "error", "debug")),
        st.integers(-(10**4), 10**4) | st.integers(0, 10**13),
    ),
    min_size=1,
    max_size=40,
)
VALUES = st.none() | st.sampled_from(["a", "b", 1, 1.0, 2.5, True, [1], {"c": 1}]) | st.integers()
ATTRIBUTES = st.lists(st.dictionaries(st.sampled_from("pqrstuv"), VALUES), min_size=1, max_size=30)


def cut(size: int, places: list[int]) -> list[slice]:
    """Return parts of so many logs, which begin at these places."""
    bounds = sorted({0, size, *(place % (size + 1) for place in places)})
    return [slice(*each) for each in pairwise(bounds)]


def tallied(logs: list[tuple[str, str, int]], parts: list[slice]) -> tuple[range, list[Any]]:
    messages, types, moments = zip(*logs, strict=True)
    table = pa.table(
        {
            "seq": range(1, len(logs) + 1),
            "timestamp": pa.array(moments, pa.int64()).cast(MOMENT),
            "type": types,
            "message": messages,
        }
    )
    tally = Tally(Templates())
    for part in parts:
        tally.add(pickle.loads(pickle.dumps(texts_of(table[part]))))
    counts: dict[str, Count] = tally.by_text()
    return tally.steps, sorted(counts.items())


@given(LOGS, st.lists(st.integers(0, 99), max_size=5))
def test_patterns_are_the_same_however_logs_are_cut(
    logs: list[tuple[str, str, int]], places: list[int]
) -> None:
    whole = tallied(logs, [slice(0, len(logs))])
    assert tallied(logs, [slice(0, 0), *cut(len(logs), places)]) == whole
    assert sum(count.logs for _, count in whole[1]) == len(logs)


def test_patterns_of_few_templates_are_the_same_however_logs_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_tree, "MOST_TEMPLATES", 5)
    logs = [(f"{chr(97 + place)} said", "info", place) for place in range(20)]
    whole = tallied(logs, [slice(0, 20)])
    assert tallied(logs, cut(20, [3, 11])) == whole
    assert len(whole[1]) == 5


def counted(logs: list[dict[str, Any]], parts: list[slice]) -> tuple[list[Counted], list[str]]:
    found = Values()
    examples = [(seq, f"message {seq}") for seq in range(len(logs))]
    for part in parts:
        values = Values(MOST_NAMES_OF_A_PART)
        columns = {"type": [f"type {seq % 3}" for seq, _ in examples[part]]}
        values.add(0, columns, logs[part], examples[part])
        found.merge(pickle.loads(pickle.dumps(values)))
    rows = sorted(found.counted(), key=lambda each: (each.name, each.text, each.logs))
    return rows, found.uncounted()


@given(ATTRIBUTES, st.lists(st.integers(0, 99), max_size=5))
def test_values_are_the_same_however_logs_are_cut(
    logs: list[dict[str, Any]], places: list[int]
) -> None:
    whole = counted(logs, [slice(0, len(logs))])
    assert counted(logs, [slice(0, 0), *cut(len(logs), places)]) == whole
    directly = Values()
    directly.add(0, {}, logs, [(seq, "") for seq in range(len(logs))])
    assert directly.uncounted() == whole[1]


@pytest.mark.parametrize(
    "logs",
    [
        [{f"name {seq}": 1, "all": seq} for seq in range(MOST_NAMES + 50)],
        [{"text": f"value {seq}", "other": "a"} for seq in range(MOST_VALUES + 50)],
        [{"number": seq / 4, "nested": [seq] if seq == 40 else "b"} for seq in range(99)],
    ],
    ids=["names", "texts", "numbers"],
)
def test_limits_of_values_are_the_same_however_logs_are_cut(logs: list[dict[str, Any]]) -> None:
    whole = counted(logs, [slice(0, len(logs))])
    assert counted(logs, cut(len(logs), [1, 30, 45, 47])) == whole
    assert MOST_NUMBERS < 99


def test_attribute_that_a_part_left_out_is_told_as_uncounted() -> None:
    many = {f"name {place}": place for place in range(MOST_NAMES_OF_A_PART)}
    logs: list[dict[str, Any]] = [{"known": 1}, {**many, "known": 2}]
    rows, uncounted = counted(logs, [slice(0, 1), slice(1, 2)])
    assert "known" in uncounted
    assert "known" not in {each.name for each in rows}

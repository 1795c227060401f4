"""A choice of columns is that part of the whole answer, and no other column is read for it."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import Part, archive
from tests.support.examples import costly
from tests.support.folders import Batch, fill
from tests.support.part_archived import noted_reads, part_archived, parts
from tests.workbench.query.test_execute import batches_of_logs, questions
from waterline.archive.columns import NAMES
from waterline.encoding import PARQUET
from waterline.errors import UsageError

choices = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)


@st.composite
def folders_and_questions(
    draw: st.DrawFn,
) -> tuple[list[Batch], list[tuple[dict[str, Any], list[str]]]]:
    batches = draw(batches_of_logs)
    return batches, draw(st.lists(st.tuples(questions(batches), choices), min_size=6, max_size=10))


@pytest.mark.slow
@costly(30)
@given(folders_and_questions(), parts, st.booleans())
def test_columns_are_that_part_of_the_whole_answer(
    case: tuple[list[Batch], list[tuple[dict[str, Any], list[str]]]],
    archived: list[Part],
    clear: bool,
) -> None:
    batches, asked = case
    with part_archived(batches, archived, clear=clear) as wb:
        for filters, columns in asked:
            whole = wb.logs(**filters)
            some = wb.logs(columns=columns, **filters)
            pd.testing.assert_frame_equal(some, whole[columns])
            table = wb.arrow(columns=columns, **filters)
            assert table.equals(wb.arrow(**filters).select(columns))
            by_seq = {k: v for k, v in filters.items() if k not in ("order", "limit")}
            walked = [*wb.iter_logs(columns=columns, **by_seq)]
            pieces = [*wb.iter_logs(**by_seq)]
            assert len(walked) == len(pieces)
            for one, other in zip(walked, pieces, strict=True):
                pd.testing.assert_frame_equal(one, other[columns])


def test_attributes_stand_beside_the_columns_that_were_chosen(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "status": 200, "host": "a"}])
    with workbench.connect(data) as wb:
        frame = wb.logs(columns=["message", "type"], attributes=["status"])
        (piece,) = wb.iter_logs(columns="type", attributes="all")
    assert frame.to_dict("records") == [{"message": "m", "type": "info", "status": 200}]
    assert piece.to_dict("records") == [{"type": "info", "host": "a", "status": 200}]


def test_columns_that_are_not_needed_are_not_read_of_a_file(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, [{"type": "info", "message": "m", "x": 1}] * 2)
    archive(data, [(2, PARQUET)], clear=True)
    with workbench.connect(data) as wb:
        seen = noted_reads(monkeypatch)
        wb.logs(columns=["type"])
        wb.logs(columns=["type"], contains="m", source="test")
        wb.count(where={"x": 1})
        wb.latency("x", by="source", exact=True)
    assert [columns for _, columns in seen] == [
        ("seq", "type", "timestamp"),
        ("seq", "type", "timestamp", "source", "message"),
        ("attributes",),
        ("source", "attributes"),
    ]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            ["seq", "duration_ms"],
            (
                "columns=['seq', 'duration_ms']: there is no column 'duration_ms'; the columns are "
                f"{', '.join(NAMES)}, and an attribute becomes one with "
                "attributes=['duration_ms']"
            ),
        ),
        (5, f"columns=5: there is no column 5; the columns are {', '.join(NAMES)}"),
        ([[]], f"columns=[[]]: there is no column []; the columns are {', '.join(NAMES)}"),
        ([], "columns=[] names no columns, or one twice; name each column once"),
        (
            ["id", "id"],
            "columns=['id', 'id'] names no columns, or one twice; name each column once",
        ),
    ],
)
def test_columns_without_meaning_are_refused(data: Path, columns: object, sentence: str) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    asked: dict[str, Any] = {"columns": columns}
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        wb.logs(**asked)


@pytest.mark.parametrize("question", ["count", "throughput", "compression_compare"])
def test_columns_are_refused_where_they_have_no_meaning(data: Path, question: str) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    with (
        workbench.connect(data) as wb,
        pytest.raises(UsageError, match=r"^columns=\['type'\] has no meaning here"),
    ):
        getattr(wb, question)(columns=["type"])


def test_latency_has_no_columns_to_choose(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=r"^columns=\["):
        wb.latency("x", columns=["type"])

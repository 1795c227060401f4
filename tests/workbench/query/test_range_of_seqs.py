"""A question about some of the seqs gives what a plain filter over a list of logs gives."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import Part
from tests.support.examples import costly
from tests.support.folders import NOON, Batch
from tests.support.part_archived import part_archived, parts
from tests.support.plainly import answer_plainly, store_plainly
from tests.support.sessions import session_of
from tests.workbench.query.test_execute import folders_and_questions
from workbench.query.question import ask
from workbench.query.scan import LogScan

ends = st.none() | st.integers(0, 20)


@pytest.mark.slow
@costly(150)
@given(folders_and_questions(), parts, ends, ends)
def test_logs_count_and_scan_between_two_seqs(
    case: tuple[list[Batch], list[dict[str, Any]]],
    archived: list[Part],
    first: int | None,
    last: int | None,
) -> None:
    batches, asked = case
    stored = store_plainly(batches)
    with part_archived(batches, archived, clear=True) as wb:
        session = session_of(wb)
        for filters in asked:
            question = replace(ask(now=NOON, **filters), first=first, last=last)
            expected = [each.seq for each in answer_plainly(stored, question)]
            rows = session.logs.rows(question)
            assert rows.table["seq"].to_pylist() == expected
            assert session.logs.count(question).value == len(expected)
            unlimited = replace(question, limit=None)
            every = sorted(each.seq for each in answer_plainly(stored, unlimited))
            scan = LogScan(session.folder, session.database, unlimited)
            assert [seq for each in scan.tables() for seq in each["seq"].to_pylist()] == every
            parts = session.logs.parts(unlimited, lambda table: table["seq"].to_pylist())
            assert sorted(seq for part in parts.value for seq in part) == every

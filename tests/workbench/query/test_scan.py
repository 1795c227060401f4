"""Logs piece by piece, and as Arrow: the same as all at once, whatever comes in between."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import Part, adopt, archive, elsewhere, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, fill
from tests.support.part_archived import part_archived, parts
from tests.support.processes import PATIENCE
from tests.support.sessions import session_of
from tests.workbench.query.test_execute import assert_dtypes, batches_of_logs, questions
from waterline.archive.columns import SCHEMA
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import PrunedLogs, UsageError
from workbench.query import scan as walking
from workbench.query.database import View
from workbench.query.pin import to_pin
from workbench.query.times import iso_text
from workbench.workbench import Workbench

LOG = {"type": "info", "message": "m", "duration_ms": 1.5}


@st.composite
def folders_and_filters(draw: st.DrawFn) -> tuple[list[Batch], dict[str, Any]]:
    batches = draw(batches_of_logs)
    filters = draw(questions(batches))
    filters.pop("order"), filters.pop("limit")
    return batches, filters


@pytest.mark.slow
@costly(60)
@given(folders_and_filters(), parts)
def test_pieces_are_what_all_at_once_is(
    case: tuple[list[Batch], dict[str, Any]], archived: list[Part]
) -> None:
    batches, filters = case
    with part_archived(batches, archived) as wb:
        expected = wb.logs(**filters)
        pieces = list(wb.iter_logs(**filters))
        assert wb.arrow(**filters).to_pylist() == wb.arrow(**filters, order="oldest").to_pylist()
    for each in pieces:
        assert_dtypes(each)
        assert len(each)
    found = [seq for each in pieces for seq in each["seq"].tolist()]
    assert found == sorted(expected["seq"].tolist())
    if pieces:
        together = pd.concat(pieces, ignore_index=True)
        by_seq = expected.sort_values("seq", ignore_index=True)
        pd.testing.assert_frame_equal(together, by_seq)


def test_pieces_are_of_the_moment_when_they_were_asked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "PAGE_ROWS", 2)
    fill(data, [LOG] * 5)
    with workbench.connect(data) as wb:
        pieces = wb.iter_logs()
        first = next(pieces)
        elsewhere(fill, data, [LOG] * 5)
        elsewhere(archive, data, [(3, PARQUET), (4, JSON_GZ)], clear=True)
        rest = list(pieces)
        seqs = [each["seq"].tolist() for each in (first, *rest)]
        assert [seq for each in seqs for seq in each] == [1, 2, 3, 4, 5]
        pin = to_pin(first.attrs["pin"])
        assert pin.seq == 5
        assert {each.attrs["pin"] for each in rest} == {str(pin)}
        assert wb.logs(at=pin)["seq"].tolist() == [1, 2, 3, 4, 5]
        assert sum(map(len, wb.iter_logs(at=pin))) == 5
        assert sum(map(len, wb.iter_logs())) == 10


def test_between_two_pieces_nothing_holds_the_wal(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "PAGE_ROWS", 2)
    fill(data, [LOG] * 6)
    with workbench.connect(data) as wb:
        pieces = wb.iter_logs()
        next(pieces)
        elsewhere(fill, data, [LOG])
        assert elsewhere(wal_left, data) == 0
        assert sum(map(len, pieces)) == 4


def wal_left(data: Path) -> int:
    """Return the bytes of the WAL that a truncating checkpoint could not give back."""
    connection = apsw.Connection(str(data / "logs.db"))
    connection.set_busy_timeout(int(PATIENCE * 1000))
    assert connection.pragma("journal_mode") == "wal"  # it is only known once it was looked at
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    left = (data / "logs.db-wal").stat().st_size
    connection.close()
    return left


def test_attributes_become_columns_of_each_piece(data: Path) -> None:
    fill(data, [LOG] * 3)
    archive(data, [(2, PARQUET)])
    with workbench.connect(data) as wb:
        pieces = list(wb.iter_logs(attributes=["duration_ms"]))
    assert [each["duration_ms"].tolist() for each in pieces] == [[1.5, 1.5], [1.5]]


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"order": "newest"}, "order='newest' has no meaning here; leave it out"),
        ({"limit": 5}, "limit=5 has no meaning here; leave it out"),
        ({"typ": "info"}, "there is no filter typ; "),
    ],
)
def test_filter_without_meaning_is_refused_before_the_first_piece(
    data: Path, filters: dict[str, Any], sentence: str
) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=sentence):
        wb.iter_logs(**filters)


def test_pruned_logs_are_told_once(data: Path) -> None:
    fill(data, [LOG] * 4)
    batches = archive(data, [(2, PARQUET)], clear=True)
    prune(data, batches)
    with workbench.connect(data) as wb:
        with pytest.warns(PrunedLogs, match="lacks 2 logs") as told:
            assert [each["seq"].tolist() for each in wb.iter_logs()] == [[3, 4]]
        assert [each.filename for each in told] == [__file__]
        with pytest.warns(PrunedLogs, match="lacks 2 logs"):
            assert wb.arrow()["seq"].to_pylist() == [3, 4]


def test_arrow_is_the_table_that_the_frame_is_made_of(data: Path) -> None:
    fill(data, [LOG, LOG | {"type": "error"}])
    with workbench.connect(data) as wb:
        table = wb.arrow(type="error")
        assert isinstance(table, pa.Table)
        assert table.schema.names == SCHEMA.names
        assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
        assert table["seq"].to_pylist() == [2]
        assert json.loads(table["attributes"][0].as_py()) == {"duration_ms": 1.5}


def test_frame_says_what_moment_it_is_of_and_where_its_logs_were(data: Path) -> None:
    fill(data, [LOG] * 5)
    archive(data, [(2, PARQUET)])
    with Workbench(data, clock=lambda: NOON) as wb:
        attrs = wb.logs().attrs
        pin = wb.pin()
        assert (attrs["pin"], attrs["rows"]) == (str(pin), {"hot": 3, "archived": 2})
        assert attrs["seconds"] > 0
        assert "pruned" not in attrs
        elsewhere(fill, data, [LOG])
        again = wb.logs(at=attrs["pin"], order="newest", limit=4)
        assert again.attrs["pin"] == str(pin)
        assert again.attrs["rows"] == {"hot": 3, "archived": 1}


def test_adopted_batch_among_hot_logs_counts_as_archived(data: Path) -> None:

    fill(data, [LOG] * 5)
    adopt(data, 3, 4, PARQUET)
    with workbench.connect(data) as wb:
        assert wb.logs().attrs["rows"] == {"hot": 3, "archived": 2}


def test_range_of_time_reads_no_hot_logs_outside_of_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, [{**LOG, "timestamp": NOON + each} for each in range(100)])
    monkeypatch.setattr(walking, "PAGE_ROWS", 5)
    begins: list[int] = []
    page = walking.LogScan._end_of_page

    def noted(scan: walking.LogScan, view: View, begin: int, end: int) -> int | None:
        begins.append(begin)
        return page(scan, view, begin, end)

    monkeypatch.setattr(walking.LogScan, "_end_of_page", noted)
    with Workbench(data, cache=False) as wb:
        pieces = wb.iter_logs(since=iso_text(NOON + 50), until=iso_text(NOON + 62))
        seqs = [seq for each in pieces for seq in each["seq"]]
    assert seqs == [*range(51, 63)]
    assert begins == [50, 55, 60]


def test_last_seq_of_a_question_bounds_each_page_alone(data: Path) -> None:
    fill(data, [{**LOG, "timestamp": NOON + each} for each in range(100)])
    with Workbench(data, cache=False) as wb:
        session = session_of(wb)
        asked = replace(session.question({}), last=70)
        scan = walking.LogScan(session.folder, session.database, asked, range(31, 2**62))
        assert [seq for each in scan.tables() for seq in each["seq"].to_pylist()] == [
            *range(31, 71)
        ]

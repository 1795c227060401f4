"""The logs before and after one: what sorting all logs and counting from it gives."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import Part, archive, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill
from tests.support.part_archived import part_archived, parts
from tests.workbench.query.test_execute import assert_dtypes, batches_of_logs
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import PrunedLogs, UsageError
from workbench.workbench import Workbench


def log(number: int, at: int, **more: object) -> Log:
    return {"type": "info", "message": f"m{number}", "timestamp": NOON + at, **more}


def plainly(logs: pd.DataFrame, seq: int, n: int) -> list[int]:
    """Return the seqs around one, by sorting all that may be among them."""
    seqs: list[int] = logs.sort_values(["timestamp", "seq"])["seq"].tolist()
    place = seqs.index(seq)
    return seqs[max(0, place - n) : place + n + 1]


@pytest.mark.slow
@costly(60)
@given(batches_of_logs, parts, st.data())
def test_neighbours_are_those_of_all_logs_sorted(
    batches: list[Batch], archived: list[Part], data: st.DataObject
) -> None:
    with part_archived(batches, archived) as wb:
        every = wb.logs()
        seq = data.draw(st.sampled_from(every["seq"].tolist()))
        n = data.draw(st.integers(0, 4))
        this = every.set_index("seq").loc[seq]
        values = {
            name: value
            for name, value in json.loads(this["attributes"]).items()
            if isinstance(value, str | int | float)
        }
        by = data.draw(st.sampled_from([None, "source", "type", *values]))
        shared: dict[str, Any] = {} if by is None else {"where": {by: values.get(by)}}
        if by in ("source", "type"):
            shared = {by: this[by]}
        found = wb.around(seq, n, by)
        assert found["seq"].tolist() == plainly(wb.logs(**shared), seq, n)
        assert_dtypes(found)
        by_seq = every.set_index("seq")
        assert found.drop(columns="seq").equals(by_seq.loc[found["seq"]].reset_index(drop=True))
        assert sum(found.attrs["rows"].values()) == len(found)


def test_neighbours_lie_on_both_sides_of_what_is_archived(data: Path) -> None:
    fill(data, [log(number, number * 60_000, service="ab"[number % 2]) for number in range(20)])
    archive(data, [(6, PARQUET), (5, JSON_GZ)], clear=True)
    fill(data, [log(20, 11 * 60_000)], source="other")
    with Workbench(data) as wb:
        found = wb.around(11, n=3)
        everyone = wb.around(11, n=3, by=None)
        service = wb.around(11, n=3, by="service")
        pin = wb.pin()
        fill(data, [log(21, 10 * 60_000 + 1)])
        pinned = wb.around(11, n=3, at=pin)
        assert wb.around(11, n=3)["message"].tolist()[4] == "m21"
    assert found["message"].tolist() == [f"m{number}" for number in range(7, 14)]
    assert (found.attrs["around"], found.attrs["rows"]) == (11, {"hot": 3, "archived": 4})
    assert everyone["message"].tolist() == ["m7", "m8", "m9", "m10", "m11", "m20", "m12"]
    assert service["message"].tolist() == ["m4", "m6", "m8", "m10", "m12", "m14", "m16"]
    assert pinned.equals(found)


def test_logs_of_one_moment_are_in_the_order_of_their_seqs(data: Path) -> None:
    fill(data, [log(number, 0) for number in range(9)])
    with Workbench(data) as wb:
        assert wb.around(5, n=2)["seq"].tolist() == [3, 4, 5, 6, 7]
        assert wb.around(9, n=2)["seq"].tolist() == [7, 8, 9]
        assert wb.around(1, n=0)["seq"].tolist() == [1]


def test_pruned_neighbours_are_told_of(data: Path) -> None:
    fill(data, [log(number, number) for number in range(9)])
    first, _ = archive(data, [(4, PARQUET), (2, PARQUET)], clear=True)
    prune(data, [first])
    with Workbench(data) as wb:
        with pytest.warns(PrunedLogs):
            found = wb.around(5, n=2)
        assert found["seq"].tolist() == [5, 6, 7]
        assert "4 logs" in found.attrs["pruned"]
        with pytest.raises(UsageError, match=r"no log with seq 2 any more: .*pruned"):
            wb.around(2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((3,), "there is no log with seq 3"),
        ((0,), "seq=0 is no whole number from 1 on"),
        (("1",), "seq='1' is no whole number"),
        ((1, -1), "n=-1 is no whole number from 0 on"),
        ((1, 10_001), "n=10001 is more than 10,000"),
        ((1, 1, "service"), "has no attribute 'service'; it has type, source, status, path"),
        ((1, 1, "path"), "has no single value as its attribute 'path'"),
    ],
)
def test_what_has_no_meaning_is_refused(data: Path, arguments: tuple[Any, ...], said: str) -> None:
    fill(data, [log(0, 0, status=500, path=["a"]), log(1, 1)])
    with Workbench(data) as wb, pytest.raises(UsageError, match=said):
        wb.around(*arguments)

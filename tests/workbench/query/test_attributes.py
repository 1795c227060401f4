"""Attributes as columns: which columns, in what order, with which dtype."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.folders import Log, fill
from waterline.errors import UsageError
from workbench.query.attributes import spread
from workbench.workbench import Workbench

STORED = ["seq", "id", "type", "timestamp", "received_at", "source", "message"]


def frame_of(*attributes: dict[str, object]) -> pd.DataFrame:
    """Return a frame as `Workbench.logs` gives it, as far as attributes go."""
    texts = [json.dumps(each) for each in attributes]
    return pd.DataFrame(
        {
            "seq": pd.Series(range(1, len(texts) + 1), dtype="int64"),
            "attributes": pd.Series(texts, dtype="str"),
            "message": pd.Series(["m"] * len(texts), dtype="str"),
        }
    )


def column(*values: object) -> "pd.Series[Any]":
    return spread(frame_of(*({"a": each} for each in values)), ["a"])["a"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "Int64"),
        ([1, None], "Int64"),
        ([-(2**63), 2**63 - 1, None], "Int64"),
        ([2**63], "object"),
        ([1, -(2**63) - 1], "object"),
        ([1.5], "Float64"),
        ([1, 1.5, None], "Float64"),
        ([2**64, 1.5], "Float64"),
        ([10**400, 1.5], "object"),
        ([True, False, None], "boolean"),
        ([True, 1], "object"),
        ([True, "true"], "object"),
        (["a", None], "str"),
        (["", "\x00"], "str"),
        (["1", 1], "object"),
        ([[1], None], "object"),
        ([{"b": 1}], "object"),
        ([None, None], "object"),
    ],
)
def test_dtype_fits_the_values_and_keeps_them(values: list[object], dtype: str) -> None:
    found = column(*values)
    assert str(found.dtype) == dtype
    present = found.notna().tolist()
    assert [each if there else None for each, there in zip(found, present, strict=True)] == values


def test_attribute_that_a_log_lacks_is_missing() -> None:
    frame = spread(frame_of({"a": 1, "b": "x", "c": 1.5, "d": True}, {}), "all")
    assert frame.dtypes.astype(str).to_dict() == {
        "seq": "int64",
        "message": "str",
        "a": "Int64",
        "b": "str",
        "c": "Float64",
        "d": "boolean",
    }
    assert frame.iloc[1][["a", "b", "c", "d"]].isna().all()


def test_large_integers_beside_a_missing_one_are_kept_to_the_last_digit() -> None:
    assert column(2**53 + 1, None).iloc[0] == 2**53 + 1


def test_attribute_no_log_has_is_a_column_of_missing_objects() -> None:
    frame = spread(frame_of({"a": 1}), ["b"])
    assert str(frame["b"].dtype) == "object"
    assert frame["b"].isna().all()


def test_columns_come_in_the_order_asked_for_each_once_after_the_others() -> None:
    frame = spread(frame_of({"a": 1, "b": 2, "c": 3}), ["c", "a", "c"])
    assert list(frame.columns) == ["seq", "message", "c", "a"]


def test_attributes_all_means_every_one_by_name() -> None:
    frame = spread(frame_of({"b": 1}, {"a": 2, "": 3}), "all")
    assert list(frame.columns) == ["seq", "message", "", "a", "b"]


def test_all_of_a_hundred_attributes_and_more_come_without_a_warning() -> None:
    frame = spread(frame_of({f"a{each:03}": each for each in range(150)}), "all")
    assert frame.shape == (1, 152)
    assert frame["a149"].tolist() == [149]


def test_attribute_named_like_a_column_gets_a_prefix() -> None:
    frame = spread(frame_of({"seq": 77, "source": "own", "attributes": "text"}), "all")
    assert list(frame.columns) == [
        "seq",
        "message",
        "attributes",
        "attributes.seq",
        "attributes.source",
    ]
    assert frame["seq"].tolist() == [1]
    assert frame["attributes.seq"].tolist() == [77]
    assert frame["attributes"].tolist() == ["text"]


def test_two_attributes_never_share_a_column() -> None:
    frame = spread(frame_of({"seq": 1, "attributes.seq": 2, "attributes.x": 3}), "all")
    assert frame["attributes.seq"].tolist() == [1]
    assert frame["attributes.attributes.seq"].tolist() == [2]
    assert frame["attributes.attributes.x"].tolist() == [3]


def test_odd_names_are_columns_too() -> None:
    names = ["a b", "a.b", 'say "a"', "schlüssel", "nul\x00nul", "\n", "😀"]
    frame = spread(frame_of(dict.fromkeys(names, 1)), names)
    assert list(frame.columns) == ["seq", "message", *names]


def test_rows_keep_their_index() -> None:
    frame = frame_of({"a": 1}, {"a": 2}, {"a": 3}).iloc[[2, 0]]
    result = spread(frame, ["a"])
    assert result.index.tolist() == [2, 0]
    assert result["a"].tolist() == [3, 1]
    assert result["seq"].tolist() == [3, 1]


def test_given_frame_is_left_as_it_was() -> None:
    frame = frame_of({"a": 1})
    before = frame.copy()
    spread(frame, "all")
    pd.testing.assert_frame_equal(frame, before)


def test_empty_frame_gets_empty_columns() -> None:
    frame = spread(frame_of(), ["a", "seq"])
    assert frame.dtypes.astype(str).to_dict() == {
        "seq": "int64",
        "message": "str",
        "a": "object",
        "attributes.seq": "object",
    }
    assert frame.empty
    assert list(spread(frame_of(), "all").columns) == ["seq", "message"]


@pytest.mark.parametrize("names", ["status", "", 5, None, ["a", 5], [["a"]], b"a"])
def test_attributes_that_are_no_names_are_refused_in_a_sentence(names: object) -> None:
    with pytest.raises(UsageError) as refused:
        spread(frame_of({"a": 1}), names)  # type: ignore[arg-type]
    assert str(refused.value) == f"attributes={names!r} is no list of names; give one, or 'all'"


def test_workbench_gives_attributes_as_columns(data: Path) -> None:
    logs: list[Log] = [
        {"type": "info", "message": "m", "status": 200, "seq": 7},
        {"type": "info", "message": "m", "status": None},
    ]
    fill(data, logs)
    with Workbench(data) as wb:
        assert list(wb.logs().columns) == [*STORED, "attributes"]
        assert list(wb.logs(attributes=[]).columns) == STORED
        assert list(wb.logs(attributes=("status",)).columns) == [*STORED, "status"]
        assert list(wb.logs(attributes="all").columns) == [*STORED, "attributes.seq", "status"]
        newest = wb.logs(attributes=["status"], order="newest")
    assert newest["seq"].tolist() == [2, 1]
    assert newest["status"].isna().tolist() == [True, False]

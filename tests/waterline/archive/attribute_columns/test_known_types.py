"""Types through a folder: columns of a path have one, and every reader takes the batches as one."""

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archive_runs import all_rows, archive, assert_complete, catalog, hot_rows
from tests.support.archives import path_of
from tests.support.folders import DAY, NOON, Batch, fill_batches
from waterline.archive.attribute_columns.known_types import KnownTypes, read_types, write_types
from waterline.archive.attribute_columns.layout import Layout
from waterline.archive.attribute_columns.packed import pack, unpacked
from waterline.archive.attribute_columns.split import split
from waterline.storage.folder import DataFolder

values = st.sampled_from(
    [None, True, 1, 2**53 + 1, 2**63, 1.5, 12.0, "x", [1], {"b": 1}, {"b": "y"}]
)
batches = st.lists(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "A"]), values), min_size=1, max_size=6),
    max_size=5,
)


def text_of(attributes: dict[str, Any]) -> str:
    return msgspec.json.encode(attributes).decode()


def layout_of(types: KnownTypes, *attributes: dict[str, Any]) -> Layout:
    return split(pa.chunked_array([[*map(text_of, attributes)]], pa.string()), types).layout


@given(batches)
def test_types_of_a_path_are_the_same_in_all_batches_and_json_comes_back(
    several: list[list[dict[str, Any]]],
) -> None:
    types = KnownTypes()
    kinds: dict[tuple[bool, tuple[str, ...]], str] = {}
    for attributes in several:
        texts = [*map(text_of, attributes)]
        parts = split(pa.chunked_array([texts], pa.string()), types)
        packed = pack(parts.layout, dict(enumerate(parts.columns)), parts.texts)
        assert unpacked(pa.chunked_array([packed])).to_pylist() == texts
        for member, column in zip(parts.layout.members, parts.columns, strict=True):
            for depth in range(1, len(member.path) + 1):
                place = (member.is_apart, tuple(each.lower() for each in member.path[:depth]))
                kind = str(column.dictionary.type) if depth == len(member.path) else "struct"
                assert kinds.setdefault(place, kind) == kind
        assert read_types(write_types(types)) == types


def test_member_of_a_second_type_is_apart_and_one_of_a_third_is_no_column() -> None:
    types = KnownTypes()
    (first,) = layout_of(types, {"n": 1}).members
    (second,) = layout_of(types, {"n": 1.5}).members
    assert layout_of(types, {"n": "x"}).members == ()
    assert (first.kind, first.is_apart) == ("integer", False)
    assert (second.kind, second.is_apart) == ("number", True)
    assert layout_of(types, {"n": 2}).members == (first,)
    assert second.field_id != first.field_id


def test_whole_numbers_are_floats_where_floats_came_before() -> None:
    types = KnownTypes()
    layout_of(types, {"n": 1.5})
    (whole,) = layout_of(types, {"n": 2}).members
    assert (whole.kind, whole.is_apart) == ("number", False)


@pytest.fixture
def mixed(data: Path) -> Path:
    """A folder with a batch of whole numbers, one of fractions and one of texts."""
    days: list[list[int | float | str]] = [[1, 2], [1.5, 2.5], ["x", "y"], [3, 4]]
    fill_batches(
        data,
        [
            Batch(
                [{"type": "info", "message": "m", "at": "a", "n": n, "o": {"p": n}} for n in each],
                "pump",
                NOON + day * DAY,
            )
            for day, each in enumerate(days)
        ],
    )
    logs = hot_rows(data)
    archive(data)
    assert_complete(data, logs)
    return data


def test_every_reader_takes_the_batches_of_a_folder_as_one_table(mixed: Path) -> None:
    archives = DataFolder(mixed).archives
    whole = [1, 2, None, None, None, None, 3, 4]
    frame = pd.read_parquet(archives)
    assert [each["n"] for each in frame["attributes"]] == whole
    table = ds.dataset(archives).to_table()
    assert table["seq"].to_pylist() == [*range(1, 9)]
    files = f"'{archives}/*/*.parquet'"
    for source in (files, f"read_parquet({files}, union_by_name = true)"):
        found = asked(f"SELECT attributes.n FROM {source} ORDER BY seq")
        assert [n for (n,) in found] == whole
    fractions = asked(f"SELECT attributes_other.n FROM {source} ORDER BY seq")
    assert [n for (n,) in fractions] == [None, None, 1.5, 2.5, None, None, None, None]


def asked(statement: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(statement).fetchall()


def test_field_ids_of_a_file_are_all_different(mixed: Path) -> None:
    for batch in catalog(mixed):
        schema = pq.read_schema(path_of(mixed, batch))
        ids = [*_ids(schema)]
        assert len(ids) == len({*ids})


def _ids(fields: Any) -> Any:  # noqa: ANN401 - a schema or a type of Arrow
    for field in fields:
        yield field.metadata[b"PARQUET:field_id"]
        if pa.types.is_struct(field.type):
            yield from _ids(field.type)


def test_questions_see_all_values_of_an_attribute_whatever_its_type(mixed: Path) -> None:
    with workbench.connect(mixed) as wb:
        assert wb.count(where={"n": (">=", 2)}) == 4
        assert wb.count(where={"n": 1.5}) == wb.count(where={"o.p": "x"}) == 1
        assert wb.logs(attributes=["n"])["n"].tolist() == [1, 2, 1.5, 2.5, "x", "y", 3, 4]


def test_lost_file_of_types_follows_from_the_batches(mixed: Path) -> None:
    path = DataFolder(mixed).attribute_types
    before = read_types(path.read_bytes())
    for content in (None, b"damaged"):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        fill_batches(
            mixed, [Batch([{"type": "info", "message": "m", "n": 2.5}], "pump", NOON + 9 * DAY)]
        )
        archive(mixed)
        assert read_types(path.read_bytes()) == before
        (last,) = pq.read_schema(path_of(mixed, catalog(mixed)[-1])).field("attributes_other").type
        assert last.type == pa.float64()
    assert len(all_rows(mixed)) == 10

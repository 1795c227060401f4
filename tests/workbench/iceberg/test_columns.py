"""Columns of the table over batches whose attributes differ."""

import pyarrow as pa
import pytest
from pyiceberg.types import StructType

from waterline.errors import ArchiveError
from workbench.iceberg.columns import EMPTY, MOST_ATTRIBUTES, Columns

_UTC = pa.timestamp("ms", "UTC")


def field(name: str, kind: pa.DataType, number: int) -> pa.Field:
    return pa.field(name, kind, metadata={b"PARQUET:field_id": str(number).encode()})


def batch(*attributes: pa.Field, apart: tuple[pa.Field, ...] = (), message: int = 7) -> pa.Schema:
    """Return the columns of a batch with these attributes."""
    text = pa.string()
    fields = [
        field("seq", pa.int64(), 1),
        field("id", text, 2),
        field("type", text, 3),
        field("timestamp", _UTC, 4),
        field("received_at", _UTC, 5),
        field("source", text, 6),
        field("message", text, message),
        field("attributes_json", text, 9),
    ]
    for name, number, members in (("attributes", 8, attributes), ("attributes_other", 10, apart)):
        if members:
            fields.append(field(name, pa.struct([*members]), number))
    return pa.schema(fields)


def names_of(columns: Columns, struct: str = "attributes") -> dict[int, str]:
    kind = columns.schema().find_field(struct).field_type
    assert isinstance(kind, StructType)
    return {each.field_id: each.name for each in kind.fields}


def test_batches_without_attributes_add_nothing() -> None:
    columns = Columns()
    columns.add(batch())
    assert columns.schema() is EMPTY


def test_columns_of_all_batches_are_there_each_once_and_may_lack() -> None:
    columns = Columns()
    columns.add(batch(field("a", pa.int64(), 1001)))
    columns.add(batch(field("b", pa.struct([field("c", pa.bool_(), 1002)]), 1003)))
    inner = [field("d", pa.float64(), 1004), field("c", pa.bool_(), 1002)]
    columns.add(batch(field("b", pa.struct(inner), 1003), field("a", pa.int64(), 1001)))
    schema = columns.schema()
    assert schema.schema_id == EMPTY.schema_id + 1
    assert str(schema.find_type("attributes")) == (
        "struct<1001: a: optional long, 1003: b: optional struct<1002: c: optional boolean, "
        "1004: d: optional double>>"
    )
    assert not schema.find_field("attributes").required
    again = Columns(schema)
    again.add(batch(field("a", pa.int64(), 1001)))
    assert again.schema() is schema


def test_second_type_of_an_attribute_is_a_column_of_its_own() -> None:
    columns = Columns()
    text, inner = pa.string(), pa.struct([field("x", pa.int64(), 1009)])
    columns.add(batch(field("n", pa.int64(), 1001)))
    columns.add(batch(field("n", text, 1002), apart=(field("n", pa.int64(), 1003),)))
    columns.add(batch(field("n", inner, 1004)))
    columns.add(batch(field("n", pa.struct([field("y", text, 1010)]), 1004)))
    # Many engines take no notice of case.
    columns.add(batch(field("N", text, 1005)))
    columns.add(batch(field("N", pa.int64(), 1006)))
    assert names_of(columns) == {
        1001: "n",
        1002: "n_string",
        1004: "n_struct",
        1005: "N_string_2",
        1006: "N_long",
    }
    assert names_of(columns, "attributes_other") == {1003: "n"}


def test_name_with_a_dot_is_told_apart_from_a_member_of_an_object() -> None:
    columns = Columns()
    columns.add(batch(field("a", pa.struct([field("b", pa.int64(), 1001)]), 1002)))
    columns.add(batch(field("a.b", pa.int64(), 1003)))
    assert names_of(columns) == {1002: "a", 1003: "a.b_long"}


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (batch(message=12), "it has no column message with the field id of that"),
        (
            batch(apart=(field("n", pa.int64(), 1001),)),
            (
                r"its column attributes_other.n \(long\) has the field id 1001, which is that of "
                r"attributes.n \(long\)"
            ),
        ),
        (
            batch(field("n", pa.string(), 1001)),
            (
                r"its column attributes.n \(string\) has the field id 1001, which is that of "
                r"attributes.n \(long\)"
            ),
        ),
        (
            batch(
                field("a", pa.struct([field("b", pa.int64(), 1002)]), 1003),
                field("a.b", pa.int64(), 1004),
            ),
            "its columns are none of Iceberg's: .* multiple fields for name attributes.a.b",
        ),
        (batch(field("x", pa.month_day_nano_interval(), 1002)), "its columns are none of Iceberg"),
        (batch(pa.field("x", pa.int64())), "its columns are none of Iceberg's: .* field-ids"),
        (
            batch(*(field(f"m{each}", pa.bool_(), 2000 + each) for each in range(MOST_ATTRIBUTES))),
            "the table would have more than 2,000 columns",
        ),
    ],
    ids=["no message", "other struct", "other type", "dot", "interval", "no id", "too many"],
)
def test_batch_that_does_not_fit_is_refused_and_changes_nothing(
    schema: pa.Schema, sentence: str
) -> None:
    columns = Columns()
    columns.add(batch(field("n", pa.int64(), 1001)))
    before = columns.schema()
    with pytest.raises(ArchiveError, match=sentence):
        columns.add(schema)
    assert columns.schema() == before
    columns.add(batch(field("n", pa.int64(), 1001), field("m0", pa.bool_(), 1900)))
    assert names_of(columns) == {1001: "n", 1900: "m0"}

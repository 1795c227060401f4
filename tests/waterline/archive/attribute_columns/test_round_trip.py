"""Attributes as columns: whatever the JSON was comes back byte for byte, and values are typed."""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.archive.attribute_columns.layout import (
    MOST_MEMBERS,
    Member,
    read_layout,
    write_layout,
)
from waterline.archive.attribute_columns.packed import pack, unpacked
from waterline.archive.attribute_columns.split import SplitAttributes, split
from waterline.query_text.paths import lookup

names = st.sampled_from(
    ["a", "b", "status", "http.status", "http", "A", "ü", "", "\x00", "é\u2028"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([2**53 + 1, 2**63, -(2**63), 10**30])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 12.0, 1e16, 1e22, 5e-324, 0.1])
    | st.sampled_from(
        ["", "x", "12", "true", "null", "{}", '"', "\\", "\n", "\x7f", "💧", "\u2028"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(names, values, max_size=5)
written = objects.map(lambda each: msgspec.json.encode(each).decode())
spaced = objects.map(json.dumps)  # spaces, and escapes of all that is not ASCII
twice = st.sampled_from(['{"a":1,"a":2}', '{"a":1.50,"a":"x"}', '{"a" : 1 }', '{"a":1e2}'])


def there_and_back(texts: list[str]) -> tuple[SplitAttributes, list[str]]:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    parts = split(column)
    packed = pack(parts.layout, dict(enumerate(parts.columns)), parts.texts)
    return parts, unpacked(pa.chunked_array([packed])).to_pylist()


@given(st.lists(written | spaced | twice, max_size=12))
@example([])
@example(["{}"])
@example(['{"a":{"b":null}}', '{"a":{"b":null}}', '{"a":{}}', "{}", '{"a":null}'])
def test_json_comes_back_byte_for_byte(texts: list[str]) -> None:
    _, again = there_and_back(texts)
    assert again == texts


@given(st.lists(written, min_size=1, max_size=12))
def test_column_has_the_value_of_its_path_or_none(texts: list[str]) -> None:
    parts, _ = there_and_back(texts)
    for member, column in zip(parts.layout.members, parts.columns, strict=True):
        for text, found in zip(texts, column.to_pylist(), strict=True):
            value: Any = json.loads(text)
            for name in member.path:
                value = value.get(name) if isinstance(value, dict) else None
            if found is not None:
                assert (json.loads(found) if member.kind == "json" else found) == value
                assert type(found) is not bool or type(value) is bool


@given(st.lists(written, max_size=8))
def test_layout_comes_back_from_its_json(texts: list[str]) -> None:
    parts, _ = there_and_back(texts)
    assert read_layout(write_layout(parts.layout)) == parts.layout


def test_logs_of_one_shape_are_all_columns() -> None:
    texts = [
        msgspec.json.encode(
            {
                "status": 200 + each % 3,
                "duration_ms": each / 4,
                "user": None if each % 2 else f"ü{each}",
                "ok": each % 2 == 0,
                "http": {"path": f'/a"{each}', "tries": each},
                "tags": ["x", each],
            }
        ).decode()
        for each in range(500)
    ]
    parts, again = there_and_back(texts)
    assert again == texts
    assert parts.texts.null_count == len(texts)
    assert [(each.path, each.kind) for each in parts.layout.members] == [
        (("status",), "integer"),
        (("duration_ms",), "number"),
        (("user",), "text"),
        (("ok",), "boolean"),
        (("http", "path"), "text"),
        (("http", "tries"), "integer"),
        (("tags",), "json"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        '{"n":1,"s":"x","more":1}',
        '{"s":"x","n":1}',
        '{"n":"1","s":"x"}',
        '{"n":1}  ',
        '{"n":123456789012345678901234567890,"s":"x"}',
        '{"n":1,"s":null}',
        '{"n":1.0,"s":"x"}',
        '{"n":1,"s":"\\u0061"}',
        '{"n":1,"n":1,"s":"x"}',
        '{"N":1,"s":"x"}',
    ],
)
def test_odd_log_alone_keeps_its_json(odd: str) -> None:
    texts = [f'{{"n":{each},"s":"x{each}"}}' for each in range(2_000)]
    texts[1_234] = odd
    parts, again = there_and_back(texts)
    assert again == texts
    assert [place for place, text in enumerate(parts.texts.to_pylist()) if text is not None] in (
        [1_234],
        [],
    )
    assert {each.path for each in parts.layout.members} >= {("n",), ("s",)}


@pytest.mark.parametrize("sign", ["", "-"])
def test_integer_beyond_a_float_is_no_value_of_a_column_of_floats(sign: str) -> None:
    texts = ['{"ms":0.5}'] * 200 + [f'{{"ms":{sign}{10**400}}}']
    parts, again = there_and_back(texts)
    assert again == texts
    assert parts.columns[0].to_pylist() == [0.5] * 200 + [None]


def test_whole_numbers_come_back_as_each_language_writes_them() -> None:
    for whole in ("12", "12.0", "15000000000", "9007199254740991", "-12.0"):
        texts = ['{"ms":0.5}', f'{{"ms":{whole}}}'] * 300
        parts, again = there_and_back(texts)
        assert again == texts
        assert parts.texts.null_count == len(texts)
        assert parts.columns[0].to_pylist()[:2] == [0.5, float(whole)]


def test_columns_are_bounded_and_those_that_most_logs_have() -> None:
    texts = [
        msgspec.json.encode({f"n{each:03d}": 1 for each in range(100 - row % 90)}).decode()
        for row in range(900)
    ]
    parts, again = there_and_back(texts)
    assert again == texts
    assert [each.path for each in parts.layout.members] == [
        (f"n{each:03d}",) for each in range(MOST_MEMBERS)
    ]


def test_names_that_differ_in_case_alone_are_one_column() -> None:
    texts = ['{"Status":1}', '{"status":2}', '{"status":3}'] * 100
    parts, again = there_and_back(texts)
    assert again == texts
    assert [each.path for each in parts.layout.members] == [("status",)]


def test_texts_that_are_no_json_are_kept() -> None:
    for other in ("no JSON", "[1]", "", '{"a":', '{"a":NaN}', '{"a":1}x', "[" * 5_000):
        texts = ['{"a":1}'] * 5_000 + [other] + ['{"a":1}'] * 5_000
        parts, again = there_and_back(texts)
        assert again == texts
        assert parts.texts.drop_null().to_pylist() == [other]


def test_field_ids_are_of_path_and_type_alone() -> None:
    one, _ = there_and_back(['{"a":1,"b":{"c":"x"}}'] * 3)
    other, _ = there_and_back(['{"z":true,"b":{"d":1,"c":"x"},"a":2}'] * 3)
    ids = {each.path: each.field_id for each in one.layout.members}
    others = {each.path: each.field_id for each in other.layout.members}
    assert {path: others[path] for path in ids} == ids
    assert len({*others.values()}) == len(others)
    text, _ = there_and_back(['{"a":"x"}'] * 3)
    assert text.layout.members[0].field_id != ids[("a",)]


def test_field_id_is_none_that_iceberg_keeps_for_itself() -> None:
    # Of 17 million names this is the first whose digest alone would give one.
    assert Member(path=("a17559380",), kind="integer").field_id < 2**31 - 200


def test_member_apart_has_a_field_id_of_its_own() -> None:
    member = Member(path=("a", "b"), kind="text")
    apart = Member(path=("a", "b"), kind="text", is_apart=True)
    assert apart.field_id != member.field_id


@given(st.lists(written, min_size=1, max_size=12), st.sampled_from(["a", "http", "http.status"]))
def test_needed_members_are_enough_to_look_up_a_name(texts: list[str], name: str) -> None:
    parts, _ = there_and_back(texts)
    needed = parts.layout.needed([name])
    packed = pack(parts.layout, {place: parts.columns[place] for place in needed}, parts.texts)
    for text, less in zip(texts, unpacked(pa.chunked_array([packed])).to_pylist(), strict=True):
        assert lookup(json.loads(less), name) == lookup(json.loads(text), name)

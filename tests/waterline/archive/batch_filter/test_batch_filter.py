"""Filter of a batch: never a false no, whatever texts and values a batch has, and how few bytes."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.archive.attribute_columns.split import split
from waterline.archive.batch_filter.build import FilterBuilder
from waterline.archive.batch_filter.cache import FilterCache
from waterline.archive.batch_filter.contents import BatchFilter, TextNeedle, ValueNeedle
from waterline.query_text.paths import lookup

pieces = st.sampled_from(
    ["order ", "A-1731", "4f9c-aa01", "ü", "ß", "İ", "💧", "\x00", "\n", "E", "e", "", "timeout"]
)
messages = (
    st.lists(pieces, max_size=6).map("".join)
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | st.text("ab", max_size=30)
)
names = st.sampled_from(["a", "b", "order", "a.b", "a.b.a", "ü", "", "\x00"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400])
    | st.sampled_from([0.0, -0.0, 1.0, 2.0**53, 2.0**63, 1e30, 0.1, 5e-324])
    | st.sampled_from(["", "A-1731", "1", "1.0", "true", "null", "ü", "\x00", "{}"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(names, values, max_size=4)


def filter_of(
    texts: Sequence[str] = (), attributes: Sequence[Any] = (), most_bytes: int = 4_096
) -> BatchFilter:
    """Return the filter of a batch, as its file gives it back."""
    written = [msgspec.json.encode(each).decode() for each in attributes]
    parts = split(pa.chunked_array([pa.array(written, pa.string())]))
    builder = FilterBuilder()
    builder.add_messages(pa.array(texts, pa.string()))
    for member, column in zip(parts.layout.members, parts.columns, strict=True):
        builder.add_member(member, column.dictionary)
    builder.add_texts(parts.texts)
    built = builder.build(most_bytes)
    found = BatchFilter.decode(built.encode())
    assert found == built
    return found


@given(
    st.lists(messages, max_size=8), st.integers(0, 200), st.integers(0, 60), st.integers(0, 2_000)
)
@example(["ab" * 20], 0, 40, 2_000)
def test_text_that_a_message_contains_is_never_ruled_out(
    texts: list[str], begin: int, length: int, most_bytes: int
) -> None:
    known = filter_of(texts, most_bytes=most_bytes)
    for text in texts:
        at = begin % (len(text) + 1)
        assert known.may_contain(TextNeedle.of(text[at : at + length]))
        assert known.may_contain(TextNeedle.of(text))


@given(st.lists(objects, max_size=6), st.integers(0, 2_000))
@example([{"a": {"b": 1.0}}, {"a": {"b": 1}}, {"a.b": 2**63}], 2_000)
@example([{"order": "A-1731"}] * 3 + [{"order": 5}], 2_000)
def test_value_that_an_attribute_has_is_never_ruled_out(
    attributes: list[dict[str, Any]], most_bytes: int
) -> None:
    known = filter_of(attributes=attributes, most_bytes=most_bytes)
    stored = [json.loads(msgspec.json.encode(each)) for each in attributes]
    for each in stored:
        for name in ("a", "b", "order", "a.b", "a.b.a", "a.a.b", "ü", "", "\x00"):
            value = lookup(each, name)
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                for equal in _equal_to(value):
                    assert known.may_have(ValueNeedle.of(name, equal)), (name, equal)


def _equal_to(value: str | int | float) -> Sequence[str | int | float]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, int) and abs(value) > 2**53:
        # An integer beyond 64 bits counts as the nearest float.
        return [value] if abs(value) < 2**63 else [value, float(str(value))]
    return [value, float(value)] + ([int(value)] if value == int(value) else [])


def test_filter_of_many_ids_rules_out_those_that_are_not_there() -> None:
    texts = [f"request {each * 7_919_777_777:020x} done" for each in range(20_000)]
    known = filter_of(texts, most_bytes=40_000)
    assert len(known.encode()) < 41_000
    absent = [f"{each * 104_729_888_123 + 5:020x}" for each in range(500, 1_000)]
    passed = sum(known.may_contain(TextNeedle.of(each)) for each in absent)
    assert passed < 100
    assert not known.may_contain(TextNeedle.of("kernel panic, not syncing"))
    assert known.may_contain(TextNeedle.of("pan"))  # too short to tell


def test_bytes_that_are_fewer_rule_out_less_and_never_more() -> None:
    texts = [f"{each * 7_919_777_777:020x}" for each in range(5_000)]
    absent = [f"{each * 104_729_888_123 + 5:020x}" for each in range(500)]
    passed = []
    for most_bytes in (0, 64, 1_000, 4_000, 64_000):
        known = filter_of(texts, most_bytes=most_bytes)
        assert all(known.may_contain(TextNeedle.of(each)) for each in texts[::50])
        passed.append(sum(known.may_contain(TextNeedle.of(each)) for each in absent))
    assert passed[0] == len(absent)
    assert passed[-1] < 25
    assert passed == sorted(passed, reverse=True)


def test_values_of_each_kind_of_column_are_told_apart() -> None:
    attributes = [
        {
            "order": f"A-{each}",
            "status": 200 + each % 3,
            "a": {"b": "x"},
            "ok": True,
        }
        for each in range(3_000)
    ]
    known = filter_of(attributes=attributes, most_bytes=20_000)
    for name, there, absent in (
        ("order", "A-1731", "B-1731"),
        ("status", 200, 500),
        ("status", 201.0, 200.5),
        ("a.b", "x", "y"),
        ("service", None, "web-3"),
        ("ok", None, "true"),
    ):
        if there is not None:
            assert known.may_have(ValueNeedle.of(name, there))
        assert not known.may_have(ValueNeedle.of(name, absent)), name


def test_text_is_no_number_and_no_name_is_a_part_of_another() -> None:
    known = filter_of(attributes=[{"status": 200, "a": "1"}] * 4)
    assert not known.may_have(ValueNeedle.of("status", "200"))
    assert not known.may_have(ValueNeedle.of("a", 1))
    assert not known.may_have(ValueNeedle.of("tatus", 200))


def test_logs_whose_json_is_kept_are_looked_at_up_to_a_number() -> None:
    odd = [{"order": 2**70 + each, "who": f"u{each}"} for each in range(50)]
    known = filter_of(attributes=[*odd, *([{"order": "x"}] * 5_000)])
    assert known.may_have(ValueNeedle.of("who", "u7"))
    assert known.may_have(ValueNeedle.of("order", 2**70))
    assert not known.may_have(ValueNeedle.of("who", "u77"))
    many = [{f"name {each} {place}": place for place in range(9)} for each in range(500)]
    assert filter_of(attributes=many).may_have(ValueNeedle.of("who", "nobody"))


@pytest.mark.parametrize("content", [b"", b"WLF", b"PAR1abcdefgh"])
def test_bytes_that_are_no_filter_are_none(content: bytes) -> None:
    assert BatchFilter.decode(content) is None


def test_cache_holds_no_more_bytes_than_it_may_and_forgets_the_oldest_first() -> None:
    cache, known = FilterCache(100), filter_of(["x"])
    for name in ("a", "b", "c"):
        cache.add(name, known, 40)
        assert cache.get("b" if name == "c" else name) is known
    assert cache.get("a") is None
    assert cache.get("c") is known
    cache.add("large", known, 101)
    assert cache.get("large") is None


def test_filter_of_the_same_logs_has_the_same_bytes_for_ever() -> None:
    known = filter_of(
        ["GET /api/v1/items/9264", "ünïcode 💧"],
        [{"status": 200, "service": "web-3", "ms": 1.5}, {"a": {"b": "x"}, "status": 404}],
    )
    digest = hashlib.sha256(known.encode()).hexdigest()
    assert digest == "60fc0ebbf153458ffe44d6f8bf5c720312509a8a2e3007c0e863a2da7e88a6bd"

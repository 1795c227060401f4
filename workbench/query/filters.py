"""Filters of a question: as SQL over hot rows, and over the rows of a batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.selectable import TableValuedAlias

from waterline.archive.attribute_columns.packed import is_packed
from waterline.query_text.condition import Condition, Pattern, Range, Scalar
from waterline.query_text.matching import COMPARE
from waterline.query_text.matching import meeting as values_meeting
from waterline.query_text.parse import TextQuery
from waterline.query_text.paths import steps_of
from waterline.storage.tables import logs
from workbench.query.attribute_values import values_of
from workbench.query.comparing import in_sql, is_one_of
from workbench.query.database import View
from workbench.query.driver import dbapi
from workbench.query.packed_attributes import met_by
from workbench.query.question import Question
from workbench.query.substrings import contains

_MEMORY: Final = ":memory:"
# Types of json_each whose values are compared with each other.
_NUMBER: Final = ("integer", "real")
_TEXT: Final = ("text",)
_BOOLEAN: Final = ("true", "false")

_Mask: TypeAlias = pa.Array | pa.ChunkedArray
"""Whether each row is chosen."""
_Test = Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]
"""Makes a criterion of the type and the value of a member of JSON."""


def criteria(question: Question) -> list[ColumnElement[bool]]:
    """Return the criteria of a row of `logs`."""
    wanted: list[ColumnElement[bool]] = []
    if question.since is not None:
        wanted.append(logs.c[question.clock] >= question.since)
    if question.until is not None:
        wanted.append(logs.c[question.clock] < question.until)
    if question.through is not None:
        wanted.append(logs.c.seq <= question.through)
    if question.first is not None:
        wanted.append(logs.c.seq >= question.first)
    place = tuple_(logs.c.timestamp, logs.c.seq)
    if question.before is not None:
        wanted.append(place < tuple_(*map(literal, question.before)))
    if question.behind is not None:
        wanted.append(place > tuple_(*map(literal, question.behind)))
    return wanted + _criteria(question.filters)


def _criteria(query: TextQuery) -> list[ColumnElement[bool]]:
    """Return the criteria of a row but for times; what SQLite cannot tell is left out."""
    wanted: list[ColumnElement[bool]] = []
    if query.types is not None:
        wanted.append(is_one_of(logs.c.type, query.types))
    if query.sources is not None:
        wanted.append(is_one_of(logs.c.source, query.sources))
    if query.without_types:
        wanted.append(~is_one_of(logs.c.type, query.without_types))
    if query.without_sources:
        wanted.append(~is_one_of(logs.c.source, query.without_sources))
    # instr matches case and has no wildcards, unlike LIKE.
    wanted += [func.instr(logs.c.message, text) > 0 for text in query.contains]
    wanted += [func.instr(logs.c.message, text) == 0 for text in query.lacks]
    wanted += [_meets(condition) for condition in query.where]
    wanted += [or_(*(and_(true(), *_criteria(each)) for each in group)) for group in query.any_of]
    return wanted


def choose(table: pa.Table, question: Question) -> pa.Table:
    """Return the rows that match a question, in their order; its limit is ignored.

    Args:
        table: logs, with at least the columns that the question needs.
        question: what is asked.
    """
    mask = matching(table, question)
    return table if mask is None else table.filter(mask)


def matching(table: pa.Table, question: Question) -> _Mask | None:
    """Return which rows match a question, or None if all do; see `choose`."""
    # The selection is by types and sources too.
    others = replace(question.filters, types=None, sources=None)
    mask = question.selection.mask(table)
    for place, is_on_its_side in ((question.before, pc.less), (question.behind, pc.greater)):
        if place is not None:
            timestamps = table["timestamp"].cast(pa.int64())
            is_beside = pc.and_(
                pc.equal(timestamps, place[0]), is_on_its_side(table["seq"], place[1])
            )
            mask = _both(mask, pc.or_(is_on_its_side(timestamps, place[0]), is_beside))
    return _meeting(table, others, mask)


def meeting(table: pa.Table, query: TextQuery) -> pa.Table:
    """Return the rows that meet a query, in their order.

    Args:
        table: logs, with at least the columns that the query looks at.
        query: what is asked.
    """
    mask = _meeting(table, query, None)
    return table if mask is None else table.filter(mask)


def _meeting(table: pa.Table, query: TextQuery, mask: _Mask | None) -> _Mask | None:
    """Return which of the rows of a mask meet a query; a mask of None has all."""
    for name, wanted in (("type", query.types), ("source", query.sources)):
        if wanted is not None:
            mask = _both(mask, _is_one_of(table[name], wanted))
    for name, unwanted in (("type", query.without_types), ("source", query.without_sources)):
        if unwanted:
            mask = _both(mask, pc.invert(_is_one_of(table[name], unwanted)))
    if query.where and is_packed(table["attributes"]):
        for condition in query.where:
            mask = _both(mask, met_by(table["attributes"], condition))
        query = replace(query, where=())
    for text in query.contains:
        mask = _matching(table["message"], contains, text, mask)
    for text in query.lacks:
        mask = _matching(table["message"], _lacks, text, mask)
    for of in query.patterns:
        match = _mismatches if of.is_negated else pc.match_substring_regex
        mask = _matching(table[of.column], match, of.pattern.text, mask)
    plain = [each for each in query.where if not each.has_patterns]
    if plain:
        mask = _among(mask, table["attributes"], lambda texts: _meet_in_sql(texts, plain))
    for condition in query.where:
        if condition.has_patterns:
            mask = _among(mask, table["attributes"], partial(_values_meet, condition))
    for group in query.any_of:
        found = [_meeting(table, each, mask) for each in group]
        # An alternative without filters is met by all that are left.
        if all(each is not None for each in found):
            mask = reduce(pc.or_, found)
    return mask


def _both(mask: _Mask | None, other: _Mask) -> _Mask:
    return other if mask is None else pc.and_(mask, other)


def _is_one_of(column: pa.ChunkedArray, texts: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(texts, pa.string()))


def _lacks(column: pa.Array, text: str) -> pa.Array:
    return pc.invert(contains(column, text))


def _mismatches(column: pa.Array, pattern: str) -> pa.Array:
    return pc.invert(pc.match_substring_regex(column, pattern))


def _matching(
    column: pa.ChunkedArray,
    match: Callable[[pa.Array, str], pa.Array],
    text: str,
    mask: _Mask | None,
) -> _Mask:
    """Return which rows of a mask match; texts of a dictionary are looked at once each."""
    if not pa.types.is_dictionary(column.type):
        return _among(mask, column, lambda texts: match(texts, text))
    chunks = [match(each.dictionary, text).take(each.indices) for each in column.chunks]
    return _both(mask, pa.chunked_array(chunks, pa.bool_()))


def _among(
    mask: _Mask | None,
    column: pa.ChunkedArray,
    meets: Callable[[pa.ChunkedArray], _Mask],
) -> _Mask:
    """Return which rows of a mask meet a test that takes long: only they are looked at."""
    whole = pa.repeat(True, len(column)) if mask is None else _in_one(mask)
    left = column if whole.true_count == len(whole) else column.filter(whole)
    if not len(left):
        return whole
    return pc.replace_with_mask(whole, whole, _in_one(meets(left)))


def _in_one(mask: _Mask) -> pa.Array:
    return mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask


def _values_meet(condition: Condition, texts: pa.ChunkedArray) -> pa.Array:
    (values,) = values_of(texts, [condition.attribute])
    return pa.array(values_meeting(values, condition), pa.bool_())


def _meet_in_sql(texts: pa.ChunkedArray, conditions: Sequence[Condition]) -> pa.Array:
    """Return which attributes meet conditions without patterns.

    SQLite evaluates the same SQL as over hot rows, so that numbers in JSON are read, rounded and
    compared alike. It takes no longer than Python would.
    """
    places = pa.array(range(len(texts)), pa.int64())
    with _as_logs(pa.table({"seq": places, "attributes": texts})) as view:
        chosen = select(logs.c.seq).where(and_(*map(_meets, conditions)))
        return pc.is_in(places, value_set=view.fetch(chosen)["seq"].cast(pa.int64()))


@contextmanager
def _as_logs(table: pa.Table) -> Iterator[View]:
    with (
        dbapi.connect(_MEMORY) as connection,
        connection.cursor() as cursor,
    ):
        cursor.adbc_ingest(logs.name, table, mode="create")
        yield View(cursor, Path(_MEMORY))


def _meets(condition: Condition) -> ColumnElement[bool]:
    """Return the criterion of a condition; of one with patterns, one that holds at least then."""

    def is_met(kind: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return _value_meets(condition, kind, value)

    if condition.operator == "lacks":
        return ~_is_there(condition.attribute, lambda kind, _: kind != "null")
    return _is_there(condition.attribute, is_met)


def _is_there(attribute: str, is_met: _Test) -> ColumnElement[bool]:
    """Return whether an attribute, or else what lies at its path, meets a test."""
    there = _member(logs.c.attributes)
    # There are no duplicate keys: the server decoded and encoded every log.
    named = there.c.key == attribute
    here = exists(
        select(literal(1)).select_from(there).where(named, is_met(there.c.type, there.c.value))
    )
    steps = steps_of(attribute)
    if not steps:
        return here
    members = [_member(logs.c.attributes)]
    for _ in steps[1:]:
        last = members[-1].c
        members.append(_member(case((last.type == "object", last.value), else_="{}")))
    walked = [each.c.key == step for each, step in zip(members, steps, strict=True)]
    inner = select(literal(1)).select_from(*members)
    below = exists(inner.where(*walked, is_met(members[-1].c.type, members[-1].c.value)))
    other = _member(logs.c.attributes)
    called_so = exists(select(literal(1)).select_from(other).where(other.c.key == attribute))
    return or_(here, and_(~called_so, below))


def _member(json_object: ColumnElement[Any]) -> TableValuedAlias:
    return func.json_each(json_object).table_valued("key", "value", "type")


def _value_meets(
    condition: Condition, kind: ColumnElement[Any], value: ColumnElement[Any]
) -> ColumnElement[bool]:
    if condition.operator == "exists":
        return kind != "null"
    if condition.operator in ("in", "=="):
        return _equals(condition.values, kind, value)
    if condition.operator == "!=":
        is_there = kind != "null"
        # Whether a pattern matches is not known yet.
        known = not condition.has_patterns
        return and_(is_there, ~_equals(condition.values, kind, value)) if known else is_there
    (wanted,) = condition.values
    if isinstance(wanted, Range | Pattern):
        raise TypeError(f"{wanted!r} is not compared by {condition.operator}")
    return and_(kind.in_(_kinds(wanted)), COMPARE[condition.operator](value, in_sql(wanted)))


def _equals(
    values: Sequence[Scalar | Range | Pattern], kind: ColumnElement[Any], value: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return whether a value is one of several; of a text it may be where a pattern is one."""
    # Only values of one kind are compared: SQLite takes true for 1, and text for more than numbers.
    tests = []
    for kinds in (_NUMBER, _TEXT, _BOOLEAN):
        alike = [each for each in values if not isinstance(each, Range | Pattern)]
        alike = [each for each in alike if _kinds(each) == kinds]
        if alike:
            is_one = value == in_sql(alike[0]) if len(alike) == 1 else is_one_of(value, alike)
            tests.append(and_(kind.in_(kinds), is_one))
    tests += [
        and_(kind.in_(_NUMBER), *_within(each, value)) for each in values if isinstance(each, Range)
    ]
    if any(isinstance(each, Pattern) for each in values):
        tests.append(kind.in_(_TEXT))
    return or_(false(), *tests)


def _within(numbers: Range, value: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    ends = ((">=", numbers.low), ("<=", numbers.high))
    return [COMPARE[how](value, in_sql(end)) for how, end in ends if end is not None]


def _kinds(value: Scalar) -> tuple[str, ...]:
    if isinstance(value, bool):
        return _BOOLEAN
    return _TEXT if isinstance(value, str) else _NUMBER

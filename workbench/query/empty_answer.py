"""Why an answer is empty: the filter that alone leaves no log, and the nearest name."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Final

import msgspec
from sqlalchemy import func, select

from waterline.archive.columns import NAMES
from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError
from waterline.query_text.condition import Condition, Pattern, Range, Scalar
from waterline.query_text.parse import TextQuery
from waterline.query_text.paths import lookup, steps_of
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.tables import logs
from workbench.query.archived import read_batches
from workbench.query.database import Database, View
from workbench.query.question import Question
from workbench.query.times import iso_text

# Newest logs that are searched for attribute names, whatever is stored.
GLANCE: Final = 5_000
# Bytes of attributes at most, of the logs that are searched.
_SHORT: Final = 4_096
# Newest hot logs that are searched for types, as no index has them.
TYPED: Final = 200_000
# Each source costs one look into the index of sources and ids.
_SOURCES: Final = """
    WITH RECURSIVE found(source) AS (
        SELECT min(source) FROM logs
        UNION ALL
        SELECT (SELECT min(source) FROM logs WHERE source > found.source)
        FROM found WHERE found.source IS NOT NULL
    )
    SELECT source FROM found WHERE source IS NOT NULL
"""
# Names in a sentence if none is near.
_NAMED: Final = 10
# Names, and characters of what was asked, that are compared for the nearest.
_COMPARED: Final = 1_000
_LONGEST: Final = 100
# Numbers that as milliseconds lie in 1970 to 1973 count as seconds, huge ones as finer units.
_SECONDS: Final = range(10**8, 10**11)
_FINER: Final = ((10**14, 10**17, "microseconds", 1000), (10**17, 2**63, "nanoseconds", 10**6))
_KIND: Final[Mapping[type, str]] = {bool: "true or false", int: "a number", float: "a number"}

_Kinds = Mapping[str, Mapping[str, set[str]]]
"""Texts by attribute and kind of value."""

_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Seen:
    """What a quick look tells of the logs that were asked about."""

    types: frozenset[str]
    is_every_type: bool
    """Whether `types` has every type."""
    sources: frozenset[str]
    first: int
    last: int
    """Milliseconds UTC, by the question's clock."""


def why_none(
    database: Database, reader: BatchReader, question: Question, attributes: Iterable[str] = ()
) -> str | None:
    """Return a sentence about the filter that alone leaves no log; None if no filter does.

    Args:
        database: logs.db.
        reader: reads a batch, for the attributes of archived logs.
        question: the question whose answer is empty.
        attributes: names of attributes that were asked for as columns.
    """
    with database.view() as view:
        batches = [each for each in read_batches(view) if each.is_kept]
        stored = _stored(view, batches, question)
        if stored is None:
            return None
        newest = view.rows(
            select(logs.c.attributes)
            .where(func.octet_length(logs.c.attributes) <= _SHORT)
            .order_by(logs.c.seq.desc())
            .limit(GLANCE)
        )

    def texts() -> list[str]:
        return [text for (text,) in newest] or _archived(reader, batches)

    return why(question, stored, texts, attributes)


def why(
    question: Question,
    seen: Seen,
    texts: Callable[[], Collection[str]],
    attributes: Iterable[str] = (),
) -> str | None:
    """Return a sentence about the filter that alone leaves no log; None if no filter does.

    Args:
        question: the question whose answer is empty.
        seen: what the logs are that were asked about.
        texts: returns values of the column `attributes` of some of them.
        attributes: names of attributes that were asked for as columns.
    """
    for name, asked, known in (
        ("type", question.filters.types, seen.types),
        ("source", question.filters.sources, seen.sources),
    ):
        if asked is None or not known.isdisjoint(asked):
            continue
        near = _near(asked, known)
        given = repr(asked[0]) if len(asked) == 1 else repr([*asked])
        if name == "source" or seen.is_every_type:
            return f"{name}={given} left no log: no log has it; {_nearest(asked, known)}"
        if near is not None:
            return (
                f"type={given} left no log: none of the newest {TYPED:,} hot logs and no archived "
                f"one has it; did you mean {near!r}?"
            )
    wrong = _wrong_time(question, seen)
    if wrong is not None or not (question.filters.where or attributes):
        return wrong
    looked_at = texts()
    if not looked_at:
        return None
    kinds = _kinds(looked_at, [*(each.attribute for each in question.filters.where), *attributes])
    for condition in question.filters.where:
        told = _wrong_condition(condition, kinds, len(looked_at))
        if told is not None:
            return told
    for name in attributes:
        if name not in kinds:
            return _unknown(name, kinds, len(looked_at))
    return None


def unknown_attribute(name: str, texts: Collection[str]) -> str:
    """Return a sentence about an attribute that no log of an answer has.

    Args:
        name: the attribute.
        texts: first values of the column `attributes` of the answer.
    """
    return _unknown(name, _kinds(texts, [name]), len(texts))


def _stored(view: View, batches: list[ArchivedBatch], question: Question) -> Seen | None:
    reaches = [each.reach(question.clock) for each in batches]
    hot = _hot_reach(view, question)
    if hot is not None:
        reaches.append(hot)
    if not reaches:
        return None
    types = set(chain.from_iterable(each.types for each in batches))
    sources = set(chain.from_iterable(each.sources for each in batches))
    is_every_type = True
    if question.filters.types is not None:
        behind = view.rows(select(logs.c.seq).order_by(logs.c.seq.desc()).offset(TYPED).limit(1))
        newest = select(logs.c.type).distinct()
        for (seq,) in behind:
            is_every_type = _is_by_type_alone(question)
            newest = newest.where(logs.c.seq > seq)
        types.update(each for (each,) in view.rows(newest))
    if question.filters.sources is not None:
        sources.update(each for (each,) in view.rows(_SOURCES))
    return Seen(
        frozenset(types),
        is_every_type,
        frozenset(sources),
        min(first for first, _ in reaches),
        max(last for _, last in reaches),
    )


def _hot_reach(view: View, question: Question) -> tuple[int, int] | None:
    """Return the first and last time of hot logs, each by an index."""
    clock = logs.c[question.clock]
    # A log received later has a higher seq, and never an earlier time.
    by = logs.c.seq if question.clock == "received_at" else clock
    ends = [view.rows(select(clock).order_by(each).limit(1)) for each in (by, by.desc())]
    if not all(ends):
        return None
    ((first,),), ((last,),) = ends
    return first, last


def _is_by_type_alone(question: Question) -> bool:
    """Return whether an empty answer proves that no log has the type."""
    return question == Question(
        clock=question.clock,
        filters=TextQuery(types=question.filters.types),
        order=question.order,
        limit=question.limit,
        columns=question.columns,
    )


def _wrong_time(question: Question, seen: Seen) -> str | None:
    since, until = question.since, question.until
    if since is not None and until is not None and since >= until:
        ends = f"since={_time_text(since)} is not before until={_time_text(until)}"
        return f"{ends}: no log lies between"
    for name, moment in (("since", since), ("until", until)):
        if moment is None:
            continue
        if moment in _SECONDS and not seen.first <= moment <= seen.last:
            return (
                f"{name}={moment} is {iso_text(moment)}, as numbers are milliseconds; if it is "
                f"seconds, give {moment * 1000}"
            )
        for least, end, unit, divisor in _FINER:
            if least <= moment < end and moment > seen.last:
                return (
                    f"{name}={moment} lies far ahead, as numbers are milliseconds; if it is "
                    f"{unit}, give {moment // divisor}"
                )
    if since is not None and since > seen.last:
        newest = iso_text(seen.last)
        return f"since={_time_text(since)} left no log: the newest is of {newest}"
    if until is not None and until <= seen.first:
        oldest = iso_text(seen.first)
        return f"until={_time_text(until)} left no log: the oldest is of {oldest}"
    return None


def _time_text(moment: int) -> str:
    return iso_text(moment) if MIN_TIMESTAMP <= moment <= MAX_TIMESTAMP else str(moment)


def _wrong_condition(condition: Condition, kinds: _Kinds, looked_at: int) -> str | None:
    name = condition.attribute
    if condition.operator == "lacks":
        return None
    if name not in kinds:
        return _unknown(name, kinds, looked_at)
    wanted = {_wanted_kind(each) for each in condition.values}
    there = kinds[name].keys() - {"null"}
    if not wanted or not there:
        return None
    if wanted & there:
        return _near_value(condition, kinds[name].get("text", set()), looked_at)
    return (
        f"where[{name!r}] left no log: {_shown(condition)} is {' or '.join(sorted(wanted))}, and "
        f"in the logs {name} is {' or '.join(sorted(there))}; values of two kinds are never equal"
    )


def _near_value(condition: Condition, there: set[str], looked_at: int) -> str | None:
    """Return a sentence about a text that no log has, if logs have a similar one."""
    asked = [each for each in condition.values if isinstance(each, str)]
    if condition.operator not in ("==", "in") or not there.isdisjoint(asked):
        return None
    near = _near(asked, there)
    if near is None:
        return None
    return (
        f"where[{condition.attribute!r}] left no log: none of the {looked_at:,} logs looked at has "
        f"{_shown(condition)}; did you mean {near!r}?"
    )


def _unknown(name: str, kinds: _Kinds, looked_at: int) -> str:
    if name in NAMES:
        return f"no log has an attribute {name!r}; the column of that name has a filter of its own"
    return (
        f"none of the {looked_at:,} logs looked at has an attribute {name!r}; "
        f"{_nearest([name], kinds.keys())}"
    )


def _shown(condition: Condition) -> str:
    shown = [*map(_value_text, condition.values)]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _value_text(value: Scalar | Range | Pattern) -> str:
    if isinstance(value, Pattern):
        return f"~{value.text!r}"
    if isinstance(value, Range):
        return "..".join("" if end is None else repr(end) for end in (value.low, value.high))
    return repr(value)


def _wanted_kind(value: Scalar | Range | Pattern) -> str:
    if isinstance(value, Pattern):
        return "text"
    return "a number" if isinstance(value, Range) else _kind(value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return _KIND.get(type(value), "text" if isinstance(value, str) else "nested")


def _kinds(texts: Iterable[str], asked: Iterable[str]) -> _Kinds:
    """Return kinds of values by attribute, and by those that are asked for as paths."""
    paths = [name for name in asked if steps_of(name)]
    kinds: dict[str, dict[str, set[str]]] = {}
    for text in texts:
        members = _decode(text)
        found = {path: value for path in paths if (value := lookup(members, path)) is not None}
        for name, value in (found | members).items():
            values = kinds.setdefault(name, {}).setdefault(_kind(value), set())
            if isinstance(value, str):
                values.add(value)
    return kinds


def _archived(reader: BatchReader, batches: list[ArchivedBatch]) -> list[str]:
    """Return the attributes of the newest archived logs whose files are local."""
    local = [each for each in batches if each.local_removed_at is None]
    if not local:
        return []
    try:
        table = reader.read(local[-1], ("attributes",))
    except ArchiveError:
        return []
    texts: list[str] = table["attributes"].slice(max(0, table.num_rows - GLANCE)).to_pylist()
    return texts


def _nearest(asked: Iterable[str], known: Collection[str]) -> str:
    near = _near(asked, known)
    if near is not None:
        return f"did you mean {near!r}?"
    if not known:
        return "there are none"
    named = sorted(known)[:_NAMED]
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return f"there are {', '.join(map(repr, named))}{more}"


def _near(asked: Iterable[str], known: Collection[str]) -> str | None:
    # Each comparison takes a while, so that only some names are looked at.
    by_folded = {each.casefold(): each for each in sorted(known)[:_COMPARED]}
    for each in asked:
        near = get_close_matches(each.casefold()[:_LONGEST], by_folded, n=1)
        if near:
            return by_folded[near[0]]
    return None

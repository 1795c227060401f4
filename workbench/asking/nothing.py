"""Why no log is as was asked for: the filter that alone leaves none, and the nearest name."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Final

import msgspec
from sqlalchemy import func, select

from server.archive.columns import NAMES
from server.archive.reading import BatchReader
from server.errors import ArchiveError
from server.records import MAX_TIMESTAMP
from server.store.catalog import ArchivedBatch
from server.store.tables import logs
from workbench.asking.archived import read_batches
from workbench.asking.question import Condition, Question
from workbench.asking.reading import Database, View
from workbench.asking.times import iso_text

# So many of the newest logs tell which attributes there are: a glance, whatever is stored.
GLANCE: Final = 5_000
# So many names a sentence has where none is near.
_NAMED: Final = 10
# Milliseconds of 1970 to 1973 are seconds of now; what lies behind are finer units of now.
_SECONDS: Final = range(10**8, 10**11)
_FINER: Final = ((10**14, 10**17, "microseconds", 1000), (10**17, 2**63, "nanoseconds", 10**6))
_KIND: Final[Mapping[type, str]] = {bool: "true or false", int: "a number", float: "a number"}

_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is known at a glance of what is stored."""

    types: frozenset[str]
    sources: frozenset[str]
    first: int
    last: int
    """Milliseconds UTC, by the question's clock."""


def why_none(
    database: Database, reader: BatchReader, question: Question, attributes: Iterable[str] = ()
) -> str | None:
    """Return a sentence about the filter that leaves no log; None where no filter alone does.

    Args:
        database: logs.db.
        reader: reads a batch, for the attributes of archived logs.
        question: what was asked, and found nothing.
        attributes: names of attributes that were wanted besides.
    """
    with database.view() as view:
        batches = [each for each in read_batches(view) if each.is_kept]
        stored = _stored(view, batches, question)
        if stored is None:
            return None
        newest = view.rows(select(logs.c.attributes).order_by(logs.c.seq.desc()).limit(GLANCE))
    for name, asked, known in (
        ("type", question.types, stored.types),
        ("source", question.sources, stored.sources),
    ):
        if asked is not None and known.isdisjoint(asked):
            given = repr(asked[0]) if len(asked) == 1 else repr([*asked])
            return f"{name}={given} left no log: no log has it; {_nearest(asked, known)}"
    wrong = _wrong_time(question, stored)
    if wrong is not None or not (question.where or attributes):
        return wrong
    texts = [text for (text,) in newest] or _archived(reader, batches)
    kinds = _kinds(texts)
    for condition in question.where:
        told = _wrong_condition(condition, kinds, len(texts))
        if told is not None:
            return told
    for name in attributes:
        if name not in kinds:
            return _unknown(name, kinds, len(texts))
    return None


def unknown_attribute(name: str, texts: Collection[str]) -> str:
    """Return a sentence about an attribute that no log of an answer has.

    Args:
        name: the attribute.
        texts: the first of the column `attributes` of the answer.
    """
    return _unknown(name, _kinds(texts), len(texts))


def _stored(view: View, batches: list[ArchivedBatch], question: Question) -> _Stored | None:
    clock = logs.c[question.clock]
    ((first, last),) = view.rows(select(func.min(clock), func.max(clock)))
    reaches = [each.reach(question.clock) for each in batches]
    if last is not None:
        reaches.append((first, last))
    if not reaches:
        return None
    names = {}
    for name, asked in (("type", question.types), ("source", question.sources)):
        found = set(chain.from_iterable(getattr(each, f"{name}s") for each in batches))
        if asked is not None:
            found.update(each for (each,) in view.rows(select(logs.c[name]).distinct()))
        names[name] = frozenset(found)
    return _Stored(
        names["type"], names["source"], min(r[0] for r in reaches), max(r[1] for r in reaches)
    )


def _wrong_time(question: Question, stored: _Stored) -> str | None:
    for name, moment in (("since", question.since), ("until", question.until)):
        if moment is None:
            continue
        if moment in _SECONDS and not stored.first <= moment <= stored.last:
            return (
                f"{name}={moment} is {iso_text(moment)}, as numbers are milliseconds; if it is "
                f"seconds, give {moment * 1000}"
            )
        for least, end, unit, divisor in _FINER:
            if least <= moment < end and moment > stored.last:
                return (
                    f"{name}={moment} lies far ahead, as numbers are milliseconds; if it is "
                    f"{unit}, give {moment // divisor}"
                )
    if question.since is not None and question.since > stored.last:
        since = iso_text(question.since) if question.since <= MAX_TIMESTAMP else question.since
        return f"since={since} left no log: the newest is of {iso_text(stored.last)}"
    if question.until is not None and question.until <= stored.first:
        return f"until={question.until} left no log: the oldest is of {iso_text(stored.first)}"
    return None


def _wrong_condition(
    condition: Condition, kinds: Mapping[str, set[str]], looked_at: int
) -> str | None:
    name = condition.attribute
    if name not in kinds:
        return _unknown(name, kinds, looked_at)
    wanted = {_kind(each) for each in condition.values}
    there = kinds[name] - {"null"}
    if not wanted or not there or wanted & there:
        return None
    return (
        f"where[{name!r}] left no log: {_shown(condition)} is {' or '.join(sorted(wanted))}, and "
        f"in the logs {name} is {' or '.join(sorted(there))}; values of two kinds are never equal"
    )


def _unknown(name: str, kinds: Mapping[str, set[str]], looked_at: int) -> str:
    if name in NAMES:
        return f"no log has an attribute {name!r}; the column of that name has a filter of its own"
    return (
        f"none of the {looked_at:,} logs looked at has an attribute {name!r}; "
        f"{_nearest([name], kinds.keys())}"
    )


def _shown(condition: Condition) -> str:
    return repr(condition.values[0] if len(condition.values) == 1 else [*condition.values])


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return _KIND.get(type(value), "text" if isinstance(value, str) else "nested")


def _kinds(texts: Iterable[str]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for text in texts:
        for name, value in _decode(text).items():
            kinds.setdefault(name, set()).add(_kind(value))
    return kinds


def _archived(reader: BatchReader, batches: list[ArchivedBatch]) -> list[str]:
    """Return the attributes of the newest archived logs that lie here."""
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
    by_folded = {each.casefold(): each for each in sorted(known)}
    for each in asked:
        near = get_close_matches(each.casefold(), by_folded, n=1)
        if near:
            return f"did you mean {by_folded[near[0]]!r}?"
    if not known:
        return "there are none"
    named = sorted(known)[:_NAMED]
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return f"there are {', '.join(map(repr, named))}{more}"

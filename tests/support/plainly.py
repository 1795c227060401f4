"""A data folder as plain Python: a list of logs, and a question as a filter over it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.support.folders import Batch, Log
from waterline.query_text.condition import Condition, Pattern, Range
from waterline.query_text.parse import TextQuery
from workbench.query.question import Question

CORE: Final = {"id", "type", "timestamp", "message"}
_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class PlainLog:
    """A log as it should be stored; `id` is None where the server gives one."""

    seq: int
    id: str | None
    type: str
    timestamp: int
    received_at: int
    source: str
    message: str
    attributes: Mapping[str, object]


def store_plainly(batches: Iterable[Batch]) -> list[PlainLog]:
    """Return what should be stored: each id of a source once, seq and receipt ascending.

    A duplicate uses its seq up where a new log of its batch comes behind it.
    """
    stored: list[PlainLog] = []
    known: set[tuple[str, object]] = set()
    last_seq = received_at = 0
    for batch in batches:
        moment = max(received_at, batch.received_at)
        for seq, log in enumerate(batch.logs, last_seq + 1):
            key = (batch.source, log.get("id"))
            if key[1] is None or key not in known:
                known.add(key)
                stored.append(_plain_log(log, seq, batch, moment))
                last_seq, received_at = seq, moment
    return stored


def _plain_log(log: Log, seq: int, batch: Batch, received_at: int) -> PlainLog:
    core: dict[str, Any] = {name: log.get(name) for name in CORE}
    return PlainLog(
        seq=seq,
        id=core["id"],
        type=core["type"],
        # By the clock, also where it went back and `received_at` stands still.
        timestamp=batch.received_at if core["timestamp"] is None else core["timestamp"],
        received_at=received_at,
        source=batch.source,
        message=core["message"],
        attributes={name: value for name, value in log.items() if name not in CORE},
    )


def answer_plainly(logs: Sequence[PlainLog], question: Question) -> list[PlainLog]:
    """Return the logs that a question is about, in its order."""
    chosen = sorted(
        (each for each in logs if _is_asked_for(each, question)),
        key=lambda log: (log.timestamp, log.seq),
    )
    if question.limit is not None:
        chosen = chosen[max(len(chosen) - question.limit, 0) :]
    return chosen if question.order == "oldest" else chosen[::-1]


def same_json(one: object, other: object) -> bool:
    """Whether two values are the same JSON: 1 is neither 1.0 nor true."""
    return _json(one) == _json(other)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _is_asked_for(log: PlainLog, question: Question) -> bool:
    return (
        (question.since is None or log.timestamp >= question.since)
        and (question.until is None or log.timestamp < question.until)
        and (question.through is None or log.seq <= question.through)
        and (question.first is None or log.seq >= question.first)
        and _is_met(log, question.filters)
    )


def _is_met(log: PlainLog, query: TextQuery) -> bool:
    return (
        (query.types is None or log.type in query.types)
        and (query.sources is None or log.source in query.sources)
        and log.type not in query.without_types
        and log.source not in query.without_sources
        and all(each in log.message for each in query.contains)
        and not any(each in log.message for each in query.lacks)
        and all(
            _matches(getattr(log, each.column), each.pattern) != each.is_negated
            for each in query.patterns
        )
        and all(_meets(_value(log.attributes, each.attribute), each) for each in query.where)
        and all(any(_is_met(log, each) for each in group) for group in query.any_of)
    )


def _value(attributes: Mapping[str, object], name: str) -> object:
    if name in attributes:
        return attributes[name]
    value: object = attributes
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _matches(text: str, pattern: Pattern) -> bool:
    """Return whether Python's own engine finds a pattern, of those that mean the same in RE2."""
    return re.search(pattern.text.replace(r"\z", r"\Z"), text) is not None


def _meets(value: object, condition: Condition) -> bool:
    if condition.operator in ("exists", "lacks"):
        return (value is None) == (condition.operator == "lacks")
    if value is None:
        return False
    if condition.operator == "in":
        return any(_compares(value, "==", each) for each in condition.values)
    (wanted,) = condition.values
    if condition.operator == "!=":
        return not _compares(value, "==", wanted)
    return _compares(value, condition.operator, wanted)


def _compares(value: object, operator: str, wanted: object) -> bool:
    if isinstance(wanted, Pattern):
        return isinstance(value, str) and _matches(value, wanted)
    if isinstance(wanted, Range):
        low = wanted.low is None or _compares(value, ">=", wanted.low)
        return low and (wanted.high is None or _compares(value, "<=", wanted.high))
    if _kind(value) != _kind(wanted):
        return False
    mine: Any = _comparable(value)
    theirs: Any = _comparable(wanted)
    return bool(
        {
            "==": mine == theirs,
            "<": mine < theirs,
            "<=": mine <= theirs,
            ">": mine > theirs,
            ">=": mine >= theirs,
        }[operator]
    )


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "nested"


def _comparable(value: object) -> object:
    if isinstance(value, int) and value not in _INT64:
        return float(str(value))  # infinite where no float is near
    return value

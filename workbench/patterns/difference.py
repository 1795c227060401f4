"""The difference of two sets of logs: what is new, gone, grown or shrunk from one to the other."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal, cast

import msgspec
import pandas as pd
import pyarrow as pa

from waterline.archive.columns import MOMENT
from waterline.errors import UsageError
from workbench.frames import to_frame
from workbench.patterns.patterns import range_of, score
from workbench.patterns.tally import Tally, Templates, Texts, texts_of
from workbench.patterns.values import MOST_NAMES_OF_A_PART, Values
from workbench.query.asking import Asking
from workbench.query.attributes import STORED
from workbench.query.pin import Pin
from workbench.query.progress import warn_of
from workbench.query.question import Filters, Question, refuse
from workbench.query.scan import Scan
from workbench.query.times import TimeLike

Side = pd.DataFrame | Mapping[str, object] | tuple[TimeLike, TimeLike] | Literal["before"]
"""Logs, filters of logs, a range of time, or the time just before that of the other side."""

LEAST_SCORE: Final = 6.63
"""Least score of a row: chance alone brings as much once in a hundred times."""
MOST_ROWS: Final = 1_000

_COLUMNS: Final = ("seq", "timestamp", "type", "source", "message", "attributes")
_PATTERN: Final = "pattern"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some logs of a side."""

    table: pa.Table
    """The columns that a tally of patterns needs."""
    columns: Mapping[str, list[str]]
    """Types and sources, where the side has them."""
    attributes: list[dict[str, Any]]
    """Attributes of each log."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is counted of some logs of a side, wherever they were read."""

    texts: Texts
    values: Values
    has: frozenset[str]
    """Which of type and source they have."""


@dataclass(frozen=True, slots=True)
class _TakePart:
    """Takes what is counted of logs of a side."""

    side: int

    def __call__(self, table: pa.Table) -> _Part:
        """Return what is counted."""
        columns = {name: table[name].to_pylist() for name in ("type", "source")}
        return _part_of(
            self.side, _Piece(table, columns, [*map(_decode, table["attributes"].to_pylist())])
        )


def _part_of(side: int, piece: _Piece) -> _Part:
    """Return what is counted of a piece of a side, 0 or 1."""
    values = Values(MOST_NAMES_OF_A_PART)
    seqs, messages = piece.table["seq"].to_pylist(), piece.table["message"].to_pylist()
    values.add(side, piece.columns, piece.attributes, [*zip(seqs, messages, strict=True)])
    return _Part(texts_of(piece.table), values, frozenset(piece.columns))


class _Found:
    """What is counted on both sides."""

    def __init__(self) -> None:
        templates = Templates()
        self.tallies = Tally(templates), Tally(templates)
        self.values = Values()
        self.has: tuple[set[str], set[str]] = set(), set()
        """Which of type and source each side has."""

    def add(self, side: int, parts: Iterator[_Part]) -> None:
        """Count what was taken from the logs of a side, 0 or 1, by seq."""
        for part in parts:
            self.tallies[side].add(part.texts)
            self.has[side].update(part.has)
            self.values.merge(part.values)


def diff(session: Asking, a: object, b: object) -> pd.DataFrame:
    """Return the difference of two sets of logs; see `Workbench.diff`."""
    begun = time.perf_counter()
    pin = session.pin()
    given = _Sides(session, pin, a, b)
    found = _Found()
    for side in (0, 1):
        scan = given.scan(side)
        session.patiently(partial(found.add, side, given.parts(side, scan)))
        warn_of(None if scan is None else scan.lacks)
    totals = found.tallies[0].total, found.tallies[1].total
    frame = _frame(_rows(found, totals))
    frame.attrs["pin"] = str(pin)
    frame.attrs["logs_a"], frame.attrs["logs_b"] = totals
    frame.attrs["uncounted"] = found.values.uncounted()
    frame.attrs["seconds"] = time.perf_counter() - begun
    return frame


class _Sides:
    """The two sets of logs as they were given.

    Raises:
        UsageError: one has no meaning.
    """

    def __init__(self, session: Asking, pin: Pin, a: object, b: object) -> None:
        self._session = session
        if isinstance(a, str) and isinstance(b, str):
            raise UsageError("one of the two sets can be 'before', the time just before the other")
        self._given: list[Question | pd.DataFrame] = []
        for argument, side, other in (("a", a, b), ("b", b, a)):
            if isinstance(side, str):
                question = self._asked(argument, other, pin)
                if side != "before" or isinstance(question, pd.DataFrame):
                    raise UsageError(
                        f"{argument}={side!r} is unknown beside {type(other).__name__}; give "
                        "filters as a mapping, a range as two times, or logs as a frame"
                    )
                since, until = range_of(question, "before", pin.taken_at)
                self._given.append(replace(question, since=since, until=until))
            else:
                self._given.append(self._asked(argument, side, pin))

    def scan(self, side: int) -> Scan | None:
        """Return a scan of a side; None if it is a frame."""
        given = self._given[side]
        if isinstance(given, pd.DataFrame):
            return None
        return self._session.scan(given)

    def parts(self, side: int, scan: Scan | None) -> Iterator[_Part]:
        """Return what is counted of the logs of a side."""
        if scan is None:
            return iter([_part_of(side, _of_frame(cast("pd.DataFrame", self._given[side])))])
        return scan.parts(_TakePart(side))

    def _asked(self, argument: str, side: object, pin: Pin) -> Question | pd.DataFrame:
        if isinstance(side, pd.DataFrame):
            if "message" not in side.columns or not side.columns.is_unique:
                raise UsageError(f"{argument} has no column message; give logs, as of wb.logs")
            return side
        if isinstance(side, tuple) and len(side) == 2:
            side = {"since": side[0], "until": side[1]}
        if not isinstance(side, Mapping):
            raise UsageError(
                f"{argument}={side!r:.80} is no set of logs; give filters as a mapping, a range as "
                "two times, or logs as a frame"
            )
        filters = cast("Filters", {"at": pin, **side})
        refuse(filters, "order", "limit", "columns")
        return replace(self._session.question(filters), columns=_COLUMNS)


def _of_frame(frame: pd.DataFrame) -> _Piece:
    """Return the logs of a frame; columns that are not of each log are attributes."""
    count = len(frame)
    attributes: list[dict[str, Any]] = [{} for _ in range(count)]
    if "attributes" in frame.columns:
        attributes = [_decode(text) for text in frame["attributes"].astype("str")]
    for name in frame.columns.difference([*STORED, "attributes"], sort=False):
        values, has_one = frame[name].tolist(), frame[name].notna().tolist()
        for members, value, is_there in zip(attributes, values, has_one, strict=True):
            if is_there:
                members[str(name).removeprefix("attributes.")] = _as_json(value)
    columns = {name: _texts(frame, name) for name in ("type", "source") if name in frame.columns}
    moments = (
        frame["timestamp"].array if "timestamp" in frame.columns else pd.array([0] * count, "Int64")
    )
    table = pa.table(
        {
            "seq": pa.array(frame["seq"] if "seq" in frame.columns else range(count), pa.int64()),
            "timestamp": pa.array(moments).cast(MOMENT, safe=False),
            "type": pa.array(columns.get("type", [""] * count), pa.string()),
            "message": pa.array(_texts(frame, "message"), pa.string()),
        }
    )
    return _Piece(table, columns, attributes)


def _as_json(value: object) -> object:
    """Return a value as an attribute could have it; a time, say, as text."""
    known = isinstance(value, str | int | float | list | dict)
    return value if known else str(value)


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    return [str(each) for each in frame[name].tolist()]


def _rows(found: _Found, totals: tuple[int, int]) -> list[dict[str, object]]:
    counts = [tally.by_text() for tally in found.tallies]
    rows = []
    for text in counts[0].keys() | counts[1].keys():
        sides = counts[0].get(text), counts[1].get(text)
        pair = (sides[0].logs if sides[0] else 0, sides[1].logs if sides[1] else 0)
        example = (sides[1] or sides[0]).example  # type: ignore[union-attr] # one side has it
        rows.append(_row((_PATTERN, text), pair, totals, (example.seq, example.message)))
    compared = found.has[0] & found.has[1]
    rows += [
        _row((each.name, each.text), each.logs, totals, each.example)
        for each in found.values.counted()
        if each.is_attribute or each.name in compared
    ]
    told = filter(_is_told, rows)
    ranked = sorted(
        told, key=lambda row: (-float(str(row["score"])), str(row["what"]), str(row["value"]))
    )
    return ranked[:MOST_ROWS]


def _is_told(row: dict[str, object]) -> bool:
    # A pattern that was never there may be the cause, even if it is there once.
    is_new = row["what"] == _PATTERN and row["change"] == "new"
    return is_new or float(str(row["score"])) >= LEAST_SCORE


def _row(
    name: tuple[str, str],
    logs: tuple[int, int],
    totals: tuple[int, int],
    example: tuple[int, str],
) -> dict[str, object]:
    """Return a row.

    Args:
        name: what it is about, and the value.
        logs: number of logs of each side that have it.
        totals: number of all logs of each side.
        example: seq and message of a log that has it.
    """
    shares = [count / total if total else 0.0 for count, total in zip(logs, totals, strict=True)]
    if not shares[0]:
        change, ratio = "new", math.inf
    elif not shares[1]:
        change, ratio = "gone", 0.0
    else:
        ratio = shares[1] / shares[0]
        change = "grown" if ratio > 1 else "shrunk"
    what, value = name
    return {
        "what": what,
        "value": value,
        "change": change,
        "a": logs[0],
        "b": logs[1],
        "share_a": shares[0],
        "share_b": shares[1],
        "ratio": ratio,
        "score": abs(score(logs[1], totals[1], logs[0], totals[0])),
        "example_seq": example[0],
        "example": example[1],
    }


_SCHEMA: Final = pa.schema(
    [
        ("what", pa.string()),
        ("value", pa.string()),
        ("change", pa.string()),
        ("a", pa.int64()),
        ("b", pa.int64()),
        ("share_a", pa.float64()),
        ("share_b", pa.float64()),
        ("ratio", pa.float64()),
        ("score", pa.float64()),
        ("example_seq", pa.int64()),
        ("example", pa.string()),
    ]
)


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    return to_frame(pa.Table.from_pylist(rows, schema=_SCHEMA))

"""Logs of files gathered into columns: piece by piece, and of each piece only what is asked for."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import MOMENT, NAMES, SCHEMA
from waterline.integers import INT64
from waterline.recognition.own_logs import ENVELOPE
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.records import Record, check_log, decode_log
from workbench.query.arranged import arranged
from workbench.query.empty_answer import GLANCE, Seen, why
from workbench.query.filters import choose
from workbench.query.question import Question

# Logs that are Python objects at a time, and bytes of them.
_LOGS_AT_ONCE: Final = 10_000
_BYTES_AT_ONCE: Final = 16 * 2**20
_WRITTEN_BY_US: Final = frozenset(NAMES)
# Whether seq, source and time of receipt are those of a data folder that a log was exported from.
_EXPORTED: Final = "exported"
_SCHEMA: Final = SCHEMA.append(pa.field(_EXPORTED, pa.bool_(), nullable=False))

_Row = tuple[int, str, str, int, int, str, str, str, bool]


class Gathered:
    """The logs of files that match a question.

    Args:
        question: what is asked.

    Attributes:
        logs: number of logs so far, whether they match or not.
    """

    def __init__(self, question: Question) -> None:
        self.logs = 0
        self._question = question
        self._columns = [name for name in _SCHEMA.names if name in self._needed()]
        self._parts = [_SCHEMA.empty_table().select(self._columns)]
        self._rows: list[_Row] = []
        self._size = 0
        self._last_seq = 0
        # Of all logs, to tell why none matches.
        self._types: set[str] = set()
        self._sources: set[str] = set()
        self._reach = MAX_TIMESTAMP, MIN_TIMESTAMP
        self._attributes: list[str] = []

    def add(self, log: bytes, source: str, written: int) -> bool:
        """Add a log; return whether a piece became full with it.

        Args:
            log: the log as JSON, with an id.
            source: of a log that names none.
            written: when it was written at the latest, in milliseconds UTC.

        Raises:
            InvalidLog: it is no log; the sentence names member and rule.
        """
        value = decode_log(log)
        if isinstance(value, dict) and _is_exported(value):
            seq, written, source = value["seq"], value["received_at"], value["source"]
            record, exported = _opened(value), True
        else:
            seq, record, exported = 0, check_log(value), False
        self._last_seq = max(seq, self._last_seq + 1)
        log_id, type_, timestamp, message, attributes = record
        self._rows.append(
            (
                self._last_seq,
                log_id or "",
                type_,
                written if timestamp is None else timestamp,
                written,
                source,
                message,
                attributes,
                exported,
            )
        )
        self._size += len(log)
        is_full = len(self._rows) == _LOGS_AT_ONCE or self._size >= _BYTES_AT_ONCE
        if is_full:
            self._end_piece()
        return is_full

    def table(self) -> pa.Table:
        """Return the logs that match, each id once, in the question's order."""
        self._end_piece()
        return self._arranged()

    def why_none(self) -> str | None:
        """Return a sentence about the filter that alone leaves no log; None if no filter does."""
        seen = Seen(frozenset(self._types), True, frozenset(self._sources), *self._reach)
        return why(self._question, seen, lambda: self._attributes)

    def _needed(self) -> set[str]:
        return {*self._question.needed, "id", "source", _EXPORTED}

    def _end_piece(self) -> None:
        if not self._rows:
            return
        table = _table_of(self._rows)
        self.logs += len(self._rows)
        self._rows, self._size = [], 0
        self._look_at(table)
        chosen = choose(table, self._question).select(self._columns)
        if not chosen.num_rows:
            return
        self._parts.append(chosen)
        limit = self._question.limit
        if limit is not None and sum(each.num_rows for each in self._parts) > 2 * limit:
            self._parts = [self._arranged()]

    def _look_at(self, table: pa.Table) -> None:
        self._types.update(pc.unique(table["type"]).to_pylist())
        self._sources.update(pc.unique(table["source"]).to_pylist())
        ends = pc.min_max(table["timestamp"].cast(pa.int64())).as_py()
        self._reach = min(self._reach[0], ends["min"]), max(self._reach[1], ends["max"])
        if not self._attributes:
            self._attributes = table["attributes"].slice(0, GLANCE).to_pylist()

    def _arranged(self) -> pa.Table:
        table = _each_once(pa.concat_tables(self._parts))
        # What is copied in another order is not held twice.
        self._parts = []
        question = self._question
        is_arranged = question.limit is None and question.order == "oldest" and _ascends(table)
        return table if is_arranged else arranged(table, question)


def _is_exported(log: dict[str, Any]) -> bool:
    """Return whether a log is one that Waterline has exported, maybe with what was extracted."""
    return (
        log.keys() >= _WRITTEN_BY_US
        and _is_whole(log["seq"])
        and _is_whole(log["received_at"])
        and MIN_TIMESTAMP <= log["received_at"] <= MAX_TIMESTAMP
        and isinstance(log["source"], str)
        and isinstance(log["attributes"], dict)
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in INT64


def _opened(exported: dict[str, Any]) -> Record:
    members = {name: exported.pop(name) for name in ("id", "type", "message", "timestamp")}
    inside = exported.pop("attributes")
    extracted = {name: value for name, value in exported.items() if name not in _WRITTEN_BY_US}
    log_id = members.pop("id")
    envelope = {**members, "attributes": {**extracted, **inside}}
    return check_log({"id": log_id, ENVELOPE: envelope}, milliseconds=True)


def _table_of(rows: list[_Row]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [
            pa.array(column, pa.int64()).cast(field.type)
            if field.type == MOMENT
            else pa.array(column, field.type)
            for column, field in zip(columns, _SCHEMA, strict=True)
        ],
        schema=_SCHEMA,
    )


def _each_once(table: pa.Table) -> pa.Table:
    """Return a table without further logs of an id, as a server stores none.

    Ids of exported logs are those of their sources, and all others are of one.
    """
    ids = table["id"]
    if pc.any(table[_EXPORTED]).as_py():
        source = pc.if_else(table[_EXPORTED], table["source"], "")
        ids = pc.binary_join_element_wise(source, ids, "\0")
    if pc.count_distinct(ids).as_py() == table.num_rows:
        return table
    places = pa.table({"id": ids, "place": pa.array(np.arange(table.num_rows))})
    firsts = places.group_by("id").aggregate([("place", "min")])["place_min"].to_numpy()
    is_first = np.zeros(table.num_rows, dtype=bool)
    is_first[firsts] = True
    return table.filter(pa.array(is_first))


def _ascends(table: pa.Table) -> bool:
    timestamps = table["timestamp"].cast(pa.int64()).to_numpy()
    return bool((timestamps[1:] >= timestamps[:-1]).all())

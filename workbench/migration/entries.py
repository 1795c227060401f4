"""Rows and archive entries of the source document's design as logs, by our own rules of a log."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from waterline.recognition.json_text import object_in
from waterline.recognition.objects import ObjectReader
from waterline.recognition.time_values import SECONDS_BELOW, read_time
from waterline.records import (
    DEFAULT_TYPE,
    MAX_ID_LENGTH,
    InvalidLog,
    Record,
    Rule,
    read_log,
)
from workbench.migration.findings import Findings

NAMESPACE: Final = uuid.UUID("5b1ff3a5-6f0e-4f5d-9a3e-6d1c6a5f0b77")
"""Of the ids that are made for logs without one."""
REALTIME: Final = "realtime_logs"
LOGS: Final = "logs"
TABLES: Final = (REALTIME, LOGS)
"""Tables of the document's logs.db, in the order in which they are read."""
# Where a row of the document's `logs` may say when it was made.
_MADE: Final = ("created_at", "createdAt")
ORIGINAL_ID: Final = "originalId"
"""Attribute with the id of a log that could not keep it."""
_NOT_CONTENT: Final = frozenset(("id", "timestamp", "processed", *_MADE))

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

Row = dict[str, object]
"""Columns of a row that are not null, by name; text is text."""


class OldLog(NamedTuple):
    """Log of the old store, as it is to be stored.

    Attributes:
        record: the log, with id and timestamp.
        received_at: when the old server took it, milliseconds UTC; None if it does not say.
        table: table, folder or file that it stands in, for people.
        place: where it stands there.
    """

    record: Record
    received_at: int | None
    table: str
    place: str

    @property
    def id(self) -> str:
        """Return its id."""
        assert self.record.id is not None
        return self.record.id

    @property
    def timestamp(self) -> int:
        """Return its timestamp, milliseconds UTC."""
        assert self.record.timestamp is not None
        return self.record.timestamp


class EntryReader:
    """Makes logs of rows and entries; whatever holds a text is kept.

    Args:
        findings: takes what is odd.
        clock: returns milliseconds UTC, the time of logs that name none at all.
    """

    def __init__(self, findings: Findings, clock: Callable[[], int]) -> None:
        self._findings = findings
        self._clock = clock
        self._objects = ObjectReader()

    def realtime(self, row: Row, rowid: int) -> Iterator[OldLog]:
        """Yield the logs of a row of `realtime_logs`.

        Args:
            row: its columns.
            rowid: its number.
        """
        table, place = REALTIME, f"row {rowid}"
        received_at = self._time(row.get("timestamp"), table, place)
        data = row.get("data")
        text = data if isinstance(data, str) else "" if data is None else str(data)
        value = object_in(text)
        if value is None:
            if text.strip():
                what = "whose data is no JSON object, kept as a log with that text"
                self._note(table, what, place)
                value = {"type": DEFAULT_TYPE, "message": text}
            else:
                self._note(table, "without data, left behind", place)
                return
        if row.get("processed"):
            self._note(table, "marked as processed, a mark that is left behind", place)
        made = str(uuid.uuid5(NAMESPACE, f"{table}:{rowid}"))
        log_id = self._id(row.get("id"), value, table, place) or made
        yield from self._logs(value, log_id, received_at, table, place)

    def stored(self, row: Row, rowid: int) -> Iterator[OldLog]:
        """Yield the logs of a row of `logs`.

        Args:
            row: its columns.
            rowid: its number.
        """
        made = str(uuid.uuid5(NAMESPACE, f"{LOGS}:{rowid}"))
        yield from self.entry(row, made, None, LOGS, f"row {rowid}")

    def entry(
        self, value: object, made_id: str, archived_at: int | None, table: str, place: str
    ) -> Iterator[OldLog]:
        """Yield the logs of a row of `logs`, from the table or from an archive file.

        Args:
            value: the row as an object, if it is one.
            made_id: id of a row without one.
            archived_at: when the file was written, milliseconds UTC.
            table: where it stands, for people.
            place: which one it is.
        """
        if not isinstance(value, dict):
            if value is None:
                self._note(table, "of null, left behind", place)
                return
            self._note(table, "of another kind than objects, kept with their JSON as text", place)
            row: Row = {"type": DEFAULT_TYPE, "message": _encode(value).decode()}
        else:
            row = value
        value = _opened(row)
        made_at = next((value[name] for name in _MADE if name in value), None)
        received_at = self._time(made_at, table, place)
        if _NOT_CONTENT.issuperset(value):
            self._note(table, "with nothing to say, left behind", place)
            return
        log_id = self._id(value.get("id"), value, table, place) or made_id
        moment = archived_at if received_at is None else received_at
        yield from self._logs(value, log_id, moment, table, place)

    def _logs(
        self, value: Row, log_id: str, received_at: int | None, table: str, place: str
    ) -> Iterator[OldLog]:
        """Yield the logs of an object.

        Args:
            value: the object, without its id.
            log_id: the id of the log.
            received_at: when the old server took it, milliseconds UTC.
            table: where it stands, for people.
            place: which one it is.
        """
        self._time(value.get("timestamp"), table, place)
        made = _Ids(log_id)
        try:
            records = read_log({**value, "id": log_id}, self._objects, made)
        except InvalidLog as error:
            records = [self._mended(value, error, table, place)]
        for number, record in enumerate(records):
            timestamp = record.timestamp
            if timestamp is None:
                timestamp = self._clock() if received_at is None else received_at
                if received_at is None:
                    self._note(table, "without any time, dated now", place)
            given = made.nth(number)
            attributes = _without_own_id(record.attributes, log_id)
            record = record._replace(id=given, timestamp=timestamp, attributes=attributes)
            yield OldLog(record, received_at, table, place)

    def _mended(self, value: Row, error: InvalidLog, table: str, place: str) -> Record:
        """Return a log that breaks a rule with what breaks it among its attributes, or as text."""
        if error.rule is Rule.TIMESTAMP:
            what = "whose timestamp is no time, dated by receipt, the text kept as an attribute"
            self._note(table, what, place)
            rest = {name: each for name, each in value.items() if name != "timestamp"}
            record = read_log(rest, self._objects)[0]
            attributes = msgspec.json.decode(record.attributes)
            attributes["timestamp"] = value["timestamp"]
            return record._replace(attributes=_encode(attributes).decode())
        self._note(table, f"without the form of a log ({error.reason}), kept as text", place)
        return Record(None, DEFAULT_TYPE, None, _encode(value).decode(), "{}")

    def _note(self, table: str, what: str, place: str) -> None:
        unit = "row" if table in TABLES else "log"
        self._findings.note(table, what, place, unit)

    def _id(self, given: object, value: Row, table: str, place: str) -> str | None:
        """Return the id of a row, and take it out of its object; None if it cannot be one.

        Args:
            given: the column.
            value: the object; changed.
            table: where it stands, for people.
            place: which one it is.
        """
        inner = value.get("id")
        text = str(given if given is not None else inner) if given or inner else ""
        is_fit = 1 <= len(text) <= MAX_ID_LENGTH
        if value.pop("id", None) is not None and not (is_fit and str(inner) == text):
            value[ORIGINAL_ID] = inner
        if is_fit:
            return text
        self._note(table, f"without a fit id, given one; theirs is kept as {ORIGINAL_ID}", place)
        return None

    def _time(self, given: object, table: str, place: str) -> int | None:
        """Return a time in milliseconds UTC, whatever unit it is in; None if it is none.

        Args:
            given: a column or member.
            table: where it stands, for people.
            place: which one it is.
        """
        if given is None:
            return None
        moment = read_time(given)
        if moment is not None and isinstance(given, int | float) and given < SECONDS_BELOW:
            what = "with a time in seconds in place of milliseconds, read as seconds"
            self._note(table, what, place)
        return moment


class _Ids:
    """Ids of the logs of one object: nearly always one, and those of a container numbered."""

    def __init__(self, first: str) -> None:
        self._first = first

    def __call__(self, timestamps: Sequence[int | None]) -> Sequence[str]:
        return [self._first] * len(timestamps)

    def nth(self, number: int) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self._first}:{number}")) if number else self._first


def _opened(row: Row) -> Row:
    """Return a row with the members of its JSON column `data`, and with a type, if it has them."""
    value = {name: each for name, each in row.items() if each is not None}
    data = value.get("data")
    inner = data if isinstance(data, dict) else object_in(data) if isinstance(data, str) else None
    if inner is not None and "message" not in value:
        del value["data"]
        value = {**inner, **value}
    if "type" not in value and isinstance(value.get("log_type"), str):
        value["type"] = value.pop("log_type")
    return value


def _without_own_id(attributes: str, log_id: str) -> str:
    """Return the attributes of an object of another program without the id that we put in."""
    if '"id"' not in attributes:
        return attributes
    found = msgspec.json.decode(attributes)
    if found.get("id") != log_id:
        return attributes
    del found["id"]
    return _encode(found).decode()

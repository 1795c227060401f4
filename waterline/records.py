"""Rules of a valid log: decode, check, normalise. No I/O."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple, cast

import msgspec

from waterline.recognition.json_text import decode_json
from waterline.recognition.objects import ObjectReader
from waterline.recognition.own_logs import ENVELOPE, MAX_TYPE_LENGTH, is_envelope
from waterline.recognition.recognized import Parts, Recognized
from waterline.recognition.time_values import (
    MILLISECONDS_BELOW,
    SECONDS_BELOW,
    BeyondYears,
    time_of_number,
    time_of_text,
    within_years,
)

MAX_ID_LENGTH: Final = 128
# SQLite's JSON functions allow 1000 levels. No log of a sane program comes near this.
MAX_DEPTH: Final = 64


DEFAULT_TYPE: Final = "info"
"""Type of a log that names no level."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Record(NamedTuple):
    """Valid log as sent by its producer.

    Attributes:
        id: None if the producer gave none.
        type: the log type.
        timestamp: milliseconds UTC; None if the producer gave none.
        message: the text.
        attributes: a JSON object as compact text.
    """

    id: str | None
    type: str
    timestamp: int | None
    message: str
    attributes: str


class StoredLog(msgspec.Struct, frozen=True, gc=False):
    """Stored log, with members in the order of the columns. Times are milliseconds UTC."""

    seq: int
    id: str
    type: str
    timestamp: int
    received_at: int
    source: str
    message: str
    attributes: msgspec.Raw


class Rule(StrEnum):
    """Rules of a log, by the names in metrics."""

    IS_JSON = "no_json"
    IS_OBJECT = "no_object"
    ID = "id"
    TYPE = "type"
    MESSAGE = "message"
    TIMESTAMP = "timestamp"
    DEPTH = "depth"
    NOT_EMPTY = "empty"


class InvalidLog(ValueError):
    """Input that is no log.

    Attributes:
        reason: one sentence for the producer.
        rule: the broken rule.
        log_id: the id of the log, if it is readable.
    """

    def __init__(self, reason: str, rule: Rule, log_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.rule = rule
        self.log_id = log_id


_encode_json = msgspec.json.Encoder().encode

MEMBERS: Final = ("id", "type", "message", "timestamp")
_NOT_ATTRIBUTES: Final = (*MEMBERS, ENVELOPE)
_NOT_CONTENT: Final = frozenset(("id", "type", "timestamp"))


def parse_log(text: str | bytes) -> Record:
    """Decode and check one log.

    Raises:
        InvalidLog: the text is no JSON or no log.
    """
    return check_log(decode_log(text))


def decode_log(text: str | bytes) -> object:
    """Decode the JSON of one log.

    Raises:
        InvalidLog: the text is no JSON.
    """
    try:
        return decode_json(text)
    except RecursionError as error:
        raise InvalidLog(
            f"this JSON is nested more than {MAX_DEPTH} levels deep", Rule.DEPTH
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidLog(f"this is no JSON: {error}", Rule.IS_JSON) from error


def check_log(value: object, *, milliseconds: bool = False) -> Record:
    """Check a decoded JSON value and return a record. Removes members from `value`.

    Args:
        value: a log of our own contract, also in an envelope.
        milliseconds: whether an integer as `timestamp` counts milliseconds whatever its size.

    Raises:
        InvalidLog: the value is no log; the sentence names member and rule.
    """
    if not isinstance(value, dict):
        kind = _JSON_KINDS[type(value)]
        reason = f"a log is a JSON object with type and message, this is {kind}"
        raise InvalidLog(reason, Rule.IS_OBJECT)
    log_id = _check_id(value.pop("id", None))
    try:
        if is_envelope(value):
            value, attributes = _opened(value)
        else:
            attributes = value
        log_type = _check_type(value.pop("type", None))
        message = _check_message(value.pop("message", None))
        timestamp = _check_timestamp(value.pop("timestamp", None), milliseconds=milliseconds)
        encoded = _encode_attributes(attributes)
    except InvalidLog as error:
        error.log_id = log_id
        raise
    return Record(log_id, log_type, timestamp, message, encoded)


def read_log(
    value: object,
    reader: ObjectReader,
    name: Callable[[Sequence[int | None]], Sequence[str]] | None = None,
) -> list[Record]:
    """Return the records of a decoded JSON value: a log of ours, or what other programs write.

    An object is refused only when nothing can be kept of it. Removes members from `value`.

    Args:
        value: any JSON value.
        reader: recognises objects of other programs.
        name: returns ids for logs of another program, by their timestamps; default none.

    Raises:
        InvalidLog: the value is no log; the sentence names member and rule.
    """
    if not isinstance(value, dict) or says_nothing(value) or not reader.is_for(value):
        return [check_log(value)]
    try:
        found = reader.read_all(value)
    except RecursionError as error:
        raise InvalidLog(_DEPTH_RULE, Rule.DEPTH) from error
    return [record_of(each, name([each.timestamp])[0] if name else None) for each in found]


def record_of(parts: Parts, log_id: str | None) -> Record:
    """Return the record of what an object or a line says.

    Args:
        parts: what it says.
        log_id: its id, None if it has none.

    Raises:
        InvalidLog: its attributes are nested too deep.
    """
    return Record(
        log_id,
        parts.type or DEFAULT_TYPE,
        parts.timestamp,
        parts.message,
        _encode_attributes(parts.attributes),
    )


def says_nothing(value: Mapping[str, object]) -> bool:
    """Return whether an object has no more than id, type and timestamp: nothing worth a log."""
    if len(value) > len(MEMBERS):
        return False
    return _NOT_CONTENT.issuperset(value) or (
        None in value.values()
        and all(name in _NOT_CONTENT or each is None for name, each in value.items())
    )


def log_of(said: Recognized | Parts, log_id: str) -> dict[str, object]:
    """Return what an object or a line of another program says as a log of our own contract.

    Args:
        said: what it says.
        log_id: the id of the log.
    """
    log: dict[str, object] = {
        "id": log_id,
        "type": said.type or DEFAULT_TYPE,
        "message": said.message,
    }
    if said.timestamp is not None:
        log["timestamp"] = timestamp_of(said.timestamp)
    if said.attributes.keys().isdisjoint(_NOT_ATTRIBUTES):
        log.update(said.attributes)
        return log
    del log["id"]
    return {"id": log_id, ENVELOPE: {**log, "attributes": said.attributes}}


def timestamp_of(moment: int) -> int | str:
    """Return milliseconds UTC as the `timestamp` of a log: a number whose size says so, or a text.

    A number below 10^11 would be seconds, and from 10^14 on microseconds.
    """
    if SECONDS_BELOW <= abs(moment) < MILLISECONDS_BELOW:
        return moment
    return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds")


_JSON_KINDS: Final = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _check_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_LENGTH:
        raise InvalidLog(f"id must be a string of 1 to {MAX_ID_LENGTH} characters", Rule.ID)
    return value


def _check_type(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TYPE_LENGTH:
        raise InvalidLog(f"type must be a string of 1 to {MAX_TYPE_LENGTH} characters", Rule.TYPE)
    return value


def _check_message(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidLog("message must be a string", Rule.MESSAGE)
    return value


def _check_timestamp(value: object, *, milliseconds: bool) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidLog(_TIMESTAMP_RULE, Rule.TIMESTAMP)
    if milliseconds and isinstance(value, float):
        raise InvalidLog("timestamp must be integer milliseconds since 1970 UTC", Rule.TIMESTAMP)
    try:
        if isinstance(value, str):
            return time_of_text(value)
        if milliseconds and isinstance(value, int):
            return within_years(value)
        return time_of_number(value)
    except BeyondYears as error:
        raise InvalidLog("timestamp must lie in the years 1 to 9999", Rule.TIMESTAMP) from error
    except ValueError as error:
        raise InvalidLog(_TIMESTAMP_RULE, Rule.TIMESTAMP) from error


_TIMESTAMP_RULE: Final = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)


def _opened(envelope: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Return the log in an envelope, and its attributes."""
    log = envelope[ENVELOPE]
    attributes = log.pop("attributes", {}) if isinstance(log, dict) else None
    if not isinstance(log, dict) or not isinstance(attributes, dict):
        reason = f"{ENVELOPE} must be an object, and so must the attributes in it"
        raise InvalidLog(reason, Rule.IS_OBJECT)
    if unknown := log.keys() - MEMBERS:
        reason = f"{ENVELOPE} has no member {min(unknown)}; attributes go into attributes"
        raise InvalidLog(reason, Rule.IS_OBJECT)
    return log, attributes


_DEPTH_RULE: Final = f"attributes may be nested {MAX_DEPTH} levels deep at most"


def _encode_attributes(members: dict[str, object]) -> str:
    if not members:
        return "{}"
    try:
        encoded = _encode_json(members)
    except RecursionError as error:
        raise InvalidLog(_DEPTH_RULE, Rule.DEPTH) from error
    if _is_deep(encoded, members):
        raise InvalidLog(_DEPTH_RULE, Rule.DEPTH)
    return encoded.decode()


def are_too_deep(logs: Sequence[dict[str, object]]) -> bool:
    """Return whether the attributes of some log are nested deeper than MAX_DEPTH."""
    level: list[object] = list(logs)
    for _ in range(MAX_DEPTH):
        inner = chain.from_iterable(
            each.values() if type(each) is dict else cast("list[object]", each) for each in level
        )
        level = [each for each in inner if type(each) is dict or type(each) is list]
        if not level:
            return False
    return True


def _is_deep(encoded: bytes, members: dict[str, object]) -> bool:
    # Counting brackets is cheap and decides nearly every log. Only the rest are walked.
    brackets = encoded.count(b"{") + encoded.count(b"[")
    return brackets > MAX_DEPTH and _depth(members) > MAX_DEPTH


def _depth(value: object) -> int:
    """Return the nesting depth of arrays and objects, without recursion."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        current, level = waiting.pop()
        if isinstance(current, dict):
            inner = list(current.values())
        elif isinstance(current, list):
            inner = current
        else:
            continue
        deepest = max(deepest, level)
        waiting.extend((each, level + 1) for each in inner)
    return deepest


encode_stored = msgspec.json.Encoder().encode
"""Encode a StoredLog (or a list of them) as the compact JSON that `/live` sends."""

_decode_rows: Final = msgspec.json.Decoder(
    list[tuple[str, str, int | None, str, str, msgspec.Raw]]
).decode


def decode_rows(
    rows: bytes, seqs: Sequence[int], received_at: int, dated_at: int | None = None
) -> list[StoredLog]:
    """Decode rows into stored logs.

    Args:
        rows: a JSON array of arrays `[id, type, timestamp or null, source, message, attributes]`.
        seqs: the seq of each row.
        received_at: milliseconds UTC.
        dated_at: timestamp of logs without one, milliseconds UTC; default `received_at`.
    """
    default = received_at if dated_at is None else dated_at
    return [
        StoredLog(
            seq,
            log_id,
            log_type,
            default if timestamp is None else timestamp,
            received_at,
            source,
            message,
            attributes,
        )
        for seq, (log_id, log_type, timestamp, source, message, attributes) in zip(
            seqs, _decode_rows(rows), strict=True
        )
    ]

"""Rules of a valid log: decode, check, normalise. No I/O."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP, parse_rfc3339

MAX_TYPE_LENGTH: Final = 64
MAX_ID_LENGTH: Final = 128
# SQLite's JSON functions allow 1000 levels. No log of a sane program comes near this.
MAX_DEPTH: Final = 64


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


_decode_json = msgspec.json.Decoder().decode
_encode_json = msgspec.json.Encoder().encode


def parse_log(text: str | bytes) -> Record:
    """Decode and check one log.

    Raises:
        InvalidLog: the text is no JSON or no log.
    """
    try:
        value = _decode_json(text)
    except RecursionError as error:
        raise InvalidLog(
            f"this JSON is nested more than {MAX_DEPTH} levels deep", Rule.DEPTH
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidLog(f"this is no JSON: {error}", Rule.IS_JSON) from error
    return check_log(value)


def check_log(value: object) -> Record:
    """Check a decoded JSON value and return a record. Removes members from `value`.

    Raises:
        InvalidLog: the value is no log; the sentence names member and rule.
    """
    if not isinstance(value, dict):
        kind = _JSON_KINDS[type(value)]
        reason = f"a log is a JSON object with type and message, this is {kind}"
        raise InvalidLog(reason, Rule.IS_OBJECT)
    log_id = _check_id(value.pop("id", None))
    try:
        log_type = _check_type(value.pop("type", None))
        message = _check_message(value.pop("message", None))
        timestamp = _check_timestamp(value.pop("timestamp", None))
        attributes = _encode_attributes(value)
    except InvalidLog as error:
        error.log_id = log_id
        raise
    return Record(log_id, log_type, timestamp, message, attributes)


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


def _check_timestamp(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = parse_rfc3339(value)
        except (ValueError, OverflowError) as error:
            raise InvalidLog(_TIMESTAMP_RULE, Rule.TIMESTAMP) from error
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidLog(_TIMESTAMP_RULE, Rule.TIMESTAMP)
    if not MIN_TIMESTAMP <= value <= MAX_TIMESTAMP:
        raise InvalidLog("timestamp must lie in the years 1 to 9999", Rule.TIMESTAMP)
    return value


_TIMESTAMP_RULE: Final = (
    "timestamp must be integer milliseconds since 1970 UTC or an RFC 3339 string"
)


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


def is_too_deep(members: dict[str, object]) -> bool:
    """Return whether attributes are nested deeper than MAX_DEPTH.

    Raises:
        RecursionError: they are too deep to encode.
    """
    return _is_deep(_encode_json(members), members)


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

"""One JSON object a line."""

from typing import Annotated, Final

import msgspec

from waterline.recognition.json_text import decode_json, object_in
from waterline.recognition.own_logs import (
    ENVELOPE,
    MARK_OF_ELASTICSEARCH,
    MAX_TYPE_LENGTH,
    TIMES_OF_OTHERS,
    is_ours,
)

_Type = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TYPE_LENGTH)]


class OwnLog(msgspec.Struct, gc=False):
    """A log as the server takes it; its other members are looked at, not kept.

    Whatever is no such log to the server would be given another id each time it is sent.
    """

    type: _Type
    message: str
    id: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw(b"null")


class EnvelopedLog(OwnLog, gc=False):
    """A log as the server takes it, in an envelope, which has its attributes."""


class _Inside(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    type: _Type
    message: str
    timestamp: msgspec.Raw = msgspec.Raw(b"null")
    attributes: dict[str, msgspec.Raw] = {}


class _Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    log: _Inside = msgspec.field(name=ENVELOPE)
    id: msgspec.Raw = msgspec.Raw()


class _Exported(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line that Waterline has exported, or that `/live` has sent."""

    seq: int
    id: str
    type: str
    timestamp: int | str
    received_at: int
    source: str
    message: str
    attributes: dict[str, msgspec.Raw]


_decode_own: Final = msgspec.json.Decoder(OwnLog).decode
_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_decode_exported: Final = msgspec.json.Decoder(_Exported).decode
_NAME_OF_ENVELOPE: Final = f'"{ENVELOPE}"'.encode()
# With one of these an object may be of another program; names may be written with escapes.
_DOUBTS_DESPITE_TIMESTAMP: Final = (f'"{MARK_OF_ELASTICSEARCH}"'.encode(), rb"\u00")
_DOUBTS: Final = (
    *_DOUBTS_DESPITE_TIMESTAMP,
    *(f'"{name}"'.encode() for name in sorted(TIMES_OF_OTHERS)),
)


class UnfitLine(ValueError):
    """Why a line cannot be a log.

    Attributes:
        reason: one sentence for whoever sent the file.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_json_line(line: bytes) -> dict[str, object]:
    """Return the object that the line holds; whether it is a log the server says.

    It is unchanged but for what JSON lacks: NaN is null, and infinities are texts.

    Raises:
        UnfitLine: the line is no JSON, or is JSON other than an object.
    """
    try:
        value = decode_json(line)
    except UnicodeDecodeError as error:
        raise UnfitLine("this is no JSON: it is not encoded as UTF-8") from error
    except msgspec.DecodeError as error:
        raise UnfitLine(f"this is no JSON: {error}") from error
    except RecursionError as error:
        raise UnfitLine("this JSON is nested too deep to be read") from error
    if not isinstance(value, dict):
        raise UnfitLine(f"a log is a JSON object, this is {_kind(value)}")
    return value


def own_log(line: bytes) -> OwnLog | None:
    """Return what a line says that is a log of our own contract; None if it is another object."""
    try:
        own = _decode_own(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _enveloped(line) if _NAME_OF_ENVELOPE in line else None
    doubts = _DOUBTS if bytes(own.timestamp) == b"null" else _DOUBTS_DESPITE_TIMESTAMP
    if any(map(line.__contains__, doubts)):
        value = object_in(line.decode(errors="replace"))
        return own if value is None or is_ours(value) else None
    return own


def _enveloped(line: bytes) -> OwnLog | None:
    try:
        envelope = _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    log = envelope.log
    return EnvelopedLog(log.type, log.message, envelope.id, log.timestamp)


def is_exported(line: bytes) -> bool:
    """Return whether a line is a stored log, as an export or `/live` writes it."""
    try:
        _decode_exported(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def where_id_lacks(line: bytes, log: OwnLog) -> int | None:
    """Return where to put an id into a line that `own_log` has read; 0 if it has one.

    None says that the line cannot pass as it stands.
    """
    # Members that are not kept are not known to be UTF-8. A null before or behind would count, too.
    given = bytes(log.id)
    if given == b"null" or not (line.isascii() or _is_utf8(line)):
        return None
    return 0 if given else line.index(b"{") + 1


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"

"""One JSON object a line."""

import json
from typing import Final

import msgspec

_decode = msgspec.json.Decoder().decode
# Python's `json` writes these by default, and JSON has none of them: as `Producer` sends them.
_NO_JSON: Final = {"NaN": None, "Infinity": "Infinity", "-Infinity": "-Infinity"}


class _OwnLog(msgspec.Struct, gc=False):
    """A log as the server takes it; its other members are looked at, not kept."""

    type: str
    message: str
    id: str | msgspec.UnsetType | None = msgspec.UNSET


_decode_own: Final = msgspec.json.Decoder(_OwnLog).decode


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
        value = _decode_leniently(line)
    except UnicodeDecodeError as error:
        raise UnfitLine("this is no JSON: it is not encoded as UTF-8") from error
    except msgspec.DecodeError as error:
        raise UnfitLine(f"this is no JSON: {error}") from error
    except RecursionError as error:
        raise UnfitLine("this JSON is nested too deep to be read") from error
    if not isinstance(value, dict):
        raise UnfitLine(f"a log is a JSON object, this is {_kind(value)}")
    return value


def where_id_lacks(line: bytes) -> int | None:
    """Return where to put an id into a line that is a log already; 0 if it has one.

    None says that the line is no such log; it may still be read by `parse_json_line`.
    """
    try:
        log = _decode_own(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # Members that are not kept are not known to be UTF-8. A null before or behind would count, too.
    if log.id is None or not (line.isascii() or _is_utf8(line)):
        return None
    return line.index(b"{") + 1 if log.id is msgspec.UNSET else 0


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_leniently(line: bytes) -> object:
    try:
        return _decode(line)
    except msgspec.DecodeError:
        if b"NaN" not in line and b"Infinity" not in line:
            raise
        try:
            return json.loads(line, parse_constant=_NO_JSON.__getitem__)
        except json.JSONDecodeError:
            pass
        raise


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"

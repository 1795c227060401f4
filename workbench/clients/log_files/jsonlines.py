"""One JSON object a line."""

import json
from collections.abc import Callable
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


def own_log_with_id(line: bytes, make_id: Callable[[], str]) -> bytes | None:
    """Return a line that is a log already, as it stands but for a missing id; else None.

    None is no verdict: the line may still be read by `parse_json_line`.

    Args:
        line: one line.
        make_id: returns an id of letters, digits and dashes.
    """
    try:
        log = _decode_own(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # A member that is not kept is no UTF-8 for all that the decoder knows, nor is a second id seen.
    if log.id is None or not (line.isascii() or _is_utf8(line)):
        return None
    if log.id is not msgspec.UNSET:
        return line
    start = line.index(b"{") + 1
    return b'%b"id":"%b",%b' % (line[:start], make_id().encode(), line[start:])


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

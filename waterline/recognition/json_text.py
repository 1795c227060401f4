"""JSON as programs write it, also where it is not quite JSON."""

import json
import math
from typing import Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
# Python's `json` writes these by default, and JSON has none of them: as `Producer` sends them.
_NO_JSON: Final = {"NaN": None, "Infinity": "Infinity", "-Infinity": "-Infinity"}


def decode_json(text: str | bytes) -> object:
    """Decode a JSON value; NaN is null, and infinities are texts.

    Raises:
        msgspec.DecodeError: it is no JSON.
        UnicodeDecodeError: it is not encoded as UTF-8.
        RecursionError: it is nested too deep.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        if not _names_no_json(text):
            raise
        try:
            value = json.loads(text, parse_constant=_NO_JSON.__getitem__, parse_float=_finite)
            _encode(value)  # half of a surrogate pair has no UTF-8
        except ValueError:
            pass
        else:
            return value
        raise


def _names_no_json(text: str | bytes) -> bool:
    if isinstance(text, str):
        return "NaN" in text or "Infinity" in text
    return b"NaN" in text or b"Infinity" in text


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is out of range")
    return number


def object_in(text: str) -> dict[str, object] | None:
    """Return the object that a text is; None if it is none."""
    try:
        value = decode_json(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def array_in(text: str) -> list[dict[str, object]] | None:
    """Return the objects of an array that a text is; None if it is none, or has other values."""
    try:
        values = decode_json(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(values, list) or not values:
        return None
    return values if all(isinstance(each, dict) for each in values) else None

"""JSON as programs write it, also where it is not quite JSON."""

import json
import math
import re
from typing import Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
NO_NUMBERS: Final = {"NaN": None, "Infinity": "Infinity", "-Infinity": "-Infinity"}
"""What Python's `json` writes by default and JSON has not, with the value that `Producer` sends."""
# Half of a surrogate pair, if there is one, and all that stands before it.
_UP_TO_HALF: Final = re.compile(
    rb"((?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+)"
    rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})?+",
    re.DOTALL,
)
# Halves that are replaced in one text; more would take long.
_MOST_HALVES: Final = 100_000


def mended(content: bytes) -> bytes:
    """Return JSON with U+FFFD for what of its texts is no character.

    That are bytes which are not UTF-8, and halves of surrogate pairs, such as JavaScript writes
    where a text was cut within a character.
    """
    try:
        content.decode()
    except UnicodeDecodeError:
        content = content.decode(errors="replace").encode()
    return _without_halves(content)


def _without_halves(content: bytes) -> bytes:
    return _UP_TO_HALF.sub(
        lambda found: found[1] + b"\\ufffd" if found[2] else found[0], content, _MOST_HALVES
    )


def decode_json(text: str | bytes) -> object:
    """Decode a JSON value; NaN is null, infinities are texts, half a surrogate pair is U+FFFD.

    Raises:
        msgspec.DecodeError: it is no JSON.
        UnicodeDecodeError: it is not encoded as UTF-8.
        RecursionError: it is nested too deep.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        content = text.encode() if isinstance(text, str) else bytes(text)
        whole = _without_halves(content)
        names_no_json = b"NaN" in content or b"Infinity" in content
        if whole == content and not names_no_json:
            raise
    return _as_python_does(whole) if names_no_json else _decode(whole)


def _as_python_does(content: bytes) -> object:
    """Decode JSON that has NaN or infinities, if not only in texts."""
    try:
        return _decode(content)
    except msgspec.DecodeError:
        try:
            value = json.loads(content, parse_constant=NO_NUMBERS.__getitem__, parse_float=_finite)
            _encode(value)  # half of a surrogate pair has no UTF-8
        except ValueError:
            pass
        else:
            return value
        raise


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

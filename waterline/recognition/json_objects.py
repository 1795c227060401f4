"""Lines of JSON: an object each, also as Python's own module writes them."""

import json
from typing import Final

import msgspec

_decode = msgspec.json.Decoder().decode
# Python's `json` writes these by default, and JSON has none of them: as `Producer` sends them.
_NO_JSON: Final = {"NaN": None, "Infinity": "Infinity", "-Infinity": "-Infinity"}


def decode_leniently(text: bytes | str) -> object:
    """Return the value of a JSON text; NaN is null in it, and infinities are texts.

    Raises:
        msgspec.DecodeError: it is no JSON.
        UnicodeDecodeError: it is not encoded as UTF-8.
        RecursionError: it is nested too deep.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        named = ("NaN", "Infinity") if isinstance(text, str) else (b"NaN", b"Infinity")
        if not any(name in text for name in named):  # type: ignore[operator]
            raise
        try:
            return json.loads(text, parse_constant=_NO_JSON.__getitem__)
        except json.JSONDecodeError:
            pass
        raise


def object_in(text: str) -> dict[str, object] | None:
    """Return the object that a text is; None if it is none."""
    try:
        value = decode_leniently(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None

"""JSON of frames: one log, an array of logs, or one log a line; sound or damaged."""

from collections.abc import Sequence
from typing import Final

import msgspec

from waterline.records import InvalidLog, decode_log

decode_value: Final = msgspec.json.Decoder().decode
_decode_array: Final = msgspec.json.Decoder(list[object]).decode
_decode_lines: Final = msgspec.json.Decoder().decode_lines
NO_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)


def is_json(content: bytes) -> bool:
    """Return whether the content is one JSON value."""
    try:
        decode_value(content)
    except NO_JSON:
        return False
    return True


def array_fault(content: bytes) -> InvalidLog | None:
    """Return the fault of an array that is no JSON; None if it is."""
    try:
        _decode_array(content)
    except NO_JSON:
        fault, _ = decode_damaged_array(content)
        return fault
    return None


def split(frame: bytes) -> list[object]:
    """Return the JSON values of a sound frame.

    Raises:
        ValueError, RecursionError: the frame is damaged; see `server.decode.one_by_one`.
    """
    return _decode_array(frame) if is_array(frame) else _decode_lines(frame)


def is_array(frame: bytes) -> bool:
    """Return whether a frame is a JSON array, not lines."""
    return frame.lstrip()[:1] == b"["


def decode_damaged_array(frame: bytes) -> tuple[InvalidLog | None, Sequence[object]]:
    """Return what is wrong with an array that is no JSON, if anything; or its values."""
    try:
        values = decode_log(frame)
    except InvalidLog as error:
        return bare(error), ()
    assert isinstance(values, list)
    return None, values


def bare(fault: InvalidLog) -> InvalidLog:
    """Return a fault without traceback and cause, which keep frames and more: ten objects a log."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)

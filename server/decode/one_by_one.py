"""Decoder of frames in which something is odd: each log is checked alone."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, TypeVar

from server.decode.decoded_logs import DecodedLogs
from server.decode.encode import Reading, encode_found
from server.decode.json_values import NO_JSON, bare, decode_damaged_array, is_array, split
from waterline.records import InvalidLog, Record, Rule, decode_log, read_log

NO_LOGS: Final = "this holds no log; send a log, a JSON array of logs, or one log a line"

T = TypeVar("T")


def read_one_by_one(frames: Sequence[bytes], reading: Reading) -> DecodedLogs:
    """Decode frames in which something is odd, log by log."""
    return encode_found([(_read_damaged(frame, reading), len(frame)) for frame in frames], reading)


def _read_damaged(frame: bytes, reading: Reading) -> Sequence[Record | InvalidLog]:
    """Return record or fault of each log in a frame; a frame without any has one fault."""

    def read_value(value: object) -> Sequence[Record]:
        return read_log(value, reading.reader, reading.name_foreign)

    def read_text(text: bytes) -> Sequence[Record]:
        return read_value(decode_log(text))

    try:
        found = [try_read(read_value, value) for value in split(frame)]
    except NO_JSON:
        if is_array(frame):
            fault, values = decode_damaged_array(frame)
            found = (
                [try_read(read_value, value) for value in values] if fault is None else [[fault]]
            )
        else:
            found = [try_read(read_text, part) for part in frame.split(b"\n") if part.strip()]
    return list(chain.from_iterable(found)) or [InvalidLog(NO_LOGS, Rule.NOT_EMPTY)]


def try_read(read: Callable[[T], Sequence[Record]], log: T) -> Sequence[Record | InvalidLog]:
    """Return the records of a log, or its fault."""
    try:
        return read(log)
    except InvalidLog as error:
        return [bare(error)]

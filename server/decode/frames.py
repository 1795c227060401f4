"""Bulk decoder: frames and bodies as logs for the writer, checked together where all are sound.

The rules are those of `records`, which checks one log. Here the members of all logs are checked
column by column, which halves the cost a log. Only if something is odd is each log checked alone.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final, cast

from server.decode.columns import LogColumns, OddLog, kinds_of, take_ours
from server.decode.decoded_logs import DecodedLogs, FrameOutcome
from server.decode.encode import Reading, encode_found, encode_logs, shared_out
from server.decode.ids import MakeIds, new_ids
from server.decode.json_values import NO_JSON, decode_value, split
from server.decode.lone import read_lone
from server.decode.objects import OBJECTS, read_mixed
from server.decode.one_by_one import read_one_by_one, try_read
from waterline.recognition.objects import ObjectReader
from waterline.recognition.recognized import Columns, Parts
from waterline.records import DEFAULT_TYPE, Record, record_of

_OBJECTS_ALONE: Final = {dict}


def read_frames(
    frames: Sequence[bytes],
    source: str,
    make_ids: MakeIds = new_ids,
    measured: Sequence[str] = (),
    reader: ObjectReader = OBJECTS,
    name_foreign: MakeIds | None = None,
) -> DecodedLogs:
    """Decode and check frames, each one log, a JSON array of logs, or one log a line.

    Args:
        frames: payloads, in UTF-8.
        source: the name of the token.
        make_ids: returns ids for logs without one.
        measured: names of the measured attributes.
        reader: recognises objects of other programs.
        name_foreign: returns ids for logs of other programs; default `make_ids`.
    """
    decoded = read_sound(frames, source, make_ids, measured, reader, name_foreign)
    reading = Reading(source, make_ids, measured, reader, name_foreign)
    return decoded or read_one_by_one(frames, reading)


def read_sound(
    frames: Sequence[bytes],
    source: str,
    make_ids: MakeIds = new_ids,
    measured: Sequence[str] = (),
    reader: ObjectReader = OBJECTS,
    name_foreign: MakeIds | None = None,
) -> DecodedLogs | None:
    """Decode sound frames, fast; return None if anything is odd.

    Args:
        frames: payloads, in UTF-8.
        source: the name of the token.
        make_ids: returns ids for logs without one.
        measured: names of the measured attributes.
        reader: recognises objects of other programs.
        name_foreign: returns ids for logs of other programs; default `make_ids`.
    """
    reading = Reading(source, make_ids, measured, reader, name_foreign)
    try:
        values = list(map(decode_value, frames))
        if len(values) == 1:
            lone = read_lone(values[0], frames[0], source, make_ids, measured, reader)
            if lone is not None:
                return lone
        kinds = kinds_of(values)
        if kinds == _OBJECTS_ALONE:
            sizes = list(map(len, frames))
            return _encode_values(values, lambda: map(decode_value, frames), reading, None, sizes)
        if list not in kinds:
            return None
    except OddLog:
        return None
    except NO_JSON:
        pass
    try:
        parts = [split(each) for each in frames]
        if not all(parts):
            return None
        outline = [FrameOutcome(len(each), ()) for each in parts]
        sizes = shared_out(map(len, frames), map(len, parts))
        values = list(chain.from_iterable(parts))
        if kinds_of(values) != _OBJECTS_ALONE:
            return None
        return _encode_values(
            values, lambda: chain.from_iterable(map(split, frames)), reading, outline, sizes
        )
    except (OddLog, *NO_JSON):
        return None


def read_columns(
    columns: Columns,
    size: int,
    source: str,
    ids: Sequence[str | None] | None = None,
    make_ids: MakeIds = new_ids,
    measured: Sequence[str] = (),
) -> DecodedLogs:
    """Encode what was recognised in a body of another protocol, as one frame.

    Args:
        columns: what each log says.
        size: bytes of them all, as received.
        source: the name of the token.
        ids: the id of each log, of a length that one may have, or None; default none has one.
        make_ids: returns ids for logs without one.
        measured: names of the measured attributes.
    """
    count = len(columns.messages)
    reading = Reading(source, make_ids, measured, OBJECTS)
    given: Sequence[str | None] = [None] * count if ids is None else ids
    types = [each or DEFAULT_TYPE for each in columns.types]
    try:
        return encode_logs(
            LogColumns(given, types, columns.timestamps, columns.messages, columns.attributes),
            reading,
            [FrameOutcome(count, ())],
            shared_out([size], [count]),
        )
    except OddLog:
        rows = zip(given, columns.rows(), strict=True)
        found = [try_read(_one_record, row) for row in rows]
        return encode_found([(list(chain.from_iterable(found)), size)], reading)


def _one_record(row: tuple[str | None, Parts]) -> Sequence[Record]:
    log_id, parts = row
    return [record_of(parts, log_id)]


def _encode_values(
    values: Sequence[object],
    decode_again: Callable[[], Iterable[object]],
    reading: Reading,
    frames: Sequence[FrameOutcome] | None,
    sizes: Sequence[int],
) -> DecodedLogs:
    """Encode logs that obey every rule, and objects of other programs.

    Args:
        values: the decoded objects; members are removed from them.
        decode_again: returns them anew.
        reading: context of decoding.
        frames: the outcome of each frame; None if each holds one log.
        sizes: the bytes of each log.

    Raises:
        OddLog: some log breaks a rule, or may.
    """
    logs = cast("Sequence[dict[str, object]]", values)
    # Producers send one kind of logs, so the first tells of nearly all batches what they are.
    if not reading.reader.is_for(logs[0]):
        try:
            return encode_logs(take_ours(logs, told=False), reading, frames, sizes)
        except OddLog:
            logs = cast("Sequence[dict[str, object]]", list(decode_again()))
    mixed = read_mixed(logs, reading.reader, reading.name_foreign)
    return encode_logs(mixed, reading, frames, sizes)

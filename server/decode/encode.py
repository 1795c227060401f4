"""Encoder of checked logs into rows for the writer, with their statistics."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import msgspec

from server.decode.columns import LogColumns, OddLog
from server.decode.decoded_logs import DecodedLogs, FrameOutcome
from server.decode.ids import MakeIds, complete_ids
from waterline.metrics.log_stats import gather_columns, read_attributes
from waterline.recognition.objects import ObjectReader
from waterline.records import MAX_DEPTH, InvalidLog, Record, are_too_deep

_encode: Final = msgspec.json.Encoder().encode


class Reading(NamedTuple):
    """Context of decoding."""

    source: str
    make_ids: MakeIds
    measured: Sequence[str]
    reader: ObjectReader
    name_foreign: MakeIds | None = None


def encode_logs(
    logs: LogColumns,
    reading: Reading,
    frames: Sequence[FrameOutcome] | None,
    sizes: Sequence[int],
) -> DecodedLogs:
    """Encode logs for the writer.

    Args:
        logs: the logs.
        reading: context of decoding.
        frames: the outcome of each frame; None if each holds one log.
        sizes: the bytes of each log.

    Raises:
        OddLog: an id breaks a rule, or attributes are nested too deep.
    """
    ids, made = complete_ids(logs.ids, logs.timestamps, reading.make_ids)
    rest = (logs.types, logs.timestamps, repeat(reading.source), logs.messages, logs.attributes)
    try:
        rows = _encode(list(zip(ids, *rest, strict=False)))[1:-1]
    except RecursionError as error:
        raise OddLog from error
    # Each row is one array with one object of attributes. Only further brackets can be deep.
    if rows.count(b"[") + rows.count(b"{") - 2 * len(ids) >= MAX_DEPTH and are_too_deep(
        logs.attributes
    ):
        raise OddLog
    measured = {
        name: list(map(dict.get, logs.attributes, repeat(name))) for name in reading.measured
    }
    held = gather_columns(logs.types, sizes, measured)
    return DecodedLogs(ids, logs.types, rows, made, frames, reading.source, held)


def encode_found(
    frames: Iterable[tuple[Sequence[Record | InvalidLog], int]], reading: Reading
) -> DecodedLogs:
    """Encode what was found in frames.

    Args:
        frames: record or fault of each log, and the bytes, of each frame.
        reading: context of decoding.
    """
    records: list[Record] = []
    outline: list[FrameOutcome] = []
    sizes: list[int] = []
    for found, size in frames:
        before, rejected = len(records), []
        shares = shared_out([size], [len(found)])
        for index, log in enumerate(found):
            if isinstance(log, Record):
                records.append(log)
                sizes.append(shares[index])
            else:
                rejected.append((index, log))
        outline.append(FrameOutcome(len(records) - before, rejected))
    given, timestamps = [each.id for each in records], [each.timestamp for each in records]
    ids, made = complete_ids(given, timestamps, reading.make_ids)
    rows = [
        (log_id, each.type, each.timestamp, reading.source, each.message, _raw(each))
        for log_id, each in zip(ids, records, strict=True)
    ]
    types = [each.type for each in records]
    attributes = read_attributes([each.attributes for each in records], reading.measured)
    return DecodedLogs(
        ids,
        types,
        _encode(rows)[1:-1],
        made,
        outline,
        reading.source,
        gather_columns(types, sizes, attributes),
    )


def _raw(record: Record) -> msgspec.Raw:
    return msgspec.Raw(record.attributes)


def shared_out(totals: Iterable[int], counts: Iterable[int]) -> list[int]:
    """Split each total into parts that differ by one at most."""
    shares: list[int] = []
    for total, count in zip(totals, counts, strict=True):
        if count:
            share, more = divmod(total, count)
            shares += [share + 1] * more + [share] * (count - more)
    return shares

"""Decoder of a frame that is one plain log, as most producers send them, without columns."""

from collections.abc import Sequence
from typing import Final

import msgspec

from server.decode.decoded_logs import DecodedLogs
from server.decode.ids import MakeIds
from waterline.metrics.log_stats import gather_log
from waterline.recognition.objects import ObjectReader
from waterline.recognition.own_logs import ENVELOPE
from waterline.recognition.time_values import MILLISECONDS_BELOW, SECONDS_BELOW
from waterline.records import MAX_DEPTH, MAX_ID_LENGTH

_NONE: Final = frozenset[int]()
_FIRST: Final = frozenset((0,))
_encode: Final = msgspec.json.Encoder().encode


def read_lone(
    value: object,
    frame: bytes,
    source: str,
    make_ids: MakeIds,
    measured: Sequence[str],
    reader: ObjectReader,
) -> DecodedLogs | None:
    """Encode a log of ours that is sound beyond doubt; return None for any other.

    Args:
        value: the decoded frame; members are removed from it if it is such a log.
        frame: the payload.
        source: the name of the token.
        make_ids: returns an id if it has none.
        measured: names of the measured attributes.
        reader: recognises objects of other programs.
    """
    if type(value) is not dict or ENVELOPE in value or reader.is_for(value):
        return None
    log_id, timestamp = value.get("id"), value.get("timestamp")
    if timestamp is not None and (
        type(timestamp) is not int or not SECONDS_BELOW <= timestamp < MILLISECONDS_BELOW
    ):
        return None
    if log_id is not None and (type(log_id) is not str or not 0 < len(log_id) <= MAX_ID_LENGTH):
        return None
    # Brackets within texts count as well, so it may be less deep.
    if frame.count(b"{") + frame.count(b"[") > MAX_DEPTH:
        return None
    ids = make_ids((timestamp,)) if log_id is None else (log_id,)
    made = _FIRST if log_id is None else _NONE
    value.pop("id", None)
    value.pop("timestamp", None)
    log_type, message = value.pop("type"), value.pop("message")
    rows = _encode((ids[0], log_type, timestamp, source, message, value))
    stats = gather_log(log_type, len(frame), value, measured)
    return DecodedLogs(ids, (log_type,), rows, made, None, source, stats)

"""Parcel: measurements of one process as bytes, for the recorder of another."""

from collections.abc import Mapping, Sequence

import msgspec

from waterline.metrics.recorder import Second, Series
from waterline.metrics.sketch import DamagedSketch, Sketch
from waterline.metrics.summary import Summary


class DamagedParcel(ValueError):
    """The bytes are no parcel."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    begin: int
    metric: str
    dimension: str
    label: str
    count: int
    sum: float
    min: float | None
    max: float | None
    sketch: bytes | None


class _Logs(msgspec.Struct, frozen=True, array_like=True):
    begin: int
    counted_through: int
    heard: dict[str, tuple[int, int]]


class _Parcel(msgspec.Struct, frozen=True, array_like=True):
    rows: list[_Row]
    logs: list[_Logs]
    missing: list[str]


_decode = msgspec.msgpack.Decoder(_Parcel).decode


def pack_seconds(seconds: Mapping[int, Second], missing: Sequence[str]) -> bytes:
    """Encode the seconds of a recorder.

    Args:
        seconds: the value of `MetricsRecorder.take`.
        missing: one sentence for each batch that could not be measured.
    """
    rows = [
        _Row(begin, *series, each.count, each.sum, each.min, each.max, _bytes_of(each.sketch))
        for begin, second in seconds.items()
        for series, each in second.summaries.items()
    ]
    logs = [_Logs(begin, second.counted_through, second.heard) for begin, second in seconds.items()]
    return msgspec.msgpack.encode(_Parcel(rows, logs, [*missing]))


def unpack_seconds(data: bytes) -> tuple[dict[int, Second], Sequence[str]]:
    """Decode a parcel into seconds and missing.

    Raises:
        DamagedParcel: the bytes are no parcel.
    """
    try:
        parcel = _decode(data)
        seconds = {
            each.begin: Second(counted_through=each.counted_through, heard=each.heard)
            for each in parcel.logs
        }
        for row in parcel.rows:
            sketch = None if row.sketch is None else Sketch.from_bytes(row.sketch)
            summary = Summary(row.count, row.sum, row.min, row.max, sketch)
            series = Series(row.metric, row.dimension, row.label)
            seconds[row.begin].summaries[series] = summary
    except (msgspec.DecodeError, DamagedSketch, KeyError) as error:
        raise DamagedParcel(f"these {len(data)} bytes are no measurements: {error}") from error
    return seconds, parcel.missing


def _bytes_of(sketch: Sketch | None) -> bytes | None:
    return None if sketch is None else sketch.to_bytes()

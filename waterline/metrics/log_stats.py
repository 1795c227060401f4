"""Statistics of logs by type: count, bytes and numeric attributes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar, cast

import msgspec

from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder, Second
from waterline.metrics.sketch import LARGEST
from waterline.metrics.summary import Packed
from waterline.records import StoredLog, encode_stored

_NUMBERS: Final = frozenset({int, float})

_source: Final = attrgetter("source")
_decode_object: Final = msgspec.json.Decoder(dict[str, object]).decode

T = TypeVar("T")


class TypeStats(NamedTuple):
    """Statistics of the logs of one type."""

    logs: int
    size: int
    """Bytes."""
    values: Mapping[str, Packed]
    """Numbers of each measured attribute that some of the logs have."""


LogStats = Mapping[str, TypeStats]
"""By log type."""


def measure_columns(
    types: Sequence[str], sizes: Sequence[int], attributes: Mapping[str, Sequence[object]]
) -> LogStats:
    """Measure logs given as columns, with one value a log.

    Args:
        types: the type of each log.
        sizes: the bytes of each log.
        attributes: values by attribute, None if a log lacks it.
    """
    values: dict[str, dict[str, Packed]] = {}
    for name, column in attributes.items():
        for log_type, given in _by_type(types, column).items():
            packed = _packed(given)
            if packed is not None:
                values.setdefault(log_type, {})[name] = packed
    return {
        log_type: TypeStats(len(each), sum(each), values.get(log_type, {}))
        for log_type, each in _by_type(types, sizes).items()
    }


def measure_log(
    log_type: str, size: int, attributes: Mapping[str, object], names: Sequence[str]
) -> LogStats:
    """Measure one log.

    Args:
        log_type: its type.
        size: its bytes.
        attributes: its attributes.
        names: names of the measured attributes.
    """
    values = {}
    for name in names:
        value = attributes.get(name)
        if value is not None and (packed := _packed((value,))) is not None:
            values[name] = packed
    return {log_type: TypeStats(1, size, values)}


def measure_logs(logs: Sequence[StoredLog], names: Sequence[str]) -> LogStats:
    """Measure stored logs, with bytes as compact JSON.

    Args:
        logs: the logs.
        names: names of the measured attributes.
    """
    texts = [bytes(log.attributes).decode() for log in logs]
    sizes = [len(encode_stored(log)) for log in logs]
    return measure_columns([log.type for log in logs], sizes, read_attributes(texts, names))


def record_stats(
    recorder: MetricsRecorder, held: Iterable[tuple[str, LogStats]], at: int, second: Second
) -> None:
    """Record new logs inside `MetricsRecorder.counting`.

    Args:
        recorder: takes the measurements.
        held: sources with the statistics of their logs.
        at: `received_at` of the logs, milliseconds UTC.
        second: the value of `counting`.
    """
    by_type: defaultdict[str, list[TypeStats]] = defaultdict(list)
    by_source: defaultdict[str, list[TypeStats]] = defaultdict(list)
    for source, its in held:
        by_source[source] += its.values()
        for log_type, content in its.items():
            by_type[log_type].append(content)
    for dimension, groups in ((metrics.TYPE, by_type), (metrics.SOURCE, by_source)):
        for label, found in groups.items():
            if found:
                _record_counts(recorder, found, {dimension: label}, at)
    for source, found in by_source.items():
        if found:
            second.hear(source, at, at)
    for log_type, found in by_type.items():
        for name in {name for content in found for name in content.values}:
            packed = [content.values[name] for content in found if name in content.values]
            recorder.record_packed(name, packed, {metrics.TYPE: log_type}, at=at)


def _record_counts(
    recorder: MetricsRecorder, found: Sequence[TypeStats], labels: Mapping[str, str], at: int
) -> None:
    logs, size = sum(each.logs for each in found), sum(each.size for each in found)
    recorder.count(metrics.LOGS_STORED, logs, labels, at=at)
    recorder.count(metrics.BYTES_RECEIVED, logs, labels, amount=size, at=at)


def record_stored(
    recorder: MetricsRecorder, logs: Sequence[StoredLog], names: Sequence[str]
) -> None:
    """Record stored logs, each in the second of its `received_at`.

    Args:
        recorder: takes the measurements.
        logs: the logs, by seq.
        names: names of the measured attributes.
    """
    for at, received in groupby(logs, attrgetter("received_at")):
        together = [*received]
        with recorder.counting(together[-1].seq, at) as second:
            held = [
                (source, measure_logs([*its], names))
                for source, its in groupby(sorted(together, key=_source), _source)
            ]
            record_stats(recorder, held, at, second)


def read_attributes(texts: Sequence[str], names: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return one value a log of each named attribute; None if a log lacks it.

    Args:
        texts: the attributes of each log, as a JSON object.
        names: names of the attributes.
    """
    decoded = [_decode_object(text) for text in texts] if names else []
    return {name: [each.get(name) for each in decoded] for name in names}


def _by_type(types: Sequence[str], values: Sequence[T]) -> Mapping[str, Sequence[T]]:
    if len(set(types)) == 1:  # as in nearly all batches
        return {types[0]: values}
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for log_type, value in zip(types, values, strict=True):
        groups[log_type].append(value)
    return groups


def _packed(values: Sequence[object]) -> Packed | None:
    """Pack the numbers among values, without booleans; None if there are none."""
    if not set(map(type, values)) <= _NUMBERS:
        values = [each for each in values if type(each) in _NUMBERS]
    numbers = cast("Sequence[float]", values)
    if not numbers:
        return None
    try:
        packed = Packed.of(numbers)
        if -LARGEST <= packed.min <= packed.max <= LARGEST:
            return packed
    except OverflowError:  # an integer beyond the range of float
        pass
    return _packed([each for each in numbers if -LARGEST <= each <= LARGEST])

"""Statistics of logs by type: count, bytes and numeric attributes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, groupby, repeat
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Final, NamedTuple, TypeVar, cast

import msgspec

from waterline.metrics import registry as metrics
from waterline.metrics.recorder import MetricsRecorder
from waterline.metrics.sketch import LARGEST
from waterline.metrics.summary import Packed
from waterline.records import StoredLog, encode_stored

MOST_GATHERED: Final = 1_000
"""Greatest number of logs that are not measured as they come, but with others."""

_NUMBERS: Final = frozenset({int, float})
_MAYBE_NUMBERS: Final = _NUMBERS | {NoneType}

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


class Gathered(NamedTuple):
    """A few logs as columns, to be measured together with others: that costs half as much."""

    types: Sequence[str]
    sizes: Sequence[int]
    """Bytes of each log."""
    attributes: Mapping[str, Sequence[float | None]]
    """Numbers by measured attribute, None where a log has none; only those that some log has."""


def gather_columns(
    types: Sequence[str], sizes: Sequence[int], attributes: Mapping[str, Sequence[object]]
) -> Gathered | LogStats:
    """Return logs as columns if they are few, else their statistics, which take less memory.

    Args:
        types: the type of each log.
        sizes: the bytes of each log.
        attributes: values by attribute, None if a log lacks it.
    """
    if len(types) > MOST_GATHERED:
        return measure_columns(types, sizes, attributes)
    # Other values may be large, and would be held until they are measured.
    found = {name: _numbers(column) for name, column in attributes.items()}
    return Gathered(types, sizes, {name: each for name, each in found.items() if each})


def gather_log(
    log_type: str, size: int, attributes: Mapping[str, object], names: Sequence[str]
) -> Gathered:
    """Return one log as columns.

    Args:
        log_type: its type.
        size: its bytes.
        attributes: its attributes.
        names: names of the measured attributes.
    """
    numbers = {
        name: (cast("float", value),)
        for name in names
        if type(value := attributes.get(name)) in _NUMBERS
    }
    return Gathered((log_type,), (size,), numbers)


def measured_in(stats: Gathered | LogStats) -> Sequence[str]:
    """Return the names of the attributes that some of the logs have a number of."""
    if isinstance(stats, Gathered):
        return [*stats.attributes]
    return [*{name for each in stats.values() for name in each.values}]


def measure_gathered(parts: Sequence[Gathered]) -> LogStats:
    """Measure logs that were gathered, all together."""
    names = {name for each in parts for name in each.attributes}
    return _measured(
        [*chain.from_iterable(each.types for each in parts)],
        [*chain.from_iterable(each.sizes for each in parts)],
        {
            name: [
                *chain.from_iterable(
                    each.attributes.get(name) or repeat(None, len(each.types)) for each in parts
                )
            ]
            for name in names
        },
    )


def measure_columns(
    types: Sequence[str], sizes: Sequence[int], attributes: Mapping[str, Sequence[object]]
) -> LogStats:
    """Measure logs given as columns, with one value a log.

    Args:
        types: the type of each log.
        sizes: the bytes of each log.
        attributes: values by attribute, None if a log lacks it.
    """
    return _measured(types, sizes, {name: _numbers(column) for name, column in attributes.items()})


def _measured(
    types: Sequence[str], sizes: Sequence[int], numbers: Mapping[str, Sequence[float | None]]
) -> LogStats:
    """Measure logs given as columns, without other values than numbers and None."""
    taken = _takers(types)
    values: dict[str, dict[str, Packed]] = {}
    for name, column in numbers.items():
        if not column:
            continue
        for log_type, take in taken.items():
            packed = _packed(take(column))
            if packed is not None:
                values.setdefault(log_type, {})[name] = packed
    found = {}
    for log_type, take in taken.items():
        its = take(sizes)
        found[log_type] = TypeStats(len(its), sum(its), values.get(log_type, {}))
    return found


def measure_logs(logs: Sequence[StoredLog], names: Sequence[str]) -> LogStats:
    """Measure stored logs, with bytes as compact JSON.

    Args:
        logs: the logs.
        names: names of the measured attributes.
    """
    texts = [bytes(log.attributes).decode() for log in logs]
    sizes = [len(encode_stored(log)) for log in logs]
    return measure_columns([log.type for log in logs], sizes, read_attributes(texts, names))


def record_stats(recorder: MetricsRecorder, held: Iterable[tuple[str, LogStats]], at: int) -> None:
    """Record new logs inside `MetricsRecorder.counting`.

    Args:
        recorder: takes the measurements.
        held: sources with the statistics of their logs.
        at: `received_at` of one of the logs, all of one second, milliseconds UTC.
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
            record_stats(recorder, held, at)
            for source, _ in held:
                second.hear(source, at, at)


def read_attributes(texts: Sequence[str], names: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return one value a log of each named attribute; None if a log lacks it.

    Args:
        texts: the attributes of each log, as a JSON object.
        names: names of the attributes.
    """
    decoded = [_decode_object(text) for text in texts] if names else []
    return {name: [each.get(name) for each in decoded] for name in names}


def _takers(types: Sequence[str]) -> Mapping[str, Callable[[Sequence[T]], Sequence[T]]]:
    """Return by type what takes the values of its logs out of a column."""
    if not types:
        return {}
    if len(set(types)) == 1:
        return {types[0]: _all}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, log_type in enumerate(types):
        places[log_type].append(place)
    return {
        log_type: itemgetter(*its) if len(its) > 1 else itemgetter(slice(its[0], its[0] + 1))
        for log_type, its in places.items()
    }


def _all(values: Sequence[T]) -> Sequence[T]:
    return values


def _numbers(values: Sequence[object]) -> Sequence[float | None]:
    """Return values with None for all but numbers, without booleans; nothing if there is none."""
    kinds = set(map(type, values))
    if kinds.isdisjoint(_NUMBERS):
        return ()
    if not kinds <= _MAYBE_NUMBERS:
        values = [each if type(each) in _NUMBERS else None for each in values]
    return cast("Sequence[float | None]", values)


def _packed(values: Sequence[float | None]) -> Packed | None:
    """Pack the numbers among values; None if there are none."""
    numbers = [each for each in values if each is not None]
    if not numbers:
        return None
    try:
        packed = Packed.of(numbers)
        if -LARGEST <= packed.min <= packed.max <= LARGEST:
            return packed
    except OverflowError:  # an integer beyond the range of float
        pass
    return _packed([each for each in numbers if -LARGEST <= each <= LARGEST])

"""Bulk decoder: checks the logs of frames and bodies together, and encodes them for the writer.

The rules are those of `records`, which checks one log. Here the members of all logs are checked
column by column, which halves the cost a log. Only if something is odd is each log checked alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, cast

import msgspec
import uuid_utils

from waterline.metrics.log_stats import LogStats, measure_columns, read_attributes
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP, parse_rfc3339
from waterline.records import (
    MAX_DEPTH,
    MAX_ID_LENGTH,
    MAX_TYPE_LENGTH,
    InvalidLog,
    Record,
    Rule,
    check_log,
    is_too_deep,
    parse_log,
)

NO_LOGS: Final = "this holds no log; send a log, a JSON array of logs, or one log a line"


class FrameOutcome(NamedTuple):
    """Outcome of one frame or body: number of valid logs, and fault by index."""

    valid: int
    rejected: Sequence[tuple[int, InvalidLog]]


class Part(NamedTuple):
    """Position of a slice within a large message."""

    first: int = 0
    """Index of its first log in the message."""
    unnamed: Mapping[Rule, int] = MappingProxyType({})
    """Number of rejected logs of the slice that are only counted, by broken rule."""
    more: int = 0
    """In the last slice: number of rejected logs of the message that are only counted."""


_ALONE: Final = Part()


@dataclass(frozen=True, slots=True)
class DecodedLogs:
    """Valid logs of some frames, ready for the writer.

    Attributes:
        ids: the id of each log.
        types: the type of each log.
        rows: the logs as JSON arrays `[id, type, timestamp or null, source, message, attributes]`,
            joined by commas.
        made: positions of ids that were made here.
        outcomes: the outcome of each frame; None if each frame held one valid log, as is usual.
        source: the name of the token.
        stats: statistics; the bytes of a frame with several logs are shared out evenly.
        part: position within a large message.
    """

    ids: Sequence[str]
    types: Sequence[str]
    rows: bytes
    made: frozenset[int]
    outcomes: Sequence[FrameOutcome] | None
    source: str
    stats: LogStats
    part: Part = _ALONE


T = TypeVar("T")

_decode: Final = msgspec.json.Decoder().decode
_decode_array: Final = msgspec.json.Decoder(list[object]).decode
_decode_lines: Final = msgspec.json.Decoder().decode_lines
_encode: Final = msgspec.json.Encoder().encode
_NO_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)


def placed(decoded: DecodedLogs, first: int, named: int) -> DecodedLogs:
    """Return the logs of one frame as a slice of a message.

    Args:
        decoded: the logs of one frame.
        first: index of the first log in the message.
        named: number of faults to tell one by one; the others are only counted.
    """
    (frame,) = (
        [FrameOutcome(len(decoded.ids), ())] if decoded.outcomes is None else decoded.outcomes
    )
    told = [(first + index, fault) for index, fault in frame.rejected[:named]]
    unnamed = Counter(fault.rule for _, fault in frame.rejected[named:])
    return replace(decoded, outcomes=[FrameOutcome(frame.valid, told)], part=Part(first, unnamed))


def counted(decoded: DecodedLogs) -> DecodedLogs:
    """Return decoded logs without ids and types, for a reply that only counts them.

    The ids of short logs take more memory than all the rest.
    """
    return replace(decoded, ids=[""] * len(decoded.ids), types=(), made=frozenset())


def no_logs(source: str, part: Part, *faults: InvalidLog) -> DecodedLogs:
    """Return the result of a frame without any valid log.

    Args:
        source: the name of the token.
        part: position within a large message.
        faults: faults, by index.
    """
    frame = FrameOutcome(0, list(enumerate(faults)))
    return DecodedLogs((), (), b"", frozenset(), [frame], source, {}, part)


def is_json(content: bytes) -> bool:
    """Return whether the content is one JSON value."""
    try:
        _decode(content)
    except _NO_JSON:
        return False
    return True


def array_fault(content: bytes) -> InvalidLog | None:
    """Return the fault of an array that is no JSON; None if it is."""
    try:
        _decode_array(content)
    except _NO_JSON:
        fault = _try(parse_log, content)
        assert isinstance(fault, InvalidLog)
        return fault
    return None


class _OddLog(Exception):
    """Some log breaks a rule, or may, so each must be checked alone."""


def new_id() -> str:
    """Return an id that sorts by time: a UUIDv7 (RFC 9562, section 5.7)."""
    return str(uuid_utils.uuid7())


def read_frames(
    frames: Sequence[bytes],
    source: str,
    make_id: Callable[[], str] = new_id,
    measured: Sequence[str] = (),
) -> DecodedLogs:
    """Decode and check frames, each one log, a JSON array of logs, or one log a line.

    Args:
        frames: payloads, in UTF-8.
        source: the name of the token.
        make_id: returns an id for a log without one.
        measured: names of the measured attributes.
    """
    decoded = read_sound(frames, source, make_id, measured)
    return decoded or _read_one_by_one(frames, _Reading(source, make_id, measured))


def read_sound(
    frames: Sequence[bytes],
    source: str,
    make_id: Callable[[], str] = new_id,
    measured: Sequence[str] = (),
) -> DecodedLogs | None:
    """Decode sound frames, fast; return None if anything is odd.

    Args:
        frames: payloads, in UTF-8.
        source: the name of the token.
        make_id: returns an id for a log without one.
        measured: names of the measured attributes.
    """
    reading = _Reading(source, make_id, measured)
    try:
        return _encode_logs(list(map(_decode, frames)), reading, None, map(len, frames))
    except (_OddLog, *_NO_JSON):
        pass
    try:
        values = [_split(each) for each in frames]
        if not all(values):
            return None
        outline = [FrameOutcome(len(each), ()) for each in values]
        sizes = _shared_out(map(len, frames), map(len, values))
        return _encode_logs(list(chain.from_iterable(values)), reading, outline, sizes)
    except (_OddLog, *_NO_JSON):
        return None


class _Reading(NamedTuple):
    """Context of decoding."""

    source: str
    make_id: Callable[[], str]
    measured: Sequence[str]


def _shared_out(totals: Iterable[int], counts: Iterable[int]) -> list[int]:
    """Split each total into parts that differ by one at most."""
    return [
        (total * (part + 1)) // count - total * part // count
        for total, count in zip(totals, counts, strict=True)
        for part in range(count)
    ]


def _split(frame: bytes) -> list[object]:
    """Return the JSON values of a sound frame.

    Raises:
        ValueError, RecursionError: the frame is damaged; use `_read_damaged`.
    """
    return _decode_array(frame) if _is_array(frame) else _decode_lines(frame)


def _is_array(frame: bytes) -> bool:
    return frame.lstrip()[:1] == b"["


def _encode_logs(
    values: Sequence[object],
    reading: _Reading,
    frames: Sequence[FrameOutcome] | None,
    sizes: Iterable[int],
) -> DecodedLogs:
    """Encode logs that obey every rule. Removes members from them.

    Args:
        values: the decoded JSON values.
        reading: context of decoding.
        frames: the outcome of each frame; None if each holds one log.
        sizes: the bytes of each log.

    Raises:
        _OddLog: some log breaks a rule, or may.
    """
    if _kinds(values) != {dict}:
        raise _OddLog
    logs = cast("Sequence[dict[str, object]]", values)
    ids, made = _complete_ids(_take(logs, "id"), reading.make_id)
    types = _short_texts(_take(logs, "type"), MAX_TYPE_LENGTH)
    timestamps = _read_timestamps(_take(logs, "timestamp"))
    messages = _take(logs, "message")
    if _kinds(messages) != {str}:
        raise _OddLog
    columns = (ids, types, timestamps, repeat(reading.source), messages, logs)
    try:
        rows = _encode(list(zip(*columns, strict=False)))[1:-1]
    except RecursionError as error:
        raise _OddLog from error
    # Each row is one array with one object of attributes. Only further brackets can be deep.
    if rows.count(b"[") + rows.count(b"{") - 2 * len(logs) >= MAX_DEPTH and any(
        map(is_too_deep, logs)
    ):
        raise _OddLog
    attributes = {name: list(map(dict.get, logs, repeat(name))) for name in reading.measured}
    held = measure_columns(types, sizes, attributes)
    return DecodedLogs(ids, types, rows, made, frames, reading.source, held)


def _kinds(values: Iterable[object]) -> set[type]:
    return set(map(type, values))


def _take(logs: Sequence[dict[str, object]], member: str) -> list[object]:
    return list(map(dict.pop, logs, repeat(member), repeat(None)))


def _short_texts(values: Sequence[object], longest: int) -> Sequence[str]:
    if _kinds(values) != {str}:
        raise _OddLog
    texts = cast("Sequence[str]", values)
    lengths = set(map(len, texts))
    if min(lengths) < 1 or max(lengths) > longest:
        raise _OddLog
    return texts


def _complete_ids(
    given: Sequence[object], make_id: Callable[[], str]
) -> tuple[Sequence[str], frozenset[int]]:
    if None not in given:
        return _short_texts(given, MAX_ID_LENGTH), frozenset()
    made = frozenset(index for index, log_id in enumerate(given) if log_id is None)
    ids = [make_id() if log_id is None else log_id for log_id in given]
    return _short_texts(ids, MAX_ID_LENGTH), made


def _read_timestamps(given: Sequence[object]) -> Sequence[int | None]:
    kinds = _kinds(given)
    if str in kinds:
        try:
            given = [parse_rfc3339(each) if isinstance(each, str) else each for each in given]
        except (ValueError, OverflowError) as error:
            raise _OddLog from error
        kinds = _kinds(given)
    if not kinds <= {int, type(None)}:
        raise _OddLog
    known = cast("list[int]", [each for each in given if each is not None])
    if known and not MIN_TIMESTAMP <= min(known) <= max(known) <= MAX_TIMESTAMP:
        raise _OddLog
    return cast("Sequence[int | None]", given)


def _read_one_by_one(frames: Sequence[bytes], reading: _Reading) -> DecodedLogs:
    records: list[Record] = []
    outline: list[FrameOutcome] = []
    sizes: list[int] = []
    for frame in frames:
        before, rejected = len(records), []
        found = _read_damaged(frame)
        shares = _shared_out([len(frame)], [len(found)])
        for index, log in enumerate(found):
            if isinstance(log, Record):
                records.append(log)
                sizes.append(shares[index])
            else:
                rejected.append((index, log))
        outline.append(FrameOutcome(len(records) - before, rejected))
    ids = [reading.make_id() if each.id is None else each.id for each in records]
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
        frozenset(index for index, each in enumerate(records) if each.id is None),
        outline,
        reading.source,
        measure_columns(types, sizes, attributes),
    )


def _raw(record: Record) -> msgspec.Raw:
    return msgspec.Raw(record.attributes)


def _read_damaged(frame: bytes) -> Sequence[Record | InvalidLog]:
    """Return record or fault of each log in a frame; a frame without any has one fault."""
    try:
        logs = [_try(check_log, value) for value in _split(frame)]
    except _NO_JSON:
        parts = [frame] if _is_array(frame) else frame.split(b"\n")
        logs = [_try(parse_log, part) for part in parts if part.strip()]
    return logs or [InvalidLog(NO_LOGS, Rule.NOT_EMPTY)]


def _try(read: Callable[[T], Record], log: T) -> Record | InvalidLog:
    try:
        return read(log)
    except InvalidLog as error:
        # Its traceback and cause would keep frames and more, ten objects a log.
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)

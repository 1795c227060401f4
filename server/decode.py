"""Bulk decoder: checks the logs of frames and bodies together, and encodes them for the writer.

The rules are those of `records`, which checks one log. Here the members of all logs are checked
column by column, which halves the cost a log. Only if something is odd is each log checked alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, compress, repeat
from operator import not_
from time import monotonic
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, cast

import msgspec
import uuid_utils

from waterline.metrics.log_stats import LogStats, measure_columns, read_attributes
from waterline.recognition.objects import MAX_TYPE_LENGTH, ObjectReader, may_be_of_others
from waterline.recognition.recognized import Columns, Parts, Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.time_values import (
    MILLISECONDS_BELOW,
    SECONDS_BELOW,
    time_of_number,
    time_of_text,
    times_of_texts,
)
from waterline.records import (
    DEFAULT_TYPE,
    MAX_DEPTH,
    MAX_ID_LENGTH,
    MEMBERS,
    InvalidLog,
    Record,
    Rule,
    are_too_deep,
    decode_log,
    read_log,
    record_of,
    says_nothing,
)

_AN_HOUR: Final = 3600.0
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


class DecodedLogs(NamedTuple):
    """Valid logs of some frames, ready for the writer."""

    ids: Sequence[str]
    """The id of each log."""
    types: Sequence[str]
    """The type of each log."""
    rows: bytes
    """The logs as JSON arrays `[id, type, timestamp or null, source, message, attributes]`, joined
    by commas."""
    made: frozenset[int]
    """Positions of ids that were made here."""
    outcomes: Sequence[FrameOutcome] | None
    """The outcome of each frame; None if each frame held one valid log, as is usual."""
    source: str
    """The name of the token."""
    stats: LogStats
    """Statistics; the bytes of a frame with several logs are shared out evenly."""
    part: Part = _ALONE
    """Position within a large message."""


_OBJECTS_ALONE: Final = {dict}
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
    outcomes = [FrameOutcome(frame.valid, told)]
    return decoded._replace(outcomes=outcomes, part=Part(first, unnamed))


def counted(decoded: DecodedLogs) -> DecodedLogs:
    """Return decoded logs without ids and types, for a reply that only counts them.

    The ids of short logs take more memory than all the rest.
    """
    return decoded._replace(ids=[""] * len(decoded.ids), types=(), made=frozenset())


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
        fault, _ = _decode_damaged_array(content)
        return fault
    return None


class _OddLog(Exception):
    """Some log breaks a rule, or may, so each must be checked alone."""


MakeIds = Callable[[Sequence[int | None]], Sequence[str]]
"""Returns ids for logs without one, by their timestamps, if they have one."""


def new_ids(timestamps: Sequence[int | None]) -> Sequence[str]:
    """Return ids that sort by time, UUIDv7 (RFC 9562, section 5.7), for so many logs."""
    return [str(uuid_utils.uuid7()) for _ in timestamps]


class ForwardedLines:
    """Reads lines of text that objects forward, such as Docker's; each by itself."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lines: Recognizer | None = None

    def __call__(self, text: str) -> Recognized:
        """Return what a line says; a time without its year is of the last twelve months."""
        now = monotonic()
        if self._lines is None or now > self._until:
            self._until = now + _AN_HOUR
            self._lines = Recognizer(reference=datetime.now(UTC), tables=False)
        return self._lines.headed(text)


read_forwarded_line: Final = ForwardedLines()
OBJECTS: Final = ObjectReader(read_line=read_forwarded_line)
"""Reader of objects of other programs, by their own shape alone."""


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
    reading = _Reading(source, make_ids, measured, reader, name_foreign)
    return decoded or _read_one_by_one(frames, reading)


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
    reading = _Reading(source, make_ids, measured, reader, name_foreign)
    try:
        values = list(map(_decode, frames))
        kinds = _kinds(values)
        if kinds == _OBJECTS_ALONE:
            sizes = list(map(len, frames))
            return _encode_values(values, lambda: map(_decode, frames), reading, None, sizes)
        if list not in kinds:
            return None
    except _OddLog:
        return None
    except _NO_JSON:
        pass
    try:
        parts = [_split(each) for each in frames]
        if not all(parts):
            return None
        outline = [FrameOutcome(len(each), ()) for each in parts]
        sizes = _shared_out(map(len, frames), map(len, parts))
        values = list(chain.from_iterable(parts))
        if _kinds(values) != _OBJECTS_ALONE:
            return None
        return _encode_values(
            values, lambda: chain.from_iterable(map(_split, frames)), reading, outline, sizes
        )
    except (_OddLog, *_NO_JSON):
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
    reading = _Reading(source, make_ids, measured, OBJECTS)
    given: Sequence[str | None] = [None] * count if ids is None else ids
    types = [each or DEFAULT_TYPE for each in columns.types]
    try:
        return _encode_logs(
            _Columns(given, types, columns.timestamps, columns.messages, columns.attributes),
            reading,
            [FrameOutcome(count, ())],
            _shared_out([size], [count]),
        )
    except _OddLog:
        rows = zip(given, columns.rows(), strict=True)
        found = [_try(_one_record, row) for row in rows]
        return _encode_found([(list(chain.from_iterable(found)), size)], reading)


def _one_record(row: tuple[str | None, Parts]) -> Sequence[Record]:
    log_id, parts = row
    return [record_of(parts, log_id)]


class _Reading(NamedTuple):
    """Context of decoding."""

    source: str
    make_ids: MakeIds
    measured: Sequence[str]
    reader: ObjectReader
    name_foreign: MakeIds | None = None


def _shared_out(totals: Iterable[int], counts: Iterable[int]) -> list[int]:
    """Split each total into parts that differ by one at most."""
    shares: list[int] = []
    for total, count in zip(totals, counts, strict=True):
        if count:
            share, more = divmod(total, count)
            shares += [share + 1] * more + [share] * (count - more)
    return shares


def _split(frame: bytes) -> list[object]:
    """Return the JSON values of a sound frame.

    Raises:
        ValueError, RecursionError: the frame is damaged; use `_read_damaged`.
    """
    return _decode_array(frame) if _is_array(frame) else _decode_lines(frame)


def _is_array(frame: bytes) -> bool:
    return frame.lstrip()[:1] == b"["


class _Columns(NamedTuple):
    """Members of logs, a value a log."""

    ids: Sequence[object]
    """None where one is to be made."""
    types: Sequence[str]
    timestamps: Sequence[int | None]
    messages: Sequence[str]
    attributes: Sequence[dict[str, object]]


def _encode_values(
    values: Sequence[object],
    decode_again: Callable[[], Iterable[object]],
    reading: _Reading,
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
        _OddLog: some log breaks a rule, or may.
    """
    logs = cast("Sequence[dict[str, object]]", values)
    # Producers send one kind of logs, so the first tells of nearly all batches what they are.
    if not reading.reader.is_for(logs[0]):
        try:
            return _encode_logs(_take_ours(logs, told=False), reading, frames, sizes)
        except _OddLog:
            logs = cast("Sequence[dict[str, object]]", list(decode_again()))
    return _encode_logs(_read_mixed(logs, reading), reading, frames, sizes)


def _encode_logs(
    logs: _Columns,
    reading: _Reading,
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
        _OddLog: an id breaks a rule, or attributes are nested too deep.
    """
    ids, made = _complete_ids(logs.ids, logs.timestamps, reading.make_ids)
    rest = (logs.types, logs.timestamps, repeat(reading.source), logs.messages, logs.attributes)
    try:
        rows = _encode(list(zip(ids, *rest, strict=False)))[1:-1]
    except RecursionError as error:
        raise _OddLog from error
    # Each row is one array with one object of attributes. Only further brackets can be deep.
    if rows.count(b"[") + rows.count(b"{") - 2 * len(ids) >= MAX_DEPTH and are_too_deep(
        logs.attributes
    ):
        raise _OddLog
    measured = {
        name: list(map(dict.get, logs.attributes, repeat(name))) for name in reading.measured
    }
    held = measure_columns(logs.types, sizes, measured)
    return DecodedLogs(ids, logs.types, rows, made, frames, reading.source, held)


def _take_ours(logs: Sequence[dict[str, object]], *, told: bool) -> _Columns:
    """Take the members of logs of our own contract; what is left are their attributes.

    Args:
        logs: the logs.
        told: whether each is known to be no object of another program.

    Raises:
        _OddLog: one of them breaks a rule, or may.
    """
    ids = _take(logs, "id")
    types = _short_texts(_take(logs, "type"), MAX_TYPE_LENGTH)
    given = _take(logs, "timestamp")
    if not told and may_be_of_others(logs, given):
        raise _OddLog
    timestamps = _read_timestamps(given)
    messages = _take(logs, "message")
    if _kinds(messages) != {str}:
        raise _OddLog
    return _Columns(ids, types, timestamps, cast("Sequence[str]", messages), logs)


def _read_mixed(logs: Sequence[dict[str, object]], reading: _Reading) -> _Columns:
    """Read logs that may be ours or of other programs.

    Raises:
        _OddLog: one of them breaks a rule, holds several, or nothing.
    """
    foreign = reading.reader.are_for(logs)
    theirs = list(compress(logs, foreign))
    nothing = min(map(len, logs)) <= len(MEMBERS) and any(map(says_nothing, theirs))
    found = None if nothing else reading.reader.read_many(theirs)
    if found is None:
        raise _OddLog
    types = [each or DEFAULT_TYPE for each in found.types]
    name = reading.name_foreign
    ids = [None] * len(theirs) if name is None else name(found.timestamps)
    read = _Columns(ids, types, found.timestamps, found.messages, found.attributes)
    if len(theirs) == len(logs):
        return read
    ours = zip(*_take_ours(list(compress(logs, map(not_, foreign))), told=True), strict=True)
    rows = zip(*read, strict=True)
    mixed = [next(rows if is_foreign else ours) for is_foreign in foreign]
    return _Columns(*map(list, zip(*mixed, strict=True)))


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
    given: Sequence[object], timestamps: Sequence[int | None], make_ids: MakeIds
) -> tuple[Sequence[str], frozenset[int]]:
    if _kinds(given) == {type(None)}:
        return make_ids(timestamps), frozenset(range(len(given)))
    if not given:
        return (), frozenset()
    made = [index for index, log_id in enumerate(given) if log_id is None]
    ids = list(given)
    if made:
        for index, log_id in zip(made, make_ids([timestamps[at] for at in made]), strict=True):
            ids[index] = log_id
    return _short_texts(ids, MAX_ID_LENGTH), frozenset(made)


def _read_timestamps(given: Sequence[object]) -> Sequence[int | None]:
    kinds = _kinds(given)
    if kinds <= {int, type(None)}:
        known = cast("list[int]", [each for each in given if each is not None])
        # Milliseconds, as nearly all are.
        if not known or SECONDS_BELOW <= min(known) <= max(known) < MILLISECONDS_BELOW:
            return cast("Sequence[int | None]", given)
    try:
        if kinds == {str}:
            return times_of_texts(cast("Sequence[str]", given))
        return list(map(_time_of, given))
    except ValueError as error:
        raise _OddLog from error


def _time_of(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        return time_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _OddLog
    return time_of_number(value)


def _read_one_by_one(frames: Sequence[bytes], reading: _Reading) -> DecodedLogs:
    return _encode_found([(_read_damaged(frame, reading), len(frame)) for frame in frames], reading)


def _encode_found(
    frames: Iterable[tuple[Sequence[Record | InvalidLog], int]], reading: _Reading
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
        shares = _shared_out([size], [len(found)])
        for index, log in enumerate(found):
            if isinstance(log, Record):
                records.append(log)
                sizes.append(shares[index])
            else:
                rejected.append((index, log))
        outline.append(FrameOutcome(len(records) - before, rejected))
    given, timestamps = [each.id for each in records], [each.timestamp for each in records]
    ids, made = _complete_ids(given, timestamps, reading.make_ids)
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
        measure_columns(types, sizes, attributes),
    )


def _raw(record: Record) -> msgspec.Raw:
    return msgspec.Raw(record.attributes)


def _read_damaged(frame: bytes, reading: _Reading) -> Sequence[Record | InvalidLog]:
    """Return record or fault of each log in a frame; a frame without any has one fault."""

    def read_value(value: object) -> Sequence[Record]:
        return read_log(value, reading.reader, reading.name_foreign)

    def read_text(text: bytes) -> Sequence[Record]:
        return read_value(decode_log(text))

    try:
        found = [_try(read_value, value) for value in _split(frame)]
    except _NO_JSON:
        if _is_array(frame):
            fault, values = _decode_damaged_array(frame)
            found = [_try(read_value, value) for value in values] if fault is None else [[fault]]
        else:
            found = [_try(read_text, part) for part in frame.split(b"\n") if part.strip()]
    return list(chain.from_iterable(found)) or [InvalidLog(NO_LOGS, Rule.NOT_EMPTY)]


def _decode_damaged_array(frame: bytes) -> tuple[InvalidLog | None, Sequence[object]]:
    """Return what is wrong with an array that is no JSON, if anything; or its values."""
    try:
        values = decode_log(frame)
    except InvalidLog as error:
        return _bare(error), ()
    assert isinstance(values, list)
    return None, values


def _try(read: Callable[[T], Sequence[Record]], log: T) -> Sequence[Record | InvalidLog]:
    try:
        return read(log)
    except InvalidLog as error:
        return [_bare(error)]


def _bare(fault: InvalidLog) -> InvalidLog:
    """Return a fault without traceback and cause, which keep frames and more: ten objects a log."""
    fault.__cause__ = fault.__context__ = None
    return fault.with_traceback(None)

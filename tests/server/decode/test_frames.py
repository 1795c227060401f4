"""Many logs a call: whatever frames hold, it is what a look at each log alone finds."""

import json
import re
from collections.abc import Callable, Sequence
from itertools import chain, count
from typing import NamedTuple, TypeVar

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.decode.decoded_logs import DecodedLogs
from server.decode.frames import read_frames
from server.decode.one_by_one import NO_LOGS
from waterline.metrics.log_stats import Gathered
from waterline.recognition.object_plans import Overrides
from waterline.recognition.objects import ObjectReader
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from waterline.records import MAX_DEPTH, InvalidLog, Record, Rule, decode_log, read_log

A, B = b'{"id":"a","type":"x","message":"m"}', b'{"id":"b","type":"y","message":"n"}'
DAMAGED = b"?"
TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)
Fault = tuple[int, str, str | None]


class Expected(NamedTuple):
    """What frames hold: the valid logs, and of each frame their number and its faults."""

    records: list[Record]
    frames: list[tuple[int, list[Fault]]]


T = TypeVar("T")

# The plain way: one frame after the other, one log after the other


def values_of(frame: bytes) -> list[object] | None:
    """Return the JSON values that stand one behind the other; None where anything else does."""
    values: list[object] = []
    try:
        text = frame.decode().strip(" \t\r\n")
        while text:
            _, end = json.JSONDecoder().raw_decode(text)
            values.append(msgspec.json.decode(text[:end]))
            if re.match(r"\d\d", text[end - 1 : end + 1]):
                return None  # a number with a zero in front is none
            text = text[end:].lstrip(" \t\r\n")
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return values


def look_at(read: Callable[[T], list[Record]], log: T) -> list[Record | InvalidLog]:
    try:
        return [*read(log)]
    except InvalidLog as error:
        return [error]


def read_value(value: object) -> list[Record]:
    return read_log(value, ObjectReader())


def read_text(text: bytes) -> list[Record]:
    return read_value(decode_log(text))


def logs_of(frame: bytes) -> list[Record | InvalidLog]:
    """Look at each log of a frame alone."""
    values = values_of(frame)
    if frame.lstrip().startswith(b"["):
        try:
            values = msgspec.convert(decode_log(frame), list[object])
        except InvalidLog as error:
            return [error]
    if values is not None:
        found = [look_at(read_value, value) for value in values]
    else:
        found = [look_at(read_text, line) for line in frame.split(b"\n") if line.strip()]
    return [*chain.from_iterable(found)]


def read_plainly(frames: Sequence[bytes]) -> Expected:
    expected = Expected([], [])
    for frame in frames:
        logs = logs_of(frame) or [InvalidLog(NO_LOGS, Rule.NOT_EMPTY)]
        valid = [log for log in logs if isinstance(log, Record)]
        faults = [
            (index, log.reason, log.log_id)
            for index, log in enumerate(logs)
            if isinstance(log, InvalidLog)
        ]
        expected.records.extend(valid)
        expected.frames.append((len(valid), faults))
    return expected


def read(frames: Sequence[bytes]) -> DecodedLogs:
    numbers = count()
    return read_frames(frames, "pump", lambda times: [f"made {next(numbers)}" for _ in times])


def rows_of(batch: DecodedLogs) -> list[tuple[str, str, int | None, str, str, bytes]]:
    kind = list[tuple[str, str, int | None, str, str, msgspec.Raw]]
    rows = msgspec.json.decode(b"[" + batch.rows + b"]", type=kind)
    return [(*row, bytes(attributes)) for *row, attributes in rows]  # type: ignore[misc]


def outline_of(batch: DecodedLogs) -> list[tuple[int, list[Fault]]]:
    if batch.outcomes is None:
        return [(1, [])] * len(batch.ids)
    return [
        (valid, [(index, error.reason, error.log_id) for index, error in rejected])
        for valid, rejected in batch.outcomes
    ]


def assert_as_expected(batch: DecodedLogs, expected: Expected) -> None:
    assert outline_of(batch) == expected.frames
    records = expected.records
    assert batch.made == {at for at, each in enumerate(records) if each.id is None}
    made = [log_id for at, log_id in enumerate(batch.ids) if at in batch.made]
    numbers = [int(log_id.removeprefix("made ")) for log_id in made]
    assert numbers == sorted(set(numbers))  # none twice, in the order of the logs
    assert rows_of(batch) == [
        (
            log_id if each.id is None else each.id,
            each.type,
            each.timestamp,
            "pump",
            each.message,
            each.attributes.encode(),
        )
        for log_id, each in zip(batch.ids, records, strict=True)
    ]
    assert list(batch.types) == [each.type for each in records]
    assert list(batch.ids) == [row[0] for row in rows_of(batch)]


# What producers may send


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**64), 10**30, 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
depths = st.sampled_from([1, MAX_DEPTH - 2, MAX_DEPTH - 1, MAX_DEPTH, 200])
encoded = values.map(json.dumps) | depths.map(nested)
times = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP).map(str) | st.sampled_from(
    ['"2026-11-23T16:45:01.5Z"', '"2016-12-31t23:59:60+00:00"', "null"]
)
odd_times = st.sampled_from(
    [
        *('"2026-11-23T16:45:01"', '"9999-12-31T23:59:60Z"', '"now"', "1.0", "true", "[]", "1e3"),
        *(str(MAX_TIMESTAMP + 1), str(MIN_TIMESTAMP - 1), str(2**70), "NaN", "-0"),
    ]
)
texts = st.sampled_from(['"a"', '"b"', '"grüße 💧"', r'"\u0000\n\"\\"', r'"\ud83d\udca7"'])
lengths = st.sampled_from([64, 65, 128, 129])
odd_texts = lengths.map(lambda length: '"' + "ü" * length + '"') | st.sampled_from(
    ['""', "null", "1", "[]", r'"\ud800"', '"line\nbreak"', "'a'", '"', "Infinity"]
)
attribute_names = st.sampled_from(['"k"', '"seq"', '""', '"source"', r'"\u00e4"', r'"\ud800"'])
good_members = st.fixed_dictionaries(
    {'"type"': texts, '"message"': texts},
    optional={
        '"id"': texts | st.just("null"),
        '"timestamp"': times,
        '"k"': encoded,
        '"seq"': times,
    },
).map(lambda members: list(members.items()))
odd_members = st.one_of(
    st.tuples(st.sampled_from(['"id"', '"type"', '"message"', '"timestamp"']), odd_texts),
    st.tuples(st.just('"timestamp"'), odd_times),
    st.tuples(attribute_names, encoded | odd_times | odd_texts),
)
spaces = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t", " \n  "])


@st.composite
def objects(draw: st.DrawFn, odd: int = 0) -> str:
    """Draw a log, with some members that may be odd, missing or there twice, written anyhow."""
    members = draw(good_members)
    for _ in range(odd):
        members.insert(draw(st.integers(0, len(members))), draw(odd_members))
    if odd and draw(st.booleans()):
        members.pop(draw(st.integers(0, len(members) - 1)))
    space = draw(spaces)
    return "{" + space + f"{space},".join(f"{k}:{space}{v}" for k, v in members) + space + "}"


bombs = st.sampled_from(["[" * 5_000, '{"a":' * 5_000, f'{{"type":"a","x":{nested(50_000)}}}'])
others = st.sampled_from(["1", '"a"', "null", "NaN", "{}", "[]", "{", "?", "01", "-", "\ufeff{}"])
foreign = st.sampled_from(
    [
        '{"level":30,"time":1795514400123,"msg":"up"}',
        '{"level":60,"time":1795514400124,"msg":"down"}',
        '{"level":"warn","time":"2026-11-24 10:00:00,123","msg":"hm"}',
        '{"log":"{\\"msg\\":\\"x\\"}","stream":"stdout","time":"2026-11-24T10:00:00Z"}',
        '{"logEvents":[{"message":"x"},{"message":"y"}],"logGroup":"g"}',
        '{"id":"q","waterline.log":{"type":"x","message":"m","attributes":{"id":7}}}',
        '{"id":"q","waterline.log":{"type":"x","message":"m","timestamp":[]}}',
        '{"waterline.log":{"type":"x","message":"m","k":1}}',
        '{"waterline.log":7}',
        '{"waterline.log":{"type":"x","message":"m"},"k":1}',
        '{"type":"log","message":"x","@timestamp":"2026-11-24T10:00:00Z","level":"error"}',
        '{"type":"log","message":"x","timestamp":null,"time":1795514400124}',
        '{"type":"log","message":"x","time":12}',
        '{"type":"server","message":"x","timestamp":1,"cluster.name":"c","level":"WARN"}',
        '{"a":NaN}',
        '{"type":"x","id":"a"}',
        '{"k":null}',
        '{"message":NaN,"type":"x"}',
        f'{{"msg":"x","k":{nested(100)}}}',
    ]
)
logs = objects() | objects() | objects(1) | objects(2) | others | bombs | foreign
separators = st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\r\n", " ", ""])
arrays = st.tuples(spaces, st.lists(logs, max_size=4)).map(
    lambda drawn: drawn[0] + "[" + f",{drawn[0]}".join(drawn[1]) + drawn[0] + "]"
)
lines = st.tuples(separators, spaces, st.lists(logs, max_size=4)).map(
    lambda drawn: drawn[1] + drawn[0].join(drawn[2]) + drawn[1]
)
whole = st.one_of(logs, arrays, lines).map(str.encode)
cuts = st.tuples(st.integers(0, 60), st.integers(0, 9), st.binary(max_size=2))
damaged = st.tuples(whole, cuts).map(
    lambda drawn: drawn[0][: drawn[1][0]] + drawn[1][2] + drawn[0][sum(drawn[1][:2]) :]
)
any_frames = st.lists(whole | damaged, max_size=5)
valid_frames = st.lists((objects() | foreign).map(str.encode), min_size=1, max_size=8)


@given(any_frames)
@example([])
@example([b"", b" \r\n", b"[]", b"[ \n]", b"[[]]", b"\x0b", b"\xff", b"\x00"])
@example([A + B, A + b"\r" + B, A + b"\n" + B + b"\n?", A + B + b"\n?"])
@example([b"[" + A + b"]\n" + B, b"[" + A + b"]" + B])
def test_bulk_decoding_equals_decoding_each_log(frames: list[bytes]) -> None:
    assert_as_expected(read(frames), read_plainly(frames))


@given(valid_frames)
def test_bulk_decoding_of_valid_logs_equals_decoding_each(frames: list[bytes]) -> None:
    assert_as_expected(read(frames), read_plainly(frames))


@given(any_frames | valid_frames)
def test_frame_holds_same_beside_any_other(frames: list[bytes]) -> None:
    alone, beside = read(frames), read([*frames, DAMAGED])
    assert outline_of(beside)[:-1] == outline_of(alone)
    assert outline_of(beside)[-1][0] == 0
    assert beside.made == alone.made
    assert (beside.rows, list(beside.types)) == (alone.rows, list(alone.types)) or alone.made
    assert [row[1:] for row in rows_of(beside)] == [row[1:] for row in rows_of(alone)]


# The same, told by example


@pytest.mark.parametrize("name", ["id", "type", "message", "timestamp", "k"])
@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "x" * 64, "x" * 65, "x" * 128, "x" * 129, True, False, 0, 1.0, 2**70, [], {}),
        *(MIN_TIMESTAMP, MIN_TIMESTAMP - 1, MAX_TIMESTAMP, MAX_TIMESTAMP + 1),
        *("2026-11-23T16:45:01Z", "2026-11-23T16:45:01"),
    ],
)
def test_one_odd_member_among_good_logs_is_judged_as_when_it_is_alone(
    name: str, value: object
) -> None:
    odd = msgspec.json.encode({"id": "c", "type": "x", "message": "m"} | {name: value})
    for frames in ([odd], [A, odd, B], [b"[" + A + b"," + odd + b"]"]):
        assert_as_expected(read(frames), read_plainly(frames))


def faults(*frames: bytes) -> list[list[int]]:
    """Return the indexes of the faults of each frame."""
    return [[index for index, _, _ in found] for _, found in outline_of(read(frames))]


def test_valid_logs_one_frame_need_no_outline() -> None:
    odd = b'{"type":"x","message":"","timestamp":1795514400,"k":[1]}'
    batch = read([A, B, odd])
    assert batch == DecodedLogs(
        ids=["a", "b", "made 0"],
        types=["x", "y", "x"],
        rows=b'["a","x",null,"pump","m",{}],["b","y",null,"pump","n",{}],'
        b'["made 0","x",1795514400000,"pump","",{"k":[1]}]',
        made=frozenset({2}),
        outcomes=None,
        source="pump",
        stats=Gathered(["x", "y", "x"], [len(A), len(B), len(odd)], {}),
    )


def test_array_holds_its_logs_and_lines_hold_one_each() -> None:
    batch = read([b"[" + A + b"," + B + b"]", A, A + b"\r\n" + B + b"\n\n" + A + b"\n"])
    assert list(batch.ids) == ["a", "b", "a", "a", "b", "a"]
    assert outline_of(batch) == [(2, []), (1, []), (3, [])]


def test_one_bad_log_of_array_rejects_itself_alone() -> None:
    batch = read([b"[" + A + b',{"id":"c","type":"x","message":"","timestamp":[]},7,' + B + b"]"])
    assert list(batch.ids) == ["a", "b"]
    assert outline_of(batch) == [
        (
            2,
            [
                (1, TIMESTAMP_RULE, "c"),
                (2, "a log is a JSON object with type and message, this is a number", None),
            ],
        )
    ]


def test_damaged_line_rejects_itself_alone() -> None:
    assert faults(A + b"\n{\n" + B + b"\n?", B) == [[1, 3], []]


def test_blank_lines_do_not_count() -> None:
    assert faults(b"\n \n" + A + b"\n\r\n?\n") == [[1]]


def test_array_that_is_no_json_is_one_fault() -> None:
    assert faults(b"[" + A + b",]", b"[" + A, b"[" + A + b"]" + B) == [[0], [0], [0]]


def test_fault_keeps_nothing_alive_but_its_reason() -> None:
    (frame,) = read_frames([b"?"], "web").outcomes or ()
    ((_, fault),) = frame.rejected
    assert (fault.__traceback__, fault.__cause__, fault.__context__) == (None, None, None)


@pytest.mark.parametrize("frame", [b"", b" ", b"\r\n\n", b"[]", b" [ ]\n"])
def test_frame_without_logs_is_one_fault(frame: bytes) -> None:
    for neighbours in ([], [A], [DAMAGED]):
        assert outline_of(read([frame, *neighbours]))[0] == (0, [(0, NO_LOGS, None)])


def test_log_over_several_lines_is_one_log() -> None:
    pretty = json.dumps(json.loads(A) | {"k": {"l": [1, 2]}}, indent=2).encode()
    assert list(read([pretty]).ids) == ["a"]
    assert list(read([pretty, DAMAGED]).ids) == ["a"]
    assert list(read([pretty + b"\n" + B]).ids) == ["a", "b"]


def test_name_that_looks_like_json_is_name() -> None:
    name = 'pump","[{\\'
    rows = msgspec.json.decode(b"[" + read_frames([A, B], name).rows + b"]")
    assert [row[3] for row in rows] == [name, name]


def without_id(number: int) -> list[bytes]:
    return [b'{"type":"x","message":"m"}'] * number


def test_many_logs_with_brackets_are_not_taken_for_deep_ones() -> None:
    wide = b'{"type":"x","message":"[{","k":%b}' % json.dumps([[]] * 100).encode()
    deep = b'{"type":"x","message":"m","k":%b}' % nested(MAX_DEPTH).encode()
    assert faults(*[wide] * 50) == [[]] * 50
    assert faults(*[wide] * 50, deep, wide) == [[]] * 50 + [[0], []]


def test_objects_of_other_programs_are_read_beside_our_own() -> None:
    pino = b'{"level":50,"time":1795514400123,"msg":"boom","id":7}'
    batch = read([pino, A, pino])
    assert list(batch.types) == ["error", "x", "error"]
    assert list(batch.ids) == ["made 0", "a", "made 1"]
    assert batch.outcomes is None
    assert rows_of(batch)[0] == (
        "made 0", "error", 1_795_514_400_123, "pump", "boom", b'{"id":7}',
    )  # fmt: skip


def test_line_that_an_object_forwards_is_read_as_lines_are() -> None:
    line = b'{"log":"10.0.0.7 - - [24/Nov/2026:10:00:00 +0000] \\"GET / HTTP/1.1\\" 500 7\\n",'
    frame = line + b'"stream":"stdout","time":"2026-11-24T10:00:01Z"}'
    (row,) = rows_of(read([frame]))
    assert (row[1], row[2]) == ("error", 1_795_514_401_000)
    assert json.loads(row[5])["status"] == 500


def test_object_that_holds_several_logs_counts_as_so_many() -> None:
    several = b'{"logEvents":[{"message":"x"},{"message":"y"}]}'
    batch = read([A, several, B])
    assert [row[4] for row in rows_of(batch)] == ["m", "x", "y", "n"]
    assert outline_of(batch) == [(1, []), (2, []), (1, [])]


def test_log_in_an_envelope_has_attributes_of_any_name() -> None:
    inner = b'{"type":"x","message":"m","timestamp":1795514400,"attributes":{"id":7,"type":"y"}}'
    (row,) = rows_of(read([b'{"id":"a","waterline.log":' + inner + b"}"]))
    assert row == ("a", "x", 1_795_514_400_000, "pump", "m", b'{"id":7,"type":"y"}')


def test_what_python_writes_in_place_of_numbers_is_read() -> None:
    lines = b'{"type":"x","message":"m","v":NaN}\n{"type":"x","message":"m","v":[-Infinity,1.5]}'
    assert [row[5] for row in rows_of(read([lines]))] == [b'{"v":null}', b'{"v":["-Infinity",1.5]}']
    array = b"[" + lines.replace(b"\n", b",") + b"]"
    assert [row[5] for row in rows_of(read([array]))] == [b'{"v":null}', b'{"v":["-Infinity",1.5]}']


def test_object_is_refused_only_if_nothing_can_be_kept() -> None:
    assert outline_of(read([b"{}"])) == [
        (0, [(0, "type must be a string of 1 to 64 characters", None)])
    ]
    for members in ('"type":"x"', '"type":"x","message":null', '"type":"x","timestamp":1795514400'):
        assert faults(b'{"id":"a",%b}' % members.encode()) == [[0]]
    (row,) = rows_of(read([b'{"type":"","k":5}']))
    assert row == ("made 0", "info", None, "pump", '{"type":"","k":5}', b'{"type":"","k":5}')


def test_members_that_a_user_names_come_first() -> None:
    reader = ObjectReader(Overrides("what", "at", "kind"))
    named = b'{"type":"x","message":"m","id":"i","what":"boom","at":1795514400,"kind":"job"}'
    batch = read_frames([named, A], "pump", lambda times: ["made"] * len(times), reader=reader)
    assert rows_of(batch) == [
        ("made", "job", 1_795_514_400_000, "pump", "boom", b'{"type":"x","message":"m","id":"i"}'),
        ("a", "x", None, "pump", "m", b"{}"),
    ]

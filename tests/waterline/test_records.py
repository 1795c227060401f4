"""What a valid log is, rule by rule, and that nothing received raises anything but InvalidLog."""

import json
import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.recognition.objects import ObjectReader
from waterline.recognition.own_logs import ENVELOPE, MAX_TYPE_LENGTH
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP, parse_rfc3339
from waterline.records import (
    MAX_DEPTH,
    MAX_ID_LENGTH,
    MEMBERS,
    InvalidLog,
    Record,
    Rule,
    StoredLog,
    are_too_deep,
    check_log,
    decode_log,
    decode_rows,
    encode_stored,
    log_of,
    parse_log,
    read_log,
)

NOT_A_LOG = "a log is a JSON object with type and message, this is "
ID_RULE = "id must be a string of 1 to 128 characters"
TYPE_RULE = "type must be a string of 1 to 64 characters"
MESSAGE_RULE = "message must be a string"
TIMESTAMP_RULE = (
    "timestamp must be an RFC 3339 time or a number of seconds to nanoseconds since 1970 UTC"
)
RANGE_RULE = "timestamp must lie in the years 1 to 9999"
DEPTH_RULE = "attributes may be nested 64 levels deep at most"


def parse(**members: Any) -> Record:  # noqa: ANN401 - any JSON
    """Parse a valid log with these members besides or instead."""
    return parse_log(json.dumps({"type": "info", "message": "m"} | members))


def refusal(text: str | bytes) -> InvalidLog:
    """Return why a text is no log."""
    with pytest.raises(InvalidLog) as raised:
        parse_log(text)
    return raised.value


def refusal_of(**members: Any) -> str:  # noqa: ANN401 - any JSON
    return refusal(json.dumps({"type": "info", "message": "m"} | members)).reason


def nested(levels: int) -> str:
    """Return a log whose attributes are nested so deep, counting the object that holds them."""
    return '{"type":"a","message":"m","x":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def test_log_needs_only_type_and_message() -> None:
    record = parse_log('{"type":"info","message":"started"}')
    assert record == Record(None, "info", None, "started", "{}")


def test_log_may_bring_id_timestamp_and_attributes() -> None:
    record = parse_log(
        b'{"id":"a-1","type":"error","message":"","timestamp":1700000000123,"code":7}'
    )
    assert record == Record("a-1", "error", 1_700_000_000_123, "", '{"code":7}')


def test_text_and_bytes_of_log_give_same_record() -> None:
    text = '{"type":"info","message":"Grüße 💧","station":"Süd"}'
    assert parse_log(text) == parse_log(text.encode())


def test_spaces_around_log_are_dropped() -> None:
    assert parse_log(' \n{ "type" : "a" ,\t"message" : "m" }\r\n') == parse(type="a")


def test_attributes_named_like_columns_are_kept_as_attributes() -> None:
    others = {"seq": 9, "received_at": 1, "source": "x", "attributes": {"a": 1}}
    assert json.loads(parse(**others).attributes) == others


def test_attributes_keep_their_order_and_their_kinds() -> None:
    attributes = '{"z":1,"a":1.0,"n":null,"t":true,"s":"1","list":[1,[]],"object":{"k":{}},"":0}'
    text = '{"type":"a",' + attributes[1:-1] + ',"message":"m"}'
    assert parse_log(text).attributes == attributes


def test_null_id_or_timestamp_counts_as_absent() -> None:
    assert parse(id=None, timestamp=None) == Record(None, "info", None, "m", "{}")


def test_last_of_repeated_members_counts() -> None:
    text = '{"type":"a","message":"m","id":"1","k":1,"type":"b","id":"2","k":2}'
    assert parse_log(text) == Record("2", "b", None, "m", '{"k":2}')


@pytest.mark.parametrize("length", [1, MAX_ID_LENGTH])
def test_id_has_1_to_128_characters(length: int) -> None:
    assert parse(id="ü" * length).id == "ü" * length


@pytest.mark.parametrize("value", ["", "x" * (MAX_ID_LENGTH + 1), 1, 1.5, True, [], {}])
def test_any_other_id_is_refused(value: object) -> None:
    assert refusal_of(id=value) == ID_RULE


@pytest.mark.parametrize("value", ["e", "any other", "ü" * MAX_TYPE_LENGTH])
def test_type_has_1_to_64_characters(value: str) -> None:
    assert parse(type=value).type == value


@pytest.mark.parametrize("value", [None, "", "x" * (MAX_TYPE_LENGTH + 1), 1, False, ["info"], {}])
def test_any_other_type_is_refused(value: object) -> None:
    assert refusal_of(type=value) == TYPE_RULE


@pytest.mark.parametrize("value", [None, 1, 1.0, True, ["m"], {"text": "m"}])
def test_message_that_is_no_string_is_refused(value: object) -> None:
    assert refusal_of(message=value) == MESSAGE_RULE


def test_log_without_type_or_message_is_refused_by_same_rules() -> None:
    assert refusal('{"message":"m"}').reason == TYPE_RULE
    assert refusal('{"type":"info"}').reason == MESSAGE_RULE
    assert refusal("{}").reason == TYPE_RULE


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (0, 0),
        (-1, -1000),
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.125, 1_700_000_000_125),
        (1_700_000_000_125, 1_700_000_000_125),
        (1_700_000_000_125_999, 1_700_000_000_125),
        (1_700_000_000_125_999_999, 1_700_000_000_125),
        ("1700000000.125", 1_700_000_000_125),
        ("1700000000125", 1_700_000_000_125),
        (MIN_TIMESTAMP, MIN_TIMESTAMP),
    ],
)
def test_timestamp_is_number_read_by_its_size(value: object, milliseconds: int) -> None:
    assert parse(timestamp=value).timestamp == milliseconds


@pytest.mark.parametrize("value", [MIN_TIMESTAMP - 1, 2**70, -(2**70), 10**40, "3e20", 1e25])
def test_timestamp_beyond_years_1_to_9999_is_refused(value: object) -> None:
    assert refusal_of(timestamp=value) == RANGE_RULE


@pytest.mark.parametrize("value", [0, -1, 5, MIN_TIMESTAMP, MAX_TIMESTAMP])
def test_number_may_be_declared_milliseconds(value: int) -> None:
    log = {"type": "info", "message": "m"}
    assert check_log({**log, "timestamp": value}, milliseconds=True).timestamp == value
    for far in (MIN_TIMESTAMP - 1, MAX_TIMESTAMP + 1):
        with pytest.raises(InvalidLog, match="years"):
            check_log({**log, "timestamp": far}, milliseconds=True)
    with pytest.raises(InvalidLog, match="integer milliseconds"):
        check_log({**log, "timestamp": 1.5}, milliseconds=True)


def test_range_is_that_of_years_1_to_9999() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = datetime(1, 1, 1, tzinfo=UTC) - epoch
    last = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - epoch
    millisecond = timedelta(milliseconds=1)
    assert (first // millisecond, last // millisecond) == (MIN_TIMESTAMP, MAX_TIMESTAMP)


@pytest.mark.parametrize("value", [True, False, [], {}, "", "now", "12:00", "2026-11-24"])
def test_timestamp_that_is_no_time_is_refused(value: object) -> None:
    assert refusal_of(timestamp=value) == TIMESTAMP_RULE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-23T16:45:01Z", 1_795_452_301_000),
        ("2026-11-23T16:45:01.5Z", 1_795_452_301_500),
        ("2026-11-23t16:45:01z", 1_795_452_301_000),
        ("2026-11-23T18:15:01+01:30", 1_795_452_301_000),
        ("2026-11-23T08:45:01-08:00", 1_795_452_301_000),
        ("2026-11-23T16:45:01-00:00", 1_795_452_301_000),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00Z", MIN_TIMESTAMP),
        ("9999-12-31T23:59:59.999Z", MAX_TIMESTAMP),
    ],
)
def test_timestamp_may_be_rfc_3339_text(text: str, expected: int) -> None:
    assert parse(timestamp=text).timestamp == expected


@pytest.mark.parametrize(
    ("fraction", "milliseconds"),
    [
        (".1", 100),
        (".0009", 0),
        (".9999", 999),
        (".9999999", 999),
        (".1239999999", 123),
        (".999999999999999999999", 999),
    ],
)
def test_fraction_of_millisecond_is_truncated(fraction: str, milliseconds: int) -> None:
    second = parse_rfc3339("2026-11-23T16:45:01Z")
    assert parse_rfc3339(f"2026-11-23T16:45:01{fraction}Z") == second + milliseconds
    assert parse_rfc3339(f"9999-12-31T23:59:59{fraction}Z") <= MAX_TIMESTAMP


def test_leap_second_is_first_moment_of_next_minute() -> None:
    next_minute = parse_rfc3339("2017-01-01T00:00:00Z")
    assert parse_rfc3339("2016-12-31T23:59:60Z") == next_minute
    assert parse_rfc3339("2016-12-31T23:59:60.999Z") == next_minute
    assert parse_rfc3339("2016-12-31T15:59:60-08:00") == next_minute


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23",
        "2026-11-23T16:45Z",
        "2026-11-23T16:45:61Z",
        "2026-11-23T24:00:01Z",
        "2026-11-23T16:45:01.Z",
        "2026-11-23T16:45:01Z ",
        "2026-11-23T16:45:01.5Z5",
        "2026-11-23T16:45:01+24:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "20261123T164501Z",
        "\uff12026-11-23T16:45:01Z",
        "Mon, 23 Nov 2026 16:45:01 GMT",
    ],
)
def test_text_that_is_no_time_is_refused(text: str) -> None:
    assert refusal_of(timestamp=text) == TIMESTAMP_RULE
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        ("2026-11-23T16:45:01", "2026-11-23T16:45:01Z"),
        ("2026-11-23 16:45:01.5", "2026-11-23T16:45:01.5Z"),
        ("2026-11-23T16:45:01,5Z", "2026-11-23T16:45:01.5Z"),
        ("2026-11-23T18:45:01+0200", "2026-11-23T16:45:01Z"),
        ("2026-11-23T24:00:00Z", "2026-11-24T00:00:00Z"),
        ("2026-11-23T16:45:60", "2026-11-23T16:46:00Z"),
    ],
)
def test_timestamp_may_be_written_like_rfc_3339(text: str, strict: str) -> None:
    assert parse(timestamp=text).timestamp == parse_rfc3339(strict)


def test_offset_or_leap_second_can_lead_out_of_range() -> None:
    assert refusal_of(timestamp="0001-01-01T00:00:00+01:00") == RANGE_RULE
    assert refusal_of(timestamp="9999-12-31T23:59:59-01:00") == RANGE_RULE
    assert refusal_of(timestamp="9999-12-31T23:59:60Z") == RANGE_RULE


zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


# An offset of a day could lead out of the years that a datetime can name.
days = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis wants its bounds naive
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=zones,
)


@given(days)
def test_any_datetime_with_zone_is_read_as_its_milliseconds(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_rfc3339(moment.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "an array"),
        ('[{"type":"a","message":"m"}]', "an array"),
        ('"a"', "a string"),
        ("1", "a number"),
        ("-1.5e3", "a number"),
        (str(10**30), "a number"),
        ("true", "true or false"),
        ("null", "null"),
    ],
)
def test_json_that_is_no_object_is_refused_by_its_kind(text: str, kind: str) -> None:
    assert refusal(text).reason == NOT_A_LOG + kind


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud800", "\ufffd"),
        (r"\uDFFF", "\ufffd"),
        (r"\udc00\ud800", "\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ud83d\ude00\ude00", "\U0001f600\ufffd"),
        (r"a\ud83", None),
        (r"\\ud800\ud800", "\\ud800\ufffd"),
        (r"\\\ud800 \" \n", '\\\ufffd " \n'),
        (r"\\ud800", "\\ud800"),
    ],
)
@pytest.mark.parametrize("number", ["1", "NaN"])
def test_half_of_a_surrogate_pair_is_replaced(written: str, read: str | None, number: str) -> None:
    text = f'{{"type":"a","message":"{written}","{written}":{number}}}'
    if read is None:
        assert refusal(text).rule is Rule.IS_JSON
        return
    for each in (text, text.encode()):
        value = decode_log(each)
        assert value == {"type": "a", "message": read, read: None if number == "NaN" else 1}


def test_halves_without_end_are_no_json() -> None:
    assert decode_log('"' + r"\ud800" * 100_000 + '"') == "\ufffd" * 100_000
    assert refusal('"' + r"\ud800" * 100_001 + '"').rule is Rule.IS_JSON


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        '{"type":"a","message":"m"',
        '{"type":"a","message":"m",}',
        '{"type":"a","message":"m"} {}',
        '{"type":"a","message":"m"}{"type":"a","message":"m"}',
        '{"type":"a","message":"m","x":nan}',
        '{"type":"a","message":"m","x":NaN,}',
        '{"type":"a","message":"m","x":NaN,"y":1e999}',
        b'{"type":"a","message":"\xff","x":NaN}',
        '{"type":"a","message":"m","x":1e999}',
        '{"type":"a","message":"m","x":01}',
        '{"type":"a","message":"\ud800"}',
        '{"type":"a","message":"line\nbreak"}',
        "{'type':'a','message':'m'}",
        "\ufeff{}",
        b'{"type":"a","message":"\xff"}',
        b'{"type":"a","message":"\xed\xa0\x80"}',
        b'{"type":"a","message":"\xc0\x80"}',
        b"\x00",
        '{"type":"a","message":"m","x":' + "9" * 5000 + "}",
    ],
)
def test_invalid_json_is_refused(text: str | bytes) -> None:
    error = refusal(text)
    assert error.reason.startswith("this is no JSON: ")
    assert error.log_id is None


def test_what_python_writes_in_place_of_a_number_is_null_or_text() -> None:
    text = '{"type":"a","message":"NaN","x":NaN,"y":[Infinity,-Infinity],"z":"ä"}'
    for sent in (text, text.encode()):
        record = parse_log(sent)
        assert record.message == "NaN"
        assert json.loads(record.attributes) == {
            "x": None, "y": ["Infinity", "-Infinity"], "z": "ä",
        }  # fmt: skip


def test_pair_of_surrogates_is_one_character() -> None:
    assert parse_log(r'{"type":"a","message":"\ud83d\udca7"}').message == "💧"


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**30, -(10**4000)])
def test_integer_beyond_64_bits_is_kept_digit_by_digit(number: int) -> None:
    assert json.loads(parse(x=number).attributes) == {"x": number}


def test_attributes_may_be_nested_64_levels_deep() -> None:
    lists = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert parse_log(nested(MAX_DEPTH)).attributes == '{"x":' + lists + "}"


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 200, 800])
def test_attributes_nested_deeper_are_refused(levels: int) -> None:
    assert refusal(nested(levels)).reason == DEPTH_RULE


def test_many_brackets_side_by_side_are_not_deep() -> None:
    wide: list[list[dict[str, object]]] = [[{}]] * 1000
    assert json.loads(parse(x=wide).attributes) == {"x": wide}
    assert parse(x="[{" * 1000).attributes == '{"x":"' + "[{" * 1000 + '"}'


@pytest.mark.parametrize("bomb", ["[", '{"a":', '[{"a":', '{"type":"a","message":"m","x":['])
@pytest.mark.parametrize("times", [1_000, 5_000, 300_000])
def test_bomb_of_brackets_is_invalid_log_and_nothing_worse(bomb: str, times: int) -> None:
    refusal(bomb * times)


@pytest.mark.parametrize("levels", [980, 1_000, 1_010, 3_000, 300_000])
def test_json_nested_beyond_all_measure_is_refused(levels: int) -> None:
    assert "nested" in refusal(nested(levels)).reason


def test_error_carries_id_where_log_has_valid_one() -> None:
    assert refusal('{"id":"a","type":"","message":"m"}').log_id == "a"
    assert refusal('{"id":"a","type":"t"}').log_id == "a"
    assert refusal('{"id":"a","type":"t","message":"m","timestamp":true}').log_id == "a"
    assert refusal('{"id":7,"type":"t","message":"m"}').log_id is None
    assert refusal('{"type":"","message":"m"}').log_id is None


def test_invalid_log_shows_its_reason() -> None:
    assert str(InvalidLog("no log", Rule.IS_JSON, "a")) == "no log"


def test_check_log_takes_decoded_value() -> None:
    assert check_log({"type": "a", "message": "m", "n": 1}) == Record(
        None, "a", None, "m", '{"n":1}'
    )


def test_stored_log_is_encoded_with_its_columns_in_order_and_attributes_nested() -> None:
    stored = StoredLog(7, "a", "info", 1, 2, "web", "m", msgspec.Raw(b'{"k":[1]}'))
    assert encode_stored(stored) == (
        b'{"seq":7,"id":"a","type":"info","timestamp":1,"received_at":2,"source":"web",'
        b'"message":"m","attributes":{"k":[1]}}'
    )


def test_rows_are_decoded_as_they_are_stored() -> None:
    rows = b'[["a","info",null,"web","\\u0000",{"k":[1.50]}],["b","error",-5,"web","m",{}]]'
    assert decode_rows(rows, [7, 9], 2) == [
        StoredLog(7, "a", "info", 2, 2, "web", "\x00", msgspec.Raw(b'{"k":[1.50]}')),
        StoredLog(9, "b", "error", -5, 2, "web", "m", msgspec.Raw(b"{}")),
    ]
    assert decode_rows(b"[]", [], 2) == []


def test_rows_and_their_seqs_are_as_many() -> None:
    with pytest.raises(ValueError, match="argument"):
        decode_rows(b'[["a","info",null,"web","m",{}]]', [7, 8], 2)


@pytest.mark.parametrize(("levels", "too_deep"), [(1, False), (64, False), (65, True), (200, True)])
def test_members_are_too_deep_beyond_64_levels(levels: int, too_deep: bool) -> None:
    members: dict[str, object] = {}
    for _ in range(levels - 1):
        members = {"k": members}
    assert are_too_deep([{}, members]) == too_deep
    assert not are_too_deep([{"wide": [{}] * 1000}])
    assert not are_too_deep([{"text": "[{" * 1000}])


names = st.text() | st.sampled_from(["id", "type", "message", "timestamp", "seq"])
numbers = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
leaves = st.none() | st.booleans() | numbers.filter(lambda n: abs(n) != float("inf")) | st.text()
anything = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20
)
attribute_names = st.text().filter(lambda name: name not in {"id", "type", "message", "timestamp"})


@pytest.mark.slow
@given(
    type_=st.text(min_size=1, max_size=MAX_TYPE_LENGTH),
    message=st.text(),
    log_id=st.none() | st.text(min_size=1, max_size=MAX_ID_LENGTH),
    timestamp=st.none() | st.integers(10**11, 10**14 - 1),
    attributes=st.dictionaries(attribute_names, anything),
    ascii_only=st.booleans(),
)
def test_stored_log_decodes_to_sent_log(
    *,
    type_: str,
    message: str,
    log_id: str | None,
    timestamp: int | None,
    attributes: dict[str, object],
    ascii_only: bool,
) -> None:
    members = {"type": type_, "message": message, "id": log_id, "timestamp": timestamp}
    record = parse_log(json.dumps(attributes | members, ensure_ascii=ascii_only))
    assert record[:4] == (log_id, type_, timestamp, message)
    assert json.loads(record.attributes) == attributes
    assert list(json.loads(record.attributes)) == list(attributes)


def check_is_log_or_invalid(received: str | bytes) -> None:
    with suppress(InvalidLog):
        record = parse_log(received)
        assert isinstance(json.loads(record.attributes), dict)
        # What passes can be stored: SQLite takes no lone surrogate.
        "".join([record.id or "", record.type, record.message, record.attributes]).encode()


@given(st.binary() | st.text(st.characters(exclude_categories=())))
@example(b'{"type":"a","message":"m"}')
def test_random_bytes_are_log_or_invalid_log(received: str | bytes) -> None:
    check_is_log_or_invalid(received)


@pytest.mark.slow
@given(anything.map(json.dumps))
def test_random_json_is_log_or_invalid_log(received: str) -> None:
    check_is_log_or_invalid(received)


@pytest.mark.slow
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["id", "type", "message"], anything)))
def test_random_members_are_log_or_invalid_log(members: dict[str, object]) -> None:
    check_is_log_or_invalid(json.dumps({"type": "a", "message": "m"} | members))


valid = (
    b'{"id":"a","type":"info","message":"gr\xc3\xbc\xc3\x9fe \\u00fc \\ud83d\\udca7",'
    b'"timestamp":"2026-11-23T16:45:01.5Z","x":[1,2.5e3,{"y":null}]}'
)


@given(
    st.integers(0, len(valid)),
    st.integers(0, 12),
    st.binary(max_size=6) | st.sampled_from([each.encode() for each in string.printable]),
)
def test_log_damaged_anywhere_is_log_or_invalid_log(
    position: int, removed: int, inserted: bytes
) -> None:
    check_is_log_or_invalid(valid[:position] + inserted + valid[position + removed :])


# Objects of other programs


def read(value: dict[str, object]) -> list[Record]:
    return read_log(value, ObjectReader())


def test_object_of_another_program_is_a_log() -> None:
    assert read({"level": 50, "time": 1_700_000_000_123, "msg": "boom", "id": 7}) == [
        Record(None, "error", 1_700_000_000_123, "boom", '{"id":7}')
    ]
    assert read({"msg": "fine"}) == [Record(None, "info", None, "fine", "{}")]


def test_type_of_ours_stands_beside_a_time_of_others() -> None:
    assert read({"type": "info", "message": "m", "level": "error", "time": 1_700_000_000}) == [
        Record(None, "info", 1_700_000_000_000, "m", '{"level":"error"}')
    ]
    assert read({"type": "job", "message": "m", "level": "error", "time": 1_700_000_000}) == [
        Record(None, "error", 1_700_000_000_000, "m", '{"type":"job"}')
    ]


def test_object_of_ours_is_checked_by_our_rules() -> None:
    assert read({"type": "info", "message": "m", "level": "error", "time": 17}) == [
        Record(None, "info", None, "m", '{"level":"error","time":17}')
    ]
    for odd in ({"id": 7}, {"timestamp": "soon"}):
        with pytest.raises(InvalidLog, match=r"^(id|timestamp) must be"):
            read({"type": "info", "message": "m", **odd})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "type must be"),
        ({"id": "a", "type": "info"}, "message must be"),
        ({"type": "info", "message": None, "timestamp": 1_700_000_000}, "message must be"),
        ({"k": None}, "type must be"),
    ],
)
def test_object_of_which_nothing_can_be_kept_is_refused(
    value: dict[str, object], reason: str
) -> None:
    with pytest.raises(InvalidLog, match=reason):
        read(value)


def test_object_of_another_program_may_be_as_deep_as_ours() -> None:
    deep: dict[str, object] = {}
    for _ in range(MAX_DEPTH - 1):
        deep = {"k": deep}
    assert len(read({"msg": "m", "k": deep["k"]})) == 1
    with pytest.raises(InvalidLog, match="64 levels"):
        read({"msg": "m", "k": deep})
    beyond: dict[str, object] = {}
    for _ in range(5000):
        beyond = {"k": beyond}
    with pytest.raises(InvalidLog, match="64 levels"):
        read(beyond)


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (7, "waterline.log must be an object"),
        ({"type": "x", "message": "m", "attributes": []}, "waterline.log must be an object"),
        ({"type": "x", "message": "m", "k": 1}, "waterline.log has no member k"),
        ({"type": "x"}, "message must be a string"),
    ],
)
def test_envelope_holds_a_whole_log(inner: object, reason: str) -> None:
    with pytest.raises(InvalidLog, match=reason) as raised:
        read({"id": "a", ENVELOPE: inner})
    assert raised.value.log_id == "a"


attributes_of_any_name = st.dictionaries(
    st.sampled_from([*MEMBERS, ENVELOPE, "k"]), leaves, max_size=3
)


@given(
    attributes=attributes_of_any_name,
    timestamp=st.none() | st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP),
    log_type=st.none() | st.just("error"),
)
def test_log_of_what_was_recognized_is_read_as_that(
    attributes: dict[str, object], timestamp: int | None, log_type: str | None
) -> None:
    said = Recognized("m", timestamp, log_type, attributes)
    (record,) = read(json.loads(json.dumps(log_of(said, "i"))))
    assert record[:4] == ("i", log_type or "info", timestamp, "m")
    assert json.loads(record.attributes) == attributes

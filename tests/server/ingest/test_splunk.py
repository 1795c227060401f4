"""Events of Splunk's collector: one behind the other, texts and objects, with what is around."""

import json

import pytest

from server.ingest.entries import SIZE_AT_ONCE, Unreadable
from server.ingest.splunk_events import columns, read_events
from waterline.recognition.recognized import Parts

NOON = 1_764_410_000_000


def said(*events: object, between: str = "") -> list[Parts]:
    body = between.join(map(json.dumps, events)).encode()
    return list(columns(list(read_events(body))).rows())


@pytest.mark.parametrize("between", ["", "\n", " \r\n\t", "\n\n"])
def test_events_come_one_behind_the_other(between: str) -> None:
    found = said({"event": "a", "time": NOON / 1000}, {"event": {"msg": "b"}}, between=between)
    assert [each.message for each in found] == ["a", "b"]
    assert [each.timestamp for each in found] == [NOON, None]


def test_object_and_text_get_what_stands_around_them() -> None:
    around = {"time": f"{NOON // 1000}.250", "host": "h", "sourcetype": "s", "fields": {"eu": 1}}
    text, inner = said(
        {"event": "ERROR no stock", **around},
        {"event": {"level": "warn", "message": "low", "host": "own"}, **around},
    )
    assert text == Parts(
        "ERROR no stock", NOON + 250, "error", {"host": "h", "sourcetype": "s", "eu": 1}
    )
    assert (inner.message, inner.timestamp, inner.type) == ("low", NOON + 250, "warning")
    assert inner.attributes == {"host": "own", "host_2": "h", "sourcetype": "s", "eu": 1}


@pytest.mark.parametrize("event", [7, None, [1], True])
def test_event_of_another_kind_is_kept(event: object) -> None:
    (found,) = said({"event": event})
    assert json.dumps(event) in found.message


def test_object_without_an_event_is_kept() -> None:
    (found,) = said({"level": "error", "message": "a"})
    assert (found.message, found.type) == ("a", "error")


def test_array_holds_events() -> None:
    assert [each.message for each in said([{"event": "a"}, {"event": "b"}])] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "number"), [(b"no json", 0), (b'{"event":"a"}{"event":', 1), (b'{"event":"a"} x', 1)]
)
def test_event_that_is_no_json_is_named(body: bytes, number: int) -> None:
    with pytest.raises(Unreadable, match=f"event {number} is no JSON"):
        list(read_events(body))


def test_empty_body_has_no_events() -> None:
    assert not list(read_events(b" \n"))


def test_half_of_a_surrogate_pair_is_no_text_and_costs_nothing_else() -> None:
    found = said(
        {"event": "a\ud800", "fields": {"\udfff": "b"}}, {"event": {"m": ["\ud834\udd1e"]}}
    )
    assert (found[0].message, found[0].attributes) == ("a?", {"?": "b"})
    assert "𝄞" in found[1].message


def test_event_that_is_no_utf_8_costs_no_other() -> None:
    first, second = read_events(b'{"event":"a\xe6"}{"event":"b"}')
    assert (first.event, second.event) == ("a\ufffd", "b")


def test_number_that_json_has_not_is_kept() -> None:
    (found,) = read_events(b'{"event":{"a":NaN,"b":-Infinity,"c":1e400,"d":1e3}}')
    assert found.event == {"a": None, "b": "-Infinity", "c": "1e400", "d": 1000}


@pytest.mark.parametrize("between", ["", "\n", "  "])
@pytest.mark.parametrize("odd", ['{"event":NaN}', '{"event":"} {"}', '{"event":"\\ud800"}', "7"])
def test_odd_event_in_a_large_body_changes_no_other(between: str, odd: str) -> None:
    usual = json.dumps({"event": "} {" * 50, "time": NOON / 1000})
    many = SIZE_AT_ONCE // len(usual)
    body = between.join([*[usual] * 3 * many, odd, *[usual] * 3 * many]).encode()
    found = list(read_events(body))
    assert len(found) == 6 * many + 1
    assert {each.event for each in [*found[: 3 * many], *found[3 * many + 1 :]]} == {"} {" * 50}


def test_number_of_an_event_that_is_no_json_counts_all_before() -> None:
    usual = json.dumps({"event": "a"}).encode()
    many = 3 * SIZE_AT_ONCE // len(usual)
    with pytest.raises(Unreadable, match=f"event {many} is no JSON"):
        list(read_events(usual * many + b"no"))

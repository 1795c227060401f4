"""Loki's push requests: JSON and protobuf alike, old and new, and what labels and lines say."""

import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest import protobuf
from server.ingest.entries import Unreadable
from server.ingest.loki import columns, labels_of, read_json, read_protobuf
from waterline.recognition.loki_entries import Entry
from waterline.recognition.recognized import Parts

NOON = 1_764_410_000_000
MILLISECOND = 1_000_000

texts = st.text(st.characters(codec="utf-8"), max_size=8)
labels = st.dictionaries(st.text("abcdef_", min_size=1, max_size=5), texts, max_size=3)
streams = st.lists(
    st.tuples(labels, st.lists(st.tuples(st.integers(10**17, 2**62), texts, labels), max_size=3)),
    max_size=3,
)


def said(found: Iterable[Entry | None]) -> list[Parts]:
    entries = [each for each in found if each is not None]
    return list(columns(entries).rows()) if entries else []


def pushed(*entries: list[object], **stream: str) -> list[Parts]:
    return said(
        read_json(json.dumps({"streams": [{"stream": stream, "values": entries}]}).encode())
    )


def selector(names: dict[str, str]) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ", ".join(f'{name}="{quoted(text)}"' for name, text in names.items()) + "}"


@given(streams)
def test_both_encodings_say_the_same(
    given_streams: list[tuple[dict[str, str], list[tuple[int, str, dict[str, str]]]]],
) -> None:
    push = protobuf.PushRequest()
    as_json = []
    for names, entries in given_streams:
        stream = push.streams.add(labels=selector(names))
        for moment, line, metadata in entries:
            entry = stream.entries.add(line=line)
            entry.timestamp.seconds, entry.timestamp.nanos = divmod(moment, 10**9)
            for name, value in metadata.items():
                entry.structuredMetadata.add(name=name, value=value)
        values = [[str(moment), line, metadata] for moment, line, metadata in entries]
        as_json.append({"stream": names, "values": values})
    found = said(read_json(json.dumps({"streams": as_json}).encode()))
    assert found == said(read_protobuf(push.SerializeToString()))
    assert len(found) == sum(len(entries) for _, entries in given_streams)


@given(labels)
def test_selector_has_the_labels_that_were_written(names: dict[str, str]) -> None:
    assert labels_of(selector(names)) == names


def test_selector_that_is_none_is_kept_as_text() -> None:
    assert labels_of('{job="a", !!}') == {"job": "a", "labels": '{job="a", !!}'}


@pytest.mark.parametrize(
    "odd",
    [
        {"stream": {"k": "v"}, "values": None},
        {"labels": None, "entries": None},
        {"stream": None},
        {},
    ],
)
def test_stream_without_values_costs_no_other(odd: dict[str, object]) -> None:
    usual = {"stream": {"k": "v"}, "values": [["1", "a"]]}
    found = said(read_json(json.dumps({"streams": [odd, usual]}).encode()))
    assert [(each.message, each.attributes) for each in found] == [("a", {"k": "v"})]


def test_labels_of_another_form_are_kept() -> None:
    push = {"streams": [{"stream": ["v"], "values": [["1", "a"]]}]}
    (found,) = said(read_json(json.dumps(push).encode()))
    assert found.attributes == {"labels": ["v"]}


def test_request_whose_streams_have_no_values_at_all_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no stream of this push request of Loki has values"):
        list(read_json(b'{"streams":[{"stream":{},"lines":[["1","a"]]}]}'))
    for body in (b'{"streams":[]}', b'{"streams":[{"stream":{},"values":[]}]}'):
        assert not said(read_json(body))


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("kind", [str, int])
def test_time_in_another_unit_than_nanoseconds_is_that_moment(
    unit: int, kind: Callable[[int], object]
) -> None:
    (found,) = pushed([kind(1_795_514_400 * unit), "a"])
    assert found.timestamp == 1_795_514_400_000


@pytest.mark.parametrize("time", ["0", "1", 5])
def test_time_that_is_none_is_left_to_the_receipt(time: object) -> None:
    (found,) = pushed([time, "a"])
    assert found.timestamp is None


def test_time_of_protobuf_counts_seconds_whatever_its_size() -> None:
    push = protobuf.PushRequest()
    entry = push.streams.add(labels="{}").entries.add(line="a")
    entry.timestamp.seconds = 60
    (found,) = said(read_protobuf(push.SerializeToString()))
    assert found.timestamp is None


@pytest.mark.parametrize("odd", [rb"a\ud83d", b"a\xe6"])
def test_text_that_was_cut_within_a_character_costs_no_entry(odd: bytes) -> None:
    body = b'{"streams":[{"stream":{"k":"%b"},"values":[["1","%b"],["1","b"]]}]}' % (odd, odd)
    found = said(read_json(body))
    assert [(each.message, each.attributes["k"]) for each in found] == [
        ("a\ufffd", "a\ufffd"),
        ("b", "a\ufffd"),
    ]


def test_level_of_an_object_that_a_label_overrules_is_kept() -> None:
    found = pushed(["1", '{"level":10,"msg":"a"}'], ["1", '{"level":20,"msg":"b"}'], level="debug")
    assert [(each.type, each.attributes) for each in found] == [
        ("debug", {"level": "trace"}),
        ("debug", {}),
    ]


def test_first_version_of_the_api_is_read_too() -> None:
    entry = {"ts": "2026-11-29T10:00:00.5+01:00", "line": "hello"}
    push = {"streams": [{"labels": '{job="a", severity="warning"}', "entries": [entry]}]}
    (found,) = said(read_json(json.dumps(push).encode()))
    assert found == Parts("hello", 1_795_942_800_500, "warning", {"job": "a"})


@pytest.mark.parametrize("label", ["level", "severity", "detected_level"])
def test_label_names_the_level(label: str) -> None:
    moment = str(NOON * MILLISECOND)
    (found,) = pushed([moment, "hello", {}], job="a", **{label: "warn"})
    assert found == Parts("hello", NOON, "warning", {"job": "a"})
    (found,) = pushed([moment, "hello"], **{label: "critical"})
    assert (found.type, found.attributes) == ("error", {label: "critical"})
    (found,) = pushed([moment, "ERROR hello"], **{label: "odd"})
    assert (found.type, found.attributes) == ("error", {label: "odd"})


def test_line_knows_its_time_better_if_it_is_near() -> None:
    line = json.dumps({"level": 40, "time": NOON, "msg": "a", "pid": 7})
    (found,) = pushed([str((NOON + 5_000) * MILLISECOND), line], pid="7")
    assert found == Parts("a", NOON, "warning", {"pid": 7, "pid_2": "7"})
    (found,) = pushed([str((NOON + 3_600_000) * MILLISECOND), line])
    assert found.timestamp == NOON + 3_600_000


@pytest.mark.parametrize("odd", [7, ["1"], {"a": 1}, ["1", 2], None])
def test_odd_entry_costs_only_itself(odd: object) -> None:
    push = {"streams": [{"values": [odd, [str(NOON * MILLISECOND), "hello"]]}]}
    found = said(read_json(json.dumps(push).encode()))
    assert [each.message for each in found][1:] == ["hello"]
    assert len(found) == 2


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"streams": 7}', b"{}"])
def test_body_of_something_else_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="this is no push request of Loki in JSON"):
        list(read_json(body))


def test_damaged_protobuf_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="this is no push request of Loki in protobuf"):
        list(read_protobuf(b"\xff\xff"))


@pytest.mark.parametrize("moment", [2**63 - 1, -(2**63), 253_402_300_800])
def test_time_beyond_years_is_none_in_either_encoding(moment: int) -> None:
    push = protobuf.PushRequest()
    push.streams.add().entries.add(line="a").timestamp.seconds = moment
    (binary,) = said(read_protobuf(push.SerializeToString()))
    (as_text,), (as_number,) = pushed([str(moment * 10**9), "a"]), pushed([moment * 10**9, "a"])
    assert [each.timestamp for each in (binary, as_text, as_number)] == [None, None, None]
    assert binary.message == as_text.message == as_number.message == "a"

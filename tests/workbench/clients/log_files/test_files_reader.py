"""Log files read as logs."""

import io
import json
import os
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import BinaryIO, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waterline.errors import UsageError
from waterline.recognition.object_plans import Overrides
from workbench.clients.json_values import to_json
from workbench.clients.log_files import rawlines
from workbench.clients.log_files.extract import Extraction
from workbench.clients.log_files.ids import first_line_hash, line_id
from workbench.clients.log_files.reader import Format, Line, Reading, read_encoded, read_logs

REFERENCE = datetime(2024, 6, 1, 12, tzinfo=UTC)
ACCESS = 'h - - [17/May/2015:10:05:03 +0000] "GET /x HTTP/1.1" 404 5 "-" "curl"'


def read(
    content: bytes,
    format_: Format = Format.LINES,
    *,
    zone: tzinfo = UTC,
    extraction: Extraction | None = None,
    encoding: str | None = None,
) -> list[Line]:
    reading = Reading(format=format_, timezone=zone, extraction=extraction, encoding=encoding)
    return list(read_logs(io.BytesIO(content), name="a.log", reading=reading, reference=REFERENCE))


def logs(
    content: bytes, format_: Format = Format.LINES, *, extraction: Extraction | None = None
) -> list[dict[str, object]]:
    return [line.log for line in read(content, format_, extraction=extraction) if line.log]


def without_id(log: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in log.items() if name != "id"}


def test_a_line_of_text_is_its_message_with_the_time_and_level_it_names() -> None:
    (line,) = read(b"2024-01-01 00:00:00,250 - WARN  [x] - done \t\r\n")
    assert line == Line(
        number=1,
        offset=0,
        log={
            "id": line.log and line.log["id"],
            "type": "warning",
            "message": "2024-01-01 00:00:00,250 - WARN  [x] - done \t",
            "timestamp": 1_704_067_200_250,
        },
        rejected=None,
        end=46,
    )


def test_a_line_without_time_and_level_is_info_and_has_no_timestamp() -> None:
    assert [without_id(log) for log in logs(b"hello")] == [{"type": "info", "message": "hello"}]


@pytest.mark.parametrize(
    ("word", "attribute"),
    [("ERROR", None), ("FATAL", "FATAL"), ("NOTICE", "NOTICE"), ("WARNING", None), ("INFO", None)],
)
def test_a_level_is_kept_as_written_where_it_says_more_than_the_type(
    word: str, attribute: str | None
) -> None:
    (log,) = logs(f"2024-01-01 00:00:00 {word} x".encode())
    assert log.get("level") == attribute


def test_times_without_a_zone_are_in_the_zone_given() -> None:
    (line,) = read(b"2024-01-01 02:00:00 x", zone=timezone(timedelta(hours=2)))
    assert line.log
    assert line.log["timestamp"] == 1_704_067_200_000


def test_times_without_a_year_follow_the_reference() -> None:
    (log,) = logs(b"Jan  1 00:00:00 host x")
    assert log["timestamp"] == 1_704_067_200_000


def test_blank_lines_are_skipped_but_count() -> None:
    lines = read(b"\n \t\r\na\n\n\nb\n\n")
    assert [(line.number, line.offset, line.end) for line in lines] == [(3, 5, 7), (6, 9, 11)]


def test_a_byte_order_mark_is_no_part_of_the_first_log() -> None:
    marked, plain = logs(b"\xef\xbb\xbfa\nb"), logs(b"a\nb")
    assert marked[0] == plain[0]
    assert marked[1]["message"] == "b"
    assert read(b"\xef\xbb\xbf\n\n") == []


def test_bytes_that_are_no_utf_8_stay_readable() -> None:
    assert [log["message"] for log in logs(b"caf\xe9 \xc3\xa9")] == ["caf\\xe9 é"]


contents = st.binary(max_size=40).map(lambda line: b"|" + line.translate(None, b"\x00\n\r"))
lines_of_text = st.lists(st.sampled_from([b"", b" ", b"\t"]) | contents)


@settings(deadline=None)
@given(
    lines=lines_of_text,
    ending=st.sampled_from([b"\n", b"\r\n"]),
    format_=st.sampled_from([Format.LINES, Format.AUTO]),
)
def test_nothing_is_lost(lines: list[bytes], ending: bytes, format_: Format) -> None:
    found = read(b"".join(line + ending for line in lines), format_, encoding="utf-8")
    expected = {
        number: line.removesuffix(b"\r") if ending == b"\n" else line
        for number, line in enumerate(lines, start=1)
        if line.strip()
    }
    assert {line.number: line.log and line.log["message"] for line in found} == {
        number: line.decode(errors="backslashreplace") for number, line in expected.items()
    }


@settings(deadline=None)
@given(lines=lines_of_text, format_=st.sampled_from(list(Format)))
def test_every_line_that_is_not_blank_is_a_log_or_rejected(
    lines: list[bytes], format_: Format
) -> None:
    whole = b"\n".join(lines)
    found = read(whole, format_)
    assert len(found) == sum(1 for line in lines if line.strip())
    for line in found:
        assert (line.log is None) is (line.rejected is not None)
        assert whole[line.offset : line.end].removesuffix(b"\n") == lines[line.number - 1]


def test_ids_are_those_of_the_lines() -> None:
    first = first_line_hash(b"a")
    assert [log["id"] for log in logs(b"\na\nb\na")] == [
        line_id(first, 1, b"a"),
        line_id(first, 3, b"b"),
        line_id(first, 5, b"a"),
    ]


# As long as a file has no line feed, carriage returns end its lines.
@settings(deadline=None)
@given(
    lines=st.lists(contents.filter(lambda line: b"\r" not in line), min_size=1),
    more=contents,
)
def test_lines_keep_their_ids_while_the_file_grows(lines: list[bytes], more: bytes) -> None:
    now = b"\r\n".join(lines)
    ids = [log["id"] for log in logs(now)]
    for later in (b"\r", b"\r\n", b"\r\n" + more):
        assert [log["id"] for log in logs(now + later)][: len(ids)] == ids
    assert len(set(ids)) == len(ids)
    assert sorted(map(str, ids)) == ids


def test_lines_of_json_pass_unchanged_but_for_a_missing_id() -> None:
    given_id = {"id": "mine", "type": "x", "message": "m", "timestamp": "2024-01-01T00:00:00Z"}
    no_id = {"a": [1, {"b": None}], "message": "m", "type": "x"}
    null_id = {"id": None, "type": "x", "message": "m"}
    whole = "\n".join(map(json.dumps, (given_id, no_id, null_id))).encode()
    found = logs(whole, Format.JSONL)
    assert found[0] == given_id
    assert without_id(found[1]) == no_id
    assert without_id(found[2]) == {"type": "x", "message": "m"}
    first = first_line_hash(json.dumps(given_id).encode())
    offset = len(json.dumps(given_id)) + 1
    assert found[1]["id"] == line_id(first, offset, json.dumps(no_id).encode())
    assert str(found[2]["id"]).startswith(first)


members = st.dictionaries(
    st.sampled_from(["id", "type", "message", "timestamp", "a", "é"]),
    st.none() | st.text(max_size=3) | st.integers() | st.lists(st.none() | st.text(max_size=3)),
)
texts_of_json = st.builds(
    json.dumps, members, ensure_ascii=st.booleans(), separators=st.sampled_from([None, (",", ":")])
)
odd_lines = st.sampled_from(
    [
        b'{"type":"a","message":"b","id":"c","id":null}',
        b'{"type":"a","message":"b","id":null,"id":"c"}',
        b' {"message":"b" ,\r"type":"a"} ',
        b'{"type":"a","message":"b","x":"\xff"}',
        b'{"type":"a","message":"\xff"}',
        b'{"type":"a","message":"b","x":NaN,"y":-Infinity}',
        b'{"type":"a","message":"b","x":' + b"[" * 5_000,
        b'{"type":"a","message":"b"} {}',
        b'{"type":"a","message":"b","x":01}',
        b'[{"type":"a","message":"b"}]',
        b"plain",
    ]
)


@settings(deadline=None)
@given(
    lines=st.lists(texts_of_json.map(str.encode) | odd_lines, max_size=8),
    format_=st.sampled_from([Format.JSONL, Format.AUTO, Format.LINES]),
    extraction=st.sampled_from([None, Extraction("(?P<first>.)")]),
)
def test_encoded_lines_are_the_logs(
    lines: list[bytes], format_: Format, extraction: Extraction | None
) -> None:
    whole = b"\n".join(lines)
    encoded = list(
        read_encoded(
            io.BytesIO(whole),
            name="a.log",
            reading=Reading(format=format_, extraction=extraction),
            reference=REFERENCE,
        )
    )
    found = read(whole, format_, extraction=extraction)
    assert [(line.number, line.rejected, line.end) for line in encoded] == [
        (line.number, line.rejected, line.end) for line in found
    ]
    assert [line.log and json.loads(line.log) for line in encoded] == [
        None if line.log is None else dict(to_json(line.log)) for line in found
    ]
    assert not any(b"\n" in line.log for line in encoded if line.log)


def test_line_that_is_a_log_passes_byte_by_byte() -> None:
    with_id = b'{ "type":"a", "n":1.50, "id":"mine", "message":"\\u00e9" }'
    without = b'{ "type":"a", "n":1.50, "message":"\\u00e9" }'
    first, second = read_encoded(
        io.BytesIO(with_id + b"\n" + without),
        name="a.log",
        reading=Reading(),
        reference=REFERENCE,
    )
    line_id_ = line_id(first_line_hash(with_id), len(with_id) + 1, without)
    assert first.log == with_id
    assert second.log == b'{"id":"' + line_id_.encode() + b'",' + without[1:]


def test_a_line_of_json_that_is_no_object_is_rejected_alone() -> None:
    lines = read(b'{"a":1}\n[1]\noops\n{"a":2}\n', Format.JSONL)
    assert [(line.number, line.rejected is None) for line in lines] == [
        (1, True),
        (2, False),
        (3, False),
        (4, True),
    ]
    assert lines[1].rejected == "a log is a JSON object, this is an array"


def test_each_line_is_read_by_its_own_shape() -> None:
    own = '{"type":"x","message":"own"}'
    foreign = '{"level":"warn","msg":"foreign","time":"2024-01-01T00:00:00Z"}'
    text = "2024-01-01 00:00:00 [error] x"
    found = logs("\n".join((own, "plain", ACCESS, foreign, text, "[1]")).encode(), Format.AUTO)
    assert [log["message"] for log in found] == [
        *("own", "plain", "GET /x HTTP/1.1", "foreign", text, "[1]"),
    ]
    assert [log["type"] for log in found] == ["x", "info", "warning", "warning", "error", "info"]
    assert found[2]["agent"] == "curl"


def test_format_lines_takes_nothing_apart() -> None:
    foreign = '{"level":"warn","msg":"foreign","time":"2024-01-01T00:00:00Z"}'
    found = logs(f"{ACCESS}\n{foreign}".encode(), Format.LINES)
    assert [log["message"] for log in found] == [ACCESS, foreign]
    assert [log["type"] for log in found] == ["warning", "warning"]
    assert "status" not in found[0]


def test_lines_that_belong_together_are_one_log_with_the_id_of_all() -> None:
    trace = b"2024-01-01 00:00:00 ERROR x\r\nTraceback (most recent call last):\r\n  a\r\n\r\n"
    whole = trace + b"plain text"
    first, second = read(whole, Format.AUTO)
    assert first.log
    content = b"2024-01-01 00:00:00 ERROR x\nTraceback (most recent call last):\n  a"
    assert first.log["message"] == content.decode()
    assert first.log["id"] == line_id(first_line_hash(content.split(b"\n")[0]), 0, content)
    assert (first.number, first.offset, first.end) == (1, 0, whole.index(b"\r\n\r\n") + 2)
    assert (second.number, second.end) == (5, len(whole))


def test_array_of_objects_in_one_line_is_a_log_each() -> None:
    line = b'[{"level":30,"msg":"a"},{"type":"x","message":"b"}]'
    found = logs(line + b"\nc", Format.AUTO)
    assert [(log["type"], log["message"]) for log in found] == [
        ("info", "a"), ("x", "b"), ("info", "c"),
    ]  # fmt: skip
    assert len({log["id"] for log in found}) == 3
    for odd in (b"[{}, 1]", b"[{", b"[{]"):
        assert [log["message"] for log in logs(odd, Format.AUTO)] == [odd.decode()]


def test_logs_in_one_line_have_ids_of_their_own() -> None:
    records = [{"body": {"stringValue": text}} for text in "ab"]
    line = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    found = logs(line, Format.AUTO)
    first = line_id(first_line_hash(line), 0, line)
    assert [(log["id"], log["message"]) for log in found] == [(first, "a"), (f"{first}-1", "b")]


def test_members_that_the_user_names_come_first() -> None:
    lines = [
        {"type": "x", "message": "m", "what": "boom", "at": {"s": 1_795_514_400}, "kind": "WARN"},
        {"type": "x", "message": "m"},
        {"log": json.dumps({"what": "within", "kind": "job"}), "stream": "stdout"},
    ]
    content = "\n".join(map(json.dumps, lines)).encode()
    reading = Reading(overrides=Overrides("what", "at.s", "kind"))
    plain = read_logs(io.BytesIO(content), name="-", reading=reading, reference=REFERENCE)
    encoded = read_encoded(io.BytesIO(content), name="-", reading=reading, reference=REFERENCE)
    for found in (
        [line.log or {} for line in plain],
        [msgspec.json.decode(line.log or b"", type=dict[str, object]) for line in encoded],
    ):
        first, second, third = [
            cast("dict[str, object]", each.get("waterline.log", each)) for each in found
        ]
        assert (first["message"], first["type"]) == ("boom", "warning")
        assert first["timestamp"] == 1_795_514_400_000
        assert first["attributes"] == {"type": "x", "message": "m"}
        assert (second["message"], second["type"]) == ("m", "x")
        assert (third["message"], third["type"]) == ("within", "job")


@pytest.mark.parametrize(
    ("written", "type_", "level"),
    [("INFO", "info", None), ("WARN", "warning", None), ("FATAL", "error", "FATAL")],
)
def test_type_in_capitals_is_a_level(written: str, type_: str, level: str | None) -> None:
    (log,) = logs(json.dumps({"type": written, "message": "x"}).encode(), Format.AUTO)
    assert (log["type"], log.get("level")) == (type_, level)


@pytest.mark.parametrize("written", ["Warn", "fatal", "AUDIT", "E", "warn"])
def test_any_other_type_stands_as_it_is(written: str) -> None:
    (log,) = logs(json.dumps({"type": written, "message": "x"}).encode(), Format.AUTO)
    assert (log["type"], "level" in log) == (written, False)


def test_attributes_that_are_called_like_members_of_a_log_are_kept() -> None:
    (log,) = logs(b"level=warn msg=x id=7 type=y message_=z", Format.AUTO)
    assert log["waterline.log"] == {
        "type": "warning", "message": "x", "attributes": {"id": 7, "type": "y", "message_": "z"},
    }  # fmt: skip


def test_years_of_a_file_that_can_be_read_twice_never_run_backwards() -> None:
    found = logs(b"Jan 10 00:00:00 h a\nMay 20 00:00:00 h b\nJan 12 00:00:00 h c\n")
    day = 86_400_000
    assert [log["timestamp"] for log in found] == [
        1_704_844_800_000 - 365 * day,
        1_716_163_200_000 - 366 * day,
        1_705_017_600_000,
    ]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_line_that_begins_with_a_clock_gives_no_other_line_a_wrong_year(ends: bytes) -> None:
    found = logs(
        ends.join([b"May 30 10:00:00 h app[1]: a", b"06:30:03 up 3 days", b"23:00:00 x", b""]),
        Format.AUTO,
    )
    first, clock, _ = found
    assert (first["timestamp"], first["host"], first["pid"]) == (1_717_063_200_000, "h", 1)
    assert clock["timestamp"] == 1_717_223_403_000


def test_time_before_is_that_of_a_log_of_ours_too() -> None:
    own = b'{"type":"x","message":"own","timestamp":"2024-01-01T00:00:00Z"}'
    assert logs(own + b"\nplain", Format.AUTO)[1]["timestamp"] == 1_704_067_200_000


chunk_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=20)


class _InPieces(io.RawIOBase):
    """A stream that gives its bytes in pieces."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        self._content = io.BytesIO(content)
        self._sizes = sizes

    def read(self, size: int | None = -1, /) -> bytes:
        self._sizes.append(self._sizes.pop(0))
        return self._content.read(min(self._sizes[0], size or 1))


@settings(deadline=None)
@given(
    lines=st.lists(
        st.sampled_from(
            [
                b"2024-01-01 00:00:00 ERROR x",
                b"Traceback (most recent call last):",
                b"  indented",
                b"ValueError: \xff",
                b'{"type":"a","message":"b"}',
                b'{"level":"warn","msg":"x"}',
                b"{",
                b"}",
                b"",
                b"2024-01-01T00:00:00.123456789Z stdout P part",
                b"2024-01-01T00:00:00.123456789Z stdout F whole",
            ]
        )
        | contents,
        max_size=20,
    ),
    sizes=chunk_sizes,
)
def test_logs_are_the_same_whatever_the_cuts_of_the_stream(
    lines: list[bytes], sizes: list[int]
) -> None:
    whole = b"\n".join(lines)
    cut = read_logs(
        cast("BinaryIO", _InPieces(whole, sizes)),
        name="-",
        reading=Reading(),
        reference=REFERENCE,
    )
    assert list(cut) == read(whole, Format.AUTO)


@pytest.mark.slow
def test_log_of_a_pipe_is_whole_once_the_pipe_is_silent() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as pipe:
        logs_ = read_logs(stream, name="-", reading=Reading(), reference=REFERENCE)
        pipe.write(b"2024-01-01 00:00:00 ERROR x\n  more\n")
        first = next(logs_)
        assert first.log
        assert str(first.log["message"]).endswith("\n  more")
        pipe.write(b"next\n")
        assert (line := next(logs_)).log
        assert line.log["message"] == "next"


def test_a_line_that_is_too_long_is_rejected_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rawlines, "MAX_LINE_BYTES", 100)
    lines = read(b"a\n" + b"b" * 101 + b"\nc\n")
    assert [line.rejected for line in lines] == [
        None,
        "the line is longer than 16 MiB, the limit of a line",
        None,
    ]
    assert [(line.offset, line.end) for line in lines] == [(0, 2), (2, 104), (104, 106)]


def test_a_binary_file_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"^a\.log is packed with zip"):
        read(b"PK\x03\x04", Format.AUTO)


SECONDS = Extraction(r"took (?P<seconds>[\d.]+)(?: at (?P<level>\w+))?(?: by (?P<agent>\w+))?")


def test_what_is_extracted_becomes_attributes() -> None:
    found = logs(b"it took 0.25 at home\nnothing", extraction=SECONDS)
    assert (found[0]["seconds"], found[0]["level"]) == (0.25, "home")
    assert without_id(found[1]) == {"type": "info", "message": "nothing"}


def test_what_is_extracted_replaces_nothing() -> None:
    (text,) = logs(b"2024-01-01 00:00:00 FATAL took 1 at home", extraction=SECONDS)
    assert (text["seconds"], text["level"]) == (1, "FATAL")
    access = f'{ACCESS[:-7]} "took 3 by me"'.encode()
    (request,) = logs(access, Format.AUTO, extraction=SECONDS)
    assert (request["seconds"], request["agent"]) == (3, "took 3 by me")


def test_json_is_extracted_from_its_message() -> None:
    found = logs(
        b'{"type":"x","message":"took 2 at home","level":9,"a":"took 7"}\n{"msg":"y","a":"took 7"}',
        Format.JSONL,
        extraction=SECONDS,
    )
    assert without_id(found[0]) == {
        "type": "x",
        "message": "took 2 at home",
        "level": 9,
        "a": "took 7",
        "seconds": 2,
    }
    assert without_id(found[1]) == {"type": "info", "message": "y", "a": "took 7"}


ENVELOPE = b'{"id":"i","waterline.log":{"type":"INFO","message":"took 2","attributes":{"id":7}}}'
EXPORTED = (
    b'{"seq":3,"id":"i","type":"INFO","timestamp":1,"received_at":2,"source":"s",'
    b'"message":"m","attributes":{}}'
)


@pytest.mark.parametrize("line", [ENVELOPE, EXPORTED])
def test_an_envelope_and_an_exported_log_pass_as_they_stand(line: bytes) -> None:
    stream = io.BytesIO(line)
    (found,) = read_encoded(stream, name="-", reading=Reading(), reference=REFERENCE)
    assert found.log == line


def test_an_envelope_without_an_id_gets_one_outside() -> None:
    (log,) = logs(b'{"waterline.log":{"type":"info","message":"m"}}', Format.AUTO)
    assert log.keys() == {"id", "waterline.log"}


def test_what_is_extracted_goes_into_the_envelope() -> None:
    (log,) = logs(ENVELOPE, Format.AUTO, extraction=SECONDS)
    inside = log["waterline.log"]
    assert isinstance(inside, dict)
    assert (inside["attributes"], inside["type"]) == ({"id": 7, "seconds": 2}, "INFO")


@pytest.mark.parametrize(
    "inside", ['"x"', '{"type":"info"}', '{"type":"info","message":"m","attributes":[]}']
)
def test_what_only_looks_like_an_envelope_is_kept_whole(inside: str) -> None:
    line = f'{{"waterline.log":{inside}}}'
    (log,) = logs(line.encode(), Format.AUTO)
    kept = log["waterline.log"]
    assert isinstance(kept, dict)
    assert kept["message"] == line

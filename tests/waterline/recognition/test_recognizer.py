"""What lines of many programs say, whatever came before them."""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.waterline.recognition.samples import SAMPLES, Sample
from waterline.recognition.dialect import Dialect
from waterline.recognition.line_dialects import DIALECTS, dialect_of, kind_of
from waterline.recognition.recognized import Recognized
from waterline.recognition.recognizer import Recognizer
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP

REFERENCE = datetime(2026, 11, 24, 12, tzinfo=UTC)


def recognizer() -> Recognizer:
    return Recognizer(reference=REFERENCE)


def milliseconds(written: str) -> int:
    return round(datetime.fromisoformat(written).timestamp() * 1000)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.writer}")
def test_line_says_time_level_and_attributes(sample: Sample) -> None:
    found = recognizer().line(sample.line)
    expected = None if sample.time is None else milliseconds(sample.time)
    assert (found.timestamp, found.type) == (expected, sample.type)
    assert {name: found.attributes.get(name) for name in sample.attributes} == sample.attributes
    assert type(found.attributes.get("status", 1)) is int


@pytest.mark.slow
def test_usual_dialect_of_lines_before_changes_no_answer() -> None:
    expected = [recognizer().line(sample.line) for sample in SAMPLES]
    for first in SAMPLES:
        reader = recognizer()
        for sample, alone in zip(SAMPLES, expected, strict=True):
            reader.line(first.line)
            assert reader.line(sample.line) == alone, first.writer


@pytest.mark.slow
@costly(120)
@given(seed=st.integers())
def test_order_of_lines_changes_no_answer(seed: int) -> None:
    samples = random.Random(seed).sample(SAMPLES, len(SAMPLES))
    reader = recognizer()
    assert [reader.line(each.line) for each in samples] == [
        recognizer().line(each.line) for each in samples
    ]


mutated = st.builds(
    lambda sample, cut, text: sample.line[:cut] + text + sample.line[cut:],
    st.sampled_from(SAMPLES),
    st.integers(0, 120),
    st.text(max_size=5),
)
cut_off = st.builds(
    lambda sample, start, end: sample.line[start:end],
    st.sampled_from(SAMPLES),
    st.integers(0, 40),
    st.integers(0, 150),
)
# What is kept as time, as type, or as the name of an attribute is not kept as text.
SAID_OTHERWISE = re.compile(
    r"(?i)(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
    r"|date|time|level|msg|message|cef|warn|error|debug|info|fatal|trace|gzip|details|devtime|body|severity|name|value)\w*"
)


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    else:
        yield str(value)


def words_of(text: str) -> set[str]:
    found = set(re.findall(r"[A-Za-z]{4,}", text))
    return {word for word in found if not SAID_OTHERWISE.fullmatch(word)}


@costly(2000)
@given(line=st.text() | mutated | cut_off)
def test_any_line_is_read_and_none_of_its_words_is_lost(line: str) -> None:
    found = recognizer().line(line)
    assert isinstance(found, Recognized)
    kept = "\n".join((found.message, *texts_in(found.attributes)))
    assert words_of(line) <= words_of(kept)
    assert found.timestamp is None or MIN_TIMESTAMP <= found.timestamp <= MAX_TIMESTAMP
    assert found.type in (None, "trace", "debug", "info", "warning", "error")


@given(text=st.text(alphabet=st.characters(exclude_characters="{#=|")))
def test_line_of_no_dialect_is_its_own_message(text: str) -> None:
    assert recognizer().line(f"zz {text}").message == f"zz {text}"


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.writer)
def test_long_line_takes_no_more_than_its_length(sample: Sample) -> None:
    recognizer().line(sample.line + " " + "a=b [x] \\x16" * 20_000)
    recognizer().line(sample.line[:30] * 5_000)
    for part in ("a", "1.1.1.1, ", "[", "(", ": "):
        recognizer().line(f"{sample.line} {part * 100_000}")


@pytest.mark.parametrize(
    "part", ["a", "a.", 'a="', "[a", "a:", "{", "(", "a=b ", "[a] ", "9", "- "]
)
def test_repeated_part_takes_no_more_than_its_length(part: str) -> None:
    recognizer().line(part * 100_000)
    recognizer().line(f"2026-11-24 10:00:00 {part * 100_000}")


def test_colours_are_kept_in_the_message_and_mean_nothing() -> None:
    line = "\x1b[2m2026-11-24T10:00:00Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mapp\x1b[0m: boom"
    found = recognizer().line(line)
    assert (found.message, found.type) == (line, "error")
    assert found.timestamp == milliseconds("2026-11-24T10:00:00Z")


@pytest.mark.parametrize(
    "line",
    [
        "licence expires 2027-01-01 00:00:00",
        "see 2024-01-01 10:00:00 for x",
        "Expires: Tue, 24 Nov 2026 10:00:00 GMT",
        "ValueError: 2026-11-24 10:00:00 is no time",
        "request 1795514400 done",
        'said "2026-11-24 10:00:00"',
        "backup-2026-11-24 10:00:00",
    ],
)
def test_time_within_a_message_is_not_that_of_the_line(line: str) -> None:
    assert recognizer().line(line).timestamp is None


def test_time_at_the_start_wins_over_one_in_the_message() -> None:
    found = recognizer().line("24/11/2026 10:00:00 ERROR licence expires 2027-01-01 00:00:00")
    assert found.timestamp == milliseconds("2026-11-24T10:00:00Z")


def test_object_that_holds_several_logs_gives_all_of_them() -> None:
    records = [
        {"timeUnixNano": "1795514400123000000", "body": {"stringValue": text}} for text in "ab"
    ]
    reader = recognizer()
    found = reader.line(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}))
    assert [each.message for each in (found, *reader.others)] == ["a", "b"]


OWN = '{"level":"error","time":"2026-11-24T09:59:59.100Z","msg":"bad"}'
AROUND = "2026-11-24T10:00:00.123456789Z"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"log": f"{OWN}\n", "stream": "stderr", "time": AROUND}),
        f"{AROUND} stdout F {OWN}",
        f"{AROUND} {OWN}",
        f"[pod/a/b] {AROUND} {OWN}",
        json.dumps({"MESSAGE": OWN, "PRIORITY": "6", "__REALTIME_TIMESTAMP": "1795514400123456"}),
    ],
)
def test_time_of_an_object_within_an_envelope_is_its_own(line: str) -> None:
    found = recognizer().line(line)
    assert (found.timestamp, found.type) == (milliseconds("2026-11-24T09:59:59.100Z"), "error")


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"log": "2026-11-24 11:00:00 x\n", "stream": "stderr", "time": AROUND}),
        f"{AROUND} stdout F 2026-11-24 11:00:00 x",
        f'{AROUND} stdout F {{"msg":"x"}}',
    ],
)
def test_time_of_a_line_within_an_envelope_is_that_of_the_envelope(line: str) -> None:
    assert recognizer().line(line).timestamp == milliseconds("2026-11-24T10:00:00.123Z")


def test_rows_under_a_header_are_read_by_its_names() -> None:
    reader = recognizer()
    reader.line("timestamp;severity;message;user id")
    found = reader.line('2026-11-24 10:00:00;WARN;"a; b";7')
    assert found == Recognized(
        "a; b", milliseconds("2026-11-24T10:00:00Z"), "warning", {"user id": 7}
    )
    assert reader.line("no row").message == "no row"


def test_first_line_of_text_is_no_header() -> None:
    reader = recognizer()
    reader.line("time, and tide")
    assert reader.line("wait, for none").attributes == {}


IIS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query c-ip sc-status time-taken",
    "2026-11-24 10:00:00 192.0.2.5 GET /err a=1 192.0.2.1 500 12",
)


def test_fields_directive_names_the_columns_of_rows() -> None:
    reader = recognizer()
    reader.line(IIS[0])
    found = reader.line(IIS[1])
    assert (found.message, found.type) == ("GET /err?a=1", "error")
    assert found.timestamp == milliseconds("2026-11-24T10:00:00Z")
    assert found.attributes == {
        "s-ip": "192.0.2.5",
        "method": "GET",
        "path": "/err",
        "query": "a=1",
        "remote_host": "192.0.2.1",
        "status": 500,
        "duration_ms": 12,
    }


def test_seconds_of_cloudfront_become_milliseconds() -> None:
    reader = recognizer()
    reader.line("#Fields: date time cs-method cs-uri-stem sc-status time-taken")
    found = reader.line("2026-11-24\t10:00:00\tGET\t/x\t502\t0.012")
    assert found.attributes["duration_ms"] == 12.0


def test_zeek_names_its_columns_in_a_directive_with_tabs() -> None:
    reader = recognizer()
    reader.line("#fields\tts\tuid\tid.orig_h")
    found = reader.line("1795514400.123456\tC1\t192.0.2.1")
    assert found.timestamp == milliseconds("2026-11-24T10:00:00.123Z")


def test_logfmt_that_stands_twice_keeps_the_line_whole() -> None:
    line = "level=error msg=a msg=b"
    assert recognizer().line(line).message == line


def test_logfmt_needs_a_name_that_loggers_write() -> None:
    found = recognizer().line("a=1 b=2")
    assert (found.message, found.attributes) == ("a=1 b=2", {})


def test_reference_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        Recognizer(reference=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))


def test_rows_of_windows_events_have_their_text_behind_the_named_columns() -> None:
    reader = recognizer()
    reader.line("Level,Date and Time,Source,Event ID,Task Category")
    found = reader.line('Error,11/24/2026 10:00:00 AM,Manager,7000,None,"The x, y failed."')
    assert (found.type, found.message) == ("error", "The x, y failed.")
    assert found.timestamp == milliseconds("2026-11-24T10:00:00Z")
    assert found.attributes["Event ID"] == 7000


def test_fields_with_commas_are_rows_of_csv() -> None:
    reader = recognizer()
    reader.line("#Fields: date-time,connector-id,event,data")
    found = reader.line('2026-11-24T10:00:00.123Z,EX\\Default,+,"a,b"')
    assert found.timestamp == milliseconds("2026-11-24T10:00:00.123Z")
    assert found.attributes == {"connector-id": "EX\\Default", "event": "+", "data": "a,b"}


REPEATED = (
    "a",
    " ",
    "1",
    "[",
    '"',
    "\\",
    "|",
    "a=",
    "a ",
    "a.",
    "a:",
    "1:",
    "-",
    "<",
    "\t",
    "[a] ",
)
HOSTILE = (
    ("[GIN] 2026/11/24 - 10:00:00 | 404", "|"),
    ('192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "c" rt=0.003 u', "1"),
)
CUTS = [
    sample.line[: len(sample.line) * quarter // 4] for sample in SAMPLES for quarter in (1, 2, 3)
]


@pytest.mark.slow
@pytest.mark.parametrize(("at", "unit"), list(enumerate(REPEATED)))
def test_time_to_read_a_line_grows_with_its_length_alone(at: int, unit: str) -> None:
    for beginning in CUTS[at % 4 :: 4]:
        assert seconds_to_read(beginning, unit) < 2, beginning


@pytest.mark.parametrize(("beginning", "unit"), HOSTILE)
def test_time_to_read_lines_that_took_long_grows_with_their_length(
    beginning: str, unit: str
) -> None:
    assert seconds_to_read(beginning, unit) < 2


def seconds_to_read(beginning: str, unit: str) -> float:
    """Return the CPU time of a line of 40,000 characters: 3 ms, and 10 s were it quadratic."""
    line = beginning + unit * (40_000 // len(unit))
    started = process_time()
    recognizer().line(line)
    return process_time() - started


MARKS = (" ", ": ", "  ", "=", "|", ' "', " 7 ", " 1795514400 2026.11.24 ", " - ")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_line_that_begins_as_a_dialect_is_no_sentence(dialect: Dialect) -> None:
    shape = re.compile(dialect.shape, re.ASCII)
    words = dict.fromkeys(re.findall(r"[A-Za-z/]{2,}", dialect.shape) or ["word"])
    for parts in product(("", "2026-11-24 10:00:00 INFO "), words, MARKS, words, MARKS):
        line = "".join(parts)
        if kind_of(line) in dialect.first and shape.match(line):
            assert dialect_of(line) is not None
            assert recognizer()._usual_line(line) is None

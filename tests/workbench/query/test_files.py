"""Log files read as frames, without a server: what `wb.logs` would return once they are sent."""

import gzip
import io
import json
import os
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench
from tests.support.folders import Batch, fill, fill_batches
from tests.support.processes import ServerProcess, run_waterline
from waterline.archive.columns import SCHEMA
from waterline.errors import MissingLogs, NothingFound, UsageError
from waterline.recognition.recognized import Recognized
from waterline.records import log_of
from waterline.storage.folder import DataFolder
from workbench.exports.export import export_logs
from workbench.exports.formats import ExportFormat, Output, open_log_writer
from workbench.frames import to_frame
from workbench.query.question import ask

REAL_LOGS = Path(__file__).parents[4] / "shared" / "data"
WRITTEN = pd.Timestamp("2026-03-17T12:00:00Z")
MIXED = r"""no header, and no time at all
2026-03-01 10:00:00,123 ERROR [db] it broke
Traceback (most recent call last):
  File "x.py", line 3, in f
ValueError: 7
2026-03-01 09:59:00 WARN earlier
{"type":"INFO","message":"own","timestamp":1772359300000,"status":500,"big":123456789012345678901234567890}
{"id":"mine","type":"sale","message":"own took 2.5 s","timestamp":"2026-03-01T11:00:00+01:00"}
{"id":"mine","type":"sale","message":"sent twice"}
{"level":50,"time":1772359200123,"pid":7,"msg":"pino"}
{"id":"in","waterline.log":{"type":"AUDIT","message":"m","timestamp":5,"attributes":{"id":7,"type":[]}}}
h - - [17/May/2015:10:05:03 +0000] "GET /x?a=é HTTP/1.1" 404 5 "-" "curl"
Mar  1 10:00:01 host sshd[7]: error: no
café	took 3 s

{"a": NaN}"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, content: str | bytes) -> str:
    """Write a file that was changed last at WRITTEN."""
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    return name


def silently(*arguments: Any, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - those of `read`
    """Read without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return workbench.read(*arguments, **options)


def as_stored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without what is of its place; undated logs are told by a missing time."""
    undated = frame["timestamp"] == frame["received_at"]
    dated = frame.assign(timestamp=frame["timestamp"].mask(undated))
    return dated.drop(columns=["received_at", "source"]).sort_values("seq", ignore_index=True)


OPTIONS: list[dict[str, str]] = [
    {},
    {"timezone": "Europe/Berlin", "multiline": "time", "extract": r"took (?P<seconds>[\d.]+)"},
    {"multiline": "off", "message_field": "pid", "time_field": "time", "type_field": "msg"},
    {"format": "lines"},
    {"format": "jsonl"},
    {"formats": "own.json"},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_file_is_read_as_it_is_stored_once_it_is_sent(
    options: dict[str, str], server: ServerProcess, folder: Path
) -> None:
    regex = {"own": {"pattern": r"^Mar  1 (?<clock>\S+) (?<host>\w+) (?<body>.*)$"}}
    write("own.json", json.dumps({"own": {"regex": regex}}))
    write("mixed.log.gz", gzip.compress(MIXED.encode()))
    flags = [
        part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)
    ]
    sent = run_waterline(
        "send",
        folder / "mixed.log.gz",
        *flags,
        cwd=folder,
        WATERLINE_URL=server.ingest,
        WATERLINE_TOKEN=server.token,
    )
    assert sent.stderr == ""
    with workbench.connect(server.data) as wb:
        stored = wb.logs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingLogs)
        read = workbench.read("mixed.log.gz", **options)  # type: ignore[arg-type] # one of several
    # What is stored already takes no seq.
    pd.testing.assert_frame_equal(
        as_stored(read).drop(columns="seq"), as_stored(stored).drop(columns="seq")
    )
    assert len(read) > 2
    assert set(read["received_at"]) == {WRITTEN}
    assert set(read["source"]) == {"mixed.log.gz"}
    rejected = int(sent.stdout.split("rejected ")[1].split()[0])
    assert len(read.attrs.get("missing", [])) == min(rejected, 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Linux.log", "OpenStack.log"])
def test_a_real_file_is_read_as_it_is_stored_once_it_is_sent(
    name: str, server: ServerProcess
) -> None:
    path = REAL_LOGS / name
    if not path.is_file():
        pytest.skip(f"the real log file {name} is not on this machine")
    sent = run_waterline("send", path, WATERLINE_URL=server.ingest, WATERLINE_TOKEN=server.token)
    assert sent.returncode == 0
    with workbench.connect(server.data) as wb:
        stored = wb.logs(type="info", attributes="all", limit=1_500)
    read = silently(path, type="info", attributes="all", limit=1_500)
    other = ["received_at", "source"]
    pd.testing.assert_frame_equal(read.drop(columns=other), stored.drop(columns=other))
    assert len(read) == 1_500


LOGS = [
    {
        "id": f"i{n}",
        "type": ("error", "info", "warning")[n % 3],
        "message": f"number {n}",
        "timestamp": 1_773_748_800_000 + (n * 7919) % 1000,
        "n": n if n % 5 else f"{n}",
    }
    for n in range(100)
]


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"type": "error", "columns": ["message", "seq"]},
        {"type": ["error", "info"], "contains": "7"},
        {"since": 1_773_748_800_300, "until": 1_773_748_800_600, "order": "newest"},
        {"limit": 7},
        {"limit": 7, "order": "newest", "attributes": ["n"]},
        {"where": {"n": (">", 50)}, "limit": 3},
        {"where": {"n": "55"}, "attributes": "all"},
        {"limit": 0},
    ],
    ids=str,
)
def test_filters_choose_as_they_do_of_stored_logs(filters: dict[str, Any], folder: Path) -> None:
    fill(folder / "data", LOGS)
    write("own.jsonl", "\n".join(map(json.dumps, LOGS)))
    with workbench.connect(folder / "data") as wb:
        stored = wb.logs(**filters)
        read = wb.read("own.jsonl", **filters)
    other = list({"source", "received_at"} & {*read.columns})
    pd.testing.assert_frame_equal(read.drop(columns=other), stored.drop(columns=other))


@pytest.mark.usefixtures("folder")
def test_a_limit_takes_the_newest_of_more_logs_than_a_piece_has() -> None:
    times = [1_773_748_800_000 + (n * 7919) % 25_000 for n in range(25_000)]
    logs = ({"type": "x", "message": f"{each}", "timestamp": each} for each in times)
    write("many.jsonl", "\n".join(map(json.dumps, logs)))
    newest = silently("many.jsonl", limit=20)["message"]
    assert [*newest] == [str(each) for each in sorted(times)[-20:]]
    assert len(silently("many.jsonl")) == 25_000


def test_several_files_are_numbered_one_after_the_other(folder: Path) -> None:
    write("a.log", "2026-01-01 00:00:02 INFO a\n2026-01-01 00:00:00 INFO b\n")
    write("b.log", "2026-01-01 00:00:01 INFO c\n")
    write("c.txt", "other")
    frame = silently("*.log")
    assert [*frame["seq"]] == [2, 3, 1]
    assert [*frame["source"]] == ["a.log", "b.log", "a.log"]
    pd.testing.assert_frame_equal(silently([Path("a.log"), "b.log"]), frame)
    pd.testing.assert_frame_equal(silently(str(folder / "[ab].log")).assign(source=""),
                                  frame.assign(source=""))  # fmt: skip
    assert [*silently("*", source="c.txt")["message"]] == ["other"]


def test_a_folder_is_read_with_the_oldest_rotation_first(folder: Path) -> None:
    (folder / "logs").mkdir()
    write("logs/app.log", "new\n")
    write("logs/app.log.1.gz", gzip.compress("caf\xe9\n".encode("latin-1")))
    write("logs/core", b"\x7fELF\0\1\0")
    frame = silently("logs", encoding="latin-1")
    assert [*frame["message"]] == ["caf\xe9", "new"]
    assert [*frame["source"]] == ["logs/app.log.1.gz", "logs/app.log"]
    assert frame.attrs["skipped"] == ["logs/core: no text"]


@pytest.mark.usefixtures("folder")
def test_a_copy_of_a_file_adds_only_what_it_has_more() -> None:
    write("app.log.bak", "one\ntwo\n")
    write("app.log", "one\ntwo\nthree\n")
    frame = silently("app.log*")
    assert [*frame["message"]] == ["one", "two", "three"]
    assert [*frame["source"]] == ["app.log.bak", "app.log.bak", "app.log"]


PATTERN = (
    r"(?P<time>\S+ \S+) (?P<level>\w+) \[(?P<thread>[^\]]+)\] (?:(?P<ms>[\d.]+) )?(?P<message>.*)"
)


@pytest.mark.usefixtures("folder")
def test_a_pattern_takes_lines_apart() -> None:
    write(
        "app.log",
        "01.02.2026 10:00:00 SEVERE [007] 2.5 slow\n01.02.2026 10:00:01 INFO [main] ok\nGET - x\n",
    )
    frame = silently("app.log", pattern=PATTERN, attributes=["thread", "ms"], multiline="off")
    assert [*frame["message"]] == ["slow", "ok", "GET - x"]
    assert [*frame["type"]] == ["error", "info", "info"]
    assert frame["timestamp"][0] == pd.Timestamp("2026-02-01T10:00:00Z")
    assert frame["thread"].fillna("").tolist() == ["007", "main", ""]
    assert frame["ms"].tolist()[0] == 2.5
    assert json.loads(silently("app.log", pattern=PATTERN)["attributes"][0])["level"] == "SEVERE"


@pytest.mark.usefixtures("folder")
def test_a_pattern_that_matches_no_line_is_told() -> None:
    write("app.log", "one\n")
    with pytest.warns(NothingFound, match=r"^pattern='\(\?P<n>\\\\d\+\)' matches no line of app"):
        assert len(workbench.read("app.log", pattern=r"(?P<n>\d+)")) == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), FINITE, TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.one_of(st.sampled_from(["id", "type", "seq", "waterline.log", "INFO", "level"]), TEXT)
ATTRIBUTES = st.dictionaries(NAMES, JSON, max_size=4)
TYPES = st.one_of(st.sampled_from(["info", "INFO", "E"]), TEXT.filter(bool))
MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_999)
ROWS = st.lists(st.tuples(TYPES, MOMENTS, MOMENTS, TEXT, TEXT, ATTRIBUTES), min_size=1, max_size=6)


def stored_table(rows: Sequence[tuple[str, int, int, str, str, dict[str, object]]]) -> pa.Table:
    """Return rows as stored logs, with seqs that are not those of their lines."""
    logs = [
        (7 * n + 3, f"i{n // 2}", kind, moment, received, f"{n % 2}{source}", message, attributes)
        for n, (kind, moment, received, source, message, attributes) in enumerate(rows)
    ]
    *columns, attributes = map(list, zip(*logs, strict=True))
    columns.append([msgspec.json.encode(each).decode() for each in attributes])
    arrays = [
        pa.array(column, pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(column, field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=SCHEMA)


@settings(max_examples=40)
@given(rows=ROWS)
def test_exported_logs_are_read_back_as_they_were_stored(
    rows: list[tuple[str, int, int, str, str, dict[str, object]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table = stored_table(rows)
    stream = io.BytesIO()
    open_log_writer(ExportFormat.JSONL, Output(stream)).write(table)
    path = tmp_path_factory.getbasetemp() / "exported.jsonl"
    path.write_bytes(stream.getvalue())
    expected = to_frame(table).sort_values(["timestamp", "seq"], ignore_index=True)
    pd.testing.assert_frame_equal(silently(path), expected)


@settings(max_examples=40)
@given(rows=ROWS)
def test_logs_of_our_contract_are_read_back_also_from_envelopes(
    rows: list[tuple[str, int, int, str, str, dict[str, object]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lines, expected = [], []
    for n, (_, moment, _, _, message, attributes) in enumerate(rows):
        log = log_of(Recognized(message, moment, "info", attributes), f"i{n}")
        lines.append(msgspec.json.encode(log))
        expected.append((f"i{n}", moment, message, attributes))
    path = tmp_path_factory.getbasetemp() / "own.jsonl"
    path.write_bytes(b"\n".join(lines))
    frame = silently(path).sort_values("seq")
    found = zip(
        frame["id"],
        frame["timestamp"].astype("int64") // 1000,
        frame["message"],
        map(msgspec.json.decode, frame["attributes"]),
        strict=True,
    )
    assert list(found) == expected


def test_an_export_of_a_folder_is_the_folder(folder: Path) -> None:
    old = [{**log, "timestamp": log["timestamp"] - 10**12} for log in LOGS]  # type: ignore[operator]
    fill_batches(folder / "data", [Batch(LOGS, "web"), Batch(old, "job", 1_773_748_900_000)])
    to = folder / "export.jsonl"
    export_logs(DataFolder(folder / "data"), ask(now=0), ExportFormat.JSONL, to)
    with workbench.connect(folder / "data") as wb:
        stored, some = wb.logs(), wb.logs(source="job", attributes=["n"])
    pd.testing.assert_frame_equal(silently(to), stored)
    pd.testing.assert_frame_equal(silently(to, source="job", attributes=["n"]), some)
    extracted = silently(to, extract=r"number (?P<found>\d+)", attributes=["n", "found"])
    assert extracted["n"].astype(int).tolist() == extracted["found"].tolist()
    # Of a second export, whose seqs are given already, all logs are there already.
    write("again.jsonl", to.read_bytes())
    assert len(silently([to, "again.jsonl"])) == 200


EXPORTED = (
    '{"seq":9,"id":"i","type":"x","timestamp":5,"received_at":1773748800000,"source":"web",'
    '"message":"m","attributes":{}}'
)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seq": "1"}, "a seq is a number"),
        ({"received_at": 10**15}, "beyond the years"),
        ({"attributes": []}, "attributes are an object"),
        ({"source": None}, "a source is a text"),
    ],
)
def test_a_log_that_only_looks_exported_is_one_of_its_file(
    change: dict[str, object], why: str
) -> None:
    log = json.loads(EXPORTED)
    write("app.jsonl", json.dumps({**log, **change}))
    (found,) = silently("app.jsonl").to_dict("records")
    assert (found["seq"], found["source"]) == (1, "app.jsonl"), why
    assert json.loads(found["attributes"]).keys() == {"seq", "received_at", "source", "attributes"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"paths": "none.log"}, r"^none\.log cannot be read: No such file or directory$"),
        ({"paths": "*.zip"}, r"^no file is called like \*\.zip$"),
        ({"paths": "empty"}, r"^empty has no log file within$"),
        ({"paths": []}, r"^there is no file to read; name one"),
        ({"paths": 7}, r"^7 is no path; give one"),
        ({"paths": ["a.log", None]}, r"is no path; give one"),
        ({"paths": "packed.zip.log"}, r"^packed\.zip\.log is packed with zip"),
        ({"format": "combined"}, r"^format='combined' is unknown; choose one of auto, jsonl"),
        ({"multiline": "x"}, r"^multiline='x' is unknown; choose one of join, time, off$"),
        ({"encoding": "utf-9"}, r"^encoding='utf-9' is unknown; give a name such as latin-1"),
        ({"timezone": "Mars"}, r"^timezone='Mars' is unknown; give a name such as"),
        ({"extract": 7}, r"^extract=7 is no text$"),
        ({"extract": "("}, r"^'\(' is no regular expression"),
        ({"formats": "a.log"}, r"^a\.log is no JSON"),
        ({"pattern": "(x)"}, r"^the pattern '\(x\)' names no group; name what you want"),
        ({"pattern": "("}, r"^the pattern '\(' is no regular expression of Python"),
        ({"pattern": 7}, r"^pattern=7 is no text$"),
        ({"at": "x"}, r"^at='x' has no meaning here; leave it out$"),
        ({"incomplete": "x"}, r"^incomplete='x' is unknown"),
        ({"tpye": "x"}, r"^there is no filter tpye"),
    ],
    ids=str,
)
def test_error_is_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    write("a.log", "one\n")
    write("packed.zip.log", b"PK\x03\x04")
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=sentence):
        silently(**{"paths": "a.log", **arguments})


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_cut_off_is_an_error_or_told() -> None:
    lines = "".join(f"{n} {os.urandom(200).hex()}\n" for n in range(3_000))
    write("cut.log.gz", gzip.compress(lines.encode())[:-1_000])
    write("whole.log", "whole\n")
    with pytest.raises(UsageError, match=r"^cut\.log\.gz is damaged"):
        silently("*.log*")
    with pytest.warns(MissingLogs, match=r"^this answer lacks logs: cut\.log\.gz is damaged"):
        frame = workbench.read("*.log*", incomplete="warn")
    assert frame["message"].str.startswith("whole").sum() == 1
    assert 2_900 < len(frame) < 3_001
    assert len(frame.attrs["missing"]) == 1


@pytest.mark.usefixtures("folder")
def test_lines_without_a_log_are_told() -> None:
    odd = '{"type":"x","message":"y","timestamp":"soon"}'
    write("app.log", "\n".join(['{"type":"x","message":"y"}', odd, *["no object"] * 7]))
    with pytest.warns(MissingLogs, match=r"app\.log:2: timestamp must be .+; and 3 more lines$"):
        frame = workbench.read("app.log", format="jsonl")
    assert len(frame) == 1
    assert len(frame.attrs["missing"]) == 6


@pytest.mark.usefixtures("folder")
@pytest.mark.filterwarnings("error::waterline.errors.NothingFound")
def test_an_answer_without_a_log_says_why() -> None:
    write("empty.log", "\n\n")
    write("app.log", "2026-01-01 00:00:00 ERROR x\n")
    for arguments, sentence in (
        ({"paths": "empty.log"}, r"^empty\.log holds no log$"),
        ({"paths": "app.log", "type": "eror"}, r"type='eror' left no log.* did you mean 'error'"),
        ({"paths": "app.log", "since": "2027-01-01"}, r"left no log: the newest is of 2026-01-01"),
        ({"paths": "app.log", "source": "a.log"}, r"did you mean 'app\.log'"),
        ({"paths": "app.log", "attributes": ["x"]}, r"has an attribute 'x'"),
    ):
        with pytest.raises(NothingFound, match=sentence):
            workbench.read(**arguments)


def test_an_empty_file_has_the_columns_of_logs(folder: Path) -> None:
    fill(folder / "data", LOGS)
    frame = workbench.read(write("empty.log", ""))
    with workbench.connect(folder / "data") as wb:
        pd.testing.assert_series_equal(frame.dtypes, wb.logs().dtypes)
    assert not len(frame)


@pytest.mark.usefixtures("folder")
def test_times_that_lines_leave_out_are_those_of_the_last_change() -> None:
    write("app.log", "Mar 16 10:00:00 host x: y\n\n")
    assert silently("app.log")["timestamp"][0] == datetime(2026, 3, 16, 10, tzinfo=UTC)
    write("undated.log", "one\n")
    frame = silently("undated.log")
    assert frame["timestamp"][0] == frame["received_at"][0] == WRITTEN


@pytest.mark.usefixtures("folder")
def test_a_number_as_time_of_a_stored_log_is_milliseconds_as_the_live_feed_sends_it() -> None:
    write("live.jsonl", EXPORTED)
    frame = silently("live.jsonl")
    assert frame["timestamp"][0] == pd.Timestamp("1970-01-01T00:00:00.005Z")

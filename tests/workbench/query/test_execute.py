"""A question over the stored logs gives what a plain filter over a list of them gives."""

import datetime as dt
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import archive
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, Log, fill, fill_batches
from tests.support.plainly import PlainLog, answer_plainly, same_json, store_plainly
from tests.support.sessions import session_of
from waterline.encoding import PARQUET
from waterline.query_text.condition import OPERATORS
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from workbench.query import hot
from workbench.query.question import ask
from workbench.workbench import Workbench

DTYPES = {
    "seq": "int64",
    "id": "str",
    "type": "str",
    "timestamp": "datetime64[us, UTC]",
    "received_at": "datetime64[us, UTC]",
    "source": "str",
    "message": "str",
    "attributes": "str",
}

# Few of each, so that logs share values and questions find them.
TYPES = ["info", "error", "warning", "Info", "größer", "in fo", "' OR 1=1 --", "%", "\x00"]
SOURCES = ["web-1", "web-2", "Web-1", "naïve source"]
NAMES = [
    "status",
    "duration_ms",
    "",
    " ",
    "a",
    "a b",
    "a.b",
    'quoted "name"',
    "it's",
    "$",
    "$.status",
    "[0]",
    "#",
    "schlüssel",
    "\u2028",
    "nul\x00nul",
    "back\\slash",
    "%",
    "seq",
    "source",
    "received_at",
    "attributes",
    "key",
    "value",
]
INTEGERS = [
    0,
    1,
    -1,
    200,
    500,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**64,
    -(2**70),
    66_054_830_806_062_362_626,  # SQLite's float for it is not Python's
    10**400,
]
FLOATS = [0.0, -0.0, 0.1, 1.0, 1.5, 200.0, 0.1 + 0.2, 1e-300, 1.7e308, 2.0**53]
TEXTS = ["", "a", "A", "ab", "b", "ä", "1", "500", "true", "null", "%", "_", "\x00", "a\x00b", "😀"]
PIECES = ["", "a", "A", "%", "_", "'", '"', "\\", "\n", "\x00", "ä", "😀", "timeout", "50%", "a_b"]
TIMESTAMPS = [
    MIN_TIMESTAMP,
    -1001,
    -1000,
    -1,
    0,
    1,
    999,
    NOON - 1,
    NOON,
    NOON + 1,
    MAX_TIMESTAMP,
]

scalars = (
    st.sampled_from(INTEGERS)
    | st.sampled_from(FLOATS)
    | st.sampled_from(TEXTS)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
)
nested = st.sampled_from(
    [
        *([], {}, [1, 2], {"status": 500}, [[None]], {"a": {"b": [True]}}),
        *({"b": 1}, {"b": "ab"}, {"b": {"": {"a": "A"}}}, {"b": {"c": 1.5}, "b.c": 2}, {"b": None}),
    ]
)
PATHS = ["a.b", "a.b.c", "a.a.b", "a.b..a", "a.status", "a.", ".", "value.b", "type.status"]
# Of those that mean the same in RE2 and in Python's own engine.
PATTERNS = ["a", "^a", "[a%_]", "[0-9]", "a|ä", "(?:ab)+", "^$", "\\\\", ".a", "t[i]me?", "[^a]"]
attributes = st.dictionaries(
    st.sampled_from(NAMES), st.none() | scalars | scalars | nested, max_size=5
)
messages = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(max_size=8)
timestamps = st.sampled_from(TIMESTAMPS) | st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP)


@st.composite
def logs_of_producers(draw: st.DrawFn) -> Log:
    log: dict[str, object] = {
        "type": draw(st.sampled_from(TYPES)),
        "message": draw(messages),
        **draw(attributes),
    }
    if draw(st.booleans()):
        log["timestamp"] = draw(timestamps)
    if draw(st.booleans()):
        log["id"] = draw(st.sampled_from(["1", "2", "A", "a", "ä", "' --"]))
    return log


batches_of_logs = st.lists(
    st.builds(
        Batch,
        logs=st.lists(logs_of_producers(), min_size=1, max_size=6),
        source=st.sampled_from(SOURCES),
        # Clocks are set back, too.
        received_at=st.integers(NOON - 2, NOON + 2),
    ),
    min_size=1,
    max_size=4,
)


minus = st.sampled_from(["", "-"])


def one_or_several(values: list[str]) -> st.SearchStrategy[object]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


@st.composite
def wheres(draw: st.DrawFn, members: list[tuple[str, object]]) -> dict[str, object]:
    """Draw conditions, mostly on attributes and values that some log has."""
    where: dict[str, object] = {}
    for _ in range(draw(st.sampled_from([1, 1, 2]))):
        name, value = draw(st.sampled_from(members))
        value = draw(st.sampled_from([value, value, draw(scalars)]))
        if not isinstance(value, str | int | float):
            value = draw(scalars)
        operator = draw(st.sampled_from([None, *OPERATORS]))
        if operator == "in":
            where[name] = ("in", [*draw(st.lists(scalars, max_size=3)), value])
        else:
            where[name] = value if operator is None else (operator, value)
    return where


def quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


@st.composite
def texts(draw: st.DrawFn, logs: list[PlainLog]) -> str:
    """Draw a query as text, mostly about what some log has."""
    pieces = [each.message[:3] for each in logs if each.message] + ["timeout", "%", "_"]
    numbers = st.integers(-(2**70), 2**70) | st.sampled_from([200, 500])
    types = st.sampled_from([each.type for each in logs]).map(quoted)
    sources = st.sampled_from([each.source for each in logs]).map(quoted)
    members = [member for each in logs for member in each.attributes.items()]
    there = [name for name, _ in members] or NAMES
    names = (st.sampled_from(there) | st.sampled_from(there) | st.sampled_from(NAMES + PATHS)).map(
        lambda name: quoted(f"attributes.{name}")
    )
    stored = [value for _, value in members if isinstance(value, str | int | float)]
    values = st.sampled_from(
        [
            *(quoted(each) if isinstance(each, str) else json.dumps(each) for each in stored),
            *("0", "1", "true", "false", "1e2", *map(quoted, TEXTS)),
        ]
    )
    operators = st.sampled_from(["!=", "<", "<=", ">", ">="])
    case = st.sampled_from(["", "i"])
    patterns = st.builds('~"{}"{}'.format, st.sampled_from(PATTERNS), case)
    of_pattern = st.sampled_from(["", "type", "source"]) | names
    ends = st.sampled_from(["0", "1", "200", "500", "-1", "1.5", str(2**53), "1e2"])
    ranges = st.one_of(
        st.builds("{}..{}".format, *[ends.filter(lambda end: float(end) <= 1)] * 2).filter(
            lambda text: float(text.split("..")[0]) <= float(text.split("..")[1])
        ),
        st.builds("{}..".format, ends),
        st.builds("..{}".format, ends),
    )
    terms = st.one_of(
        st.builds("{}{}{}".format, minus, of_pattern, patterns),
        st.builds("{}{}i".format, minus, st.sampled_from(pieces).filter(bool).map(quoted)),
        st.builds("{}type:{}i".format, minus, types),
        st.builds("{}source:{}i".format, minus, sources),
        st.builds("{}{}:{}i".format, minus, names, st.sampled_from(TEXTS).map(quoted)),
        st.builds("{}{}:{}".format, minus, names, ranges),
        st.builds("{}{}:*".format, minus, names),
        st.builds("{}type:{}".format, minus, types),
        st.builds("{}source:{}".format, minus, sources),
        st.builds("{}{}".format, minus, st.sampled_from(pieces).map(quoted)),
        st.builds("{}{}:{}".format, minus, names, values),
        st.builds("{}{}{}".format, names, operators, numbers | values),
    )
    grouped = st.recursive(
        terms,
        lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
            lambda parts: st.sampled_from([" ".join(parts), f"({' OR '.join(parts)})"])
        ),
        max_leaves=4,
    )
    return " ".join(draw(st.lists(terms | grouped, min_size=1, max_size=2)))


@st.composite
def questions(draw: st.DrawFn, batches: list[Batch]) -> dict[str, Any]:
    logs = store_plainly(batches)
    moments = [each.timestamp for each in logs] + [NOON]
    times = st.sampled_from([min(each + 1, MAX_TIMESTAMP) for each in moments] + moments)
    pieces = [each.message[start:3] for each in logs for start in (0, 1)]
    members = [member for each in logs for member in each.attributes.items()]
    filters: dict[str, st.SearchStrategy[Any]] = {
        "type": one_or_several([*(each.type for each in logs), "INFO"]),
        "source": one_or_several([*(each.source for each in logs), "WEB-1"]),
        "since": times,
        "until": times,
        "contains": st.sampled_from([*pieces, *PIECES]),
        "where": wheres([*members, ("status", 500)]),
        "query": texts(logs),
    }
    # One or two, for with more there is rarely a log left.
    names = draw(st.lists(st.sampled_from([*filters, "query"]), max_size=2, unique=True))
    asked: dict[str, Any] = {name: draw(filters[name]) for name in names}
    if asked.get("since", MIN_TIMESTAMP) > asked.get("until", MAX_TIMESTAMP):
        asked["since"], asked["until"] = asked["until"], asked["since"]
    asked["order"] = draw(st.sampled_from([None, "oldest", "newest"]))
    asked["limit"] = draw(st.none() | st.integers(0, 6))
    return asked


@st.composite
def folders_and_questions(draw: st.DrawFn) -> tuple[list[Batch], list[dict[str, Any]]]:
    batches = draw(batches_of_logs)
    return batches, draw(st.lists(questions(batches), min_size=2, max_size=3))


def milliseconds(moment: pd.Timestamp) -> int:
    return int(moment.asm8.astype("datetime64[ms]").astype("int64"))


def assert_equal(frame: pd.DataFrame, expected: list[PlainLog]) -> None:
    assert frame["seq"].tolist() == [each.seq for each in expected]
    rows: list[Any] = list(frame.itertuples(index=False))
    for row, log in zip(rows, expected, strict=True):
        assert (row.type, row.source, row.message) == (log.type, log.source, log.message)
        assert (milliseconds(row.timestamp), milliseconds(row.received_at)) == (
            log.timestamp,
            log.received_at,
        )
        assert row.id == log.id or (log.id is None and len(row.id) == 36)
        assert same_json(json.loads(row.attributes), log.attributes)


def assert_dtypes(frame: pd.DataFrame) -> None:
    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert list(frame.columns) == list(DTYPES)
    assert isinstance(frame.index, pd.RangeIndex)


@pytest.mark.slow
@costly(150)
@given(folders_and_questions())
def test_any_question_is_answered_as_a_plain_filter_would(
    case: tuple[list[Batch], list[dict[str, Any]]],
) -> None:
    batches, asked = case
    expected = store_plainly(batches)
    with tempfile.TemporaryDirectory() as folder:
        fill_batches(Path(folder), batches)
        with Workbench(folder, clock=lambda: NOON) as wb:
            assert_equal(wb.logs(), answer_plainly(expected, ask(now=NOON)))
            for filters in asked:
                answer = answer_plainly(expected, ask(now=NOON, **filters))
                frame = wb.logs(**filters)
                assert_equal(frame, answer)
                assert_dtypes(frame)
                assert wb.count(**filters) == len(answer)


def seqs(data: Path, **filters: Any) -> list[int]:  # noqa: ANN401 - any filter
    """Return what is found, once it is known to be the same when some or all is archived."""
    found = found_in(data, **filters)
    for rows in (1, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "data"
            shutil.copytree(data, copy)
            archive(copy, [(rows, PARQUET)])
            assert found_in(copy, **filters) == found
    return found


def found_in(data: Path, **filters: Any) -> list[int]:  # noqa: ANN401 - any filter
    with Workbench(data, clock=lambda: NOON) as wb:
        found = wb.logs(**filters)["seq"].tolist()
        assert wb.count(**filters) == len(found)
    return found


def fill_values(data: Path, *values: object) -> None:
    """Store a log for each value, as its attribute `a`, and one without it."""
    logs: list[Log] = [{"type": "info", "message": "m", "a": value} for value in values]
    fill(data, [*logs, {"type": "info", "message": "m"}])


def test_empty_folder_answers_with_an_empty_frame_of_the_same_dtypes(data: Path) -> None:
    fill(data)
    with Workbench(data) as wb:
        assert_dtypes(wb.logs())
        assert wb.logs().empty
        assert wb.count() == 0


def test_dtypes_are_the_same_with_logs_and_where_none_is_found(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    with Workbench(data) as wb:
        assert len(wb.logs()) == 1
        assert_dtypes(wb.logs())
        assert_dtypes(wb.logs(type="none"))
        assert_dtypes(wb.logs(limit=0))
        assert_dtypes(wb.logs(order="newest", limit=1))


def test_times_of_the_years_1_to_9999_come_through(data: Path) -> None:
    fill(
        data,
        [
            {"type": "info", "message": "m", "timestamp": each}
            for each in (MIN_TIMESTAMP, -1, MAX_TIMESTAMP)
        ],
    )
    with Workbench(data) as wb:
        shown = [each.isoformat() for each in wb.logs()["timestamp"]]
    assert shown == [
        "0001-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.999000+00:00",
        "9999-12-31T23:59:59.999000+00:00",
    ]


def test_since_is_inclusive_and_until_exclusive(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "timestamp": each} for each in (9, 10, 19, 20)])
    assert seqs(data, since=10, until=20) == [2, 3]
    assert seqs(data, since=10, until=10) == []


def test_relative_times_count_from_the_clock(data: Path) -> None:
    hour = 3_600_000
    fill(
        data,
        [
            {"type": "info", "message": "m", "timestamp": NOON + offset}
            for offset in (-2 * hour, -hour - 1, -hour, 0)
        ],
    )
    assert seqs(data, since="-1h") == [3, 4]
    assert seqs(data, since="-2h", until="-1h") == [1, 2]
    noon = dt.datetime.fromtimestamp(NOON / 1000, dt.UTC)
    assert seqs(data, until=noon) == [1, 2, 3]


def test_equal_timestamps_stay_in_the_order_of_receipt(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "timestamp": each} for each in (5, 3, 5, 3, 5)])
    assert seqs(data) == [2, 4, 1, 3, 5]
    assert seqs(data, order="newest") == [5, 3, 1, 4, 2]


def test_ids_have_no_say_in_the_order(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "timestamp": 0, "id": each} for each in "cabd"])
    # Found by the index on source and id.
    assert seqs(data, source="test") == [1, 2, 3, 4]
    assert seqs(data, source="test", limit=3) == [2, 3, 4]
    assert seqs(data, source="test", order="newest") == [4, 3, 2, 1]


def test_limit_keeps_the_newest_in_either_order(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "timestamp": each} for each in (5, 3, 5, 3, 5)])
    assert seqs(data, limit=2) == [3, 5]
    assert seqs(data, limit=4, order="newest") == [5, 3, 1, 4]
    assert seqs(data, limit=10**30) == [2, 4, 1, 3, 5]
    assert seqs(data, limit=0) == []


def test_contains_is_literal_and_minds_case(data: Path) -> None:
    messages = ["100% done", "100 done", "DONE", "a_b", "axb", "line\nbreak", "nul\x00end", "it's"]
    fill(data, [{"type": "info", "message": each} for each in messages])
    assert seqs(data, contains="0%") == [1]
    assert seqs(data, contains="done") == [1, 2]
    assert seqs(data, contains="a_b") == [4]
    assert seqs(data, contains="e\nb") == [6]
    assert seqs(data, contains="\x00end") == [7]
    assert seqs(data, contains="'") == [8]
    assert seqs(data, contains="") == list(range(1, 9))


def test_values_are_compared_with_their_own_kind(data: Path) -> None:
    fill_values(data, 1, 1.0, True, "1", "true", [1], {"a": 1}, None, 2)
    assert seqs(data, where={"a": 1}) == [1, 2]
    assert seqs(data, where={"a": True}) == [3]
    assert seqs(data, where={"a": "1"}) == [4]
    assert seqs(data, where={"a": (">", 0)}) == [1, 2, 9]
    assert seqs(data, where={"a": ("<", "z")}) == [4, 5]
    assert seqs(data, where={"a": ("in", ["true", 2, False])}) == [5, 9]
    assert seqs(data, where={"a": ("in", [True, "1"])}) == [3, 4]
    assert seqs(data, where={"a": ("in", [])}) == []


def test_unequal_wants_the_attribute_there_with_another_value(data: Path) -> None:
    fill_values(data, 1, 2, True, "1", [1], None)
    assert seqs(data, where={"a": ("!=", 1)}) == [2, 3, 4, 5]


def test_missing_or_null_attribute_meets_no_condition(data: Path) -> None:
    fill_values(data, None)
    for operator in OPERATORS[:-1]:
        for value in (0, "", False):
            assert seqs(data, where={"a": (operator, value)}) == []
    assert seqs(data, where={"a": ("in", [0, "", False])}) == []


def test_every_condition_must_be_met(data: Path) -> None:
    fill(
        data,
        [{"type": "info", "message": "m", "a": a, "b": b} for a in (1, 2) for b in (1, 2)],
    )
    assert seqs(data, where={"a": 2, "b": ("<", 2)}) == [3]


def test_integers_are_told_apart_up_to_64_bits(data: Path) -> None:
    fill_values(data, 2**53, 2**53 + 1, 2**63 - 1, 2**63 - 2)
    assert seqs(data, where={"a": 2**53 + 1}) == [2]
    assert seqs(data, where={"a": (">", 2**63 - 2)}) == [3]
    assert seqs(data, where={"a": float(2**53)}) == [1]


def test_integers_beyond_64_bits_are_found_and_ordered(data: Path) -> None:
    # SQLite's float for the first is not the one next to it, which Python gives.
    fill_values(data, 66_054_830_806_062_362_626, 10**400, -(2**64), 5)
    assert seqs(data, where={"a": 66_054_830_806_062_362_626}) == [1]
    assert seqs(data, where={"a": ("in", [66_054_830_806_062_362_626, -(2**64)])}) == [1, 3]
    assert seqs(data, where={"a": (">", 2**63)}) == [1, 2]
    assert seqs(data, where={"a": ("<", 10**400)}) == [1, 3, 4]
    assert seqs(data, where={"a": ("<", float("inf"))}) == [1, 3, 4]


@pytest.mark.slow
def test_list_of_values_may_be_as_long_as_one_likes(data: Path) -> None:
    fill_values(data, 7, "7")
    many = range(33_000)  # SQLite takes 32,766 parameters, and 1000 levels of OR
    assert seqs(data, where={"a": ("in", many)}) == [1]
    assert seqs(data, type=[*map(str, many), "info"]) == [1, 2, 3]
    assert seqs(data, source=[*map(str, many)]) == []


def test_attribute_named_like_a_column_is_asked_for_as_an_attribute(data: Path) -> None:
    fill(
        data,
        [
            {"type": "info", "message": "m", "seq": 77, "source": "of its own"},
            {"type": "info", "message": "m", "attributes": {"seq": 77}},
        ],
    )
    assert seqs(data, where={"seq": 77}) == [1]
    assert seqs(data, where={"seq": 2}) == []
    assert seqs(data, where={"source": "of its own"}) == [1]
    assert seqs(data, source="of its own") == []


def test_log_sent_again_is_there_once_for_each_source(data: Path) -> None:
    log = {"id": "a", "type": "info", "message": "m"}
    answers = fill_batches(
        data, [Batch([log, log], "one"), Batch([log], "one", NOON + 1), Batch([log], "two")]
    )
    assert answers == [("a", 1, False), ("a", 1, True), ("a", 1, True), ("a", 2, False)]
    assert seqs(data) == [1, 2]
    assert seqs(data, source="one") == [1]


@pytest.mark.parametrize("walked", [0, 3, 50, 99])
@pytest.mark.parametrize("filters", [{}, {"until": NOON + 40}, {"before": (NOON + 40, 41)}])
def test_newest_matches_are_same_however_far_back_they_lie(
    data: Path, monkeypatch: pytest.MonkeyPatch, walked: int, filters: dict[str, Any]
) -> None:
    fill(
        data,
        [
            {"type": "x" if n in (3, 5, 38, 60) else "y", "message": "m", "timestamp": NOON + n}
            for n in range(100)
        ],
    )
    monkeypatch.setattr(hot, "_WALKED", walked)
    with Workbench(data, clock=lambda: NOON) as wb:
        session = session_of(wb)
        for limit in range(6):
            for name in ("x", "y", "z"):
                question = replace(ask(now=NOON, type=name, limit=limit, order="newest"), **filters)
                found = session.logs.rows(question).table["seq"].to_pylist()
                end = 100 if not filters else 40
                named = [n + 1 for n in range(end) if (n in (3, 5, 38, 60)) == (name == "x")]
                assert found == ([] if name == "z" else named[::-1][:limit])

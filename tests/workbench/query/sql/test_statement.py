"""SQL over a folder gives what a plain filter gives, reads what it needs, and reaches no more."""

import datetime as dt
import operator
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import Part, archive, elsewhere, path_of, prune
from tests.support.examples import costly
from tests.support.folders import DAY, NOON, Batch, fill
from tests.support.interrupts import interrupt
from tests.support.measured import fill_measured
from tests.support.part_archived import noted_reads, part_archived, parts
from tests.support.plainly import PlainLog, store_plainly
from tests.support.processes import PATIENCE
from tests.workbench.query.test_execute import batches_of_logs
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import ArchiveError, PrunedLogs, UsageError, WaterlineError
from waterline.metrics.rollup_store import Retention
from waterline.metrics.spans import HOUR, SECOND
from workbench.query.sql.statement import Parameters

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LOG = {"type": "info", "message": "m"}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Condition = tuple[str, list[object], Callable[[PlainLog], bool]]
"""A text of SQL, the values of its parameters, and what it means."""


@st.composite
def comparisons(draw: st.DrawFn, logs: list[PlainLog]) -> Condition:
    name = draw(st.sampled_from(["seq", "type", "source", "message", "timestamp"]))
    sign = draw(st.sampled_from([*COMPARISONS]))
    value = getattr(draw(st.sampled_from(logs)), name)
    if name != "timestamp":
        if isinstance(value, str) and sign not in ("=", "<>"):
            sign = "="
        compare = COMPARISONS[sign]
        return f"{name} {sign} ?", [value], lambda log: compare(getattr(log, name), value)
    value = max(-(10**12), min(value, 4 * 10**12)) + draw(st.integers(-1, 1))
    compare = COMPARISONS[sign]
    given = EPOCH + dt.timedelta(milliseconds=value)
    return f"timestamp {sign} ?", [given], lambda log: compare(log.timestamp, value)


def both(one: Condition, other: Condition) -> Condition:
    return (
        f"({one[0]} AND {other[0]})",
        one[1] + other[1],
        lambda log: one[2](log) and other[2](log),
    )


def either(one: Condition, other: Condition) -> Condition:
    return f"({one[0]} OR {other[0]})", one[1] + other[1], lambda log: one[2](log) or other[2](log)


@st.composite
def folders_and_conditions(draw: st.DrawFn) -> tuple[list[Batch], list[Condition]]:
    batches = draw(batches_of_logs)
    logs = store_plainly(batches)
    conditions = st.recursive(
        comparisons(logs),
        lambda inner: st.builds(both, inner, inner) | st.builds(either, inner, inner),
        max_leaves=3,
    )
    return batches, draw(st.lists(conditions, min_size=3, max_size=6))


@pytest.mark.slow
@costly(25)
@given(folders_and_conditions(), parts, st.booleans())
def test_where_chooses_what_a_plain_filter_does(
    case: tuple[list[Batch], list[Condition]], archived: list[Part], clear: bool
) -> None:
    batches, conditions = case
    logs = store_plainly(batches)
    with part_archived(batches, archived, clear=clear) as wb:
        for text, values, means in conditions:
            found = wb.sql(f"SELECT seq, message FROM logs WHERE {text} ORDER BY seq", values)
            expected = [log for log in logs if means(log)]
            expected.sort(key=lambda log: log.seq)
            assert found["seq"].tolist() == [log.seq for log in expected]
            assert found["message"].tolist() == [log.message for log in expected]
            counted = wb.sql(f"SELECT count(*) AS n FROM logs WHERE {text}", values)
            assert counted["n"].tolist() == [len(expected)]


def test_question_to_all_columns_is_as_logs_with_nullable_numbers(data: Path) -> None:
    fill(data, [LOG, {**LOG, "status": 500}])
    with workbench.connect(data) as wb:
        found = wb.sql("SELECT * FROM logs ORDER BY seq")
        logs = wb.logs()
        assert {**found.dtypes.astype(str)} == {**logs.dtypes.astype(str), "seq": "Int64"}
        assert found.to_dict("list") == logs.to_dict("list")
        (status,) = wb.sql("SELECT attributes->>'status' AS s FROM logs WHERE seq = 2")["s"]
    assert status == "500"


def test_sums_of_whole_numbers_are_whole(data: Path) -> None:
    fill(data, [LOG] * 3)
    with workbench.connect(data) as wb:
        found = wb.sql("SELECT sum(seq) AS s, avg(seq) AS a FROM logs")
    assert {**found.dtypes.astype(str)} == {"s": "Int64", "a": "float64"}
    assert found.to_dict("list") == {"s": [6], "a": [2.0]}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("SELECT seq FROM logs WHERE message = ?", ["' OR 1=1 --"]),
        ("SELECT seq FROM logs WHERE message = $1", ["' OR 1=1 --"]),
        ("SELECT seq FROM logs WHERE message = $m", {"m": "' OR 1=1 --"}),
    ],
)
def test_parameters_are_bound(data: Path, query: str, parameters: Parameters) -> None:
    fill(data, [LOG, {"type": "info", "message": "' OR 1=1 --"}])
    with workbench.connect(data) as wb:
        assert wb.sql(query, parameters)["seq"].tolist() == [2]


# What is read


def test_select_reads_only_the_archive_files_and_columns_it_needs(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, [{**LOG, "timestamp": NOON + n} for n in range(6)])
    archive(data, [(2, PARQUET)] * 3, clear=True)
    with workbench.connect(data) as wb:
        seen = noted_reads(monkeypatch)
        assert wb.sql("SELECT type FROM logs WHERE seq = 3")["type"].tolist() == ["info"]
        ((first_seq, columns),) = seen
        assert first_seq == 3
        assert columns is not None
        assert "attributes" not in columns
        assert "message" not in columns
        seen.clear()
        since = EPOCH + dt.timedelta(milliseconds=NOON + 4)
        wb.sql("SELECT message FROM logs WHERE timestamp >= ?", [since])
        assert [first for first, _ in seen] == [5]


@pytest.mark.parametrize("inside", ["seq >= 3", "timestamp >= '2026-03-17 12:00:00.002Z'"])
def test_damaged_file_matters_where_it_is_needed(data: Path, inside: str) -> None:
    fill(data, [{**LOG, "timestamp": NOON + n} for n in range(4)])
    _, second = archive(data, [(2, PARQUET)] * 2, clear=True)
    path_of(data, second).write_bytes(b"damaged")
    with workbench.connect(data) as wb:
        assert wb.sql("SELECT seq FROM logs WHERE seq < 3")["seq"].tolist() == [1, 2]
        with pytest.raises(ArchiveError, match=re.escape(second.file)):
            wb.sql(f"SELECT seq FROM logs WHERE {inside}")


# One moment


def test_every_part_of_a_statement_is_of_one_moment_also_a_pinned_one(data: Path) -> None:
    fill(data, [LOG] * 3)
    counted = "SELECT (SELECT count(*) FROM logs) AS a, count(*) AS b FROM logs"
    with workbench.connect(data) as wb:
        pin = wb.pin()
        elsewhere(fill, data, [LOG] * 2)
        elsewhere(archive, data, [(4, PARQUET)], clear=True)
        assert wb.sql(counted).to_dict("list") == {"a": [5], "b": [5]}
        found = wb.sql(counted, at=pin)
        assert found.to_dict("list") == {"a": [3], "b": [3]}
        assert found.attrs["pin"] == str(pin)
    with workbench.connect(data, at=pin) as wb:
        assert wb.sql(counted).to_dict("list") == {"a": [3], "b": [3]}


def test_pruned_logs_are_told(data: Path) -> None:
    fill(data, [LOG] * 4)
    prune(data, archive(data, [(2, PARQUET)], clear=True))
    with workbench.connect(data) as wb, pytest.warns(PrunedLogs):
        found = wb.sql("SELECT seq FROM logs ORDER BY seq")
    assert found["seq"].tolist() == [3, 4]
    assert "pruned" in found.attrs["pruned"]


# The other relations


def test_catalog_is_a_relation(data: Path) -> None:
    fill(data, [LOG] * 4)
    first, second = archive(data, [(3, PARQUET), (1, JSON_GZ)])
    with workbench.connect(data) as wb:
        found = wb.sql(
            "SELECT file, last_seq - first_seq + 1 AS rows FROM archive_batches ORDER BY file"
        )
        kinds = wb.sql("SELECT archived_at, types FROM archive_batches LIMIT 1")
    assert found.to_dict("list") == {"file": [first.file, second.file], "rows": [3, 1]}
    assert str(kinds["archived_at"].dtype) == "datetime64[us, UTC]"
    assert '"info"' in kinds["types"][0]


def test_metrics_relation_is_empty_without_measurements(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        found = wb.sql("SELECT * FROM performance_metrics")
    assert [*found.columns] == ["id", "metric_name", "value", "timestamp", "metadata"]
    assert found.empty


def test_measurements_are_a_relation_in_which_each_log_is_counted_once(data: Path) -> None:
    times = [NOON - 3 * DAY, NOON - 2 * HOUR, NOON - SECOND]
    fill_measured(
        data,
        [Batch([LOG] * 2, received_at=each) for each in times],
        now=NOON,
        retention=Retention(seconds=HOUR, minutes=DAY, hours=30 * DAY),
    )
    question = """
        SELECT metadata->>'step' AS step, (metadata->>'count')::INT AS logs, timestamp AS time
        FROM performance_metrics
        WHERE metric_name = 'logs_stored' AND metadata->>'type' = 'info' AND timestamp < ?
        ORDER BY timestamp
    """
    with workbench.connect(data) as wb:
        found = wb.sql(question, [dt.datetime(2026, 3, 18, tzinfo=dt.UTC)])
    assert found["step"].tolist() == ["hour", "minute", "second"]
    assert found["logs"].tolist() == [2, 2, 2]
    assert found["time"].astype("datetime64[ms, UTC]").astype("int64").tolist() == times


# What is refused


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "has 0 statements"),
        ("SELECT 1; SELECT 2", "has 2 statements"),
        ("INSERT INTO logs SELECT * FROM logs", "is no SELECT but INSERT"),
        ("DELETE FROM logs", "is no SELECT but DELETE"),
        ("UPDATE logs SET type = 'x'", "is no SELECT but UPDATE"),
        ("DROP TABLE logs", "is no SELECT but DROP"),
        ("CREATE TABLE x AS SELECT 1", "is no SELECT but CREATE"),
        ("ATTACH 'x.db'", "is no SELECT but ATTACH"),
        ("COPY (SELECT 1) TO 'x.csv'", "is no SELECT but COPY"),
        ("SET threads = 1", "is no SELECT but SET"),
        ("INSTALL httpfs", "is no SELECT but"),
        ("SELECT * FROM 'x.csv'", "cannot be answered: "),
        ("SELECT * FROM read_csv('x.csv')", "cannot be answered: "),
        ("SELECT * FROM sqlite_scan('logs.db', 'logs')", "cannot be answered: "),
        ("SELECT * FROM nothing", "cannot be answered: "),
        ("SELECT duration FROM logs", "cannot be answered: "),
        ("SELEC seq FROM logs", "cannot be answered: "),
        ("SELECT * FROM logs WHERE seq = ?", "cannot be answered: "),
        ("SELECT message::INTEGER FROM logs", "cannot be answered: "),
    ],
)
def test_query_that_is_no_select_over_our_relations_is_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, reason: str
) -> None:
    fill(data, [LOG])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a\n1\n")
    with workbench.connect(data) as wb:
        with pytest.raises(UsageError) as refused:
            wb.sql(query)
        assert str(refused.value).startswith(f"query={query!r} {reason}")
        assert "\n" not in str(refused.value)
        assert wb.sql("SELECT count(*) AS n FROM logs")["n"].tolist() == [1]
    assert [each.name for each in tmp_path.glob("x.*")] == ["x.csv"]


@pytest.mark.parametrize("query", [None, 5, b"SELECT 1"])
def test_query_that_is_no_text_is_refused(data: Path, query: object) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=r"is no text"):
        wb.sql(query)  # type: ignore[arg-type]


def test_variables_of_the_caller_are_no_relations(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        frame = wb.logs()
        assert len(frame) == 1
        with pytest.raises(UsageError, match=r"cannot be answered"):
            wb.sql("SELECT * FROM frame")


def test_pin_of_another_folder_is_refused(data: Path, tmp_path: Path) -> None:
    fill(data, [LOG])
    fill(tmp_path / "other", [LOG])
    with workbench.connect(tmp_path / "other") as other:
        pin = other.pin()
    with workbench.connect(data) as wb, pytest.raises(WaterlineError, match=r"another data folder"):
        wb.sql("SELECT count(*) FROM logs", at=pin)


# Interrupts


@pytest.mark.slow
def test_interrupt_ends_a_statement_and_the_workbench_goes_on(data: Path) -> None:
    fill(data, [LOG] * 7)
    numbers = "range(1000000)"
    query = f"SELECT count(*) FROM {numbers} a, {numbers} b WHERE a.range<>b.range"
    answered = interrupt(
        data,
        f"wb.sql('{query}')",  # it takes hours
        before="wb.sql('SELECT 1')",
        afterwards="wb.sql('SELECT count(*) AS n FROM logs').n[0]",
    )
    assert answered == "7\n"


def test_statement_that_takes_long_prints_no_bar_of_the_engine(data: Path) -> None:
    fill(data)
    # There DuckDB takes a program for a session with a person.
    program = (
        "import sys, workbench\n"
        "with workbench.connect(sys.argv[1]) as wb:\n"
        "    print(wb.sql(\"SELECT current_setting('enable_progress_bar') AS bar\").bar[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == "False\n"

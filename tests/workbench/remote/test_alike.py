"""A workbench over the network answers as that of the folder does."""

import json
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import archive, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, fill, fill_batches
from tests.support.questions import Questions, answering
from tests.workbench.query.test_execute import (
    FLOATS,
    INTEGERS,
    NAMES,
    PIECES,
    SOURCES,
    TEXTS,
    TIMESTAMPS,
    TYPES,
    questions,
)
from waterline.archive.columns import NAMES as COLUMNS
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import WaterlineError
from workbench.serving.rows import AT_ONCE
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

_OWN = frozenset({"seconds", "cache"})
Ask = Callable[[Workbench], Any]


def told(ask: Ask, wb: Workbench) -> tuple[object, list[tuple[str, str]]]:
    """Return what is answered, or the error, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = ask(wb)
        except WaterlineError as error:
            found = (type(error).__name__, str(error))
    return found, [(each.category.__name__, str(each.message)) for each in caught]


def assert_alike(ask: Ask, here: Workbench, there: Workbench) -> None:
    """See that both answer alike: frames with dtypes and attributes, warnings and errors."""
    (mine, warned), (theirs, told_of) = told(ask, here), told(ask, there)
    assert told_of == warned
    assert_same(theirs, mine)


def assert_same(theirs: object, mine: object) -> None:
    assert type(theirs) is type(mine), (theirs, mine)
    if isinstance(mine, pd.DataFrame):
        assert isinstance(theirs, pd.DataFrame)
        pd.testing.assert_frame_equal(theirs, mine)
        assert without(theirs.attrs) == without(mine.attrs)
    elif isinstance(mine, pa.Table):
        assert isinstance(theirs, pa.Table)
        assert theirs.schema == mine.schema
        assert theirs.equals(mine)
    elif isinstance(mine, list):
        assert isinstance(theirs, list)
        assert len(theirs) == len(mine)
        for each, other in zip(theirs, mine, strict=True):
            assert_same(each, other)
    elif hasattr(mine, "days"):
        assert repr(theirs) == repr(mine)
    else:
        assert theirs == mine


def without(attrs: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in attrs.items() if name not in _OWN}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    """A process over a folder with batches, one of them pruned, and many hot logs."""
    data = tmp_path_factory.mktemp("alike") / "data"
    for begin in range(0, 2 * AT_ONCE, 10_000):
        fill(
            data,
            [
                {
                    "type": ("info", "error", "warning")[place % 3],
                    "message": f"user {place % 17} asked for item {place}",
                    # Some happened long before they came in.
                    "timestamp": NOON + place - (50_000 if place % 1_000 == 7 else 0),
                    "status": 200 + place % 4 * 100,
                    "duration_ms": place % 91 / 7,
                    **({"big": 2**63 - 1 - place} if place % 5 == 0 else {}),
                }
                for place in range(begin, begin + 10_000)
            ],
            source=f"web-{begin // 20_000}",
            received_at=NOON + begin,
        )
    first, *_ = archive(data, [(3_000, PARQUET), (4_000, JSON_GZ), (5_000, PARQUET)], clear=True)
    prune(data, [first])
    with answering(data) as process:
        yield process


@pytest.fixture(scope="module")
def both(folder: Questions) -> Iterator[tuple[Workbench, Workbench]]:
    """The workbench of the folder, and that over the network, both at noon and without caches."""
    with (
        Workbench(folder.data, lambda: NOON, cache=False) as here,
        Workbench(folder.url, lambda: NOON, token=folder.token, cache=False) as there,
    ):
        yield here, there


SUMS = "SELECT type, sum(seq) AS s, max(timestamp) AS t FROM logs GROUP BY 1 ORDER BY 1"
EARLY = "SELECT seq FROM logs WHERE type = $a AND timestamp < $b ORDER BY 1"
EARLY_END = "2026-03-17 12:00:02"
ODD = """
    SELECT NULL AS n, [1, NULL] AS l, {'a': 1} AS s, INTERVAL 3 DAYS AS i, 2::HUGEINT * 2 AS h,
        'x'::BLOB AS b, 1.5::DECIMAL(20, 3) AS d
"""
UNTIMED = [name for name in COLUMNS if name != "timestamp"]
OF_OTHERS = "2026-11-30T07:24:10.133Z/30000/67008795-423fd1f6-298db0df-acba"
FAR: dict[str, Any] = {"since": "2026-03-01", "until": "2026-04-01"}
ALIKE: dict[str, Ask] = {
    "all logs": lambda wb: wb.logs(),
    "newest first": lambda wb: wb.logs(order="newest"),
    "few": lambda wb: wb.logs(limit=9, type="error"),
    "many": lambda wb: wb.logs(limit=AT_ONCE + 500),
    "many newest first": lambda wb: wb.logs(limit=AT_ONCE + 500, order="newest"),
    "more than there are": lambda wb: wb.logs(limit=10**6),
    "columns": lambda wb: wb.logs(columns=["message", "type"], where={"status": (">=", 400)}),
    "attributes": lambda wb: wb.logs(attributes=["status", "big", "none"], limit=3_000),
    "all attributes": lambda wb: wb.logs(attributes="all", limit=3_000),
    "text": lambda wb: wb.logs(query='type:error status:500 -"item 1" message~"9$"'),
    "nothing": lambda wb: wb.logs(type="errr"),
    "nothing at all": lambda wb: wb.logs(limit=0),
    "arrow": lambda wb: wb.arrow(type="info", **FAR),
    "pieces": lambda wb: list(wb.iter_logs(type="info")),
    "all pieces": lambda wb: list(wb.iter_logs()),
    "pieces without times": lambda wb: list(wb.iter_logs(columns=UNTIMED)),
    "pieces the other way round": lambda wb: list(wb.iter_logs(columns=COLUMNS[::-1])),
    "narrow pieces": lambda wb: list(wb.iter_logs(columns=["seq", "type"])),
    "no pieces": lambda wb: list(wb.iter_logs(type="errr")),
    "count": lambda wb: wb.count(),
    "count of few": lambda wb: wb.count(where={"status": ("in", [200, 300])}, since="-1h"),
    "explain": lambda wb: str(wb.explain(type="error", **FAR)),
    "around": lambda wb: wb.around(10_000, n=5, by="status"),
    "around none": lambda wb: wb.around(10**9),
    "sql": lambda wb: wb.sql(SUMS),
    "sql of a pin": lambda wb: wb.sql("SELECT count(*) AS n FROM logs", at=wb.pin()),
    "sql with values": lambda wb: wb.sql(EARLY, {"a": "info", "b": pd.Timestamp(EARLY_END)}),
    "sql of odd types": lambda wb: wb.sql(ODD),
    "sql of nothing": lambda wb: wb.sql("SELECT * FROM logs WHERE type = 'errr'"),
    "sql that is none": lambda wb: wb.sql("SELECT nothing FROM logs"),
    "sql that writes": lambda wb: wb.sql("DELETE FROM logs"),
    "an engine": lambda wb: pd.read_sql("SELECT count(*) AS n FROM logs", wb.engine),
    "throughput": lambda wb: wb.throughput("1h", exact=True),
    "throughput by time": lambda wb: wb.throughput(
        "1s", by="source", exact=True, clock="timestamp", since="-1min"
    ),
    "throughput unmeasured": lambda wb: wb.throughput("1h"),
    "throughput by no column": lambda wb: wb.throughput("1h", by="host"),  # type: ignore[arg-type]
    "latency": lambda wb: wb.latency("duration_ms", by="type", every="10s", exact=True),
    "latency unmeasured": lambda wb: wb.latency(),
    "latency of nothing": lambda wb: wb.latency("status_ms", exact=True),
    "latency of questions": lambda wb: wb.latency("query_duration"),
    "sources": lambda wb: wb.sources(),
    "sources at a time that is none": lambda wb: wb.sources(quiet_after="soon"),
    "compression": lambda wb: wb.compression(),
    "patterns": lambda wb: wb.patterns(type="error"),
    "patterns against": lambda wb: wb.patterns(since="-1s", against="before"),
    "fields": lambda wb: wb.fields(),
    "fields of a sample": lambda wb: wb.fields(sample=500, top=2),
    "diff": lambda wb: wb.diff({"type": "info"}, {"type": "error"}),
    "diff of frames": lambda wb: wb.diff(wb.logs(limit=100), wb.logs(limit=300)),
    "diff of a range": lambda wb: wb.diff("before", ("-10s", "-1s")),
    "archives": lambda wb: wb.archives,
    "holdings": lambda wb: wb.holdings(),
    "card": lambda wb: wb._repr_html_(),
    "text of itself": repr,
    "pin": lambda wb: wb.pin(),
    "compared codecs": lambda wb: wb.compression_compare(rounds=1, limit=500)[
        ["format", "codec", "level", "rows", "stored_bytes"]
    ],
    "an unknown filter": lambda wb: wb.logs(typ="error"),  # type: ignore[call-arg]
    "a query that is none": lambda wb: wb.count(query="status>=x..y ("),
    "a time that is none": lambda wb: wb.logs(since="then"),
    "another folder's pin": lambda wb: wb.logs(at=OF_OTHERS),
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_method_answers_as_the_folder_does(name: str, both: tuple[Workbench, Workbench]) -> None:
    assert_alike(ALIKE[name], *both)


def test_the_report_is_that_of_the_folder(both: tuple[Workbench, Workbench]) -> None:
    mine, theirs = (wb.report(since="1d").contents for wb in both)
    assert (theirs.holdings, theirs.version) == (mine.holdings, mine.version)
    for name in ("total", "by_type", "by_source", "latency", "compression", "sources"):
        pd.testing.assert_frame_equal(getattr(theirs, name), getattr(mine, name))
    assert [*theirs.days] == [*mine.days]
    assert both[1].report(since="1d").to_html().startswith("<!")


def test_a_workbench_at_a_pin_answers_of_that_moment(folder: Questions) -> None:
    with Workbench(folder.url, token=folder.token, cache=False) as wb:
        pin = wb.pin()
    with (
        workbench.connect(folder.data, at=pin, cache=False) as here,
        workbench.connect(folder.url, token=folder.token, at=str(pin), cache=False) as there,
    ):
        for ask in (
            lambda wb: wb.pin(),
            lambda wb: wb.count(type="info"),
            lambda wb: wb.logs(limit=5, since="-365d"),
            lambda wb: wb.sources(),
            lambda wb: wb.fields(sample=100),
        ):
            assert_alike(ask, here, there)


def test_every_public_method_is_compared_or_named() -> None:
    here_only = {"cache", "close", "dask", "figure", "read", "show", "watch", "report"}
    asked = json.dumps([*ALIKE])
    public = {name for name in dir(Workbench) if not name.startswith("_")} - here_only
    compared = {
        "archives", "around", "arrow", "compression", "compression_compare", "count", "diff",
        "engine", "explain", "fields", "holdings", "iter_logs", "latency", "logs", "patterns",
        "pin", "sources", "sql", "throughput",
    }  # fmt: skip
    assert public == compared, asked


VALUES = [*INTEGERS, *FLOATS, *TEXTS, True, False, None, {"b": "ab"}, [1, "a"], {"b": {"": 1.5}}]


def any_batches(seed: int) -> list[Batch]:
    """Return batches of logs with odd names and values."""
    chance = random.Random(seed)
    return [
        Batch(
            [
                {
                    "type": chance.choice(TYPES),
                    "message": "".join(chance.choices(PIECES, k=3)),
                    "timestamp": chance.choice(TIMESTAMPS),
                    **{name: chance.choice(VALUES) for name in chance.sample(NAMES, 4)},
                }
                for _ in range(6)
            ],
            chance.choice(SOURCES),
            NOON + chance.randrange(-2, 3),
        )
        for _ in range(10)
    ]


BATCHES = any_batches(23)


@pytest.fixture(scope="module")
def any_logs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Workbench, Workbench]]:
    """The workbench of a folder of odd logs, partly archived, and that over the network."""
    data = tmp_path_factory.mktemp("odd") / "data"
    fill_batches(data, BATCHES)
    archive(data, [(17, PARQUET), (15, JSON_GZ)], clear=True)
    with (
        answering(data) as process,
        Workbench(data, lambda: NOON, cache=False) as here,
        Workbench(process.url, lambda: NOON, token=process.token, cache=False) as there,
    ):
        yield here, there


@costly(300)
@given(questions(BATCHES), st.sampled_from([None, ["seq"], ["message", "type"]]))
def test_any_question_is_answered_as_by_the_folder(
    any_logs: tuple[Workbench, Workbench], filters: dict[str, Any], columns: list[str] | None
) -> None:
    assert_alike(lambda wb: wb.logs(**filters, columns=columns), *any_logs)
    assert_alike(lambda wb: wb.count(**filters), *any_logs)

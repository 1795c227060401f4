"""A workbench on a lake answers from the lake and the nodes' servers, each log once."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import DAY, NOON, Batch, fill_batches
from tests.support.lakes import Lake, archive_here, lake_of, upload
from tests.support.object_store import ObjectStore
from tests.support.plainly import answer_plainly
from tests.workbench.query.test_execute import questions
from waterline.errors import UsageError
from workbench.query.question import ask
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

_TYPES = ("info", "error", "warning")


def batches_of(node: str, count: int = 40) -> list[Batch]:
    """Return logs of five days, of which many have one time on all nodes."""
    chance = random.Random(node)
    return [
        Batch(
            [
                {
                    "id": f"{place}-{each}",
                    "type": chance.choice(_TYPES),
                    "message": f"user {chance.randrange(9)} asked for item {each}",
                    "timestamp": NOON + place * DAY // 8 + each % 3,
                    "status": chance.choice([200, 404, 500]),
                    "duration_ms": chance.randrange(1000) / 8,
                }
                for each in range(5)
            ],
            f"web-{node}",
            NOON + place * DAY // 8,
        )
        for place in range(count)
    ]


@pytest.fixture(scope="module")
def lake(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of which each node has uploaded another part, and one nothing."""
    folders = tmp_path_factory.mktemp("lake")
    given = {name: batches_of(name) for name in ("a", "b", "c", "d")}
    with lake_of(f"{store.address}/lake", folders, given) as lake:
        upload(folders / "a", lake.address, "a", NOON + 2 * DAY)
        upload(folders / "b", lake.address, "b", NOON + DAY)
        archive_here(folders / "b", NOON + 3 * DAY)
        upload(folders / "d", lake.address, "d", NOON + 50 * DAY)
        yield lake


@pytest.fixture(scope="module")
def wb(lake: Lake) -> Iterator[Workbench]:
    with Workbench(**lake.connected()) as opened:
        yield opened


@pytest.fixture(scope="module")
def together(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench on one folder with the logs of all nodes."""
    data = tmp_path_factory.mktemp("together") / "data"
    batches = [each for node in lake.nodes.values() for each in node.batches]
    fill_batches(data, sorted(batches, key=lambda each: each.received_at))
    with Workbench(data, lambda: NOON, cache=False) as opened:
        yield opened


def answered(lake: Lake, filters: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return node and seq of the logs that match, in their order."""
    question = ask(now=NOON, **{**filters, "limit": None, "order": None, "node": None})
    found: list[tuple[int, str, int]] = sorted(
        (each.timestamp, name, each.seq)
        for name, node in lake.nodes.items()
        for each in answer_plainly(node.logs, question)
    )
    asked = filters.get("node", [*lake.nodes])
    found = [each for each in found if each[1] in ([asked] if isinstance(asked, str) else asked)]
    limit = filters.get("limit")
    found = found if limit is None else found[max(0, len(found) - limit) :]
    ordered = found if filters.get("order") != "newest" else found[::-1]
    return [(name, seq) for _, name, seq in ordered]


def places(frame: pd.DataFrame) -> list[tuple[str, int]]:
    return [*zip(frame["node"], frame["seq"], strict=True)]


BY_STATUS = """
    SELECT type, count(*) AS logs, avg((attributes->>'status')::INT) AS mean
    FROM logs GROUP BY type ORDER BY type
"""
ASKED: list[dict[str, Any]] = [
    {},
    {"type": "error"},
    {"order": "newest"},
    {"limit": 7},
    {"limit": 50, "order": "newest", "type": ["info", "error"]},
    {"limit": 0},
    {"limit": 10_000},
    {"source": "web-b", "where": {"status": (">=", 404)}},
    {"contains": "user 3"},
    {"since": NOON + DAY, "until": NOON + 2 * DAY},
    {"query": "status:500 -type:error"},
    {"source": "nobody"},
    {"node": "b"},
    {"node": ["d", "a"], "type": "error", "limit": 9},
    {"node": []},
]


@pytest.mark.parametrize("filters", ASKED, ids=str)
def test_each_log_of_each_node_comes_once(
    lake: Lake, wb: Workbench, filters: dict[str, Any]
) -> None:
    expected = answered(lake, filters)
    frame = wb.logs(**filters)
    assert places(frame) == expected
    assert frame.columns[0] == "node"
    assert sum(frame.attrs["rows"].values()) == len(expected)
    assert wb.count(**filters) == len(expected)
    table = wb.arrow(**filters)
    assert [*zip(*(table[name].to_pylist() for name in ("node", "seq")), strict=True)] == expected
    rest = {name: each for name, each in filters.items() if name not in ("limit", "order")}
    pieces = [place for piece in wb.iter_logs(**rest) for place in places(piece)]
    assert pieces == sorted(answered(lake, rest))


@costly(60)
@given(st.data())
def test_any_question_is_answered_as_a_plain_filter_would(
    lake: Lake, wb: Workbench, data: st.DataObject
) -> None:
    batches = [each for node in lake.nodes.values() for each in node.batches]
    filters = data.draw(questions(batches[::29]))
    expected = answered(lake, filters)
    assert places(wb.logs(**filters)) == expected
    assert wb.count(**filters) == len(expected)


@pytest.mark.filterwarnings("ignore::waterline.errors.SampledLogs")
@pytest.mark.parametrize("filters", [{}, {"type": "error"}, {"since": NOON + 2 * DAY}], ids=str)
def test_reports_are_those_of_one_folder_with_all_logs(
    wb: Workbench, together: Workbench, filters: dict[str, Any]
) -> None:
    reports: list[Callable[[Workbench], pd.DataFrame]] = [
        lambda it: it.latency("duration_ms", by="type", exact=True, **filters),
        lambda it: it.latency("duration_ms", by="status", exact=True, every="1d", **filters),
        lambda it: it.throughput("1h", by="source", exact=True, **filters),
        lambda it: it.fields(sample=None, **filters),
        lambda it: it.fields(sample=100, **filters)[["field", "logs"]],
        lambda it: it.patterns(**filters).drop(columns=["example_seq", "example"]),
        lambda it: it.sql(BY_STATUS),
    ]
    for report in reports:
        theirs, mine = report(wb), report(together)
        pd.testing.assert_frame_equal(theirs, mine)


@pytest.mark.parametrize("filters", [{"node": "c"}, {"node": ["a", "d"]}], ids=str)
def test_reports_about_some_nodes_are_those_of_their_logs(
    lake: Lake, wb: Workbench, filters: dict[str, Any]
) -> None:
    expected = answered(lake, filters)
    assert wb.throughput("1h", exact=True, **filters)["logs"].sum() == len(expected)
    assert wb.latency("duration_ms", exact=True, **filters)["count"].sum() == len(expected)
    assert wb.patterns(**filters)["logs"].sum() == len(expected)
    assert wb.fields(sample=None, **filters)["logs"].max() == len(expected)
    assert sorted(places(wb.dask(**filters).compute())) == sorted(expected)
    pin = wb.logs(**filters).attrs["pin"]
    assert places(wb.logs(at=pin)) == expected
    assert places(wb.logs(at=wb.pin(), **filters)) == expected


def test_node_that_a_lake_does_not_have_is_refused(wb: Workbench) -> None:
    with pytest.raises(UsageError, match=r"has no node 'e'; it has a, b, c, d$"):
        wb.count(node=["a", "e"])
    with pytest.raises(UsageError, match=r"^node=7 is no text; give one, or a list of texts$"):
        wb.count(node=7)  # type: ignore[arg-type] # that is the case


def test_node_that_a_pin_does_not_have_is_refused(wb: Workbench) -> None:
    pin = wb.logs(node="a", limit=1).attrs["pin"]
    with pytest.raises(
        UsageError, match=r"^the pin \S+ is of other nodes than 'b'; take a new pin"
    ):
        wb.count(node=["a", "b"], at=pin)


def test_nodes_are_filters_of_a_lake_alone(together: Workbench, lake: Lake) -> None:
    node = lake.nodes["a"].process
    with Workbench(node.url, token=node.token, cache=False) as remote:
        for wb in (together, remote):
            with pytest.raises(UsageError, match=r"^node='a' is about nodes of a lake, and these"):
                wb.logs(node="a")


def test_cluster_gives_the_same_rows(lake: Lake, wb: Workbench) -> None:
    with Workbench(**lake.connected(cluster=2)) as spread:
        for filters in ASKED:
            pd.testing.assert_frame_equal(spread.logs(**filters), wb.logs(**filters))
            assert spread.count(**filters) == wb.count(**filters)
        reports: list[Callable[[Workbench], pd.DataFrame]] = [
            lambda it: it.latency("duration_ms", by="type", exact=True),
            lambda it: it.fields(sample=None),
            lambda it: it.patterns(),
        ]
        for report in reports:
            pd.testing.assert_frame_equal(report(spread), report(wb))
        frame = spread.dask(type="error", columns=["node", "seq"])
        assert list(frame.columns) == ["node", "seq"]
        assert sorted(places(frame.compute())) == sorted(answered(lake, {"type": "error"}))
        with_all = spread.dask()
        pd.testing.assert_series_equal(with_all.dtypes, wb.logs().dtypes)


def test_attribute_that_is_called_node_stands_beside_the_node(
    store: ObjectStore, tmp_path: Path
) -> None:
    logs = [{"type": "info", "message": "m", "node": each} for each in ("x", "y")]
    with lake_of(f"{store.address}/called", tmp_path, {"a": [Batch(logs, "web", NOON)]}) as lake:
        upload(tmp_path / "a", lake.address, "a", NOON + DAY)
        with Workbench(**lake.connected()) as wb:
            for frame in (wb.logs(attributes=["node"]), next(wb.iter_logs(attributes=["node"]))):
                assert [*frame["node"]] == ["a", "a"]
                assert [*frame["attributes.node"]] == ["x", "y"]
            assert [*wb.logs(attributes="all")["attributes.node"]] == ["x", "y"]

"""Holdings: logs by type and source, times and bytes, as the list of all logs has them."""

from pathlib import Path

import pytest

from tests.support.folders import Batch, Log, fill, fill_batches
from waterline.recognition.time_values import MAX_TIMESTAMP, MIN_TIMESTAMP
from workbench.reports.holdings import Holdings, together
from workbench.workbench import Workbench


def logs(amount: int, log_type: str, first: int = 0) -> list[Log]:
    return [{"type": log_type, "message": "m", "timestamp": first + each} for each in range(amount)]


def held(data: Path) -> Holdings:
    with Workbench(data) as wb:
        return wb.holdings()


def test_logs_are_counted_by_type_and_source(data: Path) -> None:
    fill_batches(
        data,
        [
            Batch(logs(2, "warning"), "b"),
            Batch(logs(3, "info", -5) + logs(1, "error"), "a"),
            Batch(logs(2, "info", 40), "b"),
        ],
    )
    found = held(data)
    assert found.logs == 8
    assert found.types == {"info": 5, "warning": 2, "error": 1}
    assert found.sources == {"a": 4, "b": 4}
    assert list(found.types) == ["info", "warning", "error"]
    assert (found.first_timestamp, found.last_timestamp) == (-5, 41)
    assert found.path == str(data)


def test_they_equal_what_the_logs_themselves_say(data: Path) -> None:
    fill_batches(data, [Batch(logs(n, f"t{n % 3}", n * 100), f"s{n % 2}") for n in range(1, 8)])
    with Workbench(data) as wb:
        found, frame = wb.holdings(), wb.logs()
    assert found.types == frame["type"].value_counts().to_dict()
    assert found.sources == frame["source"].value_counts().to_dict()
    assert found.logs == len(frame)
    assert found.first_timestamp == frame["timestamp"].dt.as_unit("ms").astype("int64").min()
    assert found.last_timestamp == frame["timestamp"].dt.as_unit("ms").astype("int64").max()


def test_empty_folder_holds_nothing_and_says_so(data: Path) -> None:
    fill(data)
    found = held(data)
    assert (found.logs, found.types, found.sources) == (0, {}, {})
    assert (found.first_timestamp, found.last_timestamp) == (None, None)
    assert dict(found.lines()) == {
        "data folder": str(data),
        "logs": "0",
        "types": "none",
        "sources": "none",
        "from": "none",
        "to": "none",
        "on disk": dict(found.lines())["on disk"],
    }


def test_size_is_that_of_all_files_below_the_folder(data: Path) -> None:
    fill(data, logs(1, "info"))
    (data / "archives" / "2026-03-17").mkdir(parents=True)
    (data / "archives" / "2026-03-17" / "batch-0001.parquet").write_bytes(b"x" * 5000)
    with Workbench(data) as wb:
        size = wb.holdings().size
        files = [each for each in data.rglob("*") if each.is_file()]
        assert size == sum(each.stat().st_size for each in files)
    assert size > 5000


def test_words_for_a_terminal() -> None:
    holdings = Holdings(
        path="data",
        types={"info": 12_345, "error": 6},
        sources={"web": 12_351},
        first_timestamp=MIN_TIMESTAMP,
        last_timestamp=MAX_TIMESTAMP,
        size=1536,
    )
    assert holdings.to_text().splitlines() == [
        "data folder  data",
        "logs         12,351",
        "types        info 12,345, error 6",
        "sources      web 12,351",
        "from         0001-01-01 00:00:00 UTC",
        "to           9999-12-31 23:59:59 UTC",
        "on disk      1.5 KiB",
    ]


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        (-1, "1969-12-31 23:59:59 UTC"),
        (0, "1970-01-01 00:00:00 UTC"),
        (1_773_748_800_999, "2026-03-17 12:00:00 UTC"),
    ],
)
def test_moment_is_shown_to_the_second_it_lies_in(timestamp: int, words: str) -> None:
    holdings = Holdings("data", {}, {}, timestamp, timestamp, 0)
    assert dict(holdings.lines())["from"] == words


def test_names_in_html_are_escaped() -> None:
    holdings = Holdings("a&b", {"<script>alert(1)</script>": 1}, {'"web"': 1}, 0, 0, 0)
    html = holdings.to_html()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 1" in html
    assert "a&amp;b" in html
    assert "&quot;web&quot; 1" in html
    assert html.startswith("<table>")


def test_words_of_what_is_archived_and_pruned_come_where_there_is_any() -> None:
    holdings = Holdings("data", {"info": 12_345}, {}, 0, 0, 0, 9_000, 1_200, 70_000)
    assert holdings.to_text().splitlines()[1:4] == [
        "logs         12,345",
        "archived     9,000 of them, in 1,200 batches",
        "pruned       70,000 more",
    ]


def test_names_of_the_same_number_stand_in_their_order(data: Path) -> None:
    fill(data, logs(1, "warning") + logs(1, "error") + logs(2, "info"))
    assert list(held(data).types) == ["info", "error", "warning"]


def test_lake_is_called_so_and_tells_its_nodes() -> None:
    each = Holdings(
        path="data",
        types={"info": 2},
        sources={"web": 2},
        first_timestamp=0,
        last_timestamp=1000,
        size=1,
    )
    assert together("s3://bucket/lake", [each, each]).to_text().splitlines()[:3] == [
        "lake         s3://bucket/lake",
        "nodes        2",
        "logs         4",
    ]

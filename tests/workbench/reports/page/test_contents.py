"""What the report is made of: the answers of the workbench, for one range."""

from pathlib import Path

import pandas as pd
import pytest

import workbench
from tests.support.archive_runs import catalog
from tests.support.folders import DAY, NOON, Batch, alter, fill
from tests.support.measured import fill_measured
from tests.support.reported import HOSTILE, NOW, contents_of, fill_reported, logs
from waterline.errors import UsageError
from waterline.metrics.rollup_store import Retention
from workbench.query.times import to_milliseconds
from workbench.reports.page.contents import ReportContents, gather, since_of
from workbench.reports.page.section import Section, Table
from workbench.reports.page.sections import sections

pytestmark = pytest.mark.slow


@pytest.fixture
def contents(data: Path) -> ReportContents:
    """What there is to tell of a filled folder, for the last day."""
    fill_reported(data)
    return contents_of(data)


def section(contents: ReportContents, key: str) -> Section:
    """Return one section of the report."""
    (found,) = [each for each in sections(contents) if each.key == key]
    return found


def facts(contents: ReportContents, key: str) -> dict[str, str]:
    """Return the figures of a section by name."""
    return {fact.name: fact.text for fact in section(contents, key).facts}


def cells(table: Table) -> list[list[str]]:
    """Return the texts of a table."""
    return [list(row.cells) for row in table.rows]


def test_frames_are_those_of_the_workbench(data: Path, contents: ReportContents) -> None:
    since, until = NOW - DAY, NOW
    with workbench.connect(data) as opened:
        for made, asked in (
            (contents.total, opened.throughput("1min", by=None, since=since, until=until)),
            (contents.by_type, opened.throughput("1min", by="type", since=since, until=until)),
            (contents.by_source, opened.throughput("1min", by="source", since=since, until=until)),
            (contents.latency, opened.latency(by="type", since=since, until=until)),
            (contents.compression, opened.compression()),
        ):
            assert len(asked)
            pd.testing.assert_frame_equal(made, asked)
        assert contents.holdings == opened.holdings()


def test_throughput_tells_sums_shares_and_the_peak(contents: ReportContents) -> None:
    told = facts(contents, "throughput")
    assert (told["logs"], told["peak minute"]) == ("60", "0.667 /s")
    assert told["rate"] == "0.0167 /s"  # 60 logs from noon to one o'clock
    by_type, by_source = section(contents, "throughput").tables
    assert [row[:3] for row in cells(by_type)] == [
        ["info", "45", "75.0%"],
        [HOSTILE, "15", "25.0%"],
    ]
    assert [row[:2] for row in cells(by_source)] == [["edge", "45"], ["<b>billing</b>", "15"]]


def test_latency_tells_count_and_error_bound_of_each_percentile(contents: ReportContents) -> None:
    (table,) = section(contents, "latency").tables
    rows = {(row[0], row[1]): row[2:] for row in cells(table)}
    assert rows["ack_latency", ""][0] == "60"
    count, p50, _, _, greatest, _, error = rows["duration_ms", HOSTILE]
    assert (count, greatest, error) == ("15", "15.00", "±0.8%")
    assert float(p50) == pytest.approx(8, rel=1 / 128)


def test_holdings_and_compression_are_of_the_whole_folder(
    data: Path, contents: ReportContents
) -> None:
    assert facts(contents, "holdings")["logs"] == "66"
    batches = catalog(data)
    assert facts(contents, "compression")["batches"] == str(len(batches)) == "2"
    (table,) = section(contents, "compression").tables
    assert [row[:3] for row in cells(table)] == [[batches[0].day, "2", "6"]]


def test_sources_that_went_quiet_are_marked(data: Path) -> None:
    now = workbench_now()
    fill_measured(
        data,
        [
            *(Batch(logs(1, "a", n), "gone", now - (60 - n) * 60_000) for n in range(12)),
            Batch(logs(1, "c"), "once", now - 600_000),
            Batch(logs(1, "b"), "alive", now - 1_000),
        ],
        now=now,
    )
    with workbench.connect(data) as opened:
        contents = opened.report("1h").contents
    (table,) = section(contents, "sources").tables
    told = {row.cells[0]: (row.cells[1].split()[0], row.is_marked) for row in table.rows}
    assert told == {"gone": ("quiet", True), "alive": ("sends", False), "once": ("silent", False)}
    assert facts(contents, "sources")["quiet"] == "1"


def workbench_now() -> int:
    """Return the present, by which the workbench rates sources."""
    return int(pd.Timestamp.now("UTC").timestamp() * 1000)


def test_tables_show_the_largest_of_many_types_and_sources(data: Path) -> None:
    batches = [Batch(logs(each % 70 + 1, f"t{each}"), f"s{each}", NOON) for each in range(70)]
    fill_measured(data, batches, now=NOW)
    contents = contents_of(data)
    by_type, by_source = section(contents, "throughput").tables
    assert [row[:2] for row in cells(by_type)][:2] == [["t69", "70"], ["t68", "69"]]
    assert cells(by_source)[-1][:2] == ["50 others", "1,275"]
    assert len(by_type.rows) == 21
    (percentiles,) = section(contents, "latency").tables
    assert percentiles.caption == "Percentiles: of 72, the 40 with the most values"
    assert [row[1] for row in cells(percentiles)][-1] == "t69"
    (sources,) = section(contents, "sources").tables
    assert sources.caption == "By source: of 70, the 50 that are quiet or sent the most"
    assert [row[0] for row in cells(sources)][:2] == ["s69", "s68"]


def test_cache_is_told_of_once_a_question_went_through_it(data: Path) -> None:
    fill_reported(data)
    with workbench.connect(data) as opened:
        assert section(gather(opened._session, NOW - DAY, "10min", NOW), "cache").nothing
        assert not (data / "cache.db").exists()
        opened.logs(type="info")
        opened.logs(type="info")
        told = gather(opened._session, NOW - DAY, "10min", NOW)
    (table,) = section(told, "cache").tables
    assert [row[:2] for row in cells(table)] == [
        ["hit: all of it", "1"],
        ["merged: all but new logs", "0"],
        ["miss: nothing", "1"],
    ]
    assert facts(told, "cache")["answers kept"] == "1"


def test_empty_folder_has_a_report_that_says_so(data: Path) -> None:
    fill(data)
    with workbench.connect(data) as opened:
        told = sections(opened.report().contents)
    assert {each.key for each in told if each.nothing} == {each.key for each in told}


def test_report_without_measurements_says_what_it_lacks(data: Path) -> None:
    fill(data, logs(3, "info"))
    with workbench.connect(data) as opened:
        contents = gather(opened._session, NOON - DAY, "10min", NOW)
    assert section(contents, "throughput").nothing == "No log was counted in this range."
    assert facts(contents, "holdings")["logs"] == "3"
    assert section(contents, "lacks").about == (
        "The logs of this folder are in no measurements yet, as no server has counted them."
    )


def test_range_before_measuring_began_is_told_once(data: Path) -> None:
    fill(data, logs(3, "info"))
    fill_measured(data, [Batch(logs(2, "later"), "edge", NOON + 60_000)], now=NOON + 60_000)
    with workbench.connect(data) as opened:
        contents = gather(opened._session, NOON - DAY, "10min", NOW)
    assert section(contents, "lacks").about.startswith(
        "This report lacks logs that came in before 2026-03-17T12:01:00.000Z. "
    )
    assert section(contents, "lacks").about.count("logs that came in") == 1
    assert "exact" not in section(contents, "lacks").about


def test_pruned_logs_are_told_of(data: Path) -> None:
    fill_reported(data)
    alter(data / "logs.db", "UPDATE archive_batches SET pruned_at = 1")
    with workbench.connect(data) as opened:
        contents = gather(opened._session, NOW - DAY, "10min", NOW)
    assert section(contents, "lacks").about == (
        "6 logs were pruned: they count in what came in, and nowhere else."
    )
    assert section(contents, "compression").nothing == "No logs are archived."


def test_archive_file_that_is_missing_is_named(data: Path) -> None:
    fill_reported(data)
    batch = catalog(data)[0]
    (data / "archives" / batch.file).unlink()
    assert section(contents_of(data), "lacks").about == (
        f"1 archive file is missing in {data / 'archives'}: {batch.file}; put a copy in its place."
    )


def test_beyond_the_minutes_that_are_kept_there_is_a_peak_hour(data: Path) -> None:
    now = NOON + 40 * DAY
    fill_measured(
        data,
        [Batch(logs(4, "info"), "edge", NOON), Batch(logs(2, "late"), "edge", now - DAY)],
        now=now,
        retention=Retention(seconds=DAY, minutes=2 * DAY, hours=365 * DAY),
    )
    with workbench.connect(data) as opened:
        contents = gather(opened._session, NOON - DAY, "10min", now)
    told = facts(contents, "throughput")
    assert (told["logs"], "peak hour" in told, "peak minute" in told) == ("6", True, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("24h", NOW - DAY),
        ("-24h", NOW - DAY),
        (" 7d ", NOW - 7 * DAY),
        ("2026-03-16", to_milliseconds("2026-03-16", "since", NOW)),
        (NOON, NOON),
    ],
)
def test_since_is_an_age_or_a_moment(given: str | int, expected: int) -> None:
    assert since_of(given, NOW) == expected


@pytest.mark.parametrize("given", ["soon", "24", "2999-01-01", "0s", "", "-5x"])
def test_since_without_a_past_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(UsageError, match=r"^since="):
        since_of(given, NOW)


def test_workbench_with_a_pin_has_no_report(data: Path) -> None:
    fill_reported(data)
    with workbench.connect(data) as opened:
        pin = opened.pin()
    with workbench.connect(data, at=pin) as pinned, pytest.raises(UsageError, match="pin"):
        pinned.report()

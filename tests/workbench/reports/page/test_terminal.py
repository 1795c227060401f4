"""The report as text: aligned, within 100 columns, and harmless to a terminal."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.folders import NOON, Batch, fill
from tests.support.measured import fill_measured
from tests.support.reported import NOW, contents_of, fill_reported, logs
from waterline.printable import printable
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.sections import sections
from workbench.reports.page.terminal import WIDTH, to_text


@pytest.fixture
def contents(data: Path) -> ReportContents:
    """What there is to tell of a filled folder, for the last day."""
    fill_reported(data)
    return contents_of(data)


def columns(text: str) -> int:
    """Return how many columns a line takes."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide


@pytest.mark.slow
def test_text_has_what_the_sections_have(contents: ReportContents) -> None:
    text = to_text(contents)
    flat = " ".join(text.split())
    for section in sections(contents):
        assert section.title.upper() in text
        for fact in section.facts:
            assert f"{fact.name} {fact.text}" in flat
        for table in section.tables:
            assert f"\n  {table.caption}\n" in text
            for row in table.rows:
                assert " ".join(filter(None, row.cells)) in flat
    assert max(map(columns, text.splitlines())) <= WIDTH
    assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.slow
def test_numbers_stand_below_the_end_of_their_heading(contents: ReportContents) -> None:
    lines = to_text(contents).splitlines()
    at = next(n for n, line in enumerate(lines) if "LOGS A SECOND" in line)
    ends = lines[at].index("LOGS A SECOND") + len("LOGS A SECOND")
    assert all(line[ends - 1].isdigit() and line[ends] == " " for line in lines[at + 1 : at + 3])


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["x", "w w", "漢", "\x1b[2J", "é"])
def test_long_and_strange_names_stay_within_the_width(data: Path, unit: str) -> None:
    name = (unit * 64)[:60]
    fill_measured(
        data, [Batch(logs(2, name), name * 3, NOON + n * 60_000) for n in range(3)], now=NOW
    )
    text = to_text(contents_of(data))
    assert max(map(columns, text.splitlines())) <= WIDTH
    assert "…" in text
    assert "\x1b" not in text


@pytest.mark.slow
def test_empty_folder_has_a_short_text(data: Path) -> None:
    fill(data)
    with workbench.connect(data) as opened:
        text = str(opened.report())
    assert "THROUGHPUT\nNo log was counted in this range.\n" in text
    assert len(text.splitlines()) < 40


@given(st.text())
def test_text_never_steers_a_terminal(text: str) -> None:
    cleaned = printable(text)
    assert len(cleaned) == len(text)
    assert cleaned.isprintable()

"""The table of logs for reading: what it shows, that all is only text, and its search."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

import workbench
from tests.support.archives import archive
from tests.support.browser import find_chromium
from tests.support.folders import NOON, Log, fill
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from workbench.notebook.log_table import MOST_CHARACTERS, LogTable, Roles, show
from workbench.workbench import Workbench

VARIES = re.compile('<span class="wl-varies">.*?</span>')


def log(number: int, **more: object) -> Log:
    members = {"type": "info", "message": f"order {number}", "timestamp": NOON + number}
    return {**members, "status": 200, **more}


class Seen(HTMLParser):
    """Collects the names of elements, the text of cells by row, and the text around them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._skips = 0
        self._is_in_cell = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self._skips += tag in ("style", "script")
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._is_in_cell = True
            self.rows[-1].append("")
        elif tag == "br":
            self.rows[-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        self._skips -= tag in ("style", "script")
        if tag in ("td", "th"):
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        if self._skips:
            return
        self.text += data
        if self._is_in_cell:
            self.rows[-1][-1] += data


def seen(frame: pd.DataFrame, rows: int = 60) -> Seen:
    return Seen(LogTable(frame, Roles.of(frame), rows)._repr_html_())


def test_table_shows_time_type_message_and_attributes(data: Path) -> None:
    fill(data, [log(1), log(2, type="error", path="/a <b>")], source="web")
    with Workbench(data) as wb:
        page = seen(wb.logs())
    assert page.rows == [
        ["seq", "time", "type", "message"],
        ["1", "12:00:00.001", "info", "order 1 status=200"],
        ["2", "12:00:00.002", "error", "order 2 status=200 path=/a <b>"],
    ]
    assert "2 logs of 2026-03-17 UTC" in page.text
    assert "2 hot, 0 archived · source web · " in page.text


def test_named_attributes_are_columns_and_several_days_are_told_each(data: Path) -> None:
    fill(data, [log(1), log(86_400_000, station="north")], source="web")
    fill(data, [log(2)], source="db")
    with Workbench(data) as wb:
        page = seen(wb.logs(attributes=["status", "station"]))
    assert page.rows[0] == ["seq", "time, UTC", "type", "source", "message", "status", "station"]
    day = "2026-03-17 12:00:00.002"
    assert page.rows[2] == ["3", day, "info", "db", "order 2", "200", "–"]  # noqa: RUF001
    assert page.rows[3][1] == "2026-03-18 12:00:00.000"


def test_many_logs_are_the_first_and_the_last_and_it_says_so(data: Path) -> None:
    fill(data, [log(number) for number in range(1, 101)])
    archive(data, [(70, PARQUET)])
    with Workbench(data) as wb:
        page = seen(wb.logs(), rows=5)
        part = seen(wb.logs().head(3))
    assert [row[0] for row in page.rows] == [
        *("seq", "1", "2", "3", "… 95 rows between are not shown", "99", "100"),
    ]
    assert "100 logs" in page.text
    assert "30 hot, 70 archived" in page.text
    assert "of an answer of 100" not in page.text
    assert "3 logs" in part.text
    assert "of an answer of 100 · 30 hot" in part.text


def test_message_keeps_its_lines_and_shows_its_controls(data: Path) -> None:
    fill(data, [log(1, message="a\n\tb\x1b[31m\u202ec"), log(2, message="x" * 5_000)])
    lines = "\n".join(f"line {number}" for number in range(30))
    fill(data, [log(3, message=lines)])
    with Workbench(data) as wb:
        page = seen(wb.logs(columns=["message"]))
    assert page.rows[1] == ["a\n    b\\u001b[31m\\u202ec"]
    assert page.rows[2] == [f"{'x' * MOST_CHARACTERS} … 1,000 characters more"]
    assert "line 6 23 lines more" in page.rows[3][0]
    assert "details" in page.names
    assert page.rows[3][0].endswith("line 29")


def test_same_logs_are_the_same_html_but_for_pin_and_seconds(tmp_path: Path) -> None:
    pages = []
    for name in ("one", "other"):
        fill(tmp_path / name, [log(number) for number in range(90)])
        with Workbench(tmp_path / name) as wb:
            frame = wb.logs()
        page = LogTable(frame, Roles.of(frame))._repr_html_()
        assert str(frame.attrs["pin"]) in page
        pages.append(VARIES.sub("", page))
    assert pages[0] == pages[1]
    assert len(pages[0]) < 40_000


def test_lacking_logs_are_told_of() -> None:
    frame = pd.DataFrame({"message": ["a"]})
    frame.attrs = {"pruned": "5 logs were pruned", "missing": ["b.parquet is gone"]}
    assert "lacks: 5 logs were pruned · lacks: b.parquet is gone" in seen(frame).text


@given(st.lists(st.tuples(st.text(), st.text(), st.one_of(st.text(), st.integers())), max_size=5))
def test_whatever_a_log_says_is_only_text(rows: list[tuple[str, str, object]]) -> None:
    frame = pd.DataFrame(rows, columns=["type", "message", "<b>"], dtype="object")
    page = seen(frame)
    assert {*page.names} <= {
        *("div", "style", "p", "span", "b", "table", "thead", "tbody", "tr", "th", "td", "br"),
        *("details", "summary", "script"),
    }
    assert len([row for row in page.rows if row]) == len(rows) + 1


def test_lists_of_objects_or_texts_are_shown(data: Path) -> None:
    objects = show([{"level": "WARN", "msg": "dry", "time": "today", "n": 1.5}])
    assert Seen(objects._repr_html_()).rows == [
        ["time", "level", "msg", "n"],
        ["today", "WARN", "dry", "1.5"],
    ]
    assert Seen(show(["a", "b"])._repr_html_()).rows == [["message"], ["a"], ["b"]]
    assert Seen(show([])._repr_html_()).rows == [["message"]]
    (data.parent / "app.log").write_text("2026-01-01 00:00:00 ERROR x\n")
    read = workbench.read(data.parent / "app.log")
    assert Seen(Workbench.show(read)._repr_html_()).rows[1][1:3] == ["00:00:00.000", "error"]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ("text", {}, "'text' holds no logs; give a frame"),
        ([1], {}, "a list to show holds logs"),
        (pd.DataFrame({"a": [1]}), {}, "no column is called message; name the one that is, as"),
        (pd.DataFrame({"a": [1]}), {"message": "b"}, "message='b': there is no such column"),
        (pd.DataFrame({"message": [1]}), {"rows": 0}, "rows=0 is no count"),
        (pd.DataFrame([[1, 2]], columns=["message"] * 2), {}, "a name of its own"),
    ],
)
def test_what_cannot_be_shown_is_refused(given: object, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        show(given, **options)  # type: ignore[arg-type] # as a notebook may


@pytest.mark.slow
@pytest.mark.browser
def test_search_hides_rows_without_all_words(data: Path) -> None:
    fill(data, [log(number, type="error" if number % 2 else "info") for number in range(80)])
    with Workbench(data) as wb:
        frame = wb.logs()
    html = LogTable(frame, Roles.of(frame))._repr_html_()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium())
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(f"{html}{html}")
        boxes = page.get_by_role("searchbox")
        assert boxes.count() == 2
        boxes.first.fill("ERROR order 7")
        table = page.locator("table").first
        assert table.locator("tbody tr:visible:not(.wl-gap)").count() == 11
        assert page.get_by_role("status").first.text_content() == "11 of 60"
        assert page.locator("table").last.locator("tbody tr:visible").count() == 61
        boxes.first.fill("")
        assert table.locator("tbody tr:visible").count() == 61
        browser.close()
    assert errors == []

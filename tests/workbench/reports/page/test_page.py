"""The report as a page: it needs nothing else, and what users wrote in it is only text."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

import workbench
from tests.support.browser import find_chromium
from tests.support.folders import DAY, NOON, Batch, fill
from tests.support.measured import fill_measured
from tests.support.processes import PATIENCE
from tests.support.reported import HOSTILE, NOW, contents_of, fill_reported, logs
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.report import Report, to_html
from workbench.reports.page.sections import sections

pytestmark = pytest.mark.slow

_REFERS = {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
_VOID = {"meta", "link"}


class Elements(HTMLParser):
    """Collects elements, what they refer to, and all text; faults are tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.faults += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            if name in _REFERS:
                self.references.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def contents(data: Path) -> ReportContents:
    """What there is to tell of a filled folder, for the last day."""
    fill_reported(data)
    return contents_of(data)


@pytest.fixture
def page(contents: ReportContents) -> str:
    return to_html(contents)


def test_page_refers_to_nothing_outside_itself(page: str) -> None:
    elements = Elements(page)
    assert not elements.faults
    assert not {"script", "iframe", "img", "object", "embed"} & set(elements.names)
    inner = {each for each in elements.references if each.startswith("#")}
    assert set(elements.references) - inner == {"data:,"}
    assert {each[1:] for each in inner} <= set(elements.ids)
    assert all(each.startswith("#") for each in re.findall(r"url\(([^)]*)", page))
    assert "@import" not in page
    assert set(re.findall(r"https?://[^\s\"'<)]*", page)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",  # names of vocabularies; nothing is asked of them
    }


def test_page_has_no_id_twice(page: str) -> None:
    ids = Elements(page).ids
    assert len(ids) == len(set(ids))


def test_page_shows_texts_of_users_as_text_only(page: str) -> None:
    assert "<script" not in page
    assert "<b>billing" not in page
    texts = Elements(page).text
    assert texts.count(HOSTILE) >= 3
    assert "<b>billing</b>" in texts


def test_page_has_every_text_of_every_section(contents: ReportContents, page: str) -> None:
    text = "\n".join(Elements(page).text)
    for section in sections(contents):
        assert section.title in text
        assert (section.nothing or section.about) in text
        for fact in section.facts:
            assert fact.text in text
            assert fact.detail in text
        for table in section.tables:
            assert all(cell in text for row in table.rows for cell in row.cells)
    assert contents.pin in text
    assert contents.holdings.path in text
    assert f"by Waterline {contents.version}" in text


def test_page_has_a_figure_of_throughput_latency_and_compression(page: str) -> None:
    assert re.findall(r'role="img" aria-label="(\w+)"', page) == [
        "throughput",
        "latency",
        "compression",
    ]


def test_same_contents_give_the_same_page(contents: ReportContents, page: str) -> None:
    assert to_html(contents) == page
    assert to_html(replace(contents, version="9.9")) != page


def test_figures_stand_on_any_ground(page: str) -> None:
    figures = "".join(re.findall(r"<figure.*?</figure>", page, re.DOTALL))
    # Ink, quiet ink and lines are those of the page, which has them light and dark.
    for colour in ("#22303c", "#5b6875", "#e3e7eb", "#aeb7c0", "#ffffff", "#000000", "font-family"):
        assert colour not in figures
    assert "var(--muted)" in figures


@pytest.mark.parametrize("name", ["$\\frac{$", "_hidden", "#22303c", "a & b", 'style="x"'])
def test_no_name_of_a_type_breaks_a_figure(data: Path, name: str) -> None:
    fill_measured(
        data,
        [Batch(logs(3, name, n), "edge", NOON + n * 60_000) for n in (0, 10)],
        now=NOON + 3_600_000,
    )
    page = to_html(contents_of(data))
    figure = re.findall(r"<figure.*?</figure>", page, re.DOTALL)[0]
    written = [unescape(each) for each in re.findall(r"<text[^>]*>(.*?)</text>", figure)]
    assert name in written


def test_empty_folder_has_a_page_without_figures(data: Path) -> None:
    fill(data)
    with workbench.connect(data) as opened:
        page = opened.report().to_html()
    assert not Elements(page).faults
    assert "<figure" not in page
    assert "There are no logs yet." in page


def test_page_without_matplotlib_has_tables_and_says_how_to_get_figures(
    data: Path,
) -> None:
    fill_reported(data)
    program = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import workbench\n"
        f"with workbench.connect({str(data)!r}) as opened:\n"
        f"    print(opened.report({NOW - DAY}).to_html())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "<figure" not in done.stdout
    assert "figures need matplotlib" in done.stdout
    assert "ack_latency" in done.stdout


def test_notebook_shows_a_report_in_a_frame_of_its_own(contents: ReportContents, page: str) -> None:
    shown = Report(contents)._repr_html_()
    frame = re.fullmatch(r'<iframe sandbox srcdoc="([^"]*)" [^<>]*></iframe>', shown)
    assert frame is not None
    assert unescape(frame[1]) == page
    assert repr(Report(contents)).startswith("WATERLINE REPORT")


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    path = find_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def written(contents: ReportContents, tmp_path: Path) -> str:
    """The address of the page as a file."""
    file = tmp_path / "report.html"
    file.write_text(to_html(contents), encoding="utf-8")
    return file.as_uri()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_shows_it_without_a_request_or_an_error(
    browser: Browser, written: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    requested: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda line: faults.append(line.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(written)
    assert requested == [written]
    assert not faults
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("figure svg").count() == 3
    # Each text of a figure is told apart from the ground that it stands on.
    contrasts = page.evaluate(_CONTRASTS)
    assert contrasts
    assert min(contrasts) > 4
    context.close()


@pytest.mark.browser
def test_browser_runs_and_loads_nothing_that_got_past_escaping(
    browser: Browser, written: str, tmp_path: Path
) -> None:
    loads = (
        '<script>window.ran = 1</script><img src="http://127.0.0.1:9/x" onerror="window.ran = 1">'
    )
    file = tmp_path / "report.html"
    file.write_text(file.read_text().replace("</body>", f"{loads}</body>"))
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text))
    page.goto(written)
    assert page.evaluate("document.querySelectorAll('script, img').length") == 2
    assert page.evaluate("window.ran") is None
    policies = [each for each in faults if "Content Security Policy" in each]
    assert {directive for directive in ("script-src", "img-src") if directive in str(policies)} == {
        "script-src",
        "img-src",
    }
    page.close()


_CONTRASTS = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...document.querySelectorAll("figure text")].map((text) => {
    const ground = light(getComputedStyle(text.closest("section")).backgroundColor);
    const ink = light(getComputedStyle(text).fill);
    return (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
  });
}"""

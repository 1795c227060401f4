"""The incident of the sample day, found on the page by the steps of docs/first-hour.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DashboardProcess, open_at, rows, serving_dashboard
from workbench import samples

pytestmark = pytest.mark.browser


@pytest.fixture
def sample_day(tmp_path: Path) -> Iterator[DashboardProcess]:
    """A dashboard of the sample day, without a server."""
    samples.build(tmp_path / "data", 40_000)
    with serving_dashboard(tmp_path / "data") as dashboard:
        yield dashboard


def patterns(page: Page) -> list[str]:
    """Return the patterns that are shown, as soon as there are some."""
    shown = page.locator(".patterns tbody .pattern > div:first-child")
    expect(shown.first).to_be_visible()
    return shown.all_inner_texts()


def wait_until_painted(page: Page) -> None:
    """Wait until the chart has its bars, and has painted them."""
    page.wait_for_function(
        """() => [...Bokeh.index.all_views()].some((view) => view.model.type === "Plot" &&
            view.model.renderers.some((each) => each.data_source.data.colour?.length > 20))"""
    )
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def choose_range(page: Page, begin: str, end: str) -> None:
    page.keyboard.press("t")
    panel = page.get_by_role("dialog", name="Range of time")
    panel.get_by_label("From").fill(begin)
    panel.get_by_label("To", exact=True).fill(end)
    panel.get_by_role("button", name="Apply").click()
    expect(page.locator("button.range")).to_contain_text(f"{begin} –")  # noqa: RUF001


def test_cause_of_the_incident_is_found(page: Page, sample_day: DashboardProcess) -> None:
    # 1. The chart of the day has one hour of errors and warnings: draw over it.
    open_at(page, sample_day, "")
    chart = page.locator("#logs .histogram canvas").first
    expect(page.locator(".said")).to_contain_text("40,000 logs")
    day = page.url
    wait_until_painted(page)
    box = chart.bounding_box()
    assert box is not None
    begin, end = (box["x"] + share * box["width"] for share in (0.57, 0.65))
    page.mouse.move(begin, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(end, box["y"] + 40, steps=5)
    page.mouse.up()
    page.wait_for_url(lambda url: url != day)
    expect(page.locator(".said")).not_to_contain_text("40,000 logs")
    # 2. What is new in that hour: its first patterns tell of the telemetry gateway.
    page.get_by_role("button", name="Patterns").click()
    assert "no free connection" in patterns(page)[0]
    assert "telemetry-gateway slow" in " ".join(patterns(page)[:4])
    # 3. Which service was first: of the warnings alone, by service.
    page.get_by_role("button", name="Logs", exact=True).click()
    page.locator('button[data-type="warning"]').click()
    page.get_by_role("button", name="Chart by service").click()
    expect(page.locator(".legend .label").first).to_be_visible()
    page.locator('button[data-type="warning"]').click()
    page.get_by_role("button", name="Only service telemetry-gateway").click()
    page.wait_for_url("**q=service%3Atelemetry-gateway*")
    # 4. What that service said for the first time in the minutes before.
    choose_range(page, "2026-03-17 13:55", "2026-03-17 14:08")
    page.get_by_role("button", name="Patterns").click()
    cause = "Maintenance started: rebuild of index readings_by_station"
    expect(page.locator(".patterns")).to_contain_text(cause)
    assert cause in patterns(page)[:3]
    # 5. The log itself, and a link to it.
    found = page.locator(".patterns tbody tr", has_text=cause)
    found.hover()
    found.get_by_role("button", name="Only these: logs with").click()
    expect(rows(page)).to_have_count(1)
    rows(page).first.click()
    expect(rows(page).first).to_contain_text("14:04")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_have_class(re.compile("open"))

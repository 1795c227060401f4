"""The dashboard in a real Chromium over a real server: rates, filters, pause, themes."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.archived import batch, record_elsewhere
from tests.support.browser import (
    DashboardProcess,
    asked,
    choice,
    go_to_tab,
    messages,
    open_at,
    rows,
    said,
    serving_dashboard,
    tooltips,
)
from tests.support.processes import ServerProcess, serving
from tests.support.sockets import send
from workbench.dashboard.explorer.search import SHOWN

pytestmark = pytest.mark.browser


def stored_logs(page: Page) -> int:
    text = page.locator(".tiles .value").first.text_content() or ""
    return int(text.replace(",", ""))


def wait_until_drawn(page: Page, count: int) -> None:
    """Wait until all the seconds of the throughput chart sum up to a count of logs."""
    page.wait_for_function(
        f"""() => [...Bokeh.documents[0]._all_models.values()].some((model) =>
            "total" in (model.data ?? {{}}) &&
            [...model.data.total].reduce((sum, count) => sum + count, 0) === {count})"""
    )


def wait_until_charts(page: Page, count: int) -> None:
    """Wait until the page has charts; those of another tab come when it is opened."""
    page.wait_for_function(
        "(count) => [...Bokeh.index.all_views()].filter("
        "(view) => view.request_repaint).length === count",
        arg=count,
    )


def test_everything_moves_when_logs_come(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "info", "message": "the very first"})
    open_at(page, dashboard)
    expect(page.get_by_text("the very first")).to_be_visible()
    before = stored_logs(page)
    # The second of the first log is measured after the log is shown; the server is this test's own
    # so far, so that the chart goes back to its start.
    go_to_tab(page, "Health")
    wait_until_drawn(page, before)
    go_to_tab(page, "Explore")
    send(running, *({"type": "info", "message": f"number {number}"} for number in range(7)))
    expect(page.get_by_text("number 6", exact=True)).to_be_visible()
    expect(page.locator(".state")).to_have_text("Live")
    expect(choice(page, "info").locator("b")).to_have_text(str(before + 7))
    go_to_tab(page, "Health")
    expect(page.locator(".tiles .value").first).to_have_text(str(before + 7))
    expect(page.locator("#latency .legend li")).to_have_count(3)
    wait_until_drawn(page, before + 7)
    go_to_tab(page, "Archives")
    counts = page.locator("#stored tr", has_text="info").locator("td")
    expect(counts.first).to_have_text(str(before + 7))


def test_newest_log_comes_first_with_all_that_it_says(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    moment = "2026-01-02T03:04:05.678Z"
    send(
        running,
        {"type": "order", "message": "newer", "timestamp": moment, "station": "hill", "n": 7},
        {"type": "order", "message": "older", "timestamp": "2026-01-02T03:04:05.677Z"},
    )
    open_at(page, dashboard, "?from=2026-01-02&to=2026-01-03&type=order")
    expect(rows(page).nth(1).locator(".message")).to_have_text("older")
    newest = rows(page).first
    expect(newest.locator(".message")).to_have_text("newer")
    expect(newest.locator(".time")).to_have_text("2026-01-02 03:04:05.678")
    expect(newest.locator(".type")).to_have_text("order")
    expect(newest.locator(".source")).to_have_text("test")
    expect(newest.locator(".attributes")).to_have_text("station=hill n=7")


def test_filters_by_type_and_by_query_hold_for_what_comes(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(
        running,
        {"type": "apple", "message": "red and sweet"},
        {"type": "apple", "message": "green and sour"},
        {"type": "pear", "message": "green and sweet"},
        {"type": "plum", "message": "blue"},
    )
    open_at(page, dashboard)
    choice(page, "apple").click()
    expect(rows(page)).to_have_count(2)
    choice(page, "pear").click()
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Query").fill('"SWEET"i')
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first.locator(".message")).to_have_text("green and sweet")
    send(
        running,
        {"type": "plum", "message": "sweet, but a plum"},
        {"type": "apple", "message": "bitter"},
        {"type": "apple", "message": "sweet again"},
    )
    expect(rows(page)).to_have_count(3)
    assert messages(page) == ["sweet again", "green and sweet", "red and sweet"]
    expect(choice(page, "apple").locator("b")).to_have_text("2")


def test_markup_in_logs_is_shown_as_text(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    markup = '<img src=x onerror="window.wasHacked = true"><b>bold</b>'
    send(running, {"type": "<i>markup</i>", "message": markup, "<u>key</u>": markup})
    open_at(page, dashboard, "?type=<i>markup</i>&cols=<u>key</u>&by=<u>key</u>")
    expect(rows(page).first.locator(".message")).to_have_text(markup)
    expect(rows(page).first.locator(".type")).to_have_text("<i>markup</i>")
    expect(rows(page).first.locator(".attributes")).to_have_text(f"<u>key</u>={markup}")
    expect(rows(page).first.locator("td.column")).to_have_text(markup)
    expect(page.locator("#logs th.column")).to_contain_text("<u>key</u>")
    expect(choice(page, "<i>markup</i>").locator("span")).to_have_text("<i>markup</i>")
    expect(page.locator("#logs .legend .label span")).to_have_text(markup)
    expect(page.locator("#logs .field .name", has_text="<u>key</u>")).to_be_visible()
    go_to_tab(page, "Archives")
    expect(page.locator("#stored th", has_text="<i>markup</i>")).to_be_visible()
    go_to_tab(page, "Health")
    # The legend knows it as soon as its second is measured.
    expect(page.locator("#throughput .legend li", has_text="<i>markup</i>")).to_be_visible()
    assert page.evaluate("window.wasHacked") is None


def test_pause_holds_the_table_and_says_how_much_came(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "held", "message": "before the pause"})
    open_at(page, dashboard, "?type=held")
    expect(rows(page).first.locator(".message")).to_have_text("before the pause")
    page.get_by_role("button", name="Pause").click()
    send(running, *({"type": "held", "message": f"during {number}"} for number in range(3)))
    expect(page.get_by_role("button", name="Resume · 3 new")).to_be_visible()
    expect(rows(page).first.locator(".message")).to_have_text("before the pause")
    page.get_by_role("button", name="Resume").click()
    expect(rows(page).first.locator(".message")).to_have_text("during 2")


def test_theme_follows_the_browser_until_it_is_chosen(
    page: Page, dashboard: DashboardProcess
) -> None:
    light, dark = "rgb(244, 246, 248)", "rgb(14, 19, 24)"
    open_at(page, dashboard)
    expect(page.locator("body")).to_have_css("background-color", light)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("body")).to_have_css("background-color", light)
    page.get_by_role("button", name="Light or dark").click()
    page.emulate_media(color_scheme="light")
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", dark)


def test_tooltip_names_only_what_came_in_that_second(page: Page, server: ServerProcess) -> None:
    # A dashboard of its own: where others sent many types lately, this one has no colour.
    with serving_dashboard(server.data) as dashboard:
        send(server, {"type": "seen<b>", "message": "once"})
        open_at(page, dashboard, "?tab=health")
        told = tooltips(page, having="all logs / s: 1\nseen<b>: 1")
    layers = [line for line in told.split("\n") if not line.startswith("all logs / s:")]
    assert not [line for line in layers if line.endswith(": 0")]


def test_equal_percentiles_are_all_seen(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "timed", "message": "m", "took": 3})
    open_at(page, dashboard, "?tab=health&type=timed&measure=took")
    wait_until_charts(page, 4)
    lines = page.evaluate(
        """() => [...Bokeh.documents[0]._all_models.values()]
            .filter((model) => model.type === "Plot").flatMap((model) => model.renderers)
            .filter((each) => each.glyph.type === "Line" && /^p\\d/.test(each.glyph.y.field))
            .map((each) => [each.glyph.y.field, each.glyph.line_width.value])"""
    )
    # The later is drawn over the earlier.
    assert [name for name, _ in lines] == ["p99", "p95", "p50"] * 2
    for first, second, third in (lines[:3], lines[3:]):
        assert first[1] > second[1] > third[1]


def test_charts_are_painted_anew_when_the_theme_changes(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, "?tab=health")
    wait_until_charts(page, 3)
    # All in one go, for each second they are painted anyway.
    repaints = page.evaluate(
        """() => {
            const charts = [...Bokeh.index.all_views()].filter((view) => view.request_repaint);
            let repaints = 0;
            for (const chart of charts) {
                const paint = chart.request_repaint.bind(chart);
                chart.request_repaint = () => { repaints += 1; paint(); };
            }
            document.getElementById("theme").click();
            return repaints;
        }"""
    )
    assert repaints == 3


def test_page_is_never_wider_than_the_window(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    long_name = "t" * 64
    send(
        running,
        {"type": long_name, "message": "x" * 3000, "attribute": "y" * 3000},
        *({"type": f"kind-{number}", "message": "word " * 300} for number in range(30)),
    )
    open_at(page, dashboard, "?by=attribute")
    expect(choice(page, long_name)).to_be_attached()
    rows(page).first.click()
    expect(rows(page).first).to_have_class(re.compile("open"))
    table = page.locator("#logs table").first
    for tab in ("Explore", "Archives", "Health"):
        go_to_tab(page, tab)
        for width in (1600, 1100, 768, 390):
            page.set_viewport_size({"width": width, "height": 844})
            # Charts follow a window that shrinks a moment later.
            page.wait_for_function(
                "(width) => document.documentElement.scrollWidth === width"
                " && document.body.scrollWidth === width",
                arg=width,
            )
            assert table.evaluate("(table) => table.offsetWidth <= table.parentElement.clientWidth")


def test_many_logs_scroll_within_their_card(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, *({"type": "info", "message": f"row {number}"} for number in range(100)))
    open_at(page, dashboard)
    expect(page.get_by_text("row 99", exact=True)).to_be_visible()
    assert rows(page).count() >= SHOWN
    # The rows alone would be more than twice as high.
    assert page.evaluate("document.documentElement.scrollHeight") < 1200


def test_archives_are_told_by_day_and_follow_what_becomes_of_them(page: Page, data: Path) -> None:
    with serving(data), serving_dashboard(data) as dashboard:
        open_at(page, dashboard, "?tab=archives")
        card = page.locator("#archives")
        expect(card.get_by_text("Nothing is archived yet")).to_be_visible()
        many = {"rows": 123_456_789, "raw_bytes": 40 * 10**9, "stored_bytes": 4 * 10**9}
        record_elsewhere(data, *(batch(number, **many) for number in range(1, 30)))
        expect(card.locator(".value")).to_have_text("90.0%saved")
        days = card.locator("tbody tr")
        expect(days).to_have_count(29)
        expect(days.first.locator("th")).to_have_text("2026-01-29")
        expect(days.first.locator("td").last).to_have_text("90.0%")
        for width in (1600, 1280, 1000, 390):
            page.set_viewport_size({"width": width, "height": 844})
            # Charts follow a window that shrinks a moment later.
            page.wait_for_function(
                "(width) => document.documentElement.scrollWidth === width", arg=width
            )
            # The card scrolls, the page does not grow with it.
            assert card.evaluate("(card) => card.offsetHeight") < 500
            for place in ("th", "td >> nth=0", "td >> nth=-1"):
                cell = days.first.locator(place)
                assert cell.evaluate("(cell) => cell.scrollWidth <= cell.clientWidth")
        pruned = batch(30, **many, pruned_at=1)
        record_elsewhere(data, pruned)
        expect(days.first.locator("td").last).to_have_text("pruned")
        expect(card.locator("dl div", has_text="pruned").locator("dd")).to_have_text(
            "123,456,789 logs"
        )


def test_page_waits_calmly_for_a_server_and_begins_by_itself(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving_dashboard(data) as waiting:
        open_at(page, waiting)
        expect(page.locator(".state")).to_have_text("Waiting for a server")
        expect(page.locator(".notice code").first).to_have_text(str(data))
        expect(said(page)).to_have_text("There is no log yet to search.")
        assert asked(page) == {}  # the range is chosen once there is a log
        with serving(data) as server:
            send(server, {"type": "info", "message": "good morning"})
            expect(page.get_by_text("good morning")).to_be_visible()
            expect(page.locator(".state")).to_have_text("Live")
            expect(page.locator(".notice")).to_have_count(0)


def test_lost_connection_is_told_and_mended(lenient_page: Page, tmp_path: Path) -> None:
    page = lenient_page
    with serving_dashboard(tmp_path / "data") as dashboard:
        open_at(page, dashboard)
        expect(said(page)).to_have_text("There is no log yet to search.")
        expect(page.locator("#lost")).to_be_hidden()
        port = urlsplit(dashboard.url).port or 0
    expect(page.locator("#lost b")).to_be_visible()
    with serving_dashboard(tmp_path / "data", port=port):
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator(".state")).to_have_text("Waiting for a server")

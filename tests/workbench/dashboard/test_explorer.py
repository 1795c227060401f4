"""The explorer in a real Chromium: each step changes page and address, and comes back."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import log10
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import (
    DashboardProcess,
    asked,
    choice,
    detail,
    messages,
    open_at,
    rows,
    said,
    serving_dashboard,
    tooltips,
    wait_until_searched,
)
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from workbench.dashboard.explorer.search import OLDER, SHOWN
from workbench.reports.figures.colours import KNOWN

pytestmark = pytest.mark.browser

FIRST = 1_774_656_000_000
"""2026-03-28 00:00 UTC; a day later clocks are changed in Berlin."""
EVERY = 180_000
LOGS = 900
"""Over 45 hours."""
ARCHIVED = 500
SINCE, UNTIL = "2026-03-28T00:00:00.000Z", "2026-03-30T00:00:00.000Z"
RANGE = f"?from={SINCE}&to={UNTIL}"
NOT_ASKED = re.compile("^NOT WHAT IS ASKED: ")

State = dict[str, object]


def log(number: int) -> dict[str, object]:
    kind = "error" if number % 10 == 0 else "warning" if number % 5 == 0 else "info"
    return {
        "type": kind,
        "message": f"request {number}",
        "timestamp": FIRST + number * EVERY,
        "status": 500 if kind == "error" else 200,
        "path": "/with space" if number % 3 == 0 else "/plain",
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose logs are archived for the most part."""
    with serving(tmp_path_factory.mktemp("explorer") / "data") as running:
        send(running, *map(log, range(ARCHIVED)))
        done = run_waterline("archive", "run", "--older-than", "0s", "--data", running.data)
        assert done.returncode == 0, done.stderr
        send(running, *map(log, range(ARCHIVED, LOGS)))
        yield running


@pytest.fixture(scope="module")
def dashboard(server: ServerProcess) -> Iterator[DashboardProcess]:
    """A dashboard of the server's folder."""
    with serving_dashboard(server.data) as process:
        yield process


# All in one answer of the browser: this is asked for again and again.
STATE = """({ parentElement: root }) => {
    const texts = (what) => [...root.querySelectorAll(what)].map((each) => each.textContent);
    return {
        messages: texts("tbody tr[data-seq] .message"),
        said: texts(".said span")[0].replace(/ · [\\d.]+ m?s\\b/, ""),
        query: root.querySelector(".query-bar input").value,
        range: texts(".range"),
        types: texts(".choices [aria-pressed=true]"),
        head: texts("th"),
        scale: root.querySelector(".scale").ariaPressed,
        wraps: root.matches(".wraps"),
        legend: texts(".legend"),
        fault: texts(".query-bar .fault"),
    };
}"""


def state(page: Page) -> State:
    """Return what the page shows, but for how long it took."""
    found: State = page.locator("#logs .tools").evaluate(STATE)
    return found


def expect_state(page: Page, expected: State, when: str) -> None:
    """Wait until the page shows what it showed before."""
    wait_until_searched(page)
    try:
        wait_until(lambda: state(page) == expected)
    except AssertionError:
        shown = state(page)
        assert shown == expected, f"{when} it shows something else at {page.url}"


def query(page: Page) -> Any:  # noqa: ANN401 - a locator
    return page.get_by_role("combobox", name="Query")


def step(page: Page, act: Callable[[], object], finds: str, **address: list[str]) -> None:
    """Do what changes the page; Back then shows what was before, and Forward the same again.

    Args:
        page: a page that has searched.
        act: changes it.
        finds: begin of the sentence about the search that follows.
        address: what the page's address says then.
    """
    wait_until_searched(page)
    before = state(page)
    act()
    begin = re.compile("^" + re.escape(finds))
    expect(said(page)).to_have_text(begin)
    wait_until_searched(page)
    wait_until(lambda: asked(page) == address, f"the address is never {address}, but {page.url}")
    after = state(page)
    assert after != before
    page.go_back()
    expect_state(page, before, "after Back")
    page.go_forward()
    expect_state(page, after, "after Forward")


def reload(page: Page) -> None:
    """Load the page anew: it shows the same, and Back and Forward still do what they did."""
    wait_until_searched(page)
    before = state(page)
    page.reload()
    expect_state(page, before, "after a reload")
    page.go_back()
    wait_until(lambda: state(page) != before, "Back shows the same")
    page.go_forward()
    expect_state(page, before, "after Forward")


def at(**address: str | list[str]) -> dict[str, list[str]]:
    """Return the whole range's address with more."""
    more = {name: [each] if isinstance(each, str) else each for name, each in address.items()}
    return {"from": [SINCE], "to": [UNTIL], **more}


def test_query_that_is_typed_is_searched_for_in_hot_and_archived_logs(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    expect(said(page)).to_have_text(re.compile(r"^900 logs · .*400 hot, 500 archived · .*whole$"))
    step(
        page,
        lambda: query(page).press_sequentially("status>=500 -path:/plain"),
        "30 logs of 900 in this range",
        **at(q="status>=500 -path:/plain"),
    )
    reload(page)
    expect(rows(page)).to_have_count(30)
    assert messages(page) == [f"request {n}" for n in reversed(range(0, LOGS, 30))]


def test_query_at_fault_says_where_and_nothing_that_is_shown_is_lost(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    before = messages(page)
    fault = page.locator("#logs .query-bar .fault")
    query(page).fill("status:")
    page.keyboard.press("Enter")  # what is clearly not written to its end waits for it
    expect(fault).to_contain_text("a value is missing after 'status:'")
    expect(said(page)).to_have_text(NOT_ASKED)
    assert messages(page) == before
    assert asked(page) == at(q="status:")
    expect(query(page)).to_have_attribute("aria-invalid", "")
    # What there was not before is not shown at all.
    page.reload()
    expect(fault).to_contain_text("a value is missing after 'status:'")
    expect(said(page)).to_have_text("Nothing is shown")
    expect(page.locator("#logs .histogram")).to_be_hidden()
    expect(page.locator("#logs .empty p")).to_contain_text("a value is missing after 'status:'")
    expect(query(page)).to_have_value("status:")
    page.get_by_role("button", name="Remove the query").click()
    expect(said(page)).to_have_text(re.compile("^900 logs"))
    expect(page.locator("#logs .histogram canvas").first).to_be_visible()
    assert asked(page) == at()
    query(page).fill("status:500")
    expect(fault).to_be_hidden()
    expect(said(page)).to_have_text(re.compile("^90 logs of 900"))
    page.go_back()
    wait_until_searched(page)
    page.go_back()
    expect(fault).to_contain_text("a value is missing after 'status:'")


def test_range_at_fault_is_told_and_neither_copied_nor_loaded(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    before = messages(page)
    page.get_by_role("button", name="Range of time").click()
    page.get_by_label("From").fill("2026-03-30")
    page.get_by_label("To", exact=True).fill("2026-03-29")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#logs .query-bar .fault")).to_contain_text("the range is empty: from")
    expect(said(page)).to_have_text(NOT_ASKED)
    assert messages(page) == before
    expect(query(page)).not_to_have_attribute("aria-invalid", "")
    page.get_by_label("More", exact=True).click()
    for name in ("Copy as Python", "Download CSV"):
        page.get_by_role("button", name=name).click()
        expect(page.locator("#logs .toast")).to_have_text(re.compile("fault; mend it first$"))
        page.get_by_label("More", exact=True).click()
    page.reload()
    empty = page.locator("#logs .empty")
    expect(empty).to_contain_text("the range is empty: from")
    empty.get_by_role("button", name="Show the newest day with logs").click()
    expect(said(page)).to_have_text(re.compile("^481 logs"))


def test_what_is_known_completes_a_query_while_the_dashboard_is_held_up(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    options = page.get_by_role("option")
    query(page).press_sequentially("status:")
    expect(options).to_have_text(["200", "500"])
    dashboard.process.send_signal(signal.SIGSTOP)
    try:
        query(page).press_sequentially("5")
        expect(options).to_have_text(["500"])
        query(page).press_sequentially("00 -pa")
        expect(options).to_have_text([re.compile("^path:")])
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(query(page)).to_have_value("status:500 -path:")
        # Within quotes nothing is known.
        query(page).press_sequentially('"/wi th')
        expect(options).to_have_count(0)
    finally:
        dashboard.process.send_signal(signal.SIGCONT)
    for _ in "wi th":
        page.keyboard.press("Backspace")
    page.keyboard.type("w")
    expect(options).to_have_text(['"/with space"'])


def test_usual_range_without_logs_says_so_and_has_a_way_out(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)

    def choose() -> None:
        page.get_by_role("button", name="Range of time").click()
        page.get_by_role("button", name="Last hour").click()

    step(page, choose, "0 logs", **{"from": ["-1h"]})
    reload(page)
    empty = page.locator("#logs .empty")
    expect(empty).to_contain_text("No logs in this range; 900 are stored.")
    empty.get_by_role("button", name="Show the newest day with logs").click()
    expect(said(page)).to_have_text(re.compile("^481 logs"))
    assert messages(page)[0] == "request 899"
    assert asked(page) == {
        "from": ["2026-03-28T20:57:00.000Z"],
        "to": ["2026-03-29T20:57:00.001Z"],
    }
    query(page).fill("status:404")
    expect(empty).to_have_text("None of 481 logs in this range match.")


def test_custom_range_follows_the_clock_of_a_zone_over_its_change(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)

    def choose() -> None:
        page.get_by_role("button", name="Range of time").click()
        page.get_by_label("From").fill("2026-03-29")
        page.get_by_label("To", exact=True).fill("2026-03-29 20:00:00")
        page.get_by_label("Time zone").select_option("Europe/Berlin")
        page.get_by_role("button", name="Apply").click()

    step(
        page,
        choose,
        "380 logs",
        **{
            "from": ["2026-03-28T23:00:00.000Z"],
            "to": ["2026-03-29T18:00:00.000Z"],
            "tz": ["Europe/Berlin"],
        },
    )
    reload(page)
    button = page.get_by_role("button", name="Range of time")
    expect(button).to_have_text("2026-03-29 00:00 – 20:00 Berlin")  # noqa: RUF001
    expect(rows(page).first.locator(".time")).to_have_text("2026-03-29 19:57:00.000")
    told = tooltips(page, having="2026-03-29 03:00:00 ")
    assert "2026-03-29 01:50:00 " in told
    assert "2026-03-29 02:" not in told
    # What is opened again is the range as it is, on the same clock.
    button.click()
    expect(page.get_by_label("From")).to_have_value("2026-03-29 00:00")
    for wrong in ("the day before", "2026-02-30"):
        page.get_by_label("From").fill(wrong)
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("#logs .range-panel .fault")).to_contain_text(f"“{wrong}” is no time")
    page.keyboard.press("Escape")
    expect(page.locator("#logs .range-panel")).to_be_hidden()


def test_earlier_later_and_wider_move_the_range(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, "?from=2026-03-28T06:00:00Z&to=2026-03-28T12:00:00Z")
    expect(said(page)).to_have_text(re.compile("^120 logs"))

    def between(since: str, until: str) -> dict[str, list[str]]:
        return {"from": [f"2026-03-28T{since}:00.000Z"], "to": [f"2026-03-{until}:00.000Z"]}

    press = {
        name: page.get_by_role("button", name=name, exact=True).click
        for name in ("Earlier", "Later", "Wider range")
    }
    step(page, press["Earlier"], "120 logs", **between("00:00", "28T06:00"))
    step(page, press["Later"], "120 logs", **between("06:00", "28T12:00"))
    reload(page)
    step(page, press["Wider range"], "240 logs", **between("03:00", "28T15:00"))


def test_drag_on_the_chart_zooms_and_a_double_click_goes_back(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    # A range is written as the page itself writes it.
    before = page.url
    chart = page.locator("#logs .chart canvas").first
    box = chart.bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(x + 0.4 * box["width"], y, steps=4)
    page.mouse.move(x + 0.6 * box["width"], y, steps=4)
    page.mouse.up()
    expect(page).not_to_have_url(before)
    wait_until_searched(page)
    since, until = asked(page)["from"][0], asked(page)["to"][0]
    assert SINCE < since < until < UNTIL
    count = int((said(page).text_content() or "").split()[0])
    assert 200 < count < 400
    first, last = (messages(page)[place] for place in (0, -1))
    assert int(last.split()[1]) < int(first.split()[1]) < LOGS
    page.reload()
    expect(said(page)).to_have_text(re.compile(f"^{count} logs"))
    page.go_back()
    expect(page).to_have_url(before)
    page.go_forward()
    expect(said(page)).to_have_text(re.compile(f"^{count} logs"))


def test_double_click_on_the_chart_goes_back_and_without_a_zoom_widens(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, "?from=2026-03-28T06:00:00Z&to=2026-03-28T12:00:00Z")
    chart = page.locator("#logs .chart").first
    chart.dblclick()
    expect(said(page)).to_have_text(re.compile("^240 logs"))
    wait_until_searched(page)
    chart.dblclick()
    expect(said(page)).to_have_text(re.compile("^120 logs"))
    assert asked(page)["from"] == ["2026-03-28T06:00:00Z"]


def test_types_are_chosen_and_let_go(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, RANGE)
    step(page, choice(page, "error").click, "90 logs of 900 in this range", **at(type="error"))
    step(
        page,
        choice(page, "warning").click,
        "180 logs of 900 in this range",
        **at(type=["error", "warning"]),
    )
    reload(page)
    # What could be chosen besides keeps its count.
    expect(choice(page, "info").locator("b")).to_have_text("720")
    step(page, choice(page, "error").click, "90 logs of 900 in this range", **at(type="warning"))


def test_type_of_the_query_is_counted_alone(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, f"{RANGE}&q=type:error OR type:warning")
    expect(said(page)).to_have_text(re.compile("^180 logs of 900 in this range"))
    open_at(page, dashboard, f"{RANGE}&q=type:error")
    expect(said(page)).to_have_text(re.compile("^90 logs of 900 in this range"))
    expect(choice(page, "info").locator("b")).to_have_text("0")
    wait_until(lambda: {colour for colour, *_ in bars(page)} == {KNOWN["error"]})


def field(page: Page, name: str) -> Any:  # noqa: ANN401 - a locator
    found = page.locator(f'#logs .field[data-name="{name}"]')
    expect(found).to_be_visible()
    if found.get_attribute("open") is None:
        found.locator("summary").click()
    return found


def test_value_of_a_field_is_asked_for_and_left_out(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    path = field(page, "path")
    expect(path.locator(".value", has_text="/with space").locator("b")).to_have_text("300")
    step(
        page,
        path.get_by_role("button", name="Only path /with space").click,
        "300 logs of 900 in this range",
        **at(q='path:"/with space"'),
    )
    step(
        page,
        field(page, "status").get_by_role("button", name="Without status 500").click,
        "270 logs of 900 in this range",
        **at(q='path:"/with space" -status:500'),
    )
    reload(page)


def test_chart_counts_by_a_field(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, RANGE)
    chart_by = field(page, "path").get_by_role("button", name="Chart by path")
    step(page, chart_by.click, "900 logs", **at(by="path"))
    reload(page)
    labels = page.locator("#logs .legend").first.locator(".label")
    expect(labels).to_have_text(["/plain600", "/with space300"])
    step(page, page.get_by_role("button", name="Chart by type again").click, "900 logs", **at())
    expect(labels).to_have_count(0)


def bars(page: Page) -> list[tuple[str, float, float]]:
    """Return colour, bottom and top of the bars of the chart."""
    found = page.evaluate(
        """() => [...Bokeh.documents[0]._all_models.values()]
            .map(({data}) => data).filter((data) => "alpha" in (data ?? {})).map((data) =>
                [...data.colour].map((each, at) => [each, data.bottom[at], data.top[at]]))"""
    )
    assert len(found) == 1
    return [tuple(each) for each in found[0]]


def marks(page: Page) -> set[tuple[str, float]]:
    """Return colour and height of what stands above the base."""
    return {(colour, top) for colour, bottom, top in bars(page) if bottom > 0}


def test_log_scale_shows_one_error_beside_many_and_nothing_as_nothing(
    page: Page, dashboard: DashboardProcess
) -> None:
    # Steps of half an hour: one of ten logs is an error; the last three hours have none at all.
    open_at(page, dashboard, RANGE)
    scale = page.get_by_role("button", name="Log scale")
    expect(scale).to_have_attribute("aria-pressed", "false")
    linear = bars(page)
    step(page, scale.click, "900 logs", **at(scale="log"))
    logarithmic = {(KNOWN["error"], 1), (KNOWN["info"], 1 + log10(8)), (KNOWN["warning"], 1)}
    wait_until(lambda: marks(page) == logarithmic)
    reload(page)
    assert marks(page) == logarithmic
    choice(page, "warning").click()
    expect(said(page)).to_have_text(re.compile("^90 logs of 900"))
    assert asked(page) == at(scale="log", type="warning")
    page.go_back()
    wait_until_searched(page)
    step(page, scale.click, "900 logs", **at())
    wait_until(lambda: bars(page) == linear)


def test_column_comes_and_goes(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, RANGE)
    shows = field(page, "path").get_by_role("button", name="Show path as a column")
    step(page, shows.click, "900 logs", **at(cols="path"))
    reload(page)
    expect(rows(page).first.locator("td.column")).to_have_text("/plain")
    removes = page.get_by_role("button", name="Remove the column path")
    step(page, removes.click, "900 logs", **at())
    expect(page.locator("#logs td.column")).to_have_count(0)


def test_scrolling_back_shows_each_hot_and_archived_log_once_and_in_order(
    page: Page, dashboard: DashboardProcess
) -> None:
    open_at(page, dashboard, RANGE)
    expect(rows(page)).to_have_count(SHOWN)
    end = page.locator("#logs .scroll .end")
    for count in (*range(SHOWN + OLDER, LOGS, OLDER), LOGS):
        end.scroll_into_view_if_needed()
        expect(rows(page)).to_have_count(count)
    expect(end).to_have_text("900 logs; the range has no older ones that match.")
    assert messages(page) == [f"request {n}" for n in reversed(range(LOGS))]


def test_keys_do_what_buttons_do(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, RANGE)
    page.keyboard.press("/")
    expect(query(page)).to_be_focused()
    page.keyboard.type("jk request")  # letters, not commands
    expect(said(page)).to_have_text(re.compile("^0 logs of 900"))
    for _ in range(2):  # what may complete it is closed before
        page.keyboard.press("Escape")
    expect(query(page)).not_to_be_focused()
    expect(query(page)).to_have_value("jk request")
    query(page).fill("")
    query(page).blur()
    expect(said(page)).to_have_text(re.compile("^900 logs"))
    wait_until_searched(page)
    step(page, lambda: page.keyboard.press("e"), "90 logs", **at(type="error"))
    page.keyboard.press("e")
    expect(said(page)).to_have_text(re.compile("^900 logs"))
    wait_until_searched(page)
    for key in ("j", "j", "j", "k", "Enter"):
        page.keyboard.press(key)
    expect(rows(page).nth(1)).to_have_class(re.compile("open"))
    expect(page).to_have_url(re.compile("&seq=899$"))
    page.keyboard.press("Escape")
    expect(rows(page).nth(1)).not_to_have_class(re.compile("open"))
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile("from=2026-03-26T00"))
    wait_until_searched(page)
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile("from=2026-03-28T00"))
    wait_until_searched(page)
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="Range of time")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Range of time")).to_be_hidden()
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("from=-"))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    wait_until_searched(page)
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator("#logs .toast")).to_have_text(re.compile(r"^Copied$|^http.*live="))


def test_link_to_a_log_shows_it_open_to_others(page: Page, dashboard: DashboardProcess) -> None:
    open_at(page, dashboard, f"{RANGE}&seq=7")
    old = rows(page).filter(has=page.get_by_text("request 6", exact=True))
    expect(old).to_have_class(re.compile("open"))
    expect(detail(old)).to_contain_text("path=/with space")
    old.locator(".time").click()
    expect(page).to_have_url(re.compile(r"Z$"))


def let_go(fifo: Path) -> None:
    """Let whoever waits for what is written end."""
    with suppress(OSError):  # nobody does
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


def test_search_is_cancelled_and_the_page_goes_on(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        send(server, *map(log, range(20)))
        done = run_waterline("archive", "run", "--older-than", "0s", "--data", data)
        assert done.returncode == 0, done.stderr
        send(server, *map(log, range(600, 620)))
        # A file that does not come, as from a disk that hangs.
        (file,) = (each for each in (data / "archives").rglob("batch-*") if each.is_file())
        file.unlink()
        os.mkfifo(file)
        with serving_dashboard(data) as dashboard:
            page.goto(f"{dashboard.url}{RANGE}")
            cancel = page.get_by_role("button", name="Cancel")
            expect(said(page)).to_have_text(re.compile("^Searching …"))
            cancel.click()
            expect(said(page)).to_have_text("Cancelled: what is shown may lack logs.")
            expect(cancel).to_be_hidden()
            page.get_by_role("button", name="Range of time").click()
            page.get_by_label("From").fill("2026-03-29")
            page.get_by_role("button", name="Apply").click()
            expect(said(page)).to_have_text(re.compile("^20 logs"))
            expect(rows(page)).to_have_count(20)
            let_go(file)


def test_dashboard_that_is_started_again_shows_the_same(lenient_page: Page, data: Path) -> None:
    page = lenient_page
    with serving(data) as server:
        send(server, *map(log, range(LOGS)))
        with serving_dashboard(data) as dashboard:
            port = int(dashboard.url.split(":")[2].split("/")[0])
            open_at(page, dashboard, f"{RANGE}&q=status:500&by=path&cols=path&seq=11")
            expect(said(page)).to_have_text(re.compile("^90 logs of 900"))
            before, address = state(page), asked(page)
            dashboard.process.kill()
            expect(page.locator("#lost")).to_be_visible()
        with serving_dashboard(data, port=port):
            expect(page.locator("#lost")).to_be_hidden()
            expect_state(page, before, "after a restart")
            assert asked(page) == address
            expect(rows(page).filter(has=page.get_by_text("request 10", exact=True))).to_have_class(
                re.compile("open")
            )


def test_server_that_is_killed_and_started_again_is_followed_on(page: Page, data: Path) -> None:
    with serving_dashboard(data) as dashboard:
        with serving(data) as server:
            send(server, {"type": "info", "message": "before"})
            open_at(page, dashboard)
            expect(rows(page)).to_have_count(1)
            server.process.kill()
            server.process.wait()
        with serving(data, token=server.token) as again:
            send(again, {"type": "error", "message": "after"})
            expect(rows(page)).to_have_count(2)
            assert messages(page) == ["after", "before"]
            expect(said(page)).to_have_text("2 logs · whole")

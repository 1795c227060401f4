"""The table of logs in a real Chromium: whole texts, exact numbers, keys, the address."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests.support.archives import archive, prune
from tests.support.browser import (
    DashboardProcess,
    asked,
    choice,
    detail,
    go_to_tab,
    messages,
    open_at,
    open_with_one_log,
    rows,
    said,
    serving_dashboard,
    tooltips,
)
from tests.support.folders import alter_elsewhere, fill
from tests.support.processes import ServerProcess, run_waterline, serving
from tests.support.sockets import receive, send
from waterline.encoding import PARQUET
from workbench.dashboard.explorer.search import OLDER, SHOWN

pytestmark = pytest.mark.browser

Log = Mapping[str, object]

DAY_MS = 86_400_000
# What turns text around, acts in a terminal, or is not seen.
HIDDEN = "\u202e\u2066\u200f\u061c\u200b\ufeff\x1b\x07\x00\x9b\x85\x7f"
# Every text of the page, and every tooltip and name, in shadow trees too.
ALL_TEXTS = """() => {
    const found = [];
    const look = (root) => {
        for (const each of root.querySelectorAll("*")) {
            if (["STYLE", "SCRIPT"].includes(each.tagName)) continue;
            for (const node of each.childNodes) if (node.nodeType === 3) found.push(node.data);
            for (const { name, value } of each.attributes)
                if (name === "title" || name.startsWith("aria-")) found.push(value);
            if (each.shadowRoot) look(each.shadowRoot);
        }
    };
    look(document);
    return found.join("");
}"""
FOCUSED = """() => {
    const path = [];
    for (let each = document.activeElement; each; each = each.shadowRoot?.activeElement)
        path.push(each);
    return {
        seq: path.at(-1).closest("tr")?.dataset.seq ?? null,
        isChart: path.some((each) => each.closest(".chart") !== null),
        name: (path.at(-1).getAttribute("aria-label") ?? path.at(-1).textContent ?? "").trim(),
        tag: path.at(-1).tagName,
    };
}"""


def send_many(server: ServerProcess, *logs: Log) -> None:
    """Push logs in frames of a thousand."""
    socket = server.connect(f"{server.ingest}?ack=batch")
    for begin in range(0, len(logs), 1000):
        lines = [msgspec.json.encode(each).decode() for each in logs[begin : begin + 1000]]
        socket.send("\n".join(lines))
        assert receive(socket)["type"] == "ack"
    socket.close()


def test_pruned_logs_are_marked_between_rows(page: Page, tmp_path: Path) -> None:
    data = tmp_path / "data"
    begin = 1_774_656_000_000  # 2026-03-28 00:00 UTC
    fill(
        data,
        [
            {"type": "info", "message": f"m{n}", "timestamp": begin + n * 1000, "n": n}
            for n in range(700)
        ],
    )
    batches = archive(data, [(100, PARQUET)] * 6)
    prune(data, [batches[0], batches[2], batches[3]])
    gaps = page.locator("#logs tr.gap")
    with serving_dashboard(data) as dashboard:
        open_at(page, dashboard, "?from=2026-03-28&to=2026-03-28T01:00:00Z")
        expect(rows(page)).to_have_count(SHOWN)  # m699 and so on
        expect(gaps).to_have_count(0)
        end = page.locator("#logs .scroll .end")
        end.scroll_into_view_if_needed()
        expect(rows(page)).to_have_count(SHOWN + OLDER)
        end.scroll_into_view_if_needed()
        expect(end).to_have_text("400 logs; the range has no older ones that match and are kept.")
        expect(gaps).to_have_text(
            [
                f"{count} logs from 2026-03-28 {since} to 2026-03-28 {until} were pruned, and "
                "cannot be shown"
                for count, since, until in (
                    (200, "00:03:20.000", "00:06:39.000"),
                    (100, "00:00:00.000", "00:01:39.000"),
                )
            ]
        )
        table = page.locator("#logs tbody").first.evaluate(
            "(body) => [...body.children].map((row) => row.className === 'gap' ? 'gap' : "
            "row.querySelector('.message').textContent)"
        )
        kept = [f"m{n}" for n in reversed(range(700)) if n // 100 not in (0, 2, 3)]
        assert table == [*kept[:300], "gap", *kept[300:], "gap"]
        # A gap is no stop of the keys.
        rows(page).nth(299).get_by_role("button").first.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate(FOCUSED)["seq"] == "200"
        page.keyboard.press("End")
        assert page.evaluate(FOCUSED)["seq"] == "101"
        open_at(page, dashboard, "?from=2026-03-28&to=2026-03-28T00:01:00Z&q=m5")
        expect(gaps).to_have_text(re.compile("^Up to 100 logs from .* 00:00:59.999 were pruned"))


def test_long_message_and_attributes_say_so_and_are_whole_when_open(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    message = "begin of it " + "wörd " * 900 + "its end"
    attributes = {f"key_{number}": "v" * 40 for number in range(90)}
    send(running, {"type": "long", "message": message, **attributes})
    open_at(page, dashboard, "?type=long")
    row = rows(page).filter(has_text="begin of it")
    expect(row.locator(".message .more")).to_have_text(re.compile(r"^… 4\.\d KiB more$"))
    expect(row.locator(".attributes .pair b").first).to_have_text("v" * 40)
    row.click()
    expect(row.locator(".message")).to_have_text(message)
    expect(detail(row).locator(".pair")).to_have_count(90)
    expect(detail(row).locator(".pair").last).to_contain_text(f"key_89={'v' * 40}")
    expect(row.locator(".more")).to_have_count(0)
    expect(detail(row).locator(".more")).to_have_count(0)
    # They have the width of the table, and the row its message that of two columns.
    width = row.evaluate("(row) => row.offsetWidth")
    assert detail(row).locator("td").evaluate("(cell) => cell.offsetWidth") == width
    assert row.locator(".message").evaluate("(cell) => cell.offsetWidth") > 0.6 * width
    row.locator(".time").click()
    expect(page.locator("#logs .detail-row")).to_have_count(0)
    expect(row.locator(".attributes")).to_be_visible()


def test_text_of_megabytes_comes_piece_by_piece(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    message = "huge " + "é" * 300_000
    send(running, {"type": "huge", "message": message})
    open_at(page, dashboard)
    row = rows(page).filter(has_text="huge é")
    row.click()
    more = row.locator(".message .more")
    expect(more).to_have_text("… 329.9 KiB more")
    shown = row.locator(".message").inner_text()
    assert 100_000 < len(shown) < 150_000
    more.click()
    expect(more).to_have_text("… 73.9 KiB more")
    more.click()
    expect(more).to_have_count(0)
    assert row.locator(".message").inner_text() == message
    expect(row).to_have_class(re.compile("open"))


def test_rest_of_a_log_that_was_archived_meanwhile_is_read_and_of_one_that_is_gone_not(
    page: Page, data: Path
) -> None:
    texts = [f"{name} archived {'x' * 3000}" for name in ("soon", "then")]
    with serving(data) as server, serving_dashboard(data) as dashboard:
        send(server, *({"type": "info", "message": each} for each in texts))
        open_at(page, dashboard)
        expect(rows(page)).to_have_count(2)
        assert run_waterline("archive", "run", "--older-than", "0s", "--data", data).returncode == 0
        soon, then = (rows(page).filter(has_text=each[:13]) for each in texts)
        soon.click()
        expect(soon.locator(".message")).to_have_text(texts[0])
        alter_elsewhere(
            data / "logs.db",
            "UPDATE archive_batches SET pruned_at = 1",
            "UPDATE seam SET generation = generation + 1",
        )
        then.click()
        expect(then.locator(".cut")).to_contain_text("The rest is gone: the log was pruned")


def test_numbers_are_shown_exactly_as_stored(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    numbers = (
        '{"type":"exact","message":"m","n":9007199254740993,"f":1.0,"e":1e+300,"z":-0.0,'
        '"big":123456789012345678901234567890,"in":{"a":[9007199254740993,1.50]},'
        '"text":"9007199254740993","quote":"a \\"b\\", {c:1}"}'
    )
    socket = running.connect()
    socket.send(numbers)
    assert receive(socket)["type"] == "ack"
    socket.close()
    open_at(page, dashboard)
    pairs = rows(page).filter(has_text="exact").locator(".pair")
    expect(pairs).to_have_count(8)
    shown = dict(text.split("=", 1) for text in pairs.all_inner_texts())
    assert shown["n"] == "9007199254740993"
    assert shown["f"] == "1.0"
    assert float(shown["e"]) == 1e300
    assert shown["big"] == "123456789012345678901234567890"
    assert "9007199254740993" in shown["in"]
    assert shown["text"] == "9007199254740993"
    assert shown["quote"] == 'a "b", {c:1}'


def test_rows_are_opened_and_walked_by_key(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, *({"type": "key", "message": f"key {number}"} for number in range(3)))
    open_at(page, dashboard, "?type=key")
    expect(rows(page)).to_have_count(3)
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED)["seq"] is not None:
            break
    page.keyboard.press("Enter")
    expect(rows(page).first).to_have_class(re.compile("open"))
    expect(rows(page).first.locator("button").first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(rows(page).nth(1)).to_have_class(re.compile("open"))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(rows(page).nth(2)).to_have_class(re.compile("open"))
    page.keyboard.press("Escape")
    expect(rows(page).nth(2)).not_to_have_class(re.compile("open"))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(rows(page).nth(1)).not_to_have_class(re.compile("open"))
    # All rows are one stop.
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["seq"] is None


def test_every_stop_of_the_keyboard_has_a_name_and_no_chart_is_one(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "info", "message": "a stop"})
    open_at(page, dashboard)
    expect(page.locator(".chart canvas").first).to_be_visible()
    expect(page.get_by_text("a stop").first).to_be_visible()
    page.wait_for_function(
        """() => { const look = (root) => [...root.querySelectorAll("*")].every((each) =>
            each.tabIndex < 0 && (each.shadowRoot === null || look(each.shadowRoot)));
            return [...document.querySelectorAll(".chart")].every(look); }"""
    )
    for _ in range(80):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["tag"] == "BODY":
            break
        assert stop["name"], stop
        assert not stop["isChart"], stop
    expect(page.get_by_role("img", name="matching logs by time")).to_be_visible()
    go_to_tab(page, "Health")
    expect(page.get_by_role("img", name="Logs stored each second")).to_be_visible()
    expect(page.get_by_role("img", name="Percentiles of ack latency")).to_be_visible()


def test_filter_pause_and_open_row_survive_a_reload(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    odd = "a&b=c +%23 ü"
    send(
        running,
        {"type": odd, "message": "keep me, 100% & more"},
        {"type": odd, "message": "keep me not"},
        {"type": "other", "message": "keep me, 100% & more"},
    )
    open_at(page, dashboard)
    choice(page, odd).click()
    query = page.get_by_label("Query")
    query.fill('"100% &"')
    expect(rows(page)).to_have_count(1)
    rows(page).first.click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    page.wait_for_url("**live=*")
    assert asked(page)["type"] == [odd]
    assert asked(page)["q"] == ['"100% &"']
    send(running, {"type": odd, "message": "100% & too late"})
    for _ in range(2):
        page.reload()
        expect(page.get_by_role("button", name="Resume · 1 new")).to_be_visible()
        expect(rows(page)).to_have_count(1)
        expect(rows(page).first).to_have_class(re.compile("open"))
        expect(rows(page).first.locator(".message")).to_have_text("keep me, 100% & more")
        expect(query).to_have_value('"100% &"')
        expect(choice(page, odd)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Resume").click()
    expect(rows(page)).to_have_count(2)
    choice(page, odd).click()
    query.fill("")
    rows(page).filter(has_text="keep me, 100% & more").nth(1).wait_for()
    expect(page).to_have_url(re.compile(r"/dashboard\?from=-5min&seq=\d+$"))


def test_open_rows_outside_what_is_shown_are_opened_again_archived_ones_too(
    page: Page, data: Path
) -> None:
    with serving(data) as server, serving_dashboard(data) as dashboard:
        send(server, {"type": "info", "message": "the archived one", "timestamp": 5})
        assert run_waterline("archive", "run", "--older-than", "0s", "--data", data).returncode == 0
        send(server, {"type": "info", "message": "the very old one"})
        send_many(server, *({"type": "info", "message": f"n {each}"} for each in range(300)))
        open_at(page, dashboard, "?seq=1&seq=2&seq=no&seq=99999")
        for text in ("the archived one", "the very old one"):
            expect(rows(page).filter(has_text=text)).to_have_class(re.compile("open"))
        expect(said(page)).to_contain_text("log 99999 is gone, and not shown")
        page.wait_for_url("**&seq=1&seq=2")
        send_many(server, *({"type": "info", "message": f"m {each}"} for each in range(300)))
        expect(rows(page).first.locator(".message")).to_have_text("m 299")
        # They stay for who reads them, whatever comes.
        expect(rows(page).filter(has_text="the archived one")).to_be_attached()
        # What lies between is not skipped for them.
        for count in (SHOWN, SHOWN + OLDER, SHOWN + 2 * OLDER):
            expect(rows(page)).to_have_count(count + 2)
            page.locator("#logs .end").scroll_into_view_if_needed()
        expect(rows(page)).to_have_count(602)
        assert messages(page)[:-1] == [
            *(f"m {each}" for each in reversed(range(300))),
            *(f"n {each}" for each in reversed(range(300))),
            "the very old one",
        ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("type=&q=&live=&seq=&from=&to=&by=&cols=&tz=&source=&tab=", []),
        (
            "live=-1&seq=1e9&tab=nobody&tz=Europe/Nowhere",
            [
                "tz=“Europe/Nowhere”: there is no such time zone, so times are in UTC.",
                "tab=“nobody”: there is no such tab, so this is Explore.",
                "live=“-1”: that is no seq of a log, so the page is not paused.",
                "seq=“1e9”: that is no seq of a log, and not opened.",
            ],
        ),
        (
            "live=99999999999999999999&seq=0x1&theme=pink&from=-1h&scale=cube&q=a&q=b&wrap=no",
            [
                "Of q, which the address has 2 times, the first counts.",
                "scale=“cube”: there is only log, so the scale is linear.",
                "wrap=“no”: there is only on, so messages are not wrapped.",
                "theme=“pink”: there are only light and dark, so the theme is that of",
                "live=“99999999999999999999”: that is no seq of a log",
                "seq=“0x1”",
            ],
        ),
        (
            "type=" + "t" * 501 + "&q=" + "q" * 4001 + "".join(f"&cols=c{n}" for n in range(37)),
            [
                "q=“" + "q" * 60 + "…”: a query has up to 4000 characters, so none is asked.",
                "…”: that is longer than any name, and left out.",
                "The address has 37 times cols; the first 36 count.",
            ],
        ),
    ],
)
def test_address_without_meaning_does_no_harm_and_is_told(
    page: Page, running: ServerProcess, dashboard: DashboardProcess, query: str, told: list[str]
) -> None:
    send(running, {"type": "info", "message": "still here"})
    page.goto(f"{dashboard.url}?{query}")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(choice(page, "info")).to_be_attached()
    doubts = page.locator("#logs .doubts")
    for sentence in told:
        expect(doubts).to_contain_text(sentence)
    assert (doubts.text_content() or "").count(".") >= len(told)
    # Who goes on has read it.
    choice(page, "info").click()
    expect(doubts).to_have_text("")


def test_rows_of_yesterday_show_their_day_after_midnight(
    lenient_page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    page = lenient_page  # its clock is another from then on
    page.clock.install()
    send(running, {"type": "night", "message": "before midnight"})
    open_at(page, dashboard, "?type=night")
    time = rows(page).filter(has_text="before midnight").locator(".time")
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    page.clock.fast_forward(DAY_MS)
    expect(time).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$"))


def test_no_text_of_a_log_turns_or_hides_the_text_of_the_page(page: Page, data: Path) -> None:
    with serving(data) as server, serving_dashboard(data) as dashboard:
        hide_texts(page, server, dashboard)


def hide_texts(page: Page, server: ServerProcess, dashboard: DashboardProcess) -> None:
    send(
        server,
        {"type": f"t{HIDDEN}", "message": f"m{HIDDEN}\r\n\rend", f"k{HIDDEN}": f"v{HIDDEN}"},
        {"type": "info", "message": "x" * 990 + HIDDEN * 99, "deep": {HIDDEN: [HIDDEN]}},
    )
    open_at(page, dashboard, "?cols=" + quote(f"k{HIDDEN}") + "&by=" + quote(f"k{HIDDEN}"))
    row = rows(page).filter(has_text="end")
    expect(row.locator(".message")).to_contain_text("m\\u202e\\u2066\\u200f\\u061c")
    expect(row.locator(".message")).to_contain_text("\\u001b\\u0007\\u0000\\u009b")
    expect(row.locator(".type")).to_contain_text("t\\u202e")
    expect(row.locator(".attributes")).to_contain_text("v\\u202e")
    expect(page.locator("#stored th", has_text="t\\u202e")).to_be_attached()
    expect(page.locator("#throughput .legend li", has_text="t\\u202e")).to_be_attached()
    for each in rows(page).all()[:2]:
        each.click()
    expect(page.locator(".more")).to_have_count(0)
    expect(page.locator("#logs .field")).to_have_count(3)
    seen = page.evaluate(ALL_TEXTS)
    assert "\\u202e" in seen
    assert not [f"{each!r}" for each in HIDDEN + "\r" if each in seen]
    go_to_tab(page, "Health")
    told = tooltips(page, having="t\\u202e")
    assert not [f"{each!r}" for each in HIDDEN if each in told]


def test_letters_of_another_direction_stay_in_their_place(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "info", "message": "plain", "שם": "ערך", "a": "b"})
    open_at(page, dashboard)
    pairs = rows(page).filter(has_text="plain").first.locator(".pair")
    lefts = [each.bounding_box()["x"] for each in pairs.all()]  # type: ignore[index]
    assert lefts == sorted(lefts)


def test_levels_always_have_buttons_and_of_many_types_the_rest_is_counted(
    page: Page, data: Path
) -> None:
    with serving(data) as server, serving_dashboard(data) as dashboard:
        send(server, {"type": "error", "message": "the only error"})
        send_many(server, *({"type": f"kind-{each % 45}", "message": "m"} for each in range(5000)))
        open_at(page, dashboard)
        for level in ("error", "warning", "info", "debug"):
            expect(choice(page, level)).to_be_attached()
        expect(page.locator(".more-types")).to_have_text("+ 5 types")
        expect(said(page)).to_have_text(re.compile(r"^5,001 logs · ([\d.]+ m?s · )?whole$"))
        expect(choice(page, "error").locator("b")).to_have_text("1")
        # It lies beyond what is shown at first, and is found.
        choice(page, "error").click()
        expect(rows(page)).to_have_count(1)
        expect(said(page)).to_have_text("1 log of 5,001 in this range · whole")
        page.reload()
        expect(choice(page, "error")).to_have_attribute("aria-pressed", "true")
        open_at(page, dashboard, "?q=only+error")
        expect(rows(page)).to_have_count(1)


def test_pause_counts_all_that_came_and_not_only_what_would_be_shown(
    page: Page, data: Path
) -> None:
    with serving(data) as server, serving_dashboard(data) as dashboard:
        open_with_one_log(page, server, dashboard)
        page.get_by_role("button", name="Pause").click()
        page.wait_for_url("**live=1*")
        send_many(server, *({"type": "info", "message": f"n {each}"} for each in range(900)))
        expect(page.get_by_role("button", name="Resume · 900 new")).to_be_visible()
        expect(rows(page)).to_have_count(1)
        page.get_by_role("button", name="Resume").click()
        expect(rows(page)).to_have_count(SHOWN)

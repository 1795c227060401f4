"""The dashboard of a folder behind a server, in a real Chromium: as that of the folder itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, Response, expect

from tests.support.archives import archive
from tests.support.browser import (
    DashboardProcess,
    choice,
    go_to_tab,
    messages,
    open_at,
    rows,
    said,
    serving_dashboard,
)
from tests.support.folders import fill
from tests.support.processes import PATIENCE, ServerProcess, create_token, run_waterline, serving
from tests.support.questions import Questions, answering, revoke
from tests.support.sockets import send
from tests.support.tls import LOOPBACK, WITH_LOOPBACK
from waterline.clock import now_ms
from waterline.encoding import PARQUET

pytestmark = pytest.mark.browser

LONG = "so long " * 400
LOGS = 600


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("network") / "data"
    begin = now_ms() - 60 * 60_000
    fill(
        data,
        [
            {
                "type": ["info", "info", "error"][n % 3],
                "message": f"request {n} of many" if n != 590 else LONG,
                "timestamp": begin + n * 1_000,
                "took": n % 97 / 8,
            }
            for n in range(LOGS)
        ],
    )
    archive(data, [(400, PARQUET)], clear=True)
    with serving(data) as process:
        yield process


@pytest.fixture(scope="module")
def questions(server: ServerProcess) -> Iterator[Questions]:
    with answering(server.data, *WITH_LOOPBACK) as process:
        yield process


@pytest.fixture(scope="module")
def remote(
    questions: Questions, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DashboardProcess]:
    """A dashboard that knows the folder by its server alone."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data"
    options = ("--url", questions.url, "--certificate", str(LOOPBACK))
    with serving_dashboard(elsewhere, *options, token=questions.token) as process:
        yield process
    assert not elsewhere.exists()


@pytest.fixture(scope="module")
def local(server: ServerProcess) -> Iterator[DashboardProcess]:
    with serving_dashboard(server.data) as process:
        yield process


def seen(page: Page) -> dict[str, object]:
    """Return what a page shows that does not change from one second to the next."""
    shown: dict[str, object] = {
        "said": re.sub(r"[0-9.]+ m?s · ", "", said(page).text_content() or ""),
        "messages": messages(page),
        "types": page.locator("#logs .choices button").all_text_contents(),
        "fields": page.locator("#logs .fields").all_text_contents(),
        "charts": page.evaluate(
            """() => [...Bokeh.documents[0]._all_models.values()]
                .flatMap((model) => [...(model.data?.said ?? [])])"""
        ),
    }
    for tab in ("Sources", "Archives"):
        go_to_tab(page, tab)
        shown[tab] = page.locator(f"main > [data-tab={tab.lower()}]").inner_text()
    return shown


def test_page_shows_what_that_of_the_folder_shows(
    page: Page, local: DashboardProcess, remote: DashboardProcess
) -> None:
    asked = "?from=-3h&q=took>2&by=took&measure=took"
    shown = []
    for each in (local, remote):
        open_at(page, each, asked)
        expect(choice(page, "info").locator("b")).not_to_have_text("0")
        expect(page.locator("#logs .fields")).to_contain_text("took")
        expect(said(page)).to_contain_text("of 600 in this range")
        shown.append(seen(page))
    assert len(shown[0]["messages"]) > 20  # type: ignore[arg-type] # a list
    for name, value in shown[0].items():
        if name != "Archives":  # sizes grow
            assert shown[1][name] == value, name
    expect(page.locator(".folder")).to_have_text(re.compile(r"https://127\.0\.0\.1:\d+$"))
    go_to_tab(page, "Health")
    expect(page.locator(".tiles .value").first).to_have_text(str(LOGS))


def test_logs_that_come_are_followed(
    page: Page, server: ServerProcess, remote: DashboardProcess
) -> None:
    open_at(page, remote, "?from=-2h&q=fresh")
    send(server, *({"type": "info", "message": f"fresh {n}"} for n in range(3)))
    expect(page.get_by_text("fresh 2", exact=True)).to_be_visible()
    expect(page.locator(".state")).to_have_text("Live")
    expect(choice(page, "info").locator("b")).to_have_text("3")


def test_rows_open_go_on_and_have_neighbours_and_patterns(
    page: Page, remote: DashboardProcess
) -> None:
    open_at(page, remote, "?from=-3h&q=took>=0")
    page.locator("#logs .scroll:not(.patterns)").hover()
    before = rows(page).count()
    page.locator("#logs .scroll:not(.patterns)").evaluate("each => each.scrollTo(0, 1e9)")
    expect(rows(page).nth(before)).to_be_attached()
    page.locator("#logs .scroll:not(.patterns)").evaluate("each => each.scrollTo(0, 0)")
    row = rows(page).filter(has_text="so long")
    expect(row.locator(".message .more")).to_have_text(re.compile("KiB more$"))
    row.click()
    expect(row.locator(".message")).to_have_text(LONG)
    page.get_by_role("button", name="Patterns").click()
    expect(page.locator("#logs .scroll.patterns")).to_contain_text("of many")


def test_download_is_that_of_the_folder(local: DashboardProcess, remote: DashboardProcess) -> None:
    for form in ("csv", "jsonl"):
        asked = f"/download?from=-3h&to=-1min&q=request&format={form}"
        found = [urlopen(each.url + asked, timeout=PATIENCE).read() for each in (local, remote)]
        assert found[0].count(b"of many") == LOGS - 1
        assert found[0] == found[1]


def test_copies_name_the_server(page: Page, remote: DashboardProcess, questions: Questions) -> None:
    open_at(page, remote, "?from=-3h")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    for name in ("Copy as command", "Copy as Python"):
        page.get_by_label("More", exact=True).click()
        page.get_by_role("button", name=name).click()
        if name == "Copy as command":
            toast = page.locator("#logs .toast")
            expect(toast).to_have_text(re.compile("is a server; copy it for Python$"))
    page.wait_for_function("window.copied")
    assert f"workbench.connect({questions.url!r})" in page.evaluate("window.copied")


def test_token_reaches_no_page_address_or_log(
    page: Page, remote: DashboardProcess, questions: Questions
) -> None:
    bodies: list[str] = []

    def take(response: Response) -> None:
        if "text" in response.headers.get("content-type", ""):
            bodies.append(response.text())

    frames: list[str] = []
    page.on("websocket", lambda each: each.on("framereceived", lambda got: frames.append(str(got))))
    page.on("response", take)
    open_at(page, remote, "?from=-3h")
    go_to_tab(page, "Health")
    assert frames
    for text in [page.content(), page.url, *bodies, *frames]:
        assert questions.token not in text
    shown = Path(f"/proc/{remote.process.pid}/cmdline")
    if shown.exists():
        assert questions.token.encode() not in shown.read_bytes()
    page.remove_listener("response", take)


def test_server_that_goes_away_is_told_and_followed_again(
    lenient_page: Page, server: ServerProcess, tmp_path: Path
) -> None:
    page = lenient_page
    token = create_token(server.data, "visitor", ("read",))
    with answering(server.data, token=token) as first:
        port = urlsplit(first.url).port
        with serving_dashboard(tmp_path / "none", "--url", first.url, token=first.token) as shown:
            open_at(page, shown, "?from=-3h&q=request")
            expect(rows(page).first).to_be_visible()
            first.stop()
            expect(page.locator(".state")).to_have_text("Cannot read")
            expect(page.locator(".notice")).to_contain_text("cannot be reached")
            page.reload()  # what is asked meanwhile is searched for later
            expect(said(page)).to_have_text("The data folder cannot be read.")
            options = ("--query-port", str(port))
            with answering(server.data, *options, token=first.token) as second:
                expect(page.locator(".notice")).to_have_count(0)
                expect(rows(page).first).to_be_visible()
                send(server, {"type": "info", "message": "request after all"})
                expect(page.get_by_text("request after all", exact=True)).to_be_visible()
                revoke(server.data, "visitor")
                expect(page.locator(".notice")).to_contain_text("was it revoked")
                assert second.token not in page.content()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data", "x", "--url", "http://127.0.0.1:1"], "--url and --data are two folders"),
        (["--url", "127.0.0.1:1"], "a server's address is one such as"),
        (["--url", "https://me:secret@127.0.0.1:1"], "a server's address is one such as"),
        (["--certificate", "x.pem"], "give its address as --url"),
        (["--url", "https://127.0.0.1:1", "--certificate", "none.pem"], "none.pem"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options: list[str], sentence: str) -> None:
    done = run_waterline("dashboard", *options, WATERLINE_TOKEN="wl_abc")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "secret@" not in done.stderr

"""Who is answered by the dashboard, with what headers, and how much a page loads."""

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from bokeh.settings import settings as settings_of_bokeh
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DashboardProcess, serving_dashboard
from tests.support.processes import PATIENCE

FRIEND = "https://logs.example.com"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
)
PLACES = (
    "/dashboard",
    "/dashboard/ws",
    "/dashboard/autoload.js?bokeh-autoload-element=x",
    "/dashboard/metadata",
    "/static/js/bokeh.min.js",
    "/static/extensions/panel/panel.min.js",
    "/favicon.ico",
    "/liveness",
    "/nothing",
    "/",
)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    """A dashboard behind a proxy of one name."""
    data = tmp_path_factory.mktemp("serving") / "data"
    with serving_dashboard(data, allowed_origins=FRIEND) as process:
        yield process


def answer(dashboard: DashboardProcess, target: str, *headers: str) -> tuple[int, dict[str, str]]:
    """Ask with exactly these headers over a plain socket."""
    port = urlsplit(dashboard.url).port
    assert port
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        lines = (f"GET {target} HTTP/1.1", *headers)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            assert received
            head += received
    status, *fields = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    found = (field.partition(": ") for field in fields)
    return int(status.split()[1]), {name.lower(): value for name, _, value in found}


def port_of(dashboard: DashboardProcess) -> int:
    return urlsplit(dashboard.url).port or 0


@pytest.mark.slow
@pytest.mark.parametrize("target", PLACES)
def test_foreign_hosts_are_refused_everywhere(dashboard: DashboardProcess, target: str) -> None:
    port = port_of(dashboard)
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "localhost.evil.example",
    ):
        assert answer(dashboard, target, f"Host: {host}")[0] == 403
        # By DNS rebinding both are the foreign page's.
        status, _ = answer(dashboard, target, f"Host: {host}", f"Origin: http://{host}", *HANDSHAKE)
        assert status == 403


@pytest.mark.slow
@pytest.mark.parametrize("target", PLACES)
def test_foreign_origins_are_refused_everywhere(dashboard: DashboardProcess, target: str) -> None:
    host = f"Host: 127.0.0.1:{port_of(dashboard)}"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://"):
        assert answer(dashboard, target, host, f"Origin: {origin}", *HANDSHAKE)[0] == 403
    far = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors")
    assert answer(dashboard, target, host, *far)[0] == 403


@pytest.mark.slow
def test_own_names_links_and_allowed_origins_are_let_in(dashboard: DashboardProcess) -> None:
    port = port_of(dashboard)
    link = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:9999", f"[::1]:{port}"):
        assert answer(dashboard, "/dashboard", f"Host: {host}", *link)[0] == 200
        assert answer(dashboard, "/liveness", f"Host: {host}", f"Origin: http://{host}")[0] == 200
    own = answer(dashboard, "/dashboard", "Host: logs.example.com", f"Origin: {FRIEND}")
    assert own[0] == 200
    subprotocol = "Sec-WebSocket-Protocol: bokeh, none"
    for host, origin in (
        (f"localhost:{port}", f"http://localhost:{port}"),
        ("logs.example.com", FRIEND),
    ):
        heads = (f"Host: {host}", f"Origin: {origin}", subprotocol, *HANDSHAKE)
        assert answer(dashboard, "/dashboard/ws", *heads)[0] == 101


@pytest.mark.slow
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
@pytest.mark.parametrize("target", PLACES)
def test_every_answer_has_safe_headers(dashboard: DashboardProcess, target: str, host: str) -> None:
    _, headers = answer(dashboard, target, f"Host: {host}")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors" in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.slow
def test_only_allowed_origins_may_frame_the_page(dashboard: DashboardProcess) -> None:
    _, headers = answer(dashboard, "/dashboard", "Host: localhost")
    policy = headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors 'self' {FRIEND}")


@pytest.mark.browser
def test_rebound_name_gets_no_page_in_chromium(
    browser: Browser, dashboard: DashboardProcess
) -> None:
    port = port_of(dashboard)
    # Such a page has no policy of ours.
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    answered = page.goto(f"http://rebound.example:{port}/dashboard")
    assert answered
    assert answered.status == 403
    statuses = page.evaluate(
        """async (places) => Promise.all(places.map(
            async (place) => (await fetch(place)).status))""",
        [place for place in PLACES if place != "/dashboard/ws"],
    )
    assert set(statuses) == {403}
    opened = page.evaluate(
        """(url) => new Promise((resolve) => {
            const socket = new WebSocket(url, ["bokeh", "x"]);
            socket.onopen = () => resolve(true);
            socket.onerror = () => resolve(false);
        })""",
        f"ws://rebound.example:{port}/dashboard/ws",
    )
    assert opened is False
    context.close()


@pytest.mark.browser
def test_page_loads_only_what_it_uses(page: Page, dashboard: DashboardProcess) -> None:
    sizes: dict[str, int] = {}

    def measure(url: str, size: int) -> None:
        sizes[urlsplit(url).path.rpartition("/")[2]] = size

    page.on(
        "response",
        lambda response: (
            measure(response.url, len(response.body())) if response.url.startswith("http") else None
        ),
    )
    page.goto(dashboard.url)
    expect(page.locator(".state")).to_be_visible()
    # Panel's models are one script, which needs widgets and tables though the page has none.
    scripts = {name for name in sizes if name.endswith(".js")}
    assert scripts == {
        "bokeh.min.js",
        "bokeh-widgets.min.js",
        "bokeh-tables.min.js",
        "panel.min.js",
        "es-module-shims.min.js",
    }
    assert set(sizes) - scripts <= {
        "dashboard",
        "loading.css",
        "default.css",
        "native.css",
        "listpanel.css",
    }
    assert sum(sizes.values()) < 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_scripts_are_sent_whole_in_either_encoding(
    dashboard: DashboardProcess, encoding: str
) -> None:
    base = dashboard.url.removesuffix("/dashboard")
    script = f"{base}/static/js/bokeh.min.js"
    asked = Request(script, headers={"Accept-Encoding": encoding})
    with urlopen(asked, timeout=PATIENCE) as answered:
        sent = answered.read()
        assert answered.headers.get("Content-Encoding", "identity") == encoding
        tag = answered.headers["Etag"]
    whole = gzip.decompress(sent) if encoding == "gzip" else sent
    assert whole == Path(settings_of_bokeh.bokehjs_path(), "js/bokeh.min.js").read_bytes()
    known = Request(script, headers={"Accept-Encoding": encoding, "If-None-Match": tag})
    with pytest.raises(HTTPError) as raised:
        urlopen(known, timeout=PATIENCE)
    assert raised.value.code == 304
    raised.value.close()

"""The health of the server on the page: asked of real servers, and why it is not known."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import open_at, serving_dashboard
from tests.support.ports import lasting_port
from tests.support.processes import ServerProcess, serving, start_server
from tests.support.sockets import send
from waterline.metrics.refusals import Cause
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder
from workbench.dashboard.server_card import server as card
from workbench.snapshots.server_health import (
    ArchiveRun,
    HealthReader,
    ServerArchiving,
    ServerHealth,
    Unknown,
)
from workbench.snapshots.snapshot import (
    MeasuredWindow,
    RefusedLately,
    Sizes,
    Snapshot,
    SourceState,
)

NOON = 1_773_748_800_000
HEALTH = ServerHealth(1, (), (), 7200.0, 0, {"waterline": "9.9"})
SNAPSHOT = Snapshot(1, NOON, "data")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of its own."""
    with serving(tmp_path_factory.mktemp("health") / "data") as server:
        yield server


def settings_of(server: ServerProcess) -> Settings:
    port = urlsplit(server.monitoring).port
    assert port is not None
    return Settings(data=server.data, monitoring_port=port)


def why(found: ServerHealth | Unknown) -> str:
    assert isinstance(found, Unknown)
    return found.why


@pytest.mark.slow
def test_running_server_is_asked(running: ServerProcess) -> None:
    found = HealthReader(settings_of(running)).ask()
    assert isinstance(found, ServerHealth)
    assert found.pid == running.process.pid
    assert (found.reasons, found.warnings) == ((), ())
    assert found.uptime > 0
    assert found.archive.scheduled


@pytest.mark.slow
def test_server_of_another_folder_is_told_apart(running: ServerProcess, tmp_path: Path) -> None:
    other = replace(settings_of(running), data=tmp_path)
    assert "the server of another data folder" in why(HealthReader(other).ask())


@pytest.mark.slow
def test_address_of_something_else_is_told(running: ServerProcess) -> None:
    port = urlsplit(running.ingest).port
    assert port is not None
    wrong = replace(settings_of(running), monitoring_port=port)
    assert "is no server of this version" in why(HealthReader(wrong).ask())


def test_address_that_nobody_answers_is_told(tmp_path: Path) -> None:
    nobody = Settings(data=tmp_path, monitoring_port=lasting_port())
    assert why(HealthReader(nobody).ask()).startswith("no server answers at http://127.0.0.1:")
    unnamed = Settings(data=tmp_path, monitoring_port=0)
    assert "monitoring_port is 0" in why(HealthReader(unnamed).ask())


@pytest.mark.browser
def test_page_tells_warnings_and_failed_run_and_then_that_server_is_gone(
    page: Page, data: Path
) -> None:
    data.mkdir()
    DataFolder(data).archives.write_text("a file\n")
    server = start_server(data, "--archive-after", "1s", "--archive-every", "1s")
    try:
        send(server, {"type": "info", "message": "m"})
        port = str(settings_of(server).monitoring_port)
        with serving_dashboard(data, monitoring_port=port) as dashboard:
            open_at(page, dashboard, "?tab=health")
            shown = page.locator(".server")
            expect(shown).to_contain_text("healthy")
            expect(shown.get_by_role("list", name="Warnings")).to_contain_text(
                "archiving failed and is tried again: cannot make the folder"
            )
            expect(shown).to_contain_text(re.compile("last archive run *failed at 20.*: cannot"))
            expect(shown).to_contain_text("refused in the last hournothing")
            server.process.kill()
            expect(shown).to_contain_text(f"no server answers at {server.monitoring}/health")
    finally:
        server.process.kill()
        server.process.communicate()


def test_unknown_server_leaves_a_reason_at_each_value() -> None:
    said = card(replace(SNAPSHOT, health=Unknown("no <server> answers")))
    assert "not known: no &lt;server&gt; answers" in said
    for absent in (
        "reasons, warnings, queue</dt><dd><small>not known: the server is not known",
        "disk</dt><dd><small>not known: the folder cannot be read",
        "last archive run</dt><dd><small>not known: the server is not known",
        "quiet sources</dt><dd><small>not known: no source was measured",
        "refused in the last hour</dt><dd><small>not known: metrics.db",
    ):
        assert absent in said


def test_healthy_server_has_each_value() -> None:
    source = SourceState("web", NOON, NOON, 1, 1, 0.0, 0.0, 0, 0, 0, quiet=False)
    said = card(
        replace(
            SNAPSHOT,
            health=HEALTH,
            sizes=Sizes(1, 1, 2048, 4096),
            sources=(source, replace(source, source="a&b", silent_for=7_200_000, quiet=True)),
            window=MeasuredWindow(server_seen_at=NOON),
        )
    )
    assert ">healthy</b> · up for 2 h · version 9.9" in said
    assert "reasons and warnings</dt><dd>none" in said
    assert "queue of logs to commit</dt><dd>empty" in said
    assert "disk</dt><dd>4.0 KiB free, 2.0 KiB taken" in said
    assert "last archive run</dt><dd>none since the server started" in said
    assert '<a href="?source=a%26b">a&amp;b</a> for 2 h' in said
    assert "refused in the last hour</dt><dd>nothing" in said


def test_reasons_warnings_and_queue_are_told() -> None:
    health = replace_health(reasons=("the <disk> is full",), warnings=("w",) * 30, queue_bytes=2048)
    said = card(replace(SNAPSHOT, health=health))
    assert ">degraded</b>" in said
    assert '<li class="bad">the &lt;disk&gt; is full</li>' in said
    assert said.count('<li class="late">w</li>') == 20
    assert "<li>and 10 more</li>" in said
    assert "<dd>2.0 KiB" in said


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (ServerArchiving(scheduled=False), "none: archive_after is never"),
        (
            ServerArchiving(last_run=ArchiveRun(NOON, 2.34, 1234)),
            "2026-03-17 12:00:00 UTC: 1,234 logs in 2.3 s",
        ),
        (
            ServerArchiving(last_run=ArchiveRun(NOON, 0.5, None, "full")),
            '<span class="bad">failed at 2026-03-17 12:00:00 UTC after 0.5 s: full</span>',
        ),
        (
            ServerArchiving(running=True),
            "one is under way; before it, none since the server started",
        ),
    ],
)
def test_last_archive_run_is_told(archive: ServerArchiving, words: str) -> None:
    said = card(replace(SNAPSHOT, health=replace_health(archive=archive)))
    assert f"last archive run</dt><dd>{words}</dd>" in said


def test_what_was_refused_is_counted() -> None:
    refused = RefusedLately(Cause.of("too_deep web"), 1200, NOON)
    window = MeasuredWindow(server_seen_at=NOON)
    said = card(replace(SNAPSHOT, refused=(refused,), window=window))
    assert "1,200, see below" in said


def replace_health(**changes: object) -> ServerHealth:
    return msgspec.structs.replace(HEALTH, **changes)

"""Searches that an archive file holds up, as a disk that hangs does: others go on."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.archives import archive, path_of
from tests.support.browser import (
    DashboardProcess,
    messages,
    open_at,
    patient_context,
    said,
    serving_dashboard,
)
from tests.support.folders import NOON, fill
from waterline.encoding import PARQUET
from workbench.dashboard.explorer.searcher import MOST_AT_ONCE

pytestmark = pytest.mark.browser

RANGE = "?from=2026-03-17&to=2026-03-18"


@pytest.fixture
def dashboard(data: Path) -> Iterator[DashboardProcess]:
    """A dashboard of a folder whose archive file is a pipe; it forgets closed pages soon."""
    logs = [{"type": "info", "message": "archived", "timestamp": NOON}]
    fill(data, [*logs, {"type": "hot", "message": "not archived", "timestamp": NOON}])
    (batch,) = archive(data, [(1, PARQUET)])
    path_of(data, batch).unlink()
    os.mkfifo(path_of(data, batch))
    lifetime = ("--unused-session-lifetime", "8000", "--check-unused-sessions", "500")
    with serving_dashboard(data, *lifetime) as process:
        yield process


def wait_until_held_up(page: Page) -> None:
    expect(said(page)).to_have_text("Searching … archive files 0 of 1")


def test_what_is_asked_after_searches_that_are_held_up_is_answered(
    page: Page, dashboard: DashboardProcess
) -> None:
    page.goto(f"{dashboard.url}{RANGE}&q=archived")
    wait_until_held_up(page)
    query = page.get_by_role("combobox", name="Query")
    for number in range(MOST_AT_ONCE):
        query.fill(f"archived {number}")
        expect(page).to_have_url(re.compile(f"archived\\+{number}"))
        wait_until_held_up(page)
    query.fill("type:hot")
    expect(said(page)).to_have_text(re.compile("^1 log"))
    assert messages(page) == ["not archived"]


def test_pages_that_are_closed_leave_no_search_behind(
    browser: Browser, dashboard: DashboardProcess
) -> None:
    context = patient_context(browser)
    pages = [context.new_page() for _ in range(MOST_AT_ONCE)]
    for each in pages:
        each.goto(f"{dashboard.url}{RANGE}&q=archived")
    for each in pages:
        wait_until_held_up(each)
    for each in pages:
        each.close()
    last = context.new_page()
    open_at(last, dashboard, f"{RANGE}&type=hot")
    expect(said(last)).to_have_text(re.compile("^1 log"))
    context.close()

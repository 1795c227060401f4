"""The alerts of the page, of what the server has written into the folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.folders import NOON
from waterline.alerts.rules import parse_rules
from waterline.alerts.state import AlertState, AlertStates, alerts_file, write_alerts
from waterline.storage.folder import DataFolder
from workbench.dashboard.alerts import MOST_ALERTS, alerts, firing
from workbench.snapshots.poller import FolderPoller
from workbench.snapshots.snapshot import Snapshot

RULES = parse_rules(
    [
        {"name": "many errors", "kind": "count", "query": "type:error", "above": 3, "over": "5min"},
        {"name": "slow", "kind": "percentile", "attribute": "ms", "q": 99, "above": 500},
        {"name": "errors", "kind": "share", "query": "a>=5", "of": "a:*", "above": 0.05},
        {"name": "busy", "kind": "rate", "above": 9},
        {"name": "silent", "kind": "absence", "query": "source:gateway"},
    ],
    "waterline.toml",
)
FIRING = AlertState("many errors", status="firing", value=10.0, since=NOON - 60_000)


def shown(*states: AlertState, at: int = NOON) -> Snapshot:
    return replace(Snapshot(1, NOON, "data"), alerts=states, alerts_at=at, rules=RULES)


def test_no_alert_takes_no_room() -> None:
    assert alerts(shown(), NOON) == ""
    assert firing(shown(), NOON) == ""
    assert firing(shown(AlertState("slow")), NOON) == ""


def test_alert_that_fires_leads_to_its_logs_from_before_it_began() -> None:
    said = firing(shown(FIRING, AlertState("slow")), NOON)
    assert "<b>1 alert fires:</b>" in said
    begun = "2026-03-17T11%3A49%3A00.000Z"
    assert f'<a href="?from={begun}&amp;q=type%3Aerror">many errors</a>' in said


def test_alert_of_silence_leads_to_all_logs() -> None:
    said = firing(shown(AlertState("silent", status="firing", since=NOON)), NOON)
    assert "gateway" not in said


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (FIRING, "<td>10</td>"),
        (AlertState("slow", value=1720.4), "<td>1,720</td>"),
        (AlertState("errors", value=0.0731), "<td>7.3%</td>"),
        (AlertState("busy", value=12.34), "<td>12.3/s</td>"),
        (AlertState("of another file", value=1.5), "<td>1.50</td>"),
        (AlertState("slow"), "<td></td>"),
    ],
)
def test_value_is_told_as_that_of_its_kind(state: AlertState, words: str) -> None:
    assert words in alerts(shown(state), NOON)


def test_alerts_that_fire_come_first_and_very_many_are_counted() -> None:
    calm = [AlertState(f"calm {number}") for number in range(MOST_ALERTS)]
    said = alerts(shown(*calm, FIRING), NOON)
    assert said.index("many errors") < said.index("calm 0")
    assert said.count("<tr>") == 1 + MOST_ALERTS
    assert "and 1 more" in said


def test_names_and_groups_are_escaped() -> None:
    said = alerts(shown(AlertState("<b>", group="<i>", status="firing")), NOON)
    assert "&lt;b&gt; (&lt;i&gt;)" in said


def test_old_evaluation_is_called_so() -> None:
    assert "evaluated 1 h ago" in alerts(shown(FIRING, at=NOON - 3_600_000), NOON)
    assert "evaluated" not in alerts(shown(FIRING), NOON)


def test_poller_reads_states_and_tells_of_a_damaged_file(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    poller = FolderPoller(tmp_path, lambda: NOON, RULES)
    assert poller.poll().alerts == ()
    write_alerts(folder, AlertStates(evaluated_at=NOON - 5, states=[FIRING]))
    read = poller.poll()
    assert read.alerts == (FIRING,)
    assert read.alerts_at == NOON - 5
    assert read.rules == RULES
    alerts_file(folder).write_text("{")
    assert "alerts.json is damaged" in poller.poll().troubles[0]
    poller.stop()

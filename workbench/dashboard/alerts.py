"""The alerts of the page: those that fire, and the state of each rule."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertState
from workbench.display import date_time, rate, safe, share, span, value, whole
from workbench.query.times import iso_text
from workbench.snapshots.snapshot import Snapshot

MOST_ALERTS: Final = 100
"""Number of states that are listed."""
LATE_AFTER_MS: Final = 30_000
"""Milliseconds after which the last evaluation is called old."""
_ORDER: Final = {"firing": 0, "pending": 1, "ok": 2}
_CLASSES: Final = {"firing": "bad", "pending": "late", "ok": "good"}


def firing(snapshot: Snapshot, now: int) -> str:
    """Return a notice of the alerts that fire; empty if none does."""
    found = [each for each in snapshot.alerts if each.status == "firing"]
    if not found:
        return ""
    rules = _rules(snapshot)
    names = ", ".join(_link(each, rules, now) for each in found[:5])
    more = f" and {whole(len(found) - 5)} more" if len(found) > 5 else ""
    verb = "alert fires" if len(found) == 1 else "alerts fire"
    return (
        f'<div class="notice bad"><p><b>{whole(len(found))} {verb}:</b> {names}{more}. '
        '<a href="?tab=health">All alerts</a></p></div>'
    )


def alerts(snapshot: Snapshot, now: int) -> str:
    """Return the table of alerts; empty where there is no rule."""
    found = sorted(snapshot.alerts, key=lambda each: (_ORDER[each.status], each.alert))
    if not found:
        return ""
    rules = _rules(snapshot)
    rows = "".join(_row(each, rules, now) for each in found[:MOST_ALERTS])
    more = len(found) - MOST_ALERTS
    rest = f'<p class="detail">and {whole(more)} more</p>' if more > 0 else ""
    late = now - snapshot.alerts_at
    old = ""
    if late > LATE_AFTER_MS:
        old = f'<small class="bad">evaluated {span(late, 1)} ago: what follows is old</small>'
    return (
        f'<section class="alerts"><h2>Alerts{old}</h2>'
        '<div class="sources" tabindex="0" role="group" aria-label="Alerts"><table><thead><tr>'
        '<th scope="col">alert</th><th scope="col">state</th><th scope="col">value</th>'
        '<th scope="col">since</th><th scope="col">condition</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{rest}</section>"
    )


def _row(state: AlertState, rules: Mapping[str, AlertRule], now: int) -> str:
    rule = rules.get(state.alert)
    said = "" if state.value is None else _said(state.value, rule)
    since = "" if state.since is None else f"{date_time(state.since)} UTC"
    condition = "" if rule is None else safe(rule.condition())
    return (
        f'<tr><th scope="row">{_link(state, rules, now)}</th>'
        f'<td><span class="{_CLASSES[state.status]}">{state.status}</span></td>'
        f"<td>{said}</td><td>{since}</td><td>{condition}</td></tr>"
    )


def _said(number: float, rule: AlertRule | None) -> str:
    match None if rule is None else rule.kind:
        case "count" | "absence":
            return whole(number)
        case "rate":
            return f"{rate(number)}/s"
        case "share":
            return share(number, 1)
        case _:
            return value(number)


def _link(state: AlertState, rules: Mapping[str, AlertRule], now: int) -> str:
    """Return the name of an alert, as a link to its logs from before it began."""
    name = state.alert if state.group is None else f"{state.alert} ({state.group})"
    rule = rules.get(state.alert)
    if rule is None:
        return safe(name)
    begin = (state.since or now) - 2 * rule.over
    # What is silent has no logs of its own to show.
    query = "" if rule.kind == "absence" else rule.query
    asked: Sequence[tuple[str, str]] = [("from", iso_text(begin)), ("q", query)]
    address = urlencode([each for each in asked if each[1]])
    return f'<a href="?{safe(address)}">{safe(name)}</a>'


def _rules(snapshot: Snapshot) -> dict[str, AlertRule]:
    return {each.name: each for each in snapshot.rules}

"""`waterline alerts`: the rules of alerts, and what became of them."""

import click

from waterline.alerts.prometheus import prometheus_rules
from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertState, AlertStates, read_alerts
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from workbench.cli.log_cells import time_text
from workbench.cli.options import load, settings_options
from workbench.cli.table import Column, Screen, Table


@click.command()
@click.option(
    "--prometheus",
    is_flag=True,
    help="print a rules file of Prometheus instead; rules that metrics cannot tell are named",
)
@settings_options("data")
def alerts(prometheus: bool, data: str | None) -> None:
    """Show the alerts of waterline.toml, and what the server made of them at last.

    Its server may run or not. Times are UTC.
    """
    loaded = load({"data": data})
    if prometheus:
        made = prometheus_rules(loaded.alerts, loaded.settings.measured_attributes)
        say(made.text.rstrip("\n"))
        for name, why in made.left_out:
            warn(f"note: the alert {name} is not in it: {why}")
        return
    if not loaded.alerts:
        say("there are no alerts; the page Alerts of the documents shows how to write one")
        return
    states = read_alerts(DataFolder(loaded.settings.data)) or AlertStates()
    names = ("alert", "group", "state", "value", "since (UTC)", "condition", "query", "webhook")
    columns = [Column(each, at_right=each == "value") for each in names]
    rows = [
        row
        for rule in loaded.alerts
        for row in _rows(rule, [each for each in states.states if each.alert == rule.name])
    ]
    for line in Table(columns, Screen.of_output()).lines(rows):
        say(line)
    if states.evaluated_at:
        waiting = len(states.deliveries)
        told = f"; {waiting} events wait for their webhooks" if waiting else ""
        say(f"evaluated at {time_text(states.evaluated_at)}{told}")


def _rows(rule: AlertRule, states: list[AlertState]) -> list[tuple[str, ...]]:
    """Return a row for each state of a rule; one without any if it was not evaluated yet."""
    told = (rule.condition(), rule.query, rule.receiver or "")
    if not states:
        return [(rule.name, "", "unknown", "", "", *told)]
    return [
        (
            rule.name,
            each.group or "",
            each.status,
            "" if each.value is None else f"{each.value:g}",
            "" if each.since is None else time_text(each.since),
            *told,
        )
        for each in states
    ]

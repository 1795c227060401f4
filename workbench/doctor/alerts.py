"""Alerts: their rules, the file of their states, and webhooks that take no event."""

from collections.abc import Iterator

from waterline.alerts.state import AlertStates, alerts_file, read_alerts
from waterline.errors import DataFolderError
from waterline.units import counted
from workbench.doctor.finding import Finding, Verdict, ok, skipped, told, warning
from workbench.doctor.subject import Subject


def alerts(subject: Subject) -> Iterator[Finding]:
    """Look at the states of alerts; addresses of webhooks are shown without what may be secret."""
    try:
        states = read_alerts(subject.folder)
    except DataFolderError as error:
        yield told(Verdict.WARNING, str(error))
        return
    if not subject.alerts:
        yield skipped("there are no alerts")
        return
    found = [] if states is None else [*_troubles(subject, states)]
    firing = 0 if states is None else len(states.firing())
    rules = counted(len(subject.alerts), "rule")
    yield from found or [ok(f"{rules}; {firing} fire" if states else f"{rules}, not evaluated yet")]


def _troubles(subject: Subject, states: AlertStates) -> Iterator[Finding]:
    receivers = {each.name: each.receiver for each in subject.alerts}
    failing = {
        each.event.alert: each.failure for each in states.deliveries if each.failure is not None
    }
    for name, failure in failing.items():
        yield warning(
            f"the webhook {receivers.get(name) or 'of a former rule'} of the alert {name} takes no "
            f"event: {failure}",
            "mend the receiver; events are sent until they are taken",
        )
    if states.dropped:
        yield warning(
            f"{counted(states.dropped, 'event')} of alerts were given up, as too many waited",
            "mend the receiver of their webhook",
        )
    if states.missed_through:
        yield warning(
            f"logs up to seq {states.missed_through} were archived before alerts looked at them",
            f"raise archive_after; {alerts_file(subject.folder).name} tells since the last start",
        )

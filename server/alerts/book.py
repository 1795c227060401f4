"""Book of incidents: what each value makes of the state of a rule, and the events of that."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

from waterline.alerts.rules import AlertRule, names_of
from waterline.alerts.state import AlertState, AlertStates, Delivery, Event

MOST_WAITING: Final = 100
"""Events of a rule that wait for its webhook at most; older incidents are given up."""

_Key = tuple[str, str | None]


class Book:
    """States of all rules, and the events that were not delivered yet.

    Args:
        rules: the rules; what others have left is dropped.
        kept: what was written before, or None.
        new_id: returns the id of an incident.
    """

    def __init__(
        self,
        rules: Sequence[AlertRule],
        kept: AlertStates | None,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        known = names_of(rules)
        groups = {each.name: each.by is not None for each in rules}
        kept = AlertStates() if kept is None else kept
        self._new_id = new_id
        self._states: dict[_Key, AlertState] = {
            (each.alert, each.group): each
            for each in kept.states
            # A rule that has groups now, or none any more, begins anew.
            if each.alert in known and groups[each.alert] == (each.group is not None)
        }
        told = {each.name for each in rules if each.webhook is not None}
        self.deliveries: list[Delivery] = [
            each for each in kept.deliveries if each.event.alert in told
        ]
        self._told = told
        self._dropped = kept.dropped
        self.evaluated_at = kept.evaluated_at
        self.watched_since = kept.watched_since
        self.missed_through = 0

    def groups(self, alert: str) -> dict[str | None, int]:
        """Return the known groups of a rule, with when each was last seen."""
        return {
            group: state.seen or 0 for (name, group), state in self._states.items() if name == alert
        }

    def judge(
        self, rule: AlertRule, group: str | None, value: float | None, at: int, seen: int | None
    ) -> bool:
        """Take a value of a rule; return whether its state has changed.

        Args:
            rule: the rule.
            group: its group, or None.
            value: the value; None if there is none.
            at: the moment of it, milliseconds UTC.
            seen: when the last log of the group was received, milliseconds UTC.
        """
        state = self._states.setdefault((rule.name, group), AlertState(rule.name, group))
        before = state.status
        state.value, state.threshold, state.seen = value, rule.threshold, seen
        if not rule.is_met(value):
            if state.incident is not None:
                self._tell(rule, state, "close", at)
            state.status, state.since, state.incident = "ok", None, None
            return before != "ok"
        if state.since is None:
            state.since = at
        if state.incident is None and at - state.since >= rule.lasting:
            state.incident = self._new_id()
            self._tell(rule, state, "open", at)
        state.status = "pending" if state.incident is None else "firing"
        return before != state.status

    def keep_groups(self, rule: AlertRule, groups: set[str | None], at: int) -> bool:
        """Close and drop the groups of a rule that are no longer known; return whether there were.

        Args:
            rule: the rule.
            groups: the groups that are known.
            at: milliseconds UTC.
        """
        gone = [key for key in self._states if key[0] == rule.name and key[1] not in groups]
        for key in gone:
            state = self._states.pop(key)
            if state.incident is not None:
                self._tell(rule, state, "close", at)
        return bool(gone)

    def delivered(self, delivery: Delivery) -> None:
        """Note that the webhook took an event."""
        if delivery in self.deliveries:
            self.deliveries.remove(delivery)

    def states(self) -> AlertStates:
        """Return all of it, to be written."""
        return AlertStates(
            self.evaluated_at,
            self.watched_since,
            [*self._states.values()],
            self.deliveries,
            self._dropped,
            self.missed_through,
        )

    def _tell(self, rule: AlertRule, state: AlertState, event: str, at: int) -> None:
        if rule.name not in self._told or state.incident is None or state.since is None:
            return
        told = Event(
            id=f"{state.incident}-{event}",
            event="open" if event == "open" else "close",
            incident=state.incident,
            alert=rule.name,
            kind=rule.kind,
            query=rule.query,
            condition=rule.condition(),
            by=rule.by,
            group=state.group,
            value=state.value,
            threshold=rule.threshold,
            since=state.since,
            at=at,
        )
        self.deliveries.append(Delivery(told))
        waiting = [each.event for each in self.deliveries if each.event.alert == rule.name]
        if len(waiting) > MOST_WAITING:
            closed = {each.incident for each in waiting if each.event == "close"}
            # Of one whose begin was told, the end is told too.
            whole = [e.incident for e in waiting if e.event == "open" and e.incident in closed]
            left = [each for each in self.deliveries if each.event.incident not in whole[:1]]
            self._dropped += len(self.deliveries) - len(left)
            self.deliveries[:] = left

"""Tally of a rule: the logs that meet its query, group by group, as they come."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from server.alerts.windows import Counts, Values, Window, counted, counts, summed, values
from waterline.alerts.rules import AlertRule
from waterline.metrics.sketch import LARGEST
from waterline.query_text.labels import label_of
from waterline.query_text.matching import matching
from waterline.query_text.parse import COLUMN_PREFIX, TextQuery, parse
from waterline.query_text.paths import lookup

MOST_GROUPS: Final = 50
"""Greatest number of groups of a rule; later ones are one group together."""
MOST_SUMMARIES: Final = 10
"""The same of a percentile, whose groups need more memory."""
OTHER: Final = "other"
FORGOTTEN: Final = 86_400_000
"""Milliseconds without a log, after which a group is forgotten."""
_LONGEST_GROUP: Final = 200


class SeenLog(msgspec.Struct, gc=False):
    """The parts of a committed log that rules look at."""

    seq: int
    type: str
    source: str
    received_at: int
    message: str
    attributes: Mapping[str, object]


@dataclass(slots=True)
class _Group:
    """What a group has had."""

    met: Window[Counts]
    whole: Window[Counts] | None
    """Of a share: all logs that it is of."""
    found: Window[Values] | None
    """Of a percentile: the values."""
    seen: int
    """When its last log was received."""


class Tally:
    """Counts the logs of a rule.

    Args:
        rule: the rule.
        groups: groups that are known from before, with when each was seen.
    """

    def __init__(self, rule: AlertRule, groups: Mapping[str | None, int]) -> None:
        self.rule = rule
        self._query: TextQuery = parse(rule.query)
        self._of: TextQuery = parse(rule.of)
        self._most = MOST_SUMMARIES if rule.kind == "percentile" else MOST_GROUPS
        self._groups = {group: self._new(seen) for group, seen in groups.items()}
        if rule.by is None:
            self._groups = {None: self._new(0)}

    def take(self, logs: Sequence[SeenLog]) -> None:
        """Count those of some logs that meet the query, by seq."""
        if self.rule.kind == "share":
            of = matching(logs, self._of)
            logs = [logs[each] for each in of]
            met = {*matching(logs, self._query)}
            for place, log in enumerate(logs):
                self._add(log, is_met=place in met)
            return
        for each in matching(logs, self._query):
            self._add(logs[each], is_met=True)

    def values(self, end: int) -> dict[str | None, tuple[float | None, int]]:
        """Return the value of each group in the window up to a moment, and when it was last seen.

        Args:
            end: milliseconds UTC, exclusive.
        """
        if self.rule.by is not None:
            for group in [g for g, each in self._groups.items() if end - each.seen > FORGOTTEN]:
                del self._groups[group]
        return {group: (self._value(each, end), each.seen) for group, each in self._groups.items()}

    def _add(self, log: SeenLog, *, is_met: bool) -> None:
        rule, value = self.rule, None
        if rule.attribute is not None:
            value = _number(lookup(log.attributes, rule.attribute))
            if value is None:
                return
        group = self._groups.get(self._name(log))
        if group is None:
            name = self._name(log)
            if len(self._groups) >= self._most:
                name = OTHER
            group = self._groups.setdefault(name, self._new(log.received_at))
        group.seen = log.received_at
        if group.found is not None:
            group.found.add(log.received_at, value)
            return
        if group.whole is not None:
            group.whole.add(log.received_at)
        if is_met:
            group.met.add(log.received_at)

    def _name(self, log: SeenLog) -> str | None:
        """Return the group of a log; a log without the attribute is of the empty one."""
        by = self.rule.by
        if by is None:
            return None
        if by == "type":
            return log.type
        if by == "source":
            return log.source
        value = lookup(log.attributes, by.removeprefix(COLUMN_PREFIX))
        return "" if value is None else label_of(value)[:_LONGEST_GROUP]

    def _new(self, seen: int) -> _Group:
        kind, over = self.rule.kind, self.rule.over
        return _Group(
            counts(over),
            counts(over) if kind == "share" else None,
            values(over) if kind == "percentile" else None,
            seen,
        )

    def _value(self, group: _Group, end: int) -> float | None:
        rule = self.rule
        if group.found is not None and rule.q is not None:
            return summed(group.found, end).quantile(rule.q / 100)
        return value_of(
            rule,
            counted(group.met, end),
            None if group.whole is None else counted(group.whole, end),
        )


def value_of(rule: AlertRule, met: int, whole: int | None) -> float | None:
    """Return the value of a rule that counts; None for a share of nothing.

    Args:
        rule: the rule.
        met: number of logs that meet its query.
        whole: number of logs that a share is of.
    """
    if rule.kind == "share":
        return met / whole if whole else None
    return met / (rule.over / 1000) if rule.kind == "rate" else float(met)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None

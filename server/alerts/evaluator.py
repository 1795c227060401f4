"""Evaluator: once a second, the value of each rule, and what becomes of it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from server.alerts.book import Book
from server.alerts.feed import LogFeed
from server.alerts.measured import Measured, measured_rule
from server.alerts.tally import Tally
from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertStates, read_alerts, write_alerts
from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.query_text.columns import looked_at
from waterline.query_text.parse import parse
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

logger = logging.getLogger(__name__)

SETTLED: Final = 2_000
"""Milliseconds after which the logs of a second are committed, and measured."""
GRACE: Final = 300_000
"""Milliseconds after a start, at most, in which nothing counts as lacking: producers come back."""
SAVED_EVERY: Final = 5.0
"""Seconds between two writes of values; what becomes of an incident is written at once."""
_SECOND: Final = 1_000
_SLOW_STEPS: Final = 300
# Seconds after which rules are judged though not all logs were looked at.
_BEHIND_SECONDS: Final = 1.0


class Evaluator:
    """Evaluates rules over a data folder.

    Args:
        rules: the rules.
        settings: the data folder, and what is measured.
        clock: returns milliseconds UTC.

    Raises:
        DataFolderError: a file of the folder cannot be read.
    """

    def __init__(
        self,
        rules: Sequence[AlertRule],
        settings: Settings,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._folder = DataFolder(settings.data)
        self._clock = clock
        self._started = clock()
        self.book = Book(rules, _kept(self._folder))
        if self.book.evaluated_at > self._started:
            self.book.evaluated_at = 0  # by a clock that was ahead
        self._measured = Measured(self._folder.metrics)
        told = [measured_rule(each, settings.measured_attributes) for each in rules]
        self._by_measurement = [
            each for each in told if each is not None and self._measured.tells(each)
        ]
        self.book.watched_since = self.book.watched_since or self._started
        self._measured_names = names = {each.rule.name for each in self._by_measurement}
        self._tallies = [
            Tally(each, self.book.groups(each.name)) for each in rules if each.name not in names
        ]
        matched = [each.rule for each in self._tallies]
        self._feed = _feed(self._folder, matched)
        longest = max((each.over for each in matched), default=0)
        self._whole_since = self._feed.begin(self._started - longest - 2 * SETTLED)
        self._evaluated = {each.name: 0 for each in rules}
        self._saved = 0.0

    def close(self) -> None:
        """Write all, and close the files."""
        self._save_quietly()
        self._feed.close()
        self._measured.close()

    @property
    def is_outdated(self) -> bool:
        """Whether the measurements no longer tell a rule that they told."""
        return not all(map(self._measured.tells, self._by_measurement))

    def save(self) -> None:
        """Make the book durable.

        Raises:
            DataFolderError: it cannot be written.
        """
        write_alerts(self._folder, self.book.states())
        self._saved = time.monotonic()

    def look(self) -> Iterator[None]:
        """Look at new logs page by page, with a pause behind each, then judge every rule.

        Raises:
            DataFolderError: a file of the folder cannot be read or written.
        """
        begun = time.monotonic()
        while self._tallies and (logs := self._feed.read()):
            for tally in self._tallies:
                tally.take(logs)
            yield
            through = logs[-1].received_at // _SECOND * _SECOND
            if through >= self._settled():
                break
            if time.monotonic() - begun > _BEHIND_SECONDS:
                # There are more logs than can be looked at: what they tell is told late.
                self._judge_and_save(through)
                return
        self._judge_and_save(self._settled())

    def _settled(self) -> int:
        return (self._clock() - SETTLED) // _SECOND * _SECOND

    def _judge_and_save(self, end: int) -> None:
        has_changed = end > self.book.evaluated_at and self._judge(end)
        self.book.missed_through = max(self.book.missed_through, self._feed.missed_through)
        if has_changed or time.monotonic() - self._saved > SAVED_EVERY:
            self.save()

    def _judge(self, end: int) -> bool:
        """Judge the rules at a moment; return whether a state has changed."""
        has_changed = False
        for tally in self._tallies:
            rule = tally.rule
            found = tally.values(end)
            for group, (value, seen) in found.items():
                if self._may_judge(rule, end):
                    has_changed |= self.book.judge(rule, group, value, end, seen)
            has_changed |= self.book.keep_groups(rule, {*found}, end)
        for measured in self._by_measurement:
            rule = measured.rule
            step = max(_SECOND, rule.over // _SLOW_STEPS)
            if end - self._evaluated[rule.name] >= step and self._may_judge(rule, end):
                if not self._is_measured(end):
                    continue
                self._evaluated[rule.name] = end
                value = self._measured.value(measured, end)
                has_changed |= self.book.judge(rule, None, value, end, None)
        self.book.evaluated_at = end
        return has_changed

    def _may_judge(self, rule: AlertRule, end: int) -> bool:
        """Return whether all of a window is known that may lack logs."""
        if rule.above is not None:
            return True
        known_since = self.book.watched_since
        if rule.name not in self._measured_names:
            known_since = max(known_since, self._whole_since)
        return end - rule.over >= known_since and end - self._started >= min(rule.over, GRACE)

    def _is_measured(self, end: int) -> bool:
        """Return whether all logs that were received before a moment are measured."""
        received = self._feed.received_behind(self._measured.counted_through())
        return received is None or received >= end

    def _save_quietly(self) -> None:
        try:
            self.save()
        except DataFolderError as error:
            logger.error("the states of alerts are not kept: %s", error)


def _kept(folder: DataFolder) -> AlertStates | None:
    try:
        return read_alerts(folder)
    except DataFolderError as error:
        logger.error("alerts begin anew: %s", error)
        return None


def _feed(folder: DataFolder, rules: Sequence[AlertRule]) -> LogFeed:
    """Return a feed of what rules look at."""
    # Of a share, what it is of.
    read = [parse(each.of if each.kind == "share" else each.query) for each in rules]
    types: set[str] | None = set()
    for query in read:
        types = None if types is None or query.types is None else types | {*query.types}
    queries = [*read, *(parse(each.query) for each in rules)]
    needed = {*chain.from_iterable(map(looked_at, queries))}
    named = any(each.attribute or each.by not in (None, "type", "source") for each in rules)
    return LogFeed(
        folder.logs,
        None if types is None else sorted(types),
        needs_message="message" in needed,
        needs_attributes=named or "attributes" in needed,
    )

"""Whatever becomes of a folder's logs, and of the cache, any answer is that of a plain filter."""

import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support import archive_runs
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, fill_batches
from tests.support.plainly import PlainLog, answer_plainly, store_plainly
from tests.workbench.query.test_execute import assert_equal, batches_of_logs, questions
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.encoding import FORMATS, BatchFormat
from waterline.errors import PrunedLogs, UsageError
from waterline.storage.folder import DataFolder
from workbench.query.cache import cache
from workbench.query.pin import Pin
from workbench.query.question import ask
from workbench.workbench import Workbench

TTL = 1_000
"""Milliseconds for which answers are kept here."""

outcomes: Counter[str] = Counter()
"""What the cache had for all questions of all histories."""

relative_times = st.integers(0, 20).map(lambda milliseconds: f"-{milliseconds}ms")
chosen_columns = st.none() | st.just(["seq"]) | st.just(["type", "seq"])


class History(RuleBasedStateMachine):
    """What happens to a folder, and beside it what its answers should be."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.data = Path(self.place.name) / "data"
        self.backup = Path(self.place.name) / "backup"
        self.now = NOON
        self.batches: list[Batch] = []
        self.pruned = 0  # every seq up to it
        self.asked: list[dict[str, Any]] = []
        self.pins: list[Pin] = []
        self.lost: list[Pin] = []  # of logs that a backup has not, which was put back since

    def teardown(self) -> None:
        self.place.cleanup()

    # What happens to the logs

    @initialize(batches=batches_of_logs)
    def begin(self, batches: list[Batch]) -> None:
        self.ingest(batches)
        self.asked.append({})

    @rule(batches=batches_of_logs)
    def ingest(self, batches: list[Batch]) -> None:
        for batch in batches:
            self.now += 1
            self.batches.append(replace(batch, received_at=self.now))
        fill_batches(self.data, self.batches[-len(batches) :])

    @rule(
        age=st.integers(0, 4), rows=st.integers(1, 4), chosen=st.sampled_from([*FORMATS.values()])
    )
    def archive(self, age: int, rows: int, chosen: BatchFormat) -> None:
        archive_runs.archive(
            self.data, now=self.now, older_than=age, batch_rows=rows, format=chosen
        )

    @rule(age=st.integers(0, 8))
    def prune(self, age: int) -> None:
        folder = DataFolder(self.data)
        batches = plan_prune(folder, self.now - age)
        prune(folder, batches, clock=lambda: self.now)
        self.pruned = max([self.pruned, *(each.last_seq for each in batches)])

    @rule(data=st.data(), lost=batches_of_logs, others=batches_of_logs)
    def put_a_backup_back(
        self, data: st.DataObject, lost: list[Batch], others: list[Batch]
    ) -> None:
        """Put it back by hand; the cache stays and knows nothing of it."""
        filters = data.draw(st.sampled_from(self.asked))
        shutil.rmtree(self.backup, ignore_errors=True)
        shutil.copytree(self.data, self.backup, ignore=shutil.ignore_patterns("cache.db*"))
        before = [*self.batches]
        self.ingest(lost)
        self.check(filters)
        with self.opened() as wb:
            pin = wb.pin()
        if pin.seq > max(seqs(store_plainly(before))):
            self.lost.append(pin)
        for each in self.data.iterdir():
            if not each.name.startswith("cache.db"):
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(self.backup, self.data, dirs_exist_ok=True)
        self.batches = before
        self.ingest(others)
        self.check(filters)

    # What happens to the cache

    @rule(milliseconds=st.sampled_from([1, 5, TTL - 1, TTL, 2 * TTL]))
    def wait(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(everything=st.booleans())
    def forget(self, everything: bool) -> None:
        with self.opened() as wb:
            assert wb.cache is not None
            if everything:
                wb.cache.clear()
                assert wb.cache.entries().empty
            else:
                wb.cache.cleanup()
                assert not (
                    wb.cache.entries()["expires_at"].dt.as_unit("ms").astype("int64") <= self.now
                ).any()

    # What is asked

    @rule(data=st.data(), since=st.none() | relative_times, columns=chosen_columns)
    def ask(self, data: st.DataObject, since: str | None, columns: list[str] | None) -> None:
        filters = data.draw(questions(self.batches))
        if since is not None:
            filters = {k: v for k, v in filters.items() if k != "until"} | {"since": since}
        self.asked.append(filters if columns is None else {**filters, "columns": columns})
        self.check(self.asked[-1])

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        self.check(data.draw(st.sampled_from(self.asked)))

    @rule(data=st.data(), batches=batches_of_logs)
    def ask_before_and_after_more_came(self, data: st.DataObject, batches: list[Batch]) -> None:
        filters = data.draw(st.sampled_from(self.asked))
        self.check(filters)
        self.ingest(batches)
        self.check(filters)

    @rule(data=st.data(), since=relative_times, batches=batches_of_logs)
    def ask_of_a_narrower_window_meanwhile(
        self, data: st.DataObject, since: str, batches: list[Batch]
    ) -> None:
        filters = data.draw(st.sampled_from(self.asked))
        narrower = {k: v for k, v in filters.items() if k != "until"} | {"since": since}
        self.check(filters)
        self.ingest(batches)
        self.check(narrower)
        self.check(filters)

    @rule()
    def pin(self) -> None:
        with self.opened() as wb:
            self.pins.append(wb.pin())

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def ask_now_and_at_a_pin(self, data: st.DataObject) -> None:
        filters = data.draw(st.sampled_from(self.asked))
        self.check(filters)
        self.check({**filters, "at": str(data.draw(st.sampled_from(self.pins)))})

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def ask_at_a_pin_of_logs_that_a_backup_has_not(self, data: st.DataObject) -> None:
        pin = data.draw(st.sampled_from(self.lost))
        with self.opened() as wb, warnings.catch_warnings():
            warnings.simplefilter("ignore", PrunedLogs)
            asked: list[Callable[[], int]] = [
                lambda: len(wb.logs(at=pin)),
                lambda: wb.count(at=pin),
                lambda: sum(map(len, wb.iter_logs(at=pin))),
            ]
            for ask in asked:
                if pin.seq <= self.pruned:  # and so are all that could be taken for the pin's
                    with suppress(UsageError):
                        assert ask() == 0
                else:
                    with pytest.raises(UsageError, match=r"rewritten since|ends at seq"):
                        ask()

    def opened(self) -> Workbench:
        return Workbench(
            self.data, clock=lambda: self.now, cache_ttl=f"{TTL}ms", cache_size="24KiB"
        )

    def check(self, filters: dict[str, Any]) -> None:
        kept = [each for each in store_plainly(self.batches) if each.seq > self.pruned]
        expected = answer_plainly(kept, ask(now=self.now, **filters))
        counting = {k: v for k, v in filters.items() if k != "columns"}
        with self.opened() as wb, warnings.catch_warnings():
            warnings.simplefilter("ignore", PrunedLogs)
            frames = [wb.logs(**filters), wb.logs(**filters)]
            assert wb.count(**counting) == len(expected)
        for frame in frames:
            outcomes[frame.attrs["cache"]] += 1
            if "columns" in filters:
                assert list(frame.columns) == filters["columns"]
                assert frame["seq"].tolist() == seqs(expected)
            else:
                assert_equal(frame, expected)


def seqs(logs: list[PlainLog]) -> list[int]:
    return [each.seq for each in logs]


@pytest.mark.slow
def test_any_history_leaves_every_answer_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_KEEPING", 2)
    outcomes.clear()
    run_state_machine_as_test(History, settings=settings(costly(70), stateful_step_count=50))
    # Else the cache was not there to lie.
    assert min(outcomes[each] for each in ("hit", "merged", "miss")) > 50, outcomes

"""What the page asks, as a question of the workbench."""

from dataclasses import replace
from typing import Any

import pytest

from waterline.errors import QueryError, UsageError
from workbench.dashboard.explorer.asked import MOST_STEPS, Asked, Reach, interpret, reach_of
from workbench.dashboard.explorer.messages import Ask
from workbench.query.question import Question
from workbench.snapshots.snapshot import Newest, Snapshot, StoredLogs

NOW = 1_795_455_000_000
"""2026-11-23 17:30 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EMPTY = Reach(None, None)


def asked(reach: Reach = EMPTY, **message: Any) -> Asked:  # noqa: ANN401 - any part of a message
    return interpret(Ask(1, **message), reach, NOW)


def test_page_without_a_range_follows_the_last_five_minutes() -> None:
    for reach in (EMPTY, Reach(0, NOW - MINUTE), Reach(0, NOW + DAY)):
        found = asked(reach)
        assert (found.begin, found.end, found.follows) == ("-5min", "", True)
        assert found.until == NOW
        assert 0 <= NOW - 5 * MINUTE - found.since < found.steps.length
        assert found.since == found.steps.edges[0]
        assert found.question == Question(since=found.since, order="newest")


def test_page_without_a_range_shows_the_last_day_with_logs_where_none_come() -> None:
    last = NOW - 9 * DAY
    found = asked(Reach(0, last))
    assert (found.begin, found.end) == ("2026-11-13T17:30:00.000Z", "2026-11-14T17:30:00.001Z")
    assert not found.follows
    assert (found.question.since, found.question.until) == (last - DAY, last + 1)
    found = asked(Reach(last - 5, last))
    assert (found.question.since, found.question.until) == (last - 5, last + 1)


def test_reach_of_logs_that_are_still_counted_has_the_newest() -> None:
    counted = StoredLogs({"info": 20_000}, first_timestamp=5, last_timestamp=9, complete=False)
    snapshot = Snapshot(1, NOW, "data", stored=counted, newest=Newest(90_000, 1, NOW))
    assert reach_of(snapshot) == Reach(5, NOW)
    archived = replace(snapshot, newest=Newest(90_000, 1, None))
    assert reach_of(archived) == Reach(5, 9)
    assert reach_of(replace(snapshot, stored=None)) == EMPTY


def test_range_with_an_end_is_as_it_is_asked_for() -> None:
    found = asked(begin="2026-03-29", end="2026-03-30 12:00", zone="Europe/Berlin")
    assert not found.follows
    assert found.question.until == found.until == 1_774_872_000_000
    assert found.question.since == found.since == 1_774_742_400_000
    assert found.steps.edges[0] <= found.since
    assert len(found.steps) <= MOST_STEPS + 2


def test_range_without_an_end_is_held_while_paused() -> None:
    found = asked(begin="-1h", through=7)
    assert not found.follows
    assert found.question.last == 7
    assert found.question.until is None


def test_filters_of_page_and_query_must_both_hold() -> None:
    found = asked(query="type:error -path:/health late", types=("error", "info"), sources=("web",))
    assert found.question.filters.types == ("error",)
    assert found.question.filters.sources == ("web",)
    assert found.question.filters.contains == ("late",)
    assert len(found.question.filters.where) == 1
    # Counts are told of all types that may be chosen beside the query.
    assert found.all_types.filters.types == ("error",)
    assert found.everything == Question(since=found.since, order="newest")
    assert found.all_types != found.everything
    only_types = asked(types=("error",))
    assert only_types.all_types == only_types.everything


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"query": "status:"}, "a value is missing after"),
        ({"query": "("}, "query"),
        ({"begin": "yesterday-ish"}, "from"),
        ({"begin": "-1h", "end": "soonish"}, "to"),
        ({"begin": "-1h", "end": "-2h"}, "the range is empty: from -1h lies at or after to -2h"),
        ({"begin": "2030-01-01"}, "the range is empty: from 2030-01-01 lies at or after to now"),
        ({"zone": "Europe/Nowhere"}, "there is no time zone 'Europe/Nowhere'"),
        ({"zone": "../../etc/passwd"}, "there is no time zone"),
        ({"zone": ""}, "there is no time zone"),
        ({"zone": "Europe"}, "there is no time zone"),
        ({"begin": "-99999999999d"}, ""),
        ({"begin": "0", "end": "99999999999999999999999"}, ""),
    ],
)
def test_what_has_no_meaning_is_told_in_a_sentence(message: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        asked(**message)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_fault_of_a_query_has_its_place() -> None:
    with pytest.raises(UsageError) as error:
        asked(query="level:error status:")
    assert isinstance(error.value, QueryError)
    assert error.value.at == (19, 19)


def test_moved_range_slides_by_whole_steps_and_keeps_the_rest() -> None:
    found = asked(begin="-1h", query="late", by="path", zone="Asia/Kathmandu")
    for later in (NOW, NOW + 1000, NOW + 10 * MINUTE):
        moved = found.moved(later)
        assert moved.until == later
        assert moved.since == moved.question.since == moved.steps.edges[0]
        assert (moved.since - found.since) % found.steps.length == 0
        assert (moved.question.filters.contains, moved.by) == (("late",), "path")
        assert moved.steps.length == found.steps.length

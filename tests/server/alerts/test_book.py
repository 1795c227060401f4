"""Each incident has one open and one close, also over a restart."""

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.book import MOST_WAITING, Book
from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertStates

RULE = AlertRule(name="x", kind="count", above=5, over=60_000, lasting=3_000, webhook="http://x")


def restarted(book: Book, rule: AlertRule) -> Book:
    """Return the book of a process that was killed and started again."""
    text = msgspec.json.encode(book.states())
    return Book([rule], msgspec.json.decode(text, type=AlertStates))


def told(book: Book) -> list[tuple[str, int]]:
    return [(each.event.event, each.event.at) for each in book.deliveries]


def test_incident_opens_once_its_condition_has_lasted_and_closes_with_it() -> None:
    book = Book([RULE], None)
    seen = []
    for second, value in enumerate([5, 6, 6, 5, 6, 7, 8, 9, 9, 5, 1, 6]):
        book.judge(RULE, None, float(value), second * 1000, None)
        (state,) = book.states().states
        seen.append((state.status, state.since))
    assert [status for status, _ in seen] == [
        *("ok", "pending", "pending", "ok", "pending", "pending", "pending"),
        *("firing", "firing", "ok", "ok", "pending"),
    ]
    assert seen[8] == ("firing", 4000)
    assert told(book) == [("open", 7000), ("close", 9000)]
    opened, closed = (each.event for each in book.deliveries)
    assert opened.incident == closed.incident
    assert (opened.id, closed.id) == (f"{opened.incident}-open", f"{opened.incident}-close")
    assert (opened.value, closed.value, closed.since) == (9.0, 5.0, 4000)


@given(st.lists(st.tuples(st.sampled_from([None, 0.0, 9.0]), st.booleans()), max_size=40))
def test_opens_and_closes_alternate_whatever_is_killed(
    steps: list[tuple[float | None, bool]],
) -> None:
    rule = replace(RULE, lasting=0)
    book, events = Book([rule], None), []
    for second, (value, is_taken) in enumerate(steps):
        book.judge(rule, None, value, second * 1000, None)
        if is_taken:
            for delivery in [*book.deliveries]:
                events.append(delivery.event)
                book.delivered(delivery)
        book = restarted(book, rule)
    events += [each.event for each in book.deliveries]
    assert [each.event for each in events] == (["open", "close"] * len(events))[: len(events)]
    assert len({each.id for each in events}) == len(events)
    for opened, closed in zip(events[::2], events[1::2], strict=False):
        assert opened.incident == closed.incident


def test_groups_have_incidents_of_their_own_and_close_when_forgotten() -> None:
    rule = AlertRule(name="x", kind="count", above=5, over=60_000, by="source", webhook="http://x")
    book = Book([rule], None)
    for group in ("a", "b"):
        book.judge(rule, group, 9.0, 1000, 500)
    assert book.groups("x") == {"a": 500, "b": 500}
    assert book.keep_groups(rule, {"b"}, 2000)
    assert not book.keep_groups(rule, {"b"}, 2000)
    assert [(each.event.event, each.event.group) for each in book.deliveries] == [
        ("open", "a"),
        ("open", "b"),
        ("close", "a"),
    ]
    again = Book([rule], book.states())
    assert again.groups("x") == {"b": 500}
    # Without groups it begins anew, and what was another rule's is dropped.
    assert Book([RULE], book.states()).states().states == []
    assert Book([], book.states()).states() == AlertStates()


def test_rule_without_a_webhook_has_no_events() -> None:
    rule = AlertRule(name="x", kind="count", above=5, over=60_000)
    book = Book([rule], None)
    book.judge(rule, None, 9.0, 1000, None)
    assert book.states().firing()
    assert book.deliveries == []


def test_events_that_wait_are_bounded_and_given_up_in_pairs() -> None:
    rule = AlertRule(name="x", kind="count", above=5, over=60_000, webhook="http://x")
    book = Book([rule], None)
    for second in range(1000):
        book.judge(rule, None, float(9 * (second % 2)), second * 1000, None)
        if second == 1:
            # Its open was taken, so its close is not given up.
            book.delivered(book.deliveries[0])
    assert len(book.deliveries) <= MOST_WAITING + 1
    assert told(book)[0] == ("close", 2000)
    waiting = [each.event for each in book.deliveries[1:]]
    assert {e.incident for e in waiting if e.event == "close"} <= {
        e.incident for e in waiting if e.event == "open"
    }
    assert book.states().dropped > 800

"""What was refused, by cause: counted, remembered for an hour, and bounded."""

from typing import Final

import pytest

from server.refusals import MOST_CAUSES, MOST_WARNINGS, Refusals
from server.submissions import Refusal
from tests.support.clock import NOON, Clock
from waterline.metrics.recorder import OTHER, MetricsRecorder
from waterline.metrics.refusals import (
    ELSEWHERE,
    MEANINGS,
    NO_LOG,
    NO_SOURCE,
    BodyFault,
    Cause,
    Drop,
)
from waterline.metrics.spans import HOUR, MINUTE
from waterline.records import Rule

LARGE: Final = "a body may hold 16 MiB at most"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(clock: Clock) -> MetricsRecorder:
    return MetricsRecorder(clock)


@pytest.fixture
def refusals(recorder: MetricsRecorder, clock: Clock) -> Refusals:
    return Refusals(recorder, clock)


@pytest.mark.parametrize(
    "cause",
    [
        Cause("depth", "shop"),
        Cause("too_large", "shop", "/v1/logs"),
        Cause("unauthorized", NO_SOURCE, "/gelf"),
        Cause("not_found", "shop", ELSEWHERE),
    ],
)
def test_cause_is_read_from_its_label(cause: Cause) -> None:
    assert Cause.of(cause.label) == cause


def test_label_of_too_many_causes_is_other() -> None:
    assert Cause.of(OTHER) == Cause(OTHER, OTHER)
    assert Cause.of(OTHER).meaning == "one of many further causes"


def test_every_reason_has_meaning() -> None:
    assert set(MEANINGS) == {*Rule, NO_LOG, *Refusal, *BodyFault, *Drop, OTHER}


def test_refusal_counts_fully_in_each_dimension(
    refusals: Refusals, recorder: MetricsRecorder
) -> None:
    refusals.logs(3, Rule.DEPTH, "shop")
    refusals.logs(2, Rule.DEPTH, "edge")
    refusals.body(BodyFault.TOO_LARGE, "/v1/logs", "edge", LARGE)
    assert recorder.counts("logs_rejected", "reason") == {"depth": 5}
    assert recorder.counts("logs_rejected", "source") == {"shop": 3, "edge": 2}
    assert recorder.counts("logs_rejected", "cause") == {"depth shop": 3, "depth edge": 2}
    assert recorder.counts("bodies_refused", "reason") == {"too_large": 1}
    assert recorder.counts("bodies_refused", "source") == {"edge": 1}
    assert recorder.counts("bodies_refused", "cause") == {"too_large /v1/logs edge": 1}


def test_hour_is_warned_of_and_start_is_remembered(refusals: Refusals, clock: Clock) -> None:
    refusals.logs(3, Rule.DEPTH, "shop")
    clock.now += 30 * MINUTE
    refusals.logs(1, Rule.DEPTH, "shop")
    (found,) = refusals.since_start()
    assert (found.total, found.lately, found.last_at) == (4, 4, NOON + 30 * MINUTE)
    clock.now += 40 * MINUTE
    (found,) = refusals.since_start()
    assert (found.total, found.lately) == (4, 1)
    (warning,) = refusals.warnings()
    assert warning == (
        "1 log of source shop was refused in the last hour (depth), the last at 2026-11-23 "
        "12:30:00 UTC: attributes are nested more than 64 levels deep"
    )
    clock.now += HOUR
    assert refusals.warnings() == []
    assert refusals.since_start()[0].total == 4


def test_warning_of_body_has_its_address_and_what_was_answered(refusals: Refusals) -> None:
    refusals.body(BodyFault.TOO_LARGE, "/v1/logs", "shop", LARGE)
    refusals.body(BodyFault.TOO_LARGE, "/v1/logs", "shop", LARGE)
    refusals.body(BodyFault.UNAUTHORIZED, "/gelf", NO_SOURCE, "a token is needed")
    told = "\n".join(refusals.warnings())
    assert "2 bodies at /v1/logs of source shop were refused in the last hour (too_large)" in told
    assert told.count(LARGE) == 1
    assert "1 body at /gelf without a known token was refused" in told


def test_answer_is_kept_short_and_printable(refusals: Refusals) -> None:
    refusals.body(BodyFault.UNREADABLE, "/gelf", "shop", "\x1b[31m" + "x" * 10_000)
    (found,) = refusals.since_start()
    assert "\x1b" not in found.example
    assert len(found.example) < 300


def test_causes_and_warnings_are_bounded(refusals: Refusals) -> None:
    for number in range(2 * MOST_CAUSES):
        refusals.logs(1, Rule.DEPTH, f"source-{number}")
    found = refusals.since_start()
    assert len(found) == MOST_CAUSES + 1
    assert sum(each.total for each in found) == 2 * MOST_CAUSES
    warnings = refusals.warnings()
    assert len(warnings) == MOST_WARNINGS + 1
    assert (
        warnings[-1] == f"more was refused, for {MOST_CAUSES + 1 - MOST_WARNINGS} further reasons"
    )

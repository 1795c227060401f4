"""Tallies have of each group what a count over the logs of a window has."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from server.alerts.tally import FORGOTTEN, MOST_GROUPS, OTHER, SeenLog, Tally
from waterline.alerts.rules import AlertRule, parse_rules

BEGIN = 1_773_748_800_000


def rule(kind: str, **members: object) -> AlertRule:
    threshold = {} if kind == "absence" else {"above": 1 if kind != "share" else 0.5}
    (made,) = parse_rules([{"name": "x", "kind": kind, **threshold, **members}], "x")
    return made


def log(second: float, log_type: str = "info", **attributes: Any) -> SeenLog:  # noqa: ANN401
    return SeenLog(1, log_type, "web", BEGIN + int(second * 1000), "m", attributes)


def values(made: AlertRule, logs: Sequence[SeenLog], end: float) -> dict[str | None, float | None]:
    tally = Tally(made, {})
    tally.take(logs)
    return {group: value for group, (value, _) in tally.values(BEGIN + int(end * 1000)).items()}


LOGS = [
    log(0, "error", status=500, ms=10),
    log(1, "error", status=404, ms=20),
    log(30, status=200, ms=True),
    log(59.9, status=503, user="eve", ms=30),
    log(60.5, "error", user="eve", ms=10**400),
]


@pytest.mark.parametrize(
    ("made", "end", "expected"),
    [
        (rule("count", query="type:error", over="60s"), 61, {None: 2.0}),
        (rule("count", query="type:error", over="58s"), 60, {None: 0.0}),
        (rule("rate", over="10s"), 61, {None: 0.2}),
        (rule("share", query="status>=500", of="status:*", over="60s"), 60, {None: 0.5}),
        (rule("share", query="status>=500", of="nothing:*"), 60, {None: None}),
        (rule("absence", query="user:bob"), 60, {None: 0.0}),
        (rule("percentile", attribute="ms", q=50, query="type:error"), 61, {None: 10.0}),
        (rule("percentile", attribute="none", q=50), 61, {None: None}),
        (rule("count", by="type"), 61, {"error": 3.0, "info": 2.0}),
        (rule("count", by="source"), 61, {"web": 5.0}),
        (rule("count", by="user"), 61, {"": 3.0, "eve": 2.0}),
        (rule("count", by="status", query="status:2..405"), 61, {"404": 1.0, "200": 1.0}),
    ],
)  # fmt: skip
def test_value_is_that_of_the_window(
    made: AlertRule, end: float, expected: dict[str | None, float | None]
) -> None:
    found = values(made, LOGS, end)
    assert found.keys() == expected.keys()
    for group, value in expected.items():
        told = found[group]
        if value is None:
            assert told is None
        else:
            assert told is not None
            assert math.isclose(told, value, rel_tol=0.02)


def test_groups_beyond_the_most_are_one_together() -> None:
    found = values(rule("count", by="n"), [log(1, n=number) for number in range(500)], 2)
    assert len(found) == MOST_GROUPS + 1
    assert found[OTHER] == 500 - MOST_GROUPS
    ten = values(
        rule("percentile", attribute="n", q=50, by="n"), [log(1, n=n) for n in range(50)], 2
    )
    assert len(ten) == 11


def test_known_group_is_there_without_a_log_until_it_is_forgotten() -> None:
    tally = Tally(rule("absence", by="source"), {"db": BEGIN})
    assert tally.values(BEGIN + 5_000) == {"db": (0.0, BEGIN)}
    tally.take([log(3)])
    assert tally.values(BEGIN + 5_000) == {"db": (0.0, BEGIN), "web": (1.0, BEGIN + 3_000)}
    assert [*tally.values(BEGIN + FORGOTTEN + 1)] == ["web"]
    assert tally.values(BEGIN + 2 * FORGOTTEN) == {}

"""The sample day: the same logs everywhere, a daily rhythm, and one incident that can be read."""

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from workbench.samples import INCIDENT, Spread, day
from workbench.samples.story import MILESTONES, minute_of

pytestmark = pytest.mark.slow

Log = dict[str, object]

DATE = dt.date(2026, 3, 17)
MIDNIGHT = int(dt.datetime(2026, 3, 17, tzinfo=dt.UTC).timestamp() * 1000)
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
BEGAN = minute_of(INCIDENT.began)
ENDED = minute_of(INCIDENT.ended)
JOBS = ("meter-import", "invoice-run", "leak-report")

# What notebooks keep as their outputs depends on it: change it only with them.
DIGEST_OF_A_THOUSAND = "fef8d46da78d2b919b585d41c138839322d463a94e91daed49bf76926f6a8a0e"

IN_ANOTHER_PROCESS = """
import hashlib, json, sys
from workbench.samples import day
print(hashlib.sha256(json.dumps(list(day(1000))).encode()).hexdigest())
print(sorted({"numpy", "pandas", "pyarrow"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def whole() -> Sequence[Log]:
    return list(day())


def timestamp_of(log: Log) -> int:
    timestamp = log["timestamp"]
    assert isinstance(timestamp, int)
    return timestamp


def minute_in_day(log: Log) -> int:
    return (timestamp_of(log) - MIDNIGHT) // MINUTE_MS


def digest(logs: Iterable[Log]) -> str:
    return hashlib.sha256(json.dumps(list(logs)).encode()).hexdigest()


def of_service(logs: Iterable[Log], service: str) -> Sequence[Log]:
    return [log for log in logs if log["service"] == service]


def within(logs: Iterable[Log], start: int, end: int) -> Sequence[Log]:
    return [log for log in logs if start <= minute_in_day(log) < end]


def typed(logs: Iterable[Log], type_: str) -> int:
    return sum(log["type"] == type_ for log in logs)


def p95_ms(logs: Iterable[Log]) -> float:
    durations = sorted(ms for log in logs if isinstance(ms := log.get("duration_ms"), float))
    return durations[len(durations) * 95 // 100]


def run_with_hash_seed(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    ran = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def test_every_process_makes_the_same_logs_whatever_its_hash_seed_and_without_heavy_imports() -> (
    None
):
    expected = f"{DIGEST_OF_A_THOUSAND}\n[]\n"
    assert run_with_hash_seed("1") == expected
    assert run_with_hash_seed("4321") == expected


def test_sample_is_the_one_that_was_published() -> None:
    assert digest(day(1000)) == DIGEST_OF_A_THOUSAND
    assert digest(day(1000, date=DATE, seed=7)) == DIGEST_OF_A_THOUSAND


@given(
    count=st.integers(0, 400),
    date=st.dates(dt.date(1970, 1, 1), dt.date(2199, 12, 31)),
    seed=st.integers(),
)
@costly(160)
def test_any_sample_has_exactly_count_logs_in_order_within_its_date(
    count: int, date: dt.date, seed: int
) -> None:
    logs = list(day(count, date=date, seed=seed))
    timestamps = [timestamp_of(log) for log in logs]
    ids = [str(log["id"]) for log in logs]
    midnight = (date - dt.date(1970, 1, 1)).days * DAY_MS
    assert len(logs) == count
    assert timestamps == sorted(timestamps)
    assert all(midnight <= timestamp < midnight + DAY_MS for timestamp in timestamps)
    assert ids == sorted(set(ids))


def test_hundred_thousand_ids_are_unique_and_sort_as_the_logs_do(whole: Sequence[Log]) -> None:
    ids = [str(log["id"]) for log in whole]
    assert len(ids) == 100_000
    assert all(before < after for before, after in pairwise(ids))
    timestamps = [timestamp_of(log) for log in whole]
    assert timestamps == sorted(timestamps)


def test_every_log_is_one_that_the_server_takes(whole: Sequence[Log]) -> None:
    for log in whole:
        assert isinstance(log["type"], str)
        assert 1 <= len(log["type"]) <= 64
        assert isinstance(log["id"], str)
        assert 1 <= len(log["id"]) <= 128
        assert isinstance(log["message"], str)
        assert log["message"]
        assert type(log["timestamp"]) is int
        assert isinstance(log["service"], str)
        assert all(type(value) in (str, int, float) for value in log.values())


def test_messages_are_filled_in_with_the_attributes_of_their_log(whole: Sequence[Log]) -> None:
    for log in whole:
        message = str(log["message"])
        assert "{" not in message
        for attribute in ("duration_ms", "station", "pump", "valve", "path", "status"):
            assert attribute not in log or str(log[attribute]) in message


def test_samples_of_other_arguments_share_no_id() -> None:
    next_day = dt.date(2026, 3, 18)
    samples = [day(300), day(301), day(300, seed=8), day(300, seed=-7), day(300, date=next_day)]
    ids = [[str(log["id"]) for log in sample] for sample in samples]
    endings = [{id_.rpartition("-")[2] for id_ in of_sample} for of_sample in ids]
    assert all(len(ending) == 1 for ending in endings)
    assert len(set.union(*endings)) == len(samples)


def test_another_seed_gives_other_logs() -> None:
    assert [log["message"] for log in day(50)] != [log["message"] for log in day(50, seed=8)]


def test_ten_logs_are_spread_over_the_day() -> None:
    moments = [timestamp_of(log) - MIDNIGHT for log in day(10)]
    gaps = [after - before for before, after in pairwise([0, *moments, DAY_MS])]
    assert max(gaps) < 4 * 60 * MINUTE_MS


def test_large_sample_is_made_as_it_is_read() -> None:
    first = list(islice(day(5_000_000), 3))
    assert [str(log["id"])[-17:-8] for log in first] == ["-0000000-", "-0000001-", "-0000002-"]


def test_negative_count_and_a_date_before_1970_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="count"):
        day(-1)
    with pytest.raises(ValueError, match="1970"):
        day(1, date=dt.date(1969, 12, 31))


def test_most_logs_are_info_and_all_four_types_come(whole: Sequence[Log]) -> None:
    types = Counter(log["type"] for log in whole)
    assert set(types) == {"debug", "info", "warning", "error"}
    assert types["info"] > 70_000
    assert types["info"] > types["debug"] > types["warning"] > types["error"] > 1_000


def test_customers_sleep_at_night_and_come_in_the_evening(whole: Sequence[Log]) -> None:
    customers = of_service(whole, "customer-api")
    night = len(within(customers, 1 * 60, 5 * 60))
    evening = len(within(customers, 17 * 60, 21 * 60))
    assert evening > 10 * night > 0


def test_telemetry_is_steady_outside_the_incident(whole: Sequence[Log]) -> None:
    telemetry = of_service(whole, "telemetry-gateway")
    hours = [len(within(telemetry, hour * 60, hour * 60 + 60)) for hour in range(24) if hour != 14]
    assert max(hours) < 1.25 * min(hours)


def test_batch_jobs_work_at_night_only_each_in_its_own_hours(whole: Sequence[Log]) -> None:
    jobs = of_service(whole, "batch-jobs")
    assert all(minute_in_day(log) < 5 * 60 for log in jobs)
    last = {job: max(minute_in_day(log) for log in jobs if log["job"] == job) for job in JOBS}
    first = {job: min(minute_in_day(log) for log in jobs if log["job"] == job) for job in JOBS}
    assert last["meter-import"] < first["invoice-run"]
    assert last["invoice-run"] < first["leak-report"]
    assert {log["message"] for log in jobs} >= {"Meter import started", "Leak report finished"}


def test_each_milestone_comes_once_and_the_cause_just_before_the_incident(
    whole: Sequence[Log],
) -> None:
    at = {log["message"]: minute_in_day(log) for log in whole}
    seen = Counter(log["message"] for log in whole)
    for minute, milestone in MILESTONES.items():
        assert seen[milestone["message"]] == 1
        assert at[milestone["message"]] == minute
    cause = at["Maintenance started: rebuild of index readings_by_station"]
    assert cause == BEGAN - 1


def test_latency_differs_by_operation_and_has_a_tail(whole: Sequence[Log]) -> None:
    quiet = of_service(within(whole, 0, BEGAN), "customer-api")
    usage = [log for log in quiet if log["type"] == "info" and log.get("path") == "/v1/usage"]
    logins = [log for log in quiet if log["type"] == "info" and log.get("path") == "/v1/login"]
    durations = sorted(ms for log in logins if isinstance(ms := log["duration_ms"], float))
    assert 110.0 < durations[len(durations) // 2] < 130.0
    assert p95_ms(logins) > p95_ms(usage)
    assert 1.3 * 120.0 < p95_ms(logins) < 2.0 * 120.0


def test_facts_of_the_incident_are_in_order() -> None:
    delays = [spread.delay_minutes for spread in INCIDENT.order]
    assert INCIDENT.order[0].service == INCIDENT.first_service
    assert delays == sorted(set(delays))
    assert delays[0] == 0
    assert INCIDENT.began < INCIDENT.relieved < INCIDENT.ended


def test_errors_by_five_minutes_show_where_it_began_and_in_which_order_it_spread(
    whole: Sequence[Log],
) -> None:
    errors = Counter(
        (log["service"], minute_in_day(log) // 5) for log in whole if log["type"] == "error"
    )
    first: dict[str, int] = {}
    for service, slot in sorted(key for key, number in errors.items() if number >= 5):
        first.setdefault(str(service), slot * 5)
    failing_from = {
        spread.service: BEGAN + spread.delay_minutes + INCIDENT.errors_after_minutes
        for spread in INCIDENT.order
    }
    assert first == {service: minute - minute % 5 for service, minute in failing_from.items()}
    assert len(set(first.values())) == len(INCIDENT.order)


@pytest.mark.parametrize("spread", INCIDENT.order, ids=lambda spread: spread.service)
def test_in_each_service_latency_rises_first_then_come_warnings_then_errors(
    whole: Sequence[Log], spread: Spread
) -> None:
    logs = of_service(whole, spread.service)
    slow_from = BEGAN + spread.delay_minutes
    warned_from = slow_from + INCIDENT.warnings_after_minutes
    failed_from = slow_from + INCIDENT.errors_after_minutes
    usual = within(logs, BEGAN - 60, slow_from)
    slow, warned, failed = (
        within(logs, slow_from, warned_from),
        within(logs, warned_from, failed_from),
        within(logs, failed_from, failed_from + 5),
    )
    assert p95_ms(slow) > 1.5 * p95_ms(usual)
    assert typed(slow, "warning") / len(slow) < 0.12
    assert typed(warned, "warning") / len(warned) > 3 * typed(usual, "warning") / len(usual)
    assert typed([*slow, *warned], "error") <= 2
    assert typed(failed, "error") / len(failed) > 0.12


def test_p95_latency_of_the_first_service_rises_five_minutes_before_its_errors(
    whole: Sequence[Log],
) -> None:
    first = of_service(whole, INCIDENT.first_service)
    before = within(first, BEGAN - 5, BEGAN)
    beginning = within(first, BEGAN, BEGAN + 5)
    assert p95_ms(beginning) > 5 * p95_ms(before)
    assert typed(beginning, "error") <= 2


def test_day_is_quiet_before_and_after_the_incident(whole: Sequence[Log]) -> None:
    for logs in (within(whole, 0, BEGAN), within(whole, ENDED, 24 * 60)):
        assert typed(logs, "error") / len(logs) < 0.006
        slots = Counter(
            (log["service"], minute_in_day(log) // 5) for log in logs if log["type"] == "error"
        )
        assert max(slots.values()) < 5


def test_other_services_and_other_times_know_nothing_of_the_incident(
    whole: Sequence[Log],
) -> None:
    signs = ("timed out", "pool exhausted", "no free worker", "gave no account", "gave no answer")
    told = [
        log
        for log in whole
        if any(sign in str(log["message"]) for sign in signs) and log.get("status") != 502
    ]
    assert {str(log["service"]) for log in told} == {spread.service for spread in INCIDENT.order}
    assert all(BEGAN <= minute_in_day(log) < ENDED for log in told)


def test_more_is_logged_at_the_peak_since_failed_work_is_tried_again(whole: Sequence[Log]) -> None:
    before = len(within(whole, BEGAN - 5, BEGAN))
    peak = len(within(whole, minute_of(INCIDENT.relieved) - 5, minute_of(INCIDENT.relieved)))
    assert peak > 1.6 * before


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_incident_shows_in_five_thousand_logs(seed: int) -> None:
    logs = list(day(5_000, seed=seed))
    during = within(logs, BEGAN, ENDED)
    failing = [log["service"] for log in during if log["type"] == "error"]
    assert len(failing) > 3 * (typed(logs, "error") - len(failing))
    assert failing[0] == INCIDENT.first_service
    assert set(failing) == {spread.service for spread in INCIDENT.order}

"""The forecast of bytes over time: what grows for ever, what stays, and when a disk is full."""

from typing import Any

import pytest

from tests.support.archived import batch
from workbench.plan.forecast import Assumed, Forecast
from workbench.plan.measured import Growing, Measured, Wal

NOW = 1_795_435_200
_DAY = 86_400.0


def measured(**changes: Any) -> Measured:  # noqa: ANN401 - any of its members
    """Return measurements of an hour with 10 logs a second of 400 bytes each, and no others."""
    members: dict[str, Any] = {
        "since": (NOW - 3600) * 1000,
        "until": NOW * 1000,
        "logs": 36_000.0,
        "received": 7_200_000.0,
        "lately": 1.0,
        "busy": 0.01,
        "memory": 50e6,
        "connections": 2.0,
        "disk_lost": None,
        "hot_rows": 36_000,
        "hot_bytes": 36_000 * 400,
        "hot_since": (NOW - 3600) * 1000,
        "batches": (),
        "metric_bytes": 0,
        "metric_rows": {},
        "wals": {},
        "folder_bytes": 36_000 * 400,
        "disk_free": 0,
        "disk_size": 0,
    }
    return Measured(**(members | changes))


def assumed(**changes: Any) -> Assumed:  # noqa: ANN401 - any of its members
    """Return that all goes on, and nothing is archived."""
    members: dict[str, Any] = {
        "rate": 10.0,
        "hot_for": None,
        "archived_log": 20.0,
        "keep_for": None,
        "keep_bytes": None,
        "retention": {"seconds": _DAY, "minutes": 31 * _DAY, "hours": 365 * _DAY},
        "now": float(NOW),
        "least_wal": {},
    }
    return Assumed(**(members | changes))


def test_disk_is_full_once_the_room_is_taken_at_the_rate() -> None:
    forecast = Forecast(measured(), assumed())
    assert forecast.seconds_to(10 * 400 * 5000.0) == pytest.approx(5000, rel=1e-6)
    twice = Forecast(measured(), assumed(rate=20.0))
    assert twice.seconds_to(10 * 400 * 5000.0) == pytest.approx(2500, rel=1e-6)


def test_archived_logs_take_what_batches_take() -> None:
    forecast = Forecast(measured(), assumed(hot_for=_DAY))
    assert forecast.hot_bytes(100 * _DAY) == pytest.approx(10 * _DAY * 400)
    # All that came in the measured hour and until a day ago is archived.
    assert forecast.archived_bytes(100 * _DAY) == pytest.approx((36_000 + 99 * 864_000) * 20)
    free = 10 * _DAY * 400 - 36_000 * 400 + 10 * 20 * 50 * _DAY
    assert forecast.seconds_to(free) == pytest.approx(51 * _DAY - 3600, rel=1e-6)


def test_logs_leave_the_hot_store_as_they_become_due() -> None:
    forecast = Forecast(measured(), assumed(rate=0.0, hot_for=7200.0))
    rows = [forecast.hot_bytes(each) / 400 for each in (0, 3600, 5400, 7200, 10**6)]
    assert rows == pytest.approx([36_000, 36_000, 18_000, 0, 0])


def test_disk_with_room_for_all_that_is_kept_is_never_full() -> None:
    kept = Forecast(measured(), assumed(hot_for=_DAY, keep_for=3 * _DAY))
    most = 10 * _DAY * 400 + 10 * 2 * _DAY * 20
    assert kept.most == pytest.approx(most)
    assert kept.seconds_to(most) is None
    bounded = Forecast(measured(), assumed(hot_for=_DAY, keep_bytes=10**6))
    assert bounded.most == pytest.approx(10 * _DAY * 400 + 10**6)


def test_batches_of_today_go_when_their_age_is_reached() -> None:
    old = batch(1, last_received_at=int((NOW - _DAY) * 1000), stored_bytes=5_000_000)
    kept = assumed(rate=0.0, hot_for=_DAY, keep_for=2 * _DAY)
    forecast = Forecast(measured(hot_rows=0, hot_bytes=0, batches=(old,)), kept)
    assert forecast.archived_bytes(0.9 * _DAY) == 5_000_000
    assert forecast.archived_bytes(1.1 * _DAY) == 0
    elsewhere = Forecast(measured(batches=(old,)), assumed(hot_for=_DAY, archived_log=0.0))
    assert elsewhere.archived_bytes(10 * _DAY) == 0


def test_measurements_grow_until_they_are_kept_no_longer() -> None:
    rows = {"seconds": Growing(1000, 5.0)}
    forecast = Forecast(measured(metric_bytes=100_000, metric_rows=rows), assumed())
    assert forecast.metric_bytes(200) == pytest.approx(200_000)
    assert forecast.metric_bytes(10 * _DAY) == pytest.approx(100 * 5 * _DAY)


def test_wal_grows_to_a_checkpoint_and_no_further() -> None:
    one, other = Wal(1_000, 33_000, 100.0), Wal(0, 33_000, None)
    wals = {"logs.db": one, "metrics.db": other, "large": Wal(64_000, 33_000, None)}
    forecast = Forecast(measured(wals=wals), assumed())
    assert forecast.wal_bytes(10) == 2_000 + 33_000 + 64_000
    assert forecast.wal_bytes(10_000) == 33_000 + 33_000 + 64_000
    assert Forecast(measured(wals=wals), assumed(rate=20.0)).wal_bytes(10) == 3_000 + 97_000
    archiving = Forecast(measured(wals=wals), assumed(least_wal={"logs.db": 50_000}))
    assert archiving.wal_bytes(10_000) == 50_000 + 97_000

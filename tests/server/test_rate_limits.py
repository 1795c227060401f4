"""What a token may take: never more than its rate and one bucket, never more connections."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rate_limits import TokenLimits

SECOND = 10**9


@dataclass
class Clock:
    """Monotonic time that passes only when told to."""

    now: int = 7 * SECOND

    def __call__(self) -> int:
        return self.now


@dataclass
class Limited:
    """Limits on a clock of the test's own."""

    connections: int = 3
    rate: int | None = 100
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.limits = TokenLimits(self.connections, self.rate, self.clock)


# Connections


def test_token_holds_so_many_connections_and_no_more() -> None:
    limits = TokenLimits(2, None)
    assert [limits.enter("a"), limits.enter("a"), limits.enter("a")] == [True, True, False]
    assert limits.connections("a") == 2
    limits.leave("a")
    assert limits.enter("a")
    assert not limits.enter("a")


def test_tokens_do_not_take_each_others_places() -> None:
    limits = TokenLimits(1, None)
    assert limits.enter("a")
    assert limits.enter("b")
    assert not limits.enter("a")


def test_leave_without_enter_is_error() -> None:
    limits = TokenLimits(1, None)
    assert limits.enter("a")
    assert not limits.enter("a")
    limits.leave("a")
    with pytest.raises(KeyError):
        limits.leave("a")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_count_equals_connections_present(steps: list[tuple[str, bool]]) -> None:
    limits, there = TokenLimits(3, None), dict.fromkeys("abc", 0)
    for name, comes in steps:
        if comes:
            assert limits.enter(name) is (there[name] < 3)
            there[name] = min(there[name] + 1, 3)
        elif there[name]:
            limits.leave(name)
            there[name] -= 1
        assert {each: limits.connections(each) for each in "abc"} == there


# Bytes a second


def test_without_rate_nothing_waits_and_nothing_is_kept() -> None:
    limits = TokenLimits(1, None)
    assert [limits.take("a", 10**12), limits.ask("a", 10**12)] == [0.0, 0.0]
    assert limits.buckets == 0


def test_burst_of_one_second_passes_at_once() -> None:
    limited = Limited(rate=100)
    assert limited.limits.take("a", 60) == 0
    assert limited.limits.take("a", 40) == 0
    assert limited.limits.take("a", 1) == 0.01
    assert limited.limits.take("b", 100) == 0


def test_debt_is_paid_by_waiting() -> None:
    limited = Limited(rate=100)
    assert limited.limits.take("a", 350) == 2.5
    limited.clock.now += 2 * SECOND
    assert limited.limits.take("a", 0) == 0.5
    limited.clock.now += SECOND // 2
    assert limited.limits.take("a", 0) == 0
    assert limited.limits.take("a", 1) == 0.01


def test_long_pause_gathers_one_bucket_and_no_more() -> None:
    limited = Limited(rate=100)
    limited.limits.take("a", 100)
    limited.clock.now += 3600 * SECOND
    assert limited.limits.take("a", 100) == 0
    assert limited.limits.take("a", 100) == 1


def test_refused_request_takes_nothing() -> None:
    limited = Limited(rate=100)
    assert limited.limits.ask("a", 70) == 0
    assert limited.limits.ask("a", 70) == 0.4
    assert limited.limits.ask("a", 70) == 0.4
    assert limited.limits.ask("a", 30) == 0
    limited.clock.now += 7 * SECOND // 10
    assert limited.limits.ask("a", 71) == pytest.approx(0.01, rel=1e-12)
    assert limited.limits.ask("a", 70) == 0


def test_request_larger_than_bucket_comes_when_it_is_full() -> None:
    limited = Limited(rate=100)
    assert limited.limits.ask("a", 250) == 0
    assert limited.limits.ask("a", 1) == pytest.approx(1.51)
    limited.clock.now += 2_500_000_000
    assert limited.limits.ask("a", 250) == 0


def test_sockets_and_requests_of_token_share_one_bucket() -> None:
    limited = Limited(rate=100)
    assert limited.limits.take("a", 80) == 0
    assert limited.limits.ask("a", 80) == 0.6


def test_names_that_are_idle_are_forgotten() -> None:
    limited = Limited(rate=1000)
    for number in range(10_000):
        assert limited.limits.take(f"t{number}", 1) == 0
        limited.clock.now += SECOND // 100
        assert limited.limits.buckets <= 64


def test_name_that_owes_is_not_forgotten() -> None:
    limited = Limited(rate=100)
    limited.limits.take("debtor", 100_000)
    for number in range(1_000):
        limited.limits.take(f"t{number}", 1)
        limited.clock.now += SECOND // 10
    assert limited.limits.take("debtor", 0) == pytest.approx(899)


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, int, bool]]:
    """Return pieces that come one after another: pause in nanoseconds, size, refused or held."""
    pauses = st.integers(0, 3 * SECOND) | st.integers(0, 3) | st.just(0)
    return draw(
        st.lists(st.tuples(pauses, st.integers(0, 500), st.booleans()), min_size=1, max_size=40)
    )


def most_in_any_window(passed: list[tuple[float, int]], rate: int) -> float:
    """Return by how much the most that passed in a window is above what the rate allows in it."""
    return max(
        sum(size for _, size in passed[first : last + 1])
        - rate * (passed[last][0] - passed[first][0])
        for first in range(len(passed))
        for last in range(first, len(passed))
    )


@given(st.integers(1, 300), schedules())
def test_no_window_lets_more_pass_than_its_rate_and_one_bucket(
    rate: int, schedule: list[tuple[int, int, bool]]
) -> None:
    limited, passed = Limited(rate=rate), []
    for pause, size, is_request in schedule:
        limited.clock.now += pause
        now = limited.clock.now / SECOND
        if is_request:
            if limited.limits.ask("a", size) == 0:
                passed.append((now, size))
        else:
            passed.append((now + limited.limits.take("a", size), size))
    passed.sort(key=lambda each: each[0])
    largest = max((size for _, size in passed), default=0)
    if passed:
        assert most_in_any_window(passed, rate) <= max(rate, largest) + 1e-6


@given(st.integers(1, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_pieces_wait_as_long_as_one_request(rate: int, sizes: list[int]) -> None:
    in_pieces, at_once = Limited(rate=rate), Limited(rate=rate)
    waits = [in_pieces.limits.take("a", size) for size in sizes]
    assert waits[-1] == at_once.limits.take("a", sum(sizes))
    assert waits == sorted(waits)

"""Clocks: a jump forward is believed once it has lasted; one that is set back, at once."""

import pytest

from tests.support.clock import NOON, Clock
from waterline.clock import TOLERANCE, SteadyClock, steady_ms, utc_text

PATIENCE = 5_000
YEAR = 365 * 86_400_000


class Hands:
    """A wall clock and a steady one, which go on together unless the wall clock is set."""

    def __init__(self) -> None:
        self.wall, self.steady = Clock(), Clock()
        self.clock = SteadyClock(PATIENCE, self.wall, self.steady)

    def after(self, milliseconds: int, jump: int = 0) -> int:
        """Return what is believed after a while; 0 is noon."""
        self.wall.now += milliseconds + jump
        self.steady.now += milliseconds
        return self.clock() - NOON


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_clock_that_goes_on_is_shown_as_it_is(hands: Hands) -> None:
    assert [hands.after(each) for each in (1, 1_000, 10**9)] == [1, 1_001, 1_000_001_001]


def test_single_wrong_reading_of_clock_changes_nothing(hands: Hands) -> None:
    assert hands.after(10, YEAR) == 10
    assert hands.clock.ahead() == YEAR - TOLERANCE
    assert "jumped forward by 31535998 seconds" in hands.clock.warnings()[0]
    assert hands.after(10, -YEAR) == 20
    assert hands.clock.warnings() == []


def test_jump_forward_is_believed_once_it_has_lasted(hands: Hands) -> None:
    assert hands.after(10, YEAR) == 10
    assert hands.after(PATIENCE - 1) == PATIENCE + 9
    assert hands.after(1) == YEAR + PATIENCE + 10
    assert hands.clock.ahead() == 0


def test_each_jump_must_last_by_itself(hands: Hands) -> None:
    hands.after(0, YEAR)
    assert hands.after(PATIENCE, YEAR) == PATIENCE
    assert hands.after(PATIENCE) == 2 * YEAR + 2 * PATIENCE


def test_clock_that_is_set_back_is_followed_at_once(hands: Hands) -> None:
    assert hands.after(10, -YEAR) == 10 - YEAR
    assert hands.after(10, YEAR) == 20
    assert hands.clock.warnings() == []


def test_small_corrections_are_followed_at_once(hands: Hands) -> None:
    assert hands.after(10, TOLERANCE) == 10 + TOLERANCE
    assert hands.after(10, -TOLERANCE) == 20


def test_steady_clock_never_goes_back() -> None:
    assert steady_ms() <= steady_ms()


@pytest.mark.parametrize(
    ("moment", "text"),
    [(NOON, "2026-11-23 12:00:00 UTC"), (2**60, "9999-12-31 23:59:59 UTC")],
)
def test_moment_is_told_as_text(moment: int, text: str) -> None:
    assert utc_text(moment) == text

"""Windows slide by whole steps, in constant memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.windows import MOST_STEPS, Values, Window, counted, counts, summed, values

BEGIN = 1_773_748_800_000


@given(
    st.sampled_from([10_000, 60_000, 300_000]),
    st.lists(st.integers(0, 900_000), max_size=50).map(sorted),
    st.integers(0, 10),
)
def test_window_up_to_five_minutes_counts_by_the_second(
    over: int, received: list[int], behind: int
) -> None:
    window = counts(over)
    for each in received:
        window.add(BEGIN + each)
    last = max(received, default=0) // 1000 * 1000
    end = last + 1000 - behind * 1000
    expected = [each for each in received if end - over <= each < end]
    assert counted(window, BEGIN + end) == len(expected)


def test_longer_window_slides_in_steps_of_whole_seconds() -> None:
    window = counts(3_600_000)
    assert window.step == 12_000
    for second in range(2 * 3600):
        window.add(BEGIN + second * 1000)
    assert len(window.within(BEGIN + 7_200_000)) == MOST_STEPS
    assert counted(window, BEGIN + 7_200_000) == 3600
    assert counted(window, BEGIN + 7_206_000) == pytest.approx(3600, abs=12)
    assert counted(window, BEGIN + 20 * 3_600_000) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_values_of_a_window_have_the_quantiles_of_their_numbers(numbers: list[float]) -> None:
    window = values(60_000)
    assert isinstance(window, Window)
    for place, number in enumerate(numbers):
        window.add(BEGIN + place * 500, number)
    total = summed(window, BEGIN + 60_000)
    assert total.count == len(numbers)
    assert total.min == min(numbers)
    assert total.quantile(1) == pytest.approx(max(numbers), rel=0.02, abs=1e-30)


def test_many_values_are_packed_as_they_come() -> None:
    found = Values()
    for number in range(2500):
        found.add(float(number))
    assert found.summary.count == 2500
    assert found.summary.quantile(0.5) == pytest.approx(1250, rel=0.02)

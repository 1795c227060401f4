"""Durations and sizes: what is read, what is written, what is refused."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waterline.units import (
    BYTES,
    MILLISECONDS,
    counted,
    format_duration,
    format_size,
    human_duration,
    human_size,
    parse_duration,
    parse_size,
)

TOO_LARGE = 2**53
amounts = st.one_of(
    st.integers(0, TOO_LARGE - 1),
    st.builds(
        int.__mul__,
        st.integers(0, 10_000),
        st.sampled_from([*MILLISECONDS.values(), *BYTES.values()]),
    ),
)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("90s", 90_000),
        ("10m", 600_000),
        ("10min", 600_000),
        ("1h", 3_600_000),
        ("1.5h", 5_400_000),
        ("30d", 30 * 86_400_000),
        ("2w", 14 * 86_400_000),
        ("1y", 365 * 86_400_000),
        (" 5 s ", 5_000),
    ],
)
def test_duration_is_read_in_any_unit(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("10B", 10),
        ("1kB", 1_000),
        ("1KiB", 1_024),
        ("64MiB", 64 * 2**20),
        ("1MB", 1_000_000),
        ("0.5GiB", 2**29),
        ("2GB", 2_000_000_000),
    ],
)
def test_size_is_read_in_any_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "90", "s", "-1s", "1e3s", "1 fortnight", "1S", "1s 2s", "\uff11s", "nan s", ".5s"]
)
def test_invalid_duration_is_refused_naming_units(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write a number and a unit") as raised:
        parse_duration(text)
    assert str(raised.value) == (
        f"{text!r} is no duration; write a number and a unit (ms, s, m, min, h, d, w, y), as 90s"
    )


@pytest.mark.parametrize("text", ["", "64", "64mib", "64 MiBs", "64M", "-1B"])
def test_invalid_size_is_refused_naming_units(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write a number and a unit") as raised:
        parse_size(text)
    assert str(raised.value) == (
        f"{text!r} is no size; write a number and a unit (B, kB, MB, GB, KiB, MiB, GiB), as 64MiB"
    )


@pytest.mark.parametrize("digits", [str(TOO_LARGE), "9" * 400, "9" * 400 + ".5", "9" * 5000])
def test_number_beyond_all_use_is_refused_rather_than_rounded(digits: str) -> None:
    with pytest.raises(ValueError, match="is too large a duration"):
        parse_duration(digits + "ms")
    with pytest.raises(ValueError, match="is too large a size"):
        parse_size(digits + "B")


@given(amounts)
@example(TOO_LARGE - 1)
def test_every_duration_is_read_back_as_it_was(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@given(amounts)
@example(TOO_LARGE - 1)
def test_every_size_is_read_back_as_it_was(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.text() | st.from_regex(r"\s*\d+(\.\d+)?\s*[a-zA-Z]+", fullmatch=True))
def test_any_text_is_duration_or_value_error_and_nothing_else(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= parse_duration(text) < TOO_LARGE


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (1_500, "1500ms"),
        (90_000, "90s"),
        (300_000, "5min"),
        (7_200_000, "2h"),
        (7 * 86_400_000, "7d"),
    ],
)
def test_duration_is_written_in_largest_unit_that_is_exact(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (1_000, "1000B"), (1_024, "1KiB"), (32 * 2**20, "32MiB"), (2**30, "1GiB")],
)
def test_size_is_written_in_largest_unit_that_is_exact(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_500, "1.5 KiB"),
        (2**31, "2.0 GiB"),
        (2**50, "1048576.0 GiB"),
    ],
)
def test_size_for_person_has_one_decimal(size: int, text: str) -> None:
    assert human_size(size) == text


def test_things_are_counted_as_person_would() -> None:
    assert [counted(number, "log") for number in (0, 1, 2000)] == ["0 logs", "1 log", "2,000 logs"]
    assert counted(1, "batch", "batches") == "1 batch"
    assert counted(2, "batch", "batches") == "2 batches"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "less than a second"),
        (999, "less than a second"),
        (61_000, "1 minute 1 second"),
        (3_600_000, "1 hour"),
        (3_605_000, "1 hour"),
        (218_371 * 60_000, "151 days 15 hours"),
        (9 * 86_400_000 + 59_000, "9 days"),
    ],
)
def test_human_duration_has_the_two_largest_units(milliseconds: int, text: str) -> None:
    assert human_duration(milliseconds) == text

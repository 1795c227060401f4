"""Attributes by regular expression."""

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import UsageError
from workbench.clients.log_files.extract import Extraction

WORD = Extraction(r"\A(?P<it>(?s:.*))\Z")


@given(number=st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_json_number_becomes_that_number(number: float) -> None:
    extracted = WORD.attributes(json.dumps(number))["it"]
    assert extracted == number
    assert type(extracted) is type(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [("-0", 0), ("1e3", 1000.0), ("1E+2", 100.0), ("0.50", 0.5), ("-1.5e-1", -0.15)],
)
def test_every_way_to_write_a_json_number_counts(text: str, number: float) -> None:
    assert WORD.attributes(text)["it"] == number
    assert type(WORD.attributes(text)["it"]) is type(number)


@pytest.mark.parametrize(
    "text",
    [
        "007",
        "+1",
        ".5",
        "1.",
        "1e",
        "0x10",
        "1_000",
        " 1",
        "1\n",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "NaN",
        "Infinity",
        "1e999",
        "-",
        "",
    ],
)
def test_other_text_stays_text(text: str) -> None:
    assert WORD.attributes(text) == {"it": text}


def test_a_number_too_long_to_be_read_stays_text() -> None:
    text = "9" * (sys.get_int_max_str_digits() + 1)
    assert WORD.attributes(text) == {"it": text}


@given(text=st.text())
def test_nothing_of_the_text_is_lost(text: str) -> None:
    extracted = WORD.attributes(text)["it"]
    assert extracted == text or math.isclose(float(extracted), float(text))


def test_only_groups_that_matched_become_attributes() -> None:
    extraction = Extraction(r"a=(?P<a>\d+)(?: b=(?P<b>\w+))? (unnamed)")
    assert extraction.attributes("x a=1 b=two unnamed, a=3 unnamed") == {"a": 1, "b": "two"}
    assert extraction.attributes("a=1 unnamed") == {"a": 1}
    assert extraction.attributes("a=x") == {}


@pytest.mark.parametrize(
    "pattern", ["(?P<a>x", "(?P<a>x)(?P<a>y)", "(?P<a>x{99999999999999})", "(" * 5000]
)
def test_a_bad_regular_expression_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="is no regular expression: "):
        Extraction(pattern)


@pytest.mark.parametrize("pattern", ["", "x", "(x)"])
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="names nothing to extract"):
        Extraction(pattern)


@pytest.mark.parametrize("name", ["id", "type", "message", "timestamp"])
def test_a_group_named_like_a_member_of_every_log_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"has the name {name}"):
        Extraction(f"(?P<fine>x)(?P<{name}>y)")

"""Printable text: what steers a terminal is gone, and JSON says the same without it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterline.errors import UsageError
from waterline.printable import printable, printable_json

STEERING = [
    "\x1b[2J",
    "\x9b2J",
    "\x90q",
    "\x07",
    "\x7f",
    "\r",
    "\u202e",
    "\u2066",
    "\u200b",
    "\U000e0041",
]


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_control_characters_are_replaced_in_text_and_errors(text: str) -> None:
    assert printable(f"a{text}b").isprintable()
    assert str(UsageError(f"a{text}b")).isprintable()
    assert str(UsageError("two\nlines")) == "two\nlines"


def test_harmless_text_stays() -> None:
    text = "größer 日本語 😀 'x' \N{REPLACEMENT CHARACTER}"
    assert printable(text) == text
    assert printable("a\nb", keep="\n") == "a\nb"


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_printable_json_is_equivalent(members: dict[str, str]) -> None:
    line = msgspec.json.encode(members)
    lines = printable_json(line + b"\n" + line + b"\n")
    assert lines.decode().replace("\n", "").isprintable()
    assert [msgspec.json.decode(each) for each in lines.splitlines()] == [members, members]

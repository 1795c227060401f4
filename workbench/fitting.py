"""Texts fitted into the columns of a terminal."""

import re
import unicodedata
from typing import Final

from waterline.printable import printable

_CUT: Final = "…"
_BREAK: Final = re.compile(r"\r\n|\n|\r")


def one_line(text: str, width: int | None = None) -> str:
    """Return a text as one line without control characters.

    Args:
        text: any text.
        width: columns of which it may fill some; what lies far beyond is dropped.
    """
    if width is not None:
        text = text[: 8 * width]  # enough, unless it is made of combining characters
    return printable(_BREAK.sub("↵", text).replace("\t", " "))


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes; some characters take two, or none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, width: int) -> str:
    """Return a text that takes so many columns at most; an ellipsis tells what was cut."""
    if columns_of(text) <= width:
        return text
    taken, room = 0, width - 1
    for place, each in enumerate(text):
        taken += _columns(each)
        if taken > room:
            return text[:place] + _CUT
    return text


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1

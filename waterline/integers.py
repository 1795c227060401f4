"""Integers that SQLite and Arrow hold, and those that are floats too."""

from typing import Final

INT64: Final = range(-(2**63), 2**63)
"""The integers that SQLite stores and compares, and that a column of Arrow holds."""
MOST_EXACT: Final = 2**53
"""Every integer up to it is a float."""

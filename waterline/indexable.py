"""Names of attributes that an index over hot logs can be of; settings check them without SQLite."""

import re
from typing import Final

from waterline.query_text.paths import MOST_STEPS

MOST_INDEXED: Final = 8
"""Each costs ingest as much as the one before."""
# No name needs quotes within a path of JSON.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)


def check_indexable(name: str) -> None:
    """Check that an attribute, or what lies at a path, can be indexed.

    Raises:
        ValueError: it cannot; the sentence says why.
    """
    if not _NAME.fullmatch(name) or name.count(".") >= MOST_STEPS:
        raise ValueError(
            f"{name!r} cannot be indexed; give a name of letters, digits, _ and -, or a path of "
            f"at most {MOST_STEPS} such names with dots"
        )

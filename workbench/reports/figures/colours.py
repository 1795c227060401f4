"""Colours of log types, distinct with any colour vision, on light and dark pages.

They are those of Okabe and Ito ("Color Universal Design", 2008) with a lighter blue for dark pages,
and greys.
"""

from collections.abc import Mapping
from typing import Final

KNOWN: Final = {
    "error": "#D55E00",
    "warning": "#E69F00",
    "info": "#3386C2",
    "debug": "#8792A0",
}
FREE: Final = ("#009E73", "#CC79A7", "#56B4E9", "#9A7BD0", "#A9A13B")
"""Colours of other types, the most frequent first."""
OTHER: Final = "#B9A88D"
"""Colour of all further types."""
SLOTS: Final = (*KNOWN.values(), *FREE, OTHER)
"""All colours from the bottom of a stack up: errors at the base, where they are exact."""

PERCENTILES: Final = {"p50": "#56B4E9", "p95": "#3A7BD0", "p99": "#9A6FD6"}


def give_colours(before: Mapping[str, str], totals: Mapping[str, int]) -> Mapping[str, str]:
    """Return the colours of types; `before` itself if nothing changes.

    A type keeps its colour while in use; an unused one gives it up when another needs it.

    Args:
        before: the colours so far.
        totals: number of recent logs by type.
    """
    needy = [
        log_type
        for log_type in sorted(totals, key=lambda each: (-totals[each], each))
        if log_type not in before and log_type not in KNOWN
    ]
    if before and not needy:
        return before
    unused = [log_type for log_type in before if log_type not in KNOWN and log_type not in totals]
    free = [colour for colour in FREE if colour not in before.values()]
    given = dict(before or KNOWN)
    for log_type in needy:
        if free:
            given[log_type] = free.pop(0)
        elif unused:
            given[log_type] = given.pop(unused.pop(0))
        else:
            break
    return before if given == before else given

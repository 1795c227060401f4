"""Results of searches as the page is told of them, in plain values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from workbench.explore.lines import MAX_TEXT, LogLine
from workbench.explore.tally import Tally
from workbench.patterns.patterns import FoundPatterns
from workbench.reports.figures.colours import KNOWN

# A producer that invents types must not fill the page with buttons.
MAX_CHOICES: Final = 40
"""Number of buttons of types beside the four levels."""
MOST_PATTERNS: Final = 200
"""Number of patterns that are shown."""


def patterns_told(found: FoundPatterns) -> dict[str, object]:
    """Return patterns as the page draws them."""
    rows = [
        [
            row["pattern"], row["logs"], row["share"], row["type"], row["type_share"],
            row["first_seen"], row["last_seen"], row["over_time"], row["example_seq"],
            str(row["example"])[:MAX_TEXT], row["before"], row["is_new"],
        ]
        for row in found.rows[:MOST_PATTERNS]
    ]  # fmt: skip
    return {
        "rows": rows,
        "patterns": len(found.rows),
        "logs": found.logs,
        "before": found.logs_before,
        "lacks": [*found.lacks],
    }


def row_of(line: LogLine) -> list[Any]:
    """Return a log as a row of the table; `row.js` names its members."""
    return [
        line.seq,
        line.timestamp,
        line.type,
        line.source,
        line.message,
        line.attributes,
        line.message_rest,
        line.attributes_rest,
    ]


def choices(
    types: Mapping[str, int], colours: Mapping[str, str], chosen: Sequence[str]
) -> tuple[list[Any], int]:
    """Return the buttons of types, and the number of types without one.

    A button has type, number of matching logs, and colour. The four levels and the chosen types
    always have one.

    Args:
        types: number of matching logs by type.
        colours: colours of types.
        chosen: types that are chosen.
    """
    others = [each for each in dict.fromkeys((*chosen, *types)) if each not in KNOWN]
    # By name, so that buttons keep their places while counts grow.
    order = [*KNOWN, *sorted(others[:MAX_CHOICES])]
    buttons = [[each, types.get(each, 0), colours.get(each, KNOWN.get(each))] for each in order]
    return buttons, max(0, len(others) - MAX_CHOICES)


def legend(chart: Tally, colours: Mapping[str, str]) -> list[Any]:
    """Return the most frequent labels of the chart, with their counts and colours."""
    return [[label, count, colours[label]] for label, count in [*chart.totals.items()][:12]]

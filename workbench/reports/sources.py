"""The report on sources: rates now and usually, and sources that went quiet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.archive.columns import MOMENT
from waterline.metrics.quiet_sources import LEAST_MINUTES, REMEMBERED, is_quiet
from waterline.metrics.registry import (
    BYTES_RECEIVED,
    LOGS_DUPLICATE,
    LOGS_REJECTED,
    LOGS_STORED,
    SOURCE,
)
from waterline.metrics.spans import MINUTE, SECOND, Span, cover
from workbench.frames import to_frame
from workbench.reports.rollups import Amount, Extent, Rollups, open_rollups

RATED: Final = 5 * MINUTE
"""Milliseconds up to now that `rate` covers; fewer for a younger source."""
QUIET_AFTER: Final = "10min"
"""Default of the server's setting."""

_NOTHING: Final = Amount(0, 0.0)
_SCHEMA: Final = pa.schema(
    [
        ("source", pa.string()),
        ("first_seen", MOMENT),
        ("last_seen", MOMENT),
        ("logs", pa.int64()),
        ("bytes", pa.int64()),
        ("rate", pa.float64()),
        ("usual_rate", pa.float64()),
        ("rejected", pa.int64()),
        ("duplicates", pa.int64()),
        ("silent_for", pa.duration("ms")),
        ("quiet", pa.bool_()),
    ]
)


def sources(path: Path, now: int, quiet_after: int) -> pd.DataFrame:
    """Report the sources of a data folder from the server's counts.

    Args:
        path: metrics.db, which may be missing.
        now: milliseconds UTC.
        quiet_after: milliseconds of silence after which a source may be quiet.

    Returns:
        See `Workbench.sources`.

    Raises:
        DataFolderError: metrics.db cannot be read.
    """
    rows = source_rows(path, now, quiet_after)
    return to_frame(pa.Table.from_pylist(rows, _SCHEMA))


def source_rows(path: Path, now: int, quiet_after: int) -> list[dict[str, Any]]:
    """Return the report as rows, with times and lengths in milliseconds; see `sources`."""
    with open_rollups(path) as found:
        if found is None or found.progress is None:
            return []
        return _rows(found, found.progress, now, quiet_after)


@dataclass(frozen=True, slots=True)
class _Totals:
    """Sums of each source since a time."""

    begin: int
    """Milliseconds UTC; later than asked for if earlier measurements are gone."""
    of: Mapping[str, Amount]

    def rate(self, source: str, now: int, since: int = 0) -> float:
        """Return the logs a second of a source up to now, since `begin` or a later time."""
        length = max(now - max(self.begin, since), SECOND)
        return self.of.get(source, _NOTHING).count / (length / SECOND)


def _rows(found: Rollups, progress: Extent, now: int, quiet_after: int) -> list[dict[str, Any]]:
    first, last = found.bounds()
    stored, sizes, rejected, duplicates = (
        _totals(found, progress, metric, first, last).of
        for metric in (LOGS_STORED, BYTES_RECEIVED, LOGS_REJECTED, LOGS_DUPLICATE)
    )
    lately, usually = (
        _totals(found, progress, LOGS_STORED, now - age, now + 1) for age in (RATED, REMEMBERED)
    )
    seen, gaps = found.sources(), _longest_gaps(found, progress, now - REMEMBERED)
    rows: list[dict[str, Any]] = []
    for source in sorted(seen.keys() | stored.keys() | rejected.keys() | duplicates.keys()):
        first_seen, last_seen = seen.get(source, (None, None))
        silence = None if last_seen is None else max(now - last_seen, 0)
        rows.append(
            {
                "source": source,
                "first_seen": first_seen,
                "last_seen": last_seen,
                "logs": stored.get(source, _NOTHING).count,
                "bytes": int(sizes.get(source, _NOTHING).sum),
                "rate": lately.rate(source, now, first_seen or 0),
                "usual_rate": usually.rate(source, now, first_seen or 0),
                "rejected": rejected.get(source, _NOTHING).count,
                "duplicates": duplicates.get(source, _NOTHING).count,
                "silent_for": silence,
                "quiet": silence is not None and is_quiet(silence, gaps.get(source), quiet_after),
            }
        )
    return rows


def _totals(found: Rollups, progress: Extent, metric: str, since: int, until: int) -> _Totals:
    """Sum up a metric by source over a range of time, as far as it is kept."""
    spans = cover(since, until, progress.kept)
    labels = found.labels(metric, SOURCE)
    totals = found.totals(labels, spans)
    return _Totals(
        spans[0].begin if spans else since,
        {labels[number]: amount for number, amount in totals.items()},
    )


def _longest_gaps(found: Rollups, progress: Extent, since: int) -> dict[str, int]:
    """Return the longest gap between minutes with logs, for each source with enough of them."""
    labels = found.labels(LOGS_STORED, SOURCE)
    minutes = found.counted(labels, [Span("minutes", since, progress.kept.minutes_through)])
    order = np.lexsort((minutes.begins, minutes.series))
    begins, numbers = minutes.begins[order], minutes.series[order]
    known, firsts, counts = np.unique(numbers, return_index=True, return_counts=True)
    return {
        labels[int(number)]: int(np.diff(begins[first : first + count]).max())
        for number, first, count in zip(known, firsts, counts, strict=True)
        if count >= LEAST_MINUTES
    }

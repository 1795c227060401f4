"""Logs that the server did not store: rejected ones by reason, duplicates by source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from waterline.metrics.registry import LOGS_DUPLICATE, LOGS_REJECTED, REASON, SOURCE
from waterline.metrics.spans import Span
from workbench.reports.coverage import coverage_of
from workbench.reports.rollups import Rollups, open_rollups


@dataclass(frozen=True, slots=True)
class Refusals:
    """Numbers of logs, the largest first."""

    rejected: Mapping[str, int]
    """Rejected logs by reason."""
    duplicates: Mapping[str, int]
    """Duplicates by source."""


def refusals(path: Path, since: int, until: int) -> Refusals:
    """Count rejected logs and duplicates in a range of time.

    Args:
        path: metrics.db, which may be missing.
        since: begin, milliseconds UTC.
        until: end, excluded, milliseconds UTC.

    Raises:
        DataFolderError: metrics.db cannot be read.
    """
    with open_rollups(path) as found:
        if found is None or found.progress is None:
            return Refusals({}, {})
        spans = coverage_of(found, found.progress, since, until, None).spans
        return Refusals(
            _counts(found, LOGS_REJECTED, REASON, spans),
            _counts(found, LOGS_DUPLICATE, SOURCE, spans),
        )


def _counts(found: Rollups, metric: str, dimension: str, spans: Sequence[Span]) -> dict[str, int]:
    labels = found.labels(metric, dimension)
    counts = {labels[each]: amount.count for each, amount in found.totals(labels, spans).items()}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

"""Selection of archived logs by time, type, source and seq."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import MOMENT
from waterline.integers import INT64
from waterline.storage.catalog import ArchivedBatch, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Filter on archived logs; None selects all. Times are milliseconds UTC."""

    clock: Clock = "timestamp"
    """The column that `since` and `until` apply to."""
    since: int | None = None
    """Inclusive."""
    until: int | None = None
    """Exclusive."""
    types: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    through: int | None = None
    """The highest seq, inclusive."""
    first: int | None = None
    """The lowest seq, inclusive."""

    def most(self, batch: ArchivedBatch) -> int:
        """Return an upper bound of selected logs in a batch; at 0 its file need not be opened."""
        first, last = batch.reach(self.clock)
        if self.since is not None and last < self.since:
            return 0
        if self.until is not None and first >= self.until:
            return 0
        if self.through is not None and batch.first_seq > self.through:
            return 0
        if self.first is not None and batch.last_seq < self.first:
            return 0
        return min(self._among_types(batch), self._among_sources(batch))

    def exactly(self, batch: ArchivedBatch) -> int | None:
        """Return the number of selected logs in a batch; None if only its file can tell."""
        first, last = batch.reach(self.clock)
        begins = self.since is None or self.since <= first
        ends = self.until is None or last < self.until
        is_past = self.through is None or batch.last_seq <= self.through
        is_above = self.first is None or self.first <= batch.first_seq
        if not (begins and ends and is_past and is_above):
            return None if self.most(batch) else 0
        of_types, of_sources = self._among_types(batch), self._among_sources(batch)
        # If both filters exclude some, the catalog cannot tell how many pass both.
        is_told = batch.rows in (of_types, of_sources) or not of_types or not of_sources
        return min(of_types, of_sources) if is_told else None

    def of(self, logs: pa.Table) -> pa.Table:
        """Return the selected logs, in order; see `mask`."""
        mask = self.mask(logs)
        return logs if mask is None else logs.filter(mask)

    def mask(self, logs: pa.Table) -> pa.ChunkedArray | None:
        """Return which logs are selected; None is all.

        Args:
            logs: logs, with the columns that the selection is about.
        """
        masks = []
        if self.since is not None:
            masks.append(pc.greater_equal(logs[self.clock], _moment(self.since)))
        if self.until is not None:
            masks.append(pc.less(logs[self.clock], _moment(self.until)))
        if self.through is not None:
            masks.append(pc.less_equal(logs["seq"], self.through))
        if self.first is not None:
            masks.append(pc.greater_equal(logs["seq"], self.first))
        for name, values in (("type", self.types), ("source", self.sources)):
            if values is not None:
                masks.append(pc.is_in(logs[name], pa.array(values, pa.string())))
        for mask in masks[1:]:
            masks[0] = pc.and_(masks[0], mask)
        return masks[0] if masks else None

    def _among_types(self, batch: ArchivedBatch) -> int:
        return _among(batch.types, self.types)

    def _among_sources(self, batch: ArchivedBatch) -> int:
        return _among(batch.sources, self.sources)


def _among(counts: Mapping[str, int], wanted: tuple[str, ...] | None) -> int:
    if wanted is None:
        return sum(counts.values())
    return sum(counts.get(each, 0) for each in set(wanted))


def _moment(milliseconds: int) -> pa.Scalar:
    return pa.scalar(min(max(milliseconds, INT64[0]), INT64[-1]), MOMENT)

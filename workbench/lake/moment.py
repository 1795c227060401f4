"""The moment of an answer of a lake: of each node, the last log that it has."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.query.pin import Pin, take_lake_pin


@dataclass(frozen=True, slots=True)
class LakeMoment:
    """State of a lake and of its nodes' servers."""

    nodes: Mapping[str, Pin]
    """Pin of each node by its name."""
    asked: Pin | None = None
    """The pin that was asked for, or None."""

    @property
    def last_seq(self) -> int:
        """Number of seqs that were given on all nodes."""
        return sum(each.seq for each in self.nodes.values())

    def pin(self, now: int) -> Pin:
        """Return the pin of this moment; `now` is milliseconds UTC."""
        return take_lake_pin(now, self.nodes) if self.asked is None else self.asked

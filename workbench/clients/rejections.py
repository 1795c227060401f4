"""Rejected logs that nobody was told of yet: how many, and what was wrong with the first."""

from dataclasses import dataclass


@dataclass(slots=True)
class Rejections:
    """Counts rejected logs until they are told."""

    count: int = 0
    first: str = ""
    """Id and reason of the first."""

    def add(self, log_id: str, reason: str) -> None:
        """Count one more."""
        if not self.count:
            self.first = f"{log_id!r}: {reason}"
        self.count += 1

    def forget(self) -> None:
        """Begin anew, as they were told."""
        self.count, self.first = 0, ""

    def told(self, sent: int) -> str:
        """Return how many of the sent logs they are, and why the first is."""
        return f"{self.count:,} of {sent:,} logs, the first of them {self.first}"

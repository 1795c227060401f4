"""Comparison of the logs that were moved in with those that are stored, one by one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from waterline.archive.progress import Progress
from workbench.migration.entries import OldLog
from workbench.migration.known import Content, Known
from workbench.migration.sink import renamed_record

# Places that are named of logs which are missing.
_MOST_NAMED: Final = 5


@dataclass(slots=True)
class Compared:
    """Result of the second reading of a table, beside what is stored."""

    logs: int = 0
    missing: list[str] = field(default_factory=list)
    """Places of the first logs that are not stored as they were read."""
    lacks: int = 0
    """Number of those logs."""
    equal: int = 0
    """Number of those that are stored as they were read; what others say, another row says too."""
    read: str = ""
    """SHA-256 of the equal ones as they were read."""
    stored: str = ""
    """SHA-256 of the same as they are stored."""

    @property
    def is_whole(self) -> bool:
        """Whether every log is stored."""
        return not self.lacks and self.read == self.stored


def compare(logs: Iterable[OldLog], known: Known, progress: Progress, total: int) -> Compared:
    """Look up each log.

    Args:
        logs: as they are read.
        known: those that are stored.
        progress: called with how many were looked up.
        total: about how many there are.
    """
    result = Compared()
    read, stored = hashlib.sha256(), hashlib.sha256()
    for log in logs:
        result.logs += 1
        record, found = log.record, known.find(log.id)
        if found is None or not Content.of(record).is_said_by(found):
            record = renamed_record(record)
            assert record.id is not None
            found = known.find(record.id)
        content = Content.of(record)
        if found is None or not content.is_said_by(found):
            result.lacks += 1
            if len(result.missing) < _MOST_NAMED:
                result.missing.append(f"{log.table}, {log.place}")
        elif found == content:
            result.equal += 1
            read.update(repr((record.id, content)).encode())
            stored.update(repr((record.id, found)).encode())
        if not result.logs % 1000:
            progress("compared", result.logs, max(total, result.logs))
    result.read, result.stored = read.hexdigest(), stored.hexdigest()
    return result

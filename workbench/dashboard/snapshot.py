"""Snapshot: all that the dashboard shows of one moment, shared by all sessions, never changed."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from workbench.reports.archives import ArchivedDay

SECOND: Final = 1000
"""Milliseconds."""
WINDOW_SECONDS: Final = 300
ARCHIVED_DAYS: Final = 30
"""The newest days with archives that are shown one by one."""
RECENT_LOGS: Final = 5000
"""The newest logs that are kept to be shown and filtered: a few MB, at most 10."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Ack latency of one second in milliseconds, within the sketch's relative error."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class MeasuredSecond:
    """What was measured in one second."""

    begin: int
    """Milliseconds UTC."""
    stored: Mapping[str, int]
    """Logs stored, by type; empty where there were none."""
    latency: Percentiles | None

    @property
    def logs(self) -> int:
        """How many logs were stored in it."""
        return sum(self.stored.values())


@dataclass(frozen=True, slots=True)
class Window:
    """The last five minutes, second by second without a gap, oldest first."""

    seconds: tuple[MeasuredSecond, ...] = ()
    revision: int = 0
    """Another number means that seconds once given have changed, so that all count anew."""
    measured_at: int | None = None
    """The last second in which logs were received, inside the window, before or just behind it."""
    first_at: int | None = None
    """When the first log ever was received; None where that is not known."""
    beat_at: int | None = None
    """The last second that a server measured, with logs or without; 0 where it never did."""

    @property
    def since_first(self) -> Sequence[MeasuredSecond]:
        """The seconds in which there can have been logs: before the first one is no second."""
        begin = (self.first_at or 0) // SECOND * SECOND
        return self.seconds[bisect_left(self.seconds, begin, key=attrgetter("begin")) :]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A stored log as far as it is kept: long texts are cut."""

    seq: int
    timestamp: int
    type: str
    source: str
    message: str
    attributes: str
    message_rest: int = 0
    """Bytes of the message behind what is shown."""
    attributes_rest: int = 0
    """Bytes of the attributes behind what is shown."""

    def matches(self, types: Collection[str], contains: str) -> bool:
        """Return whether it is of one of these types, if any, with a text in it, in any case."""
        return (not types or self.type in types) and (
            not contains or contains.casefold() in self.message.casefold()
        )


@dataclass(frozen=True, slots=True)
class RecentLogs:
    """The newest logs in the order of their seq."""

    lines: tuple[LogLine, ...] = ()
    revision: int = 0
    """Another number means another past: what was shown is void."""
    types: Mapping[str, int] = field(default_factory=dict)
    """How many of the lines are of which type, the most frequent first."""

    @property
    def last_seq(self) -> int:
        """The newest log's seq; 0 where there is none."""
        return self.lines[-1].seq if self.lines else 0

    def newest(
        self,
        limit: int,
        *,
        after: int = 0,
        through: int | None = None,
        types: Sequence[str] = (),
        contains: str = "",
    ) -> list[LogLine]:
        """Return the newest logs that match, newest first.

        Args:
            limit: so many at most.
            after: only those with a higher seq.
            through: only those with no higher seq than this; None: up to the newest.
            types: only those of these types; all where it is empty.
            contains: only those with this piece of text in the message, whatever its case.
        """
        found: list[LogLine] = []
        for line in self._newest_first(after, through):
            if len(found) == limit:
                break
            if line.matches(types, contains):
                found.append(line)
        return found

    def _newest_first(self, after: int, through: int | None) -> Iterator[LogLine]:
        begin, end = self._place_behind(after), len(self.lines)
        if through is not None:
            end = self._place_behind(through)
        return (self.lines[place] for place in range(end - 1, begin - 1, -1))

    def _place_behind(self, seq: int) -> int:
        return bisect_right(self.lines, seq, key=attrgetter("seq"))


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """What the logs are, hot and archived: how many of which types, from when to when."""

    types: Mapping[str, int] = field(default_factory=dict)
    """Logs by type, the most frequent first."""
    archived: int = 0
    """How many of them are archived."""
    first_timestamp: int | None = None
    last_timestamp: int | None = None
    complete: bool = True
    """False while a large folder is still being counted."""

    @property
    def logs(self) -> int:
        """How many logs are stored."""
        return sum(self.types.values())


@dataclass(frozen=True, slots=True)
class ArchiveTotals:
    """What is archived, in all and by day."""

    days: tuple[ArchivedDay, ...] = ()
    """The newest days that have archives, newest first."""
    older_days: int = 0
    """How many days with archives come before them."""
    batches: int = 0
    logs: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    bucket_bytes: int = 0
    """How much of stored_bytes lies in object storage only."""
    pruned: int = 0
    """Logs that were archived and pruned since; they are in no other number."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on disk."""

    logs: int
    """logs.db and its WAL."""
    metrics: int
    """metrics.db and its WAL."""
    folder: int
    """All files of the data folder."""
    free: int
    """What its disk has left."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a data folder."""

    number: int
    """Counts up with each snapshot."""
    taken_at: int
    """Milliseconds UTC."""
    folder: str
    waiting: bool = True
    """Whether there is no logs.db yet."""
    troubles: tuple[str, ...] = ()
    """What could not be read, one sentence each."""
    grew_at: int | None = None
    """When a log was last seen to be new here; None before the first time."""
    window: Window = field(default_factory=Window)
    recent: RecentLogs = field(default_factory=RecentLogs)
    stored: StoredLogs | None = None
    archives: ArchiveTotals | None = None
    sizes: Sizes | None = None
    colours: Mapping[str, str] = field(default_factory=dict)
    """The colour of each type that has one of its own."""

"""The snapshot: all data of the dashboard at one moment, immutable, shared by all sessions."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

import msgspec

from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertState
from waterline.metrics.refusals import Cause
from workbench.reports.archives import ArchivedDay
from workbench.snapshots.server_health import NOT_ASKED, ServerHealth, Unknown

SECOND: Final = 1000
"""Milliseconds."""
WINDOW_SECONDS: Final = 300
ARCHIVED_DAYS: Final = 30
"""Number of newest days with archives that are shown."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Ack latency of one second in milliseconds, within the sketch's relative error."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class MeasuredSecond:
    """Measurements of one second."""

    begin: int
    """Milliseconds UTC."""
    stored: Mapping[str, int]
    """Number of logs stored, by type."""
    latency: Percentiles | None

    @property
    def logs(self) -> int:
        """Number of logs stored."""
        return sum(self.stored.values())


@dataclass(frozen=True, slots=True)
class MeasuredWindow:
    """The last five minutes, second by second without a gap, oldest first."""

    seconds: tuple[MeasuredSecond, ...] = ()
    revision: int = 0
    """A new number means that earlier seconds have changed, and all must be replaced."""
    measured_at: int | None = None
    """Last second in which logs were received, in the window, before or just after it."""
    first_at: int | None = None
    """Time when the first log was received; None if unknown."""
    server_seen_at: int | None = None
    """Last second that a server measured, with logs or without; 0 if none."""

    @property
    def since_first(self) -> Sequence[MeasuredSecond]:
        """The seconds from the first log on."""
        begin = (self.first_at or 0) // SECOND * SECOND
        return self.seconds[bisect_left(self.seconds, begin, key=attrgetter("begin")) :]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest log."""

    last_seq: int = 0
    """Its seq; 0 without logs."""
    revision: int = 0
    """A new number means another past: logs shown before are void."""
    timestamp: int | None = None
    """Its timestamp, milliseconds UTC; None where its row is archived and gone."""


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """Stored logs, hot and archived: number by type, and range of time."""

    types: Mapping[str, int] = field(default_factory=dict)
    """Number of logs by type, the most frequent first."""
    archived: int = 0
    """Number of logs that are archived."""
    first_timestamp: int | None = None
    last_timestamp: int | None = None
    complete: bool = True
    """False while a large folder is still being counted."""

    @property
    def logs(self) -> int:
        """Number of logs."""
        return sum(self.types.values())


@dataclass(frozen=True, slots=True)
class ArchiveTotals:
    """Archives, in all and by day."""

    days: tuple[ArchivedDay, ...] = ()
    """The newest days that have archives, newest first."""
    older_days: int = 0
    """Number of earlier days with archives."""
    batches: int = 0
    logs: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    bucket_bytes: int = 0
    """The part of stored_bytes that lies in object storage only."""
    pruned: int = 0
    """Number of logs that were archived and pruned; no other number has them."""


@dataclass(frozen=True, slots=True)
class RefusedLately:
    """Logs or bodies that were refused for one cause in the last hour."""

    cause: Cause
    count: int
    last_at: int
    """Begin of the second, or of the minute, of the last; milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source has sent; a rate is in logs a second."""

    source: str
    first_seen: int | None
    last_seen: int | None
    logs: int
    bytes: int
    rate: float
    usual_rate: float
    rejected: int
    duplicates: int
    silent_for: int | None
    """Milliseconds."""
    quiet: bool
    """Whether it has fallen silent for longer than it usually does."""


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
    """Free bytes of its disk."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a data folder."""

    number: int
    """Counts up with each snapshot."""
    taken_at: int
    """Milliseconds UTC."""
    folder: str
    """Its path, or the address of its server."""
    is_elsewhere: bool = False
    """Whether it lies behind a server."""
    waiting: bool = True
    """Whether logs.db is still missing."""
    troubles: tuple[str, ...] = ()
    """Sentences about what could not be read."""
    grew_at: int | None = None
    """Time when a new log was last seen; None before the first."""
    window: MeasuredWindow = field(default_factory=MeasuredWindow)
    newest: Newest = field(default_factory=Newest)
    stored: StoredLogs | None = None
    archives: ArchiveTotals | None = None
    refused: tuple[RefusedLately, ...] = ()
    """Causes of the last hour, the latest first, of these the most frequent."""
    sources: tuple[SourceState, ...] = ()
    """Sources, the most busy first."""
    alerts: tuple[AlertState, ...] = ()
    alerts_at: int = 0
    """Moment of the logs up to which alerts were evaluated, milliseconds UTC."""
    rules: tuple[AlertRule, ...] = ()
    """Rules of alerts, as far as our settings name them."""
    sizes: Sizes | None = None
    health: ServerHealth | Unknown = NOT_ASKED
    colours: Mapping[str, str] = field(default_factory=dict)
    """Colours of types that have their own."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Snapshot).decode


def write_snapshot(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON."""
    return _encode(snapshot).decode()


def read_snapshot(text: str) -> Snapshot:
    """Return the snapshot of JSON.

    Raises:
        msgspec.DecodeError: it is none of this version.
    """
    return _decode(text)

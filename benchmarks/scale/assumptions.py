"""What the simulation takes for granted, and what befalls the nodes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Nodes of one kind, and a lake. Times are seconds, sizes bytes, rates a second."""

    nodes: int
    rate: float
    """Logs that come to a node."""
    most_rate: float
    """Logs that a node can take, as producers catch up."""
    hot_bytes: float
    """Bytes of a log in logs.db, indexes and freed pages included."""
    stored_bytes: float
    """Bytes of a log in a batch."""
    disk: float
    """Bytes of a node's disk for logs."""
    archive_after: float
    archive_every: float
    batch_rows: int
    record_rate: float
    """Logs that an archive run writes and verifies."""
    bucket_rate: float
    """Bytes that a node uploads."""
    request_seconds: float
    """Time of a request to object storage, besides its bytes."""
    requests: int = 3
    """Requests for a batch: it is looked for, put, and checked."""
    retry_seconds: float = 60.0
    """Pause after a run that object storage refused; doubled each time it does so again."""
    most_retry_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """A node is down for a while and keeps its disk."""

    node: int
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """A node and its disk are lost; an empty one takes its place after a while."""

    node: int
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Refusing:
    """Object storage refuses everything for a while."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Slow:
    """Object storage takes so many times as long for a while."""

    at: float
    seconds: float
    factor: float


Event = Stopped | Lost | Refusing | Slow

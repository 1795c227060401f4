"""What a bench found: figures with their units, as an object and as rows for people."""

from collections.abc import Mapping, Sequence

import msgspec

from workbench.bench.load import percentile

_MB = 1_000_000


class Times(msgspec.Struct, frozen=True):
    """How long something took, often."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """Return the percentiles of some times."""
        ascending = sorted(1000 * each for each in seconds)
        return cls(percentile(ascending, 50), percentile(ascending, 99))


class Ingest(msgspec.Struct, frozen=True):
    """Logs that were sent as fast as they were acked."""

    logs_a_frame: int
    logs_per_second: float
    bytes_per_second: float


class Archived(msgspec.Struct, frozen=True):
    """An archive run; bytes of logs are those of their JSON."""

    logs: int
    raw_bytes: int
    stored_bytes: int
    seconds: float


class Question(msgspec.Struct, frozen=True):
    """A question, asked several times; the median counts."""

    asked: str
    seconds: float


class Bench(msgspec.Struct, frozen=True):
    """Everything that was measured."""

    machine: Mapping[str, str | int]
    folder: str
    """Where the data folder was."""
    logs: int
    """Number of logs that questions were asked about."""
    fsync: Times
    """A write of 4 KiB and its fsync."""
    ingest: tuple[Ingest, ...]
    ack_rate: int
    """Logs a second, a frame each, while acks were timed."""
    ack: Times
    archive: Archived
    questions: tuple[Question, ...]
    seconds: float
    """How long all of it took."""


def rows_of(found: Bench) -> list[tuple[str, str]]:
    """Return what was measured and how much it is, for people."""
    archive = found.archive
    ratio = 100 * archive.stored_bytes / archive.raw_bytes
    return [
        ("write of 4 KiB and fsync", _times(found.fsync)),
        *((_sent(each.logs_a_frame), _rate(each)) for each in found.ingest),
        (f"ack at {found.ack_rate:,} logs/s", _times(found.ack)),
        (
            f"archiving {archive.logs:,} logs",
            f"{archive.raw_bytes / _MB / archive.seconds:,.0f} MB/s of JSON, {ratio:.1f}% of it",
        ),
        *((each.asked, f"{1000 * each.seconds:,.1f} ms") for each in found.questions),
    ]


def _sent(logs_a_frame: int) -> str:
    return "a log a frame" if logs_a_frame == 1 else f"{logs_a_frame:,} logs a frame"


def _rate(ingest: Ingest) -> str:
    return f"{ingest.logs_per_second:,.0f} logs/s, {ingest.bytes_per_second / _MB:,.1f} MB/s"


def _times(times: Times) -> str:
    return f"p50 {times.p50_ms:,.2f} ms, p99 {times.p99_ms:,.2f} ms"

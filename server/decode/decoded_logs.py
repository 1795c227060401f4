"""Decoded logs of frames: rows for the writer, and the outcome of each frame."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from waterline.metrics.log_stats import Gathered, LogStats
from waterline.records import InvalidLog, Rule


class FrameOutcome(NamedTuple):
    """Outcome of one frame or body: number of valid logs, and fault by index."""

    valid: int
    rejected: Sequence[tuple[int, InvalidLog]]


class Part(NamedTuple):
    """Position of a slice within a large message."""

    first: int = 0
    """Index of its first log in the message."""
    unnamed: Mapping[Rule, int] = MappingProxyType({})
    """Number of rejected logs of the slice that are only counted, by broken rule."""
    more: int = 0
    """In the last slice: number of rejected logs of the message that are only counted."""


_ALONE: Final = Part()


class DecodedLogs(NamedTuple):
    """Valid logs of some frames, ready for the writer."""

    ids: Sequence[str]
    """The id of each log."""
    types: Sequence[str]
    """The type of each log."""
    rows: bytes
    """The logs as JSON arrays `[id, type, timestamp or null, source, message, attributes]`, joined
    by commas."""
    made: frozenset[int]
    """Positions of ids that were made here."""
    outcomes: Sequence[FrameOutcome] | None
    """The outcome of each frame; None if each frame held one valid log, as is usual."""
    source: str
    """The name of the token."""
    stats: Gathered | LogStats
    """Statistics; the bytes of a frame with several logs are shared out evenly."""
    part: Part = _ALONE
    """Position within a large message."""


def placed(decoded: DecodedLogs, first: int, named: int) -> DecodedLogs:
    """Return the logs of one frame as a slice of a message.

    Args:
        decoded: the logs of one frame.
        first: index of the first log in the message.
        named: number of faults to tell one by one; the others are only counted.
    """
    (frame,) = (
        [FrameOutcome(len(decoded.ids), ())] if decoded.outcomes is None else decoded.outcomes
    )
    told = [(first + index, fault) for index, fault in frame.rejected[:named]]
    unnamed = Counter(fault.rule for _, fault in frame.rejected[named:])
    outcomes = [FrameOutcome(frame.valid, told)]
    return decoded._replace(outcomes=outcomes, part=Part(first, unnamed))


def counted(decoded: DecodedLogs) -> DecodedLogs:
    """Return decoded logs without ids and types, for a reply that only counts them.

    The ids of short logs take more memory than all the rest.
    """
    return decoded._replace(ids=[""] * len(decoded.ids), types=(), made=frozenset())


def no_logs(source: str, part: Part, *faults: InvalidLog) -> DecodedLogs:
    """Return the result of a frame without any valid log.

    Args:
        source: the name of the token.
        part: position within a large message.
        faults: faults, by index.
    """
    frame = FrameOutcome(0, list(enumerate(faults)))
    return DecodedLogs((), (), b"", frozenset(), [frame], source, {}, part)

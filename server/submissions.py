"""Queue of submissions that wait for their commit, with fair order under load."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, Protocol

from server.decode.decoded_logs import DecodedLogs
from waterline.storage.log_store import StoreResult

# Bytes of a transaction at most. More would only delay the first ack.
MAX_COMMIT_SIZE: Final = 2 * 2**20
# Waiting bytes, above which the order is fair instead of first come, first served.
CROWDED: Final = 3 * MAX_COMMIT_SIZE
# Bytes of one connection in a fair transaction.
FAIR_SHARE: Final = 2**18


class Refusal(StrEnum):
    """Why logs were not stored; their producer may send them again."""

    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"


# Bytes of a waiting log besides its row: id, type, and list entries.
LOG_OVERHEAD: Final = 200
# Bytes of a submission besides its logs.
SUBMISSION_OVERHEAD: Final = 1000


class Owner(Protocol):
    """Owner of a submission, who waits for the result."""

    def answer(self, submission: "Submission", committed_at: int) -> None:
        """Handle the result, on the event loop.

        Args:
            submission: stored or refused.
            committed_at: milliseconds UTC.
        """


@dataclass(slots=True)
class Submission:
    """Logs of one producer, waiting for their commit.

    After the commit either `refusal` or `stored` is set; neither if there are no logs.
    """

    decoded: DecodedLogs
    size: int
    """Bytes as received."""
    received: float
    """Time of receipt, by `time.perf_counter`."""
    owner: Owner
    stored: StoreResult | None = None
    refusal: Refusal | None = None
    lane: object = None
    """Key whose submissions stay in order; None is the owner."""

    @property
    def weight(self) -> int:
        """Approximate bytes of memory while it waits."""
        decoded = self.decoded
        faults = (
            0 if decoded.outcomes is None else sum(len(each.rejected) for each in decoded.outcomes)
        )
        return len(decoded.rows) + LOG_OVERHEAD * (len(decoded.ids) + faults) + SUBMISSION_OVERHEAD


Unit = tuple[Submission, ...]
"""Submissions that are stored in one transaction."""


class Queue:
    """Waiting units; the caller holds the lock."""

    def __init__(self) -> None:
        self._units: list[Unit] = []
        self._oldest_first = False

    def __bool__(self) -> bool:
        return bool(self._units)

    def add(self, unit: Unit) -> None:
        """Append a unit."""
        self._units.append(unit)

    def take(self) -> list[Submission]:
        """Take the submissions of the next transaction.

        Under load, connections that sent little come first, each in its own order, and every other
        transaction takes the oldest. So nobody waits for all of another's load.
        """
        waiting = self._units
        total = sum(map(_size, waiting))
        if total <= MAX_COMMIT_SIZE:
            self._units = []
            return [*chain.from_iterable(waiting)]
        self._oldest_first = total <= CROWDED or not self._oldest_first
        chosen: dict[int, Unit] = {}
        size = 0 if self._oldest_first else _fill(waiting, chosen, 0, FAIR_SHARE)
        if not chosen:
            chosen[0], size = waiting[0], _size(waiting[0])
        if total > CROWDED:
            _fill(waiting, chosen, size, MAX_COMMIT_SIZE)
        else:
            _follow(waiting, chosen, size)
        self._units = [each for index, each in enumerate(waiting) if index not in chosen]
        return [each for index in sorted(chosen) for each in chosen[index]]


def _fill(waiting: Sequence[Unit], chosen: dict[int, Unit], size: int, share: int) -> int:
    """Add units to a transaction, by connection; return its new size.

    Args:
        waiting: all waiting units, in order.
        chosen: units of the transaction by index; changed.
        size: bytes of their rows.
        share: bytes that one connection may add.
    """
    spent: dict[object, int] = {}
    for index, each in enumerate(waiting):
        if index in chosen:
            continue
        lane, more = each[0].lane or each[0].owner, _size(each)
        used = spent.get(lane, 0) + more
        if used <= share and size + more <= MAX_COMMIT_SIZE:
            chosen[index] = each
            size, spent[lane] = size + more, used
        else:
            spent[lane] = share + 1  # its later units stay behind
    return size


def _follow(waiting: Sequence[Unit], chosen: dict[int, Unit], size: int) -> None:
    """Add the units after the first, in order, as long as they fit."""
    for index, each in enumerate(waiting[1:], 1):
        size += _size(each)
        if size > MAX_COMMIT_SIZE:
            return
        chosen[index] = each


def _size(unit: Unit) -> int:
    if len(unit) == 1:
        return len(unit[0].decoded.rows)
    return sum(len(each.decoded.rows) for each in unit)

"""What waits for its commit, and in which order it is stored where much waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, Protocol

from server.decode import DecodedLogs
from waterline.storage.log_table import StoreResult

# A transaction takes all that waits, up to this: more would only make the first ack wait longer.
MAX_COMMIT_SIZE: Final = 2 * 2**20
# Where more waits, it is not simply taken in order.
CROWDED: Final = 3 * MAX_COMMIT_SIZE
# What one connection may then put into a transaction before others.
FAIR_SHARE: Final = 2**18


class Refusal(StrEnum):
    """Why a batch was not stored; its producer may send it again."""

    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"


# What a waiting log takes besides its row: its id and type, and places in lists.
LOG_OVERHEAD: Final = 200
# What a submission takes besides its logs.
SUBMISSION_OVERHEAD: Final = 1000


class Owner(Protocol):
    """Whoever handed logs over and waits for what becomes of them."""

    def answer(self, submission: "Submission", committed_at: int) -> None:
        """Take notice of it, on the event loop; `committed_at` is milliseconds UTC."""


@dataclass(slots=True)
class Submission:
    """Logs of one producer, waiting for their commit.

    After the commit either `refusal` is set, or `stored` says what became of each log; where the
    decoded has no logs, neither is.
    """

    decoded: DecodedLogs
    size: int
    """Bytes they came as."""
    received: float
    """When they came, by `time.perf_counter`."""
    owner: Owner
    stored: StoreResult | None = None
    refusal: Refusal | None = None
    lane: object = None
    """Whose order is kept; None is the owner's."""

    @property
    def weight(self) -> int:
        """About the bytes of memory that it takes while it waits."""
        decoded = self.decoded
        faults = (
            0 if decoded.outcomes is None else sum(len(each.rejected) for each in decoded.outcomes)
        )
        return len(decoded.rows) + LOG_OVERHEAD * (len(decoded.ids) + faults) + SUBMISSION_OVERHEAD


Unit = tuple[Submission, ...]
"""What is stored in one transaction: all of it or none."""


class Queue:
    """What waits, by whole transactions; its owner holds the lock."""

    def __init__(self) -> None:
        self._units: list[Unit] = []
        self._oldest_first = False

    def __bool__(self) -> bool:
        return bool(self._units)

    def add(self, unit: Unit) -> None:
        """Put something behind all that waits."""
        self._units.append(unit)

    def take(self) -> list[Submission]:
        """Take what goes into one transaction.

        Where much waits, those who sent little come first, each in its own order, and
        in each second transaction whoever came first: so nobody waits for all of another's load.
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
    """Choose more for a transaction that has this size; return its size then.

    Args:
        waiting: all that waits, in order.
        chosen: what is chosen already, by index; is added to.
        size: bytes of its rows.
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
            spent[lane] = share + 1  # what it sent later stays behind it
    return size


def _follow(waiting: Sequence[Unit], chosen: dict[int, Unit], size: int) -> None:
    """Choose what comes behind the first, in order, as long as it fits."""
    for index, each in enumerate(waiting[1:], 1):
        size += _size(each)
        if size > MAX_COMMIT_SIZE:
            return
        chosen[index] = each


def _size(unit: Unit) -> int:
    if len(unit) == 1:
        return len(unit[0].decoded.rows)
    return sum(len(each.decoded.rows) for each in unit)

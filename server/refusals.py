"""Refusals of logs and bodies: counted by cause, and remembered for an hour."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from waterline.clock import now_ms, utc_text
from waterline.metrics import registry as metrics
from waterline.metrics.recorder import OTHER, MetricsRecorder
from waterline.metrics.refusals import NO_SOURCE, BodyFault, Cause
from waterline.metrics.spans import HOUR, MINUTE
from waterline.printable import printable

# Causes that are remembered apart: reasons and paths are few, and so are the tokens of a server.
MOST_CAUSES: Final = 100
MOST_WARNINGS: Final = 10
# Characters of the sentence that is kept of the last body.
_LONGEST: Final = 200


class Refused(NamedTuple):
    """Refusals of one cause since the start."""

    cause: Cause
    total: int
    """Number since the start."""
    lately: int
    """Number in the last hour."""
    last_at: int
    """Milliseconds UTC."""
    example: str
    """What the last was answered; what is wrong with it, for logs."""


@dataclass(slots=True)
class _Memory:
    """What is kept of one cause."""

    count: int = 0
    last_at: int = 0
    example: str = ""
    minutes: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=HOUR // MINUTE))
    """Begin and number of the minutes that have any."""


class Refusals:
    """Counts refusals; thread-safe.

    Args:
        recorder: takes the measurements.
        clock: returns milliseconds UTC.
    """

    def __init__(self, recorder: MetricsRecorder, clock: Callable[[], int] = now_ms) -> None:
        self._recorder = recorder
        self._clock = clock
        self._lock = threading.Lock()
        self._memories: dict[Cause, _Memory] = {}

    def logs(self, count: int, reason: str, source: str) -> None:
        """Count refused logs.

        Args:
            count: number of logs.
            reason: the broken rule, or why storage failed.
            source: the name of the token.
        """
        cause = Cause(reason, source)
        self._count(metrics.LOGS_REJECTED, count, cause, cause.meaning)

    def body(self, fault: BodyFault, endpoint: str, source: str, sentence: str) -> None:
        """Count a body that was refused whole.

        Args:
            fault: why.
            endpoint: its path, as the documents name it.
            source: the name of the token.
            sentence: the answer.
        """
        cause = Cause(fault, source, endpoint)
        self._count(metrics.BODIES_REFUSED, 1, cause, printable(sentence[:_LONGEST]))

    def since_start(self) -> list[Refused]:
        """Return all causes since the start, the latest first."""
        begin = self._clock() - HOUR
        with self._lock:
            found = [
                Refused(
                    cause,
                    each.count,
                    sum(count for minute, count in each.minutes if minute > begin - MINUTE),
                    each.last_at,
                    each.example,
                )
                for cause, each in self._memories.items()
            ]
        return sorted(found, key=lambda each: (-each.last_at, each.cause))

    def warnings(self) -> list[str]:
        """Return a sentence for each cause of the last hour, up to a number of them."""
        found = [each for each in self.since_start() if each.lately]
        rest = len(found) - MOST_WARNINGS
        more = [f"more was refused, for {rest} further reasons"] if rest > 0 else []
        return [*map(_sentence, found[:MOST_WARNINGS]), *more]

    def _count(self, metric: str, count: int, cause: Cause, example: str) -> None:
        labels = {
            metrics.REASON: cause.reason,
            metrics.SOURCE: cause.source,
            metrics.CAUSE: cause.label,
        }
        self._recorder.count(metric, count, labels)
        now = self._clock()
        with self._lock:
            if cause not in self._memories and len(self._memories) >= MOST_CAUSES:
                cause = Cause(OTHER, OTHER, OTHER if cause.endpoint else "")
                example = cause.meaning
            memory = self._memories.setdefault(cause, _Memory())
            memory.count += count
            memory.last_at, memory.example = now, example
            _add(memory.minutes, now // MINUTE * MINUTE, count)


def _add(minutes: deque[tuple[int, int]], minute: int, count: int) -> None:
    if minutes and minutes[-1][0] == minute:
        minutes[-1] = (minute, minutes[-1][1] + count)
    else:
        minutes.append((minute, count))


def _sentence(refused: Refused) -> str:
    cause, count = refused.cause, refused.lately
    what = "log" if not cause.endpoint else f"body at {cause.endpoint}"
    if count != 1:
        what = "logs" if not cause.endpoint else f"bodies at {cause.endpoint}"
    who = "without a known token" if cause.source == NO_SOURCE else f"of source {cause.source}"
    return (
        f"{count} {what} {who} {'was' if count == 1 else 'were'} refused in the last hour "
        f"({cause.reason}), the last at {utc_text(refused.last_at)}: {refused.example}"
    )

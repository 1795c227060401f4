"""Logs on their way to a server: frames, the window, and what is to be sent again. No I/O.

`Delivery` drives one from its thread, `AsyncDelivery` from an event loop.
"""

import random
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from waterline.errors import UsageError
from workbench.clients.answers import Answer, Lost

# Seconds without a word of the server after which a connection with unacked logs counts as dead.
ANSWER_SECONDS: Final = 30.0
# Seconds that a closed delivery still gives the server to read what was sent.
FAREWELL_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
# The server takes no larger message: a larger log would end every connection.
MAX_MESSAGE_SIZE: Final = 16 * 2**20
# Bytes and logs of a frame, unless one log is larger. The server decodes that much in one call, and
# it names that many faults one by one.
FRAME_SIZE: Final = 2**16
FRAME_LOGS: Final = 1000
# Seconds between two frames that are not full, while others are without an answer: a program that
# logs without a pause would fill a frame with each log.
GATHER_SECONDS: Final = 0.001
# Bytes of logs without an answer, beyond which there is no room for another frame.
MAX_WAITING_SIZE: Final = 32 * 2**20
# Bytes that are masked and kept ready for the network.
UNSENT_SIZE: Final = 2**20
# What is told whoever sends by a producer that was closed.
CLOSED: Final = "this producer is closed; make a new one to send more"

Tag = TypeVar("Tag")


@dataclass(slots=True)
class Counts:
    """Numbers of logs by outcome, so far."""

    sent: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    dropped: int = 0
    """Logs that were not sent, as there was no room for them; not among `sent`."""

    @property
    def acked(self) -> int:
        """Logs that the server has: stored ones and duplicates."""
        return self.stored + self.duplicates

    @property
    def waiting(self) -> int:
        """Logs without an answer."""
        return self.sent - self.acked - self.rejected


@dataclass(slots=True)
class Frame(Generic[Tag]):
    """Logs that travel together, one a line, each with its tag."""

    logs: list[tuple[bytes, Tag]] = field(default_factory=list)
    size: int = 0

    def has_room(self, size: int) -> bool:
        """Return whether one more log fits, of so many bytes."""
        return self.size + size <= FRAME_SIZE and len(self.logs) < FRAME_LOGS

    def payload(self) -> bytes:
        """Return the text of the message."""
        return b"\n".join([log for log, _ in self.logs])

    def tags(self) -> list[Tag]:
        """Return the tags of the logs, in order."""
        return [tag for _, tag in self.logs]


@dataclass(slots=True)
class _Rejections:
    """Counts rejected logs until they are reported."""

    count: int = 0
    first: str = ""
    """Id and reason of the first."""


class Outbox(Generic[Tag]):
    """Logs without an answer, in order, in the frames in which they travel.

    A frame is due at once while none is without an answer; else once it is full, or a millisecond
    after the one before. After a lost connection all that is not answered is sent again. The caller
    takes care that one thread at a time is in it.

    Args:
        place: the address without its query, for sentences.
        window: number of logs without an answer at which it is full.
        patience: seconds without an answer or connection after which it is to be given up.
        clock: returns seconds that never go back.
    """

    def __init__(
        self,
        place: str,
        window: int,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = Counts()
        self.is_idle = False
        """Whether `take` found no log at all; who adds one then wakes whoever takes."""
        self.place = place
        """The address without its query; another one once its logs go there."""
        self._window = window
        self._patience = patience
        self._clock = clock
        self._again: deque[Frame[Tag]] = deque()
        self._in_flight: deque[Frame[Tag]] = deque()
        self._is_passing_on = False
        self._ready: deque[Frame[Tag]] = deque()
        self._open: Frame[Tag] = Frame()
        self._settled = 0  # logs that were answered, and whose answers were passed on
        self._unanswered_size = 0  # bytes of frames that are full or sent
        self._rejections = _Rejections()
        self._taken_at = self._asked_at = 0.0
        self.last_progress = clock()
        """Time of the last answer, or of the first log since all were answered."""

    @property
    def has_logs(self) -> bool:
        """Whether there are logs without an answer, or with one that is not passed on yet."""
        # Not by their number: Ctrl-C in `add` may leave that wrong.
        return bool(self._in_flight or self._ready or self._open.logs or self._is_passing_on)

    @property
    def is_passing_on(self) -> bool:
        """Whether an answer is being passed on."""
        return self._is_passing_on

    @property
    def is_full(self) -> bool:
        """Whether as many logs are without an answer as the window has."""
        return self.counts.sent - self._settled >= self._window

    def begins_frame(self, size: int) -> bool:
        """Return whether a log of so many bytes would be the first of a frame."""
        frame = self._open
        return not frame.logs or not frame.has_room(size)

    @property
    def has_room_for_frame(self) -> bool:
        """Whether the bytes without an answer leave room for another frame."""
        return self._unanswered_size < MAX_WAITING_SIZE

    def append(self, log: bytes, tag: Tag, size: int) -> bool:
        """Add a log to the frame that has begun, if there is room; see `add`. Return whether."""
        frame, counts = self._open, self.counts
        logs = frame.logs
        if (
            counts.sent - self._settled >= self._window
            or not logs
            or frame.size + size > FRAME_SIZE
            or len(logs) >= FRAME_LOGS
        ):
            return False
        logs.append((log, tag))
        frame.size += size
        counts.sent += 1
        return True

    def add(self, log: bytes, tag: Tag, size: int) -> None:
        """Add a log behind all others; the caller sees to the room.

        Args:
            log: one JSON object in UTF-8, without a line break.
            tag: what the answer is to name it by.
            size: its bytes with a line break.
        """
        frame = self._open
        if frame.logs:
            if not frame.has_room(size):
                self._ready.append(frame)
                self._unanswered_size += frame.size
                frame = self._open = Frame()
        elif not self.has_logs:
            self.last_progress = self._clock()
        frame.logs.append((log, tag))
        frame.size += size
        self.counts.sent += 1

    def reconnect(self) -> None:
        """Begin anew with what was sent and not answered, on a new connection."""
        self._again = deque(self._in_flight)
        self.is_idle = False

    def take(self) -> Frame[Tag] | None:
        """Return the next frame to be sent; None if there is none yet, or none due."""
        if self._again:
            return self._again.popleft()
        if self._ready:
            frame = self._ready.popleft()
        elif not self._open.logs:
            self.is_idle = True
            return None
        elif self._in_flight and self._clock() < self._taken_at + GATHER_SECONDS:
            return None
        else:
            frame, self._open = self._open, Frame()
            self._unanswered_size += frame.size
        self._taken_at = self._clock()
        if not self._in_flight:
            self._asked_at = self._taken_at
        self._in_flight.append(frame)
        return frame

    def answered(self, answer: Answer) -> Frame[Tag]:
        """Count an answer and return its frame, for it to be passed on; then call `settle`.

        Raises:
            Lost: it is no answer to what was sent.
        """
        if not self._in_flight:
            raise Lost("the server answered a log that was not sent")
        frame = self._in_flight[0]
        if answer.count + len(answer.errors) != len(frame.logs):
            raise Lost("the server answered another number of logs than were sent")
        counts = self.counts
        counts.stored += answer.count - answer.duplicates
        counts.duplicates += answer.duplicates
        counts.rejected += len(answer.errors)
        self._in_flight.popleft()
        self._is_passing_on = True
        return frame

    def settle(self, frame: Frame[Tag]) -> None:
        """Let go of a frame whose answer was passed on."""
        self._is_passing_on = False
        self._settled += len(frame.logs)
        self._unanswered_size -= frame.size
        self.last_progress = self._clock()

    def check_silence(self, heard_at: float) -> None:
        """Raise Lost if an answer is due for too long.

        Args:
            heard_at: when the server last said anything, by the clock.
        """
        if self._in_flight and self._clock() - max(heard_at, self._asked_at) > ANSWER_SECONDS:
            raise Lost(f"the server said nothing for {ANSWER_SECONDS:.0f} s")

    def seconds_to_wait(self, *, is_written: bool, is_closing: bool) -> float:
        """Return how long to wait for the network or a wake.

        Args:
            is_written: whether the network has all that was taken.
            is_closing: whether it is about to end.
        """
        if is_written and not self.is_idle:
            return GATHER_SECONDS
        return FAREWELL_SECONDS if is_closing else ANSWER_SECONDS

    @property
    def is_hopeless(self) -> bool:
        """Whether its logs have had no answer for longer than the patience."""
        return self.has_logs and self._clock() - self.last_progress > self._patience

    def reject(self, log_id: str, reason: str) -> None:
        """Keep a rejected log until it is reported; for whoever is told the answers."""
        if not self._rejections.count:
            self._rejections.first = f"{log_id!r}: {reason}"
        self._rejections.count += 1

    def rejected(self, *, forget: bool = False) -> str | None:
        """Return how many of the logs were rejected, and why the first of them; None if none was.

        Args:
            forget: whether they count as reported from now on.
        """
        found = self._rejections
        if not found.count:
            return None
        if forget:
            self._rejections = _Rejections()
        return f"{found.count:,} of {self.counts.sent:,} logs, the first of them {found.first}"

    def unanswered(self, seconds: float | None, *, has_ended: bool) -> str:
        """Return that logs have no answer, and what becomes of them.

        Args:
            seconds: how long they were waited for; None if no time was set.
            has_ended: whether the connection was closed before.
        """
        waiting = f"{self.counts.waiting:,} logs are not acked by {self.place}"
        if has_ended:
            return f"{waiting}, as the connection was closed before; send those again"
        return f"{waiting} after {seconds:g} s; they are still being sent"

    def full(self) -> str:
        """Return why there is no room."""
        return (
            f"{self.place} has not answered {self.counts.waiting:,} logs, and no more are "
            "kept; send this one again later"
        )

    def unreachable(self, error: Exception) -> str:
        """Return why it is given up.

        Args:
            error: of the last connection.
        """
        told = self.rejected()
        rejected = "" if told is None else f", rejected {told}"
        return (
            f"{self.place} could not be reached for {self._patience:.0f} s ({error}); "
            f"{self.counts.acked} logs are acked{rejected}, {self.counts.waiting} are not: send "
            "those again once the server runs"
        )


class Pauses:
    """Growing pauses between connections.

    Args:
        longest: seconds at most that a server may ask for.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = FIRST_PAUSE_SECONDS

    def after(self, error: Exception, *, had_answers: bool) -> float:
        """Return the seconds until the next connection.

        Args:
            error: why the last one ended.
            had_answers: whether it had brought any.
        """
        if had_answers:
            self._next = FIRST_PAUSE_SECONDS
        wanted = error.pause if isinstance(error, Lost) else 0.0
        # Jitter, so that the producers of a restarted server do not all come at once.
        pause = max(self._next * random.uniform(0.5, 1.0), min(wanted, self._longest))
        self._next = min(2 * self._next, LONGEST_PAUSE_SECONDS)
        return pause


def check_size(log: bytes) -> None:
    """Raise UsageError for a log that no message has room for."""
    if len(log) > MAX_MESSAGE_SIZE:
        raise UsageError(f"a log may take 16 MiB as JSON, this one takes {len(log)} bytes")


_USER: Final = re.compile(r"//[^/]*@")


def place_of(url: str) -> str:
    """Return the address of a server without what may be secret: its query, and a password.

    Raises:
        UsageError: it is no address of a WebSocket.
    """
    place = _USER.sub("//", url.partition("?")[0])
    if not url.startswith(("ws://", "wss://")):
        raise UsageError(
            f"{place!r} is no WebSocket address; give one such as ws://127.0.0.1:3001/ingest"
        )
    return place


def asking(url: str, *, seqs: bool) -> str:
    """Return an address that asks for an answer a frame.

    Args:
        url: the address; its parameters of the same names do not count.
        seqs: whether answers are to have the seqs.
    """
    parameters = {"ack": "batch"} | ({"seqs": "true"} if seqs else {})
    parts = urlsplit(url)
    given = [each for each in parse_qsl(parts.query, True) if each[0] not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*given, *parameters.items()])))

"""The hub: sends every committed log to whoever reads `/live`, with a bounded buffer each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from server.records import StoredLog, encode_stored
from server.writer import Row

# A frame is sent as soon as it holds this much, also between two ticks.
FRAME_SIZE: Final = 512 * 1024
TICK_SECONDS: Final = 0.2
TICKS_A_POSITION: Final = 5


class Reader(Protocol):
    """A connection that takes frames and knows how many bytes of them have not left yet."""

    @property
    def unsent(self) -> int:
        """Bytes handed over that the peer has not taken."""

    def send(self, frame: bytes) -> None:
        """Send one text frame, some time."""


@dataclass(slots=True)
class Subscription:
    """One reader, and the range it was too slow for, if any."""

    reader: Reader
    skipped_from: int | None = None
    skipped_to: int = 0


def _encode_event(**members: object) -> bytes:
    return msgspec.json.encode(members)


class LiveHub:
    """Encodes each log once for all readers; lives on the event loop.

    Args:
        buffer_size: bytes a reader may leave untaken before logs are skipped for it.
        last_seq: the seq that was committed last.
    """

    def __init__(self, buffer_size: int, last_seq: int) -> None:
        self._buffer_size = buffer_size
        # A frame that fills a buffer alone would find room in an empty one only.
        self._frame_size = min(FRAME_SIZE, buffer_size // 2)
        self._subscriptions: dict[Reader, Subscription] = {}
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._pending_from = 0
        self._last_seq = last_seq
        self._ticks = 0

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._subscriptions)

    def subscribe(self, reader: Reader) -> None:
        """Send a reader all that is published from now on."""
        self._flush()
        self._subscriptions[reader] = Subscription(reader)

    def unsubscribe(self, reader: Reader) -> None:
        """Forget a reader; one that is not known is fine."""
        self._subscriptions.pop(reader, None)

    def publish(self, rows: Sequence[Row]) -> None:
        """Take committed rows, in order of seq."""
        if not rows:
            return
        if self._subscriptions:
            for row in rows:
                self._add(row)
        self._last_seq = rows[-1][0]

    def announce(self, event: str, client_id: str, timestamp: int) -> None:
        """Tell every reader that a client came or went; `timestamp` is milliseconds UTC."""
        frame = _encode_event(type=event, clientId=client_id, timestamp=timestamp)
        for each in self._subscriptions.values():
            if self._has_room(each, frame):
                each.reader.send(frame)

    def tick(self) -> None:
        """Send what has gathered, and each second the position; call it every TICK_SECONDS."""
        self._flush()
        self._ticks += 1
        if self._ticks % TICKS_A_POSITION == 0:
            frame = _encode_event(type="position", seq=self._last_seq)
            for each in self._subscriptions.values():
                if self._has_room(each, frame):
                    each.reader.send(frame)

    def _add(self, row: Row) -> None:
        encoded = encode_stored(StoredLog(*row[:7], msgspec.Raw(row[7].encode())))
        if not self._pending:
            self._pending_from = row[0]
        self._pending.append(encoded)
        self._pending_size += len(encoded)
        self._last_seq = row[0]
        if self._pending_size >= self._frame_size:
            self._flush()

    def _flush(self) -> None:
        if not self._pending:
            return
        frame = b'{"type":"logs","logs":[' + b",".join(self._pending) + b"]}"
        self._pending, self._pending_size = [], 0
        for each in self._subscriptions.values():
            if self._has_room(each, frame):
                each.reader.send(frame)
            else:
                if each.skipped_from is None:
                    each.skipped_from = self._pending_from
                each.skipped_to = self._last_seq

    def _has_room(self, subscription: Subscription, frame: bytes) -> bool:
        """Say whether a reader can take a frame; one that skipped is told first.

        One who has taken everything can take any: a log larger than the buffer is no fault of it.
        """
        unsent = subscription.reader.unsent
        if unsent and unsent + len(frame) > self._buffer_size:
            return False
        if subscription.skipped_from is not None:
            skipped = {"from": subscription.skipped_from, "to": subscription.skipped_to}
            subscription.reader.send(_encode_event(type="skipped", **skipped, reason="slow"))
            subscription.skipped_from = None
        return True

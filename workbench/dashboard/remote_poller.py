"""Snapshots of a folder behind a server, one each second, as they are made there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from waterline.clock import now_ms
from waterline.errors import ServerUnreachable, WaterlineError
from workbench.dashboard.origin import Origin
from workbench.query.asking import Asking
from workbench.snapshots.poller import Poller
from workbench.snapshots.shared import snapshot
from workbench.snapshots.snapshot import MeasuredWindow, Snapshot, read_snapshot

_OTHER: Final = "it has another version of Waterline than this dashboard"


class RemotePoller(Poller):
    """Takes the snapshots of a server.

    Args:
        origin: the server.
        clock: returns milliseconds UTC.
    """

    def __init__(self, origin: Origin, clock: Callable[[], int] = now_ms) -> None:
        super().__init__(clock, Snapshot(0, clock(), origin.place, is_elsewhere=True))
        self._origin = origin
        self._asking: Asking | None = None
        self._seen: int | None = None

    def poll(self) -> Snapshot:
        """Take one; a server that cannot be asked is a trouble of it, and is asked again."""
        last, now = self.snapshot, self._clock()
        taken_at = now
        try:
            taken = self._take()
            # It is compared with the clock here. The same one again grows old.
            taken_at = last.taken_at if taken.number == self._seen else now
            self._seen = taken.number
        except WaterlineError as error:
            self._seen = None
            # Once it answers, pages search anew.
            taken = replace(
                last,
                waiting=True,
                window=MeasuredWindow(revision=-1),
                stored=None,
                archives=None,
                refused=(),
                troubles=(str(error),),
            )
        self.snapshot = replace(
            taken,
            number=last.number + 1,
            taken_at=taken_at,
            folder=self._origin.place,
            is_elsewhere=True,
        )
        return self.snapshot

    def stop(self) -> None:
        """Poll no more."""
        super().stop()
        self._close()

    def _take(self) -> Snapshot:
        try:
            if self._asking is None:
                self._asking = self._origin.open()
            return read_snapshot(self._asking.answer(snapshot))
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"{self._origin.place} cannot be followed: {_OTHER}") from error
        except WaterlineError:
            self._close()
            raise

    def _close(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None

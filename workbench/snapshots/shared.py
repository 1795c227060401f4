"""The newest snapshot of a folder for those elsewhere: it is followed for as long as they ask."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from waterline.settings.model import load_settings
from workbench.query.session import Session
from workbench.snapshots.poller import FolderPoller
from workbench.snapshots.server_health import reader_of
from workbench.snapshots.snapshot import Snapshot, write_snapshot

IDLE_SECONDS: Final = 30.0
"""Seconds without an asker, after which a folder is followed no more."""


class Shared:
    """Follows a folder while its snapshot is asked for.

    Args:
        make: returns the poller.
        idle: seconds without an asker until it ends.
    """

    def __init__(self, make: Callable[[], FolderPoller], idle: float = IDLE_SECONDS) -> None:
        self._make = make
        self._idle = idle
        self._lock = threading.Lock()
        self._poller: FolderPoller | None = None
        self._asked = 0.0

    @property
    def is_followed(self) -> bool:
        """Whether the folder is followed."""
        return self._poller is not None

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot."""
        with self._lock:
            self._asked = time.monotonic()
            if self._poller is None:
                poller = self._make()
                poller.poll()
                poller.start()
                self._poller = poller
                threading.Thread(target=self._end, name="snapshots-end", daemon=True).start()
            return self._poller.snapshot

    def _end(self) -> None:
        """End the poller once nobody has asked for a while."""
        left = self._idle
        while left > 0:
            time.sleep(left)
            with self._lock:
                left = self._asked + self._idle - time.monotonic()
                if left <= 0:
                    poller, self._poller = self._poller, None
        if poller is not None:
            poller.stop()


_shared: Final[dict[Path, Shared]] = {}
_making: Final = threading.Lock()


def poller_of(path: Path) -> FolderPoller:
    """Return a poller of a folder, by the settings of this process."""
    loaded = load_settings({}, os.environ, Path.cwd(), check_queries=False)
    # Whoever knows the address of a webhook may post to it.
    rules = [replace(each, webhook=None) for each in loaded.alerts]
    return FolderPoller(path, rules=rules, health=reader_of(loaded.settings))


def snapshot(session: Session) -> str:
    """Return the newest snapshot of a folder, as `read_snapshot` takes it."""
    path = session.folder.path
    with _making:
        shared = _shared.setdefault(path, Shared(lambda: poller_of(path)))
    return write_snapshot(shared.snapshot())

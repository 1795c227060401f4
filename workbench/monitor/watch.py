"""Looks at a server again and again, in a thread of its own, so that keys are heeded at once."""

import threading
import time
from typing import Final

from workbench.monitor.figures import Monitor
from workbench.monitor.pages import Unanswered
from workbench.monitor.screen import View

EVERY_SECONDS: Final = 1.0
"""From the begin of a look to that of the next one."""


class Watch:
    """Keeps the last view of a server.

    Args:
        monitor: looks at the server.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._lost_at: float | None = None
        self.looks = 0
        """Number of looks so far."""
        self.view = View(None)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a look that is under way ends by itself."""
        self._stopping.set()

    def look(self) -> View:
        """Look once."""
        try:
            self.view = View(self._monitor.look())
            self._lost_at = None
        except Unanswered as error:
            now = time.monotonic()
            self._lost_at = now if self._lost_at is None else self._lost_at
            lost_ms = round(1000 * (now - self._lost_at))
            self.view = View(self.view.figures, str(error), lost_ms)
        self.looks += 1
        return self.view

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = time.monotonic()
            self.look()
            self._stopping.wait(max(0.0, EVERY_SECONDS - (time.monotonic() - begun)))

"""What the explorer tells its page while it searches, and last of all."""

from pathlib import Path
from threading import Semaphore
from typing import Any

from tests.support.folders import NOON, fill
from tests.support.processes import PATIENCE
from workbench.dashboard.explorer.explorer import Explorer
from workbench.dashboard.origin import Origin
from workbench.dashboard.watched import Watched, watched
from workbench.snapshots.poller import FolderPoller


class Heard(Explorer):
    """An explorer whose page only listens."""

    def __init__(self, shown: Watched) -> None:
        self.kinds: list[str] = []
        super().__init__(shown.origin, shown.searcher, lambda: NOON)

    def _send_msg(self, data: Any) -> None:  # noqa: ANN401 - as its base
        self.kinds.append(data["kind"])

    def ask_and_look_at_each_result(self) -> None:
        """Look at each result before the search goes on to the next."""
        found, looked = Semaphore(0), Semaphore(0)

        def wake() -> None:
            found.release()
            assert looked.acquire(timeout=PATIENCE)

        self.wake = wake
        self._handle_msg({"type": "ask", "number": 1, "begin": "2026-03-17", "end": "2026-03-18"})
        while not self._is_idle:
            assert found.acquire(timeout=PATIENCE)
            self.look()
            looked.release()


def test_page_is_not_left_with_the_progress_of_a_search_that_has_ended(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m", "timestamp": NOON}])
    poller = FolderPoller(data)
    poller.poll()
    shown = watched(Origin(data), poller)
    page = Heard(shown)
    page.update(poller.snapshot)
    page.ask_and_look_at_each_result()
    shown.stop()
    after_the_count = page.kinds[page.kinds.index("counted") :]
    assert after_the_count == ["counted", "progress", "done"]

"""Searches in threads, so that no page waits for another; a search tells what it found so far."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waterline.errors import WaterlineError
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.query.database import Database
from workbench.query.execute import Logs
from workbench.query.progress import EFFORT, Effort, GivenUp, Told

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 4
"""Number of searches that run at once, of all pages; others wait in turn."""
MOST_ABANDONED: Final = 32
"""Number of cancelled searches besides, that have not ended yet; any more keep their turn."""


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A data folder that is open for one search."""

    folder: DataFolder
    database: Database
    logs: Logs


Tell = Callable[[object], None]
Work = Callable[[OpenFolder, Tell], None]
"""Searches a folder, and tells results as they come."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a search has ended without an answer, in one sentence."""

    error: WaterlineError


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a search."""


class Search:
    """A search that runs, or waits for its turn.

    Args:
        work: what to search for.
        let_go: called when it is cancelled.
    """

    def __init__(self, work: Work, let_go: Callable[["Search"], None]) -> None:
        self._work = work
        self._let_go = let_go
        self._effort = Effort()
        self._results: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._ended = Future[None]()
        self.is_done = False

    @property
    def told(self) -> Told | None:
        """Progress so far; None if there is nothing to tell."""
        return self._effort.told

    def results(self) -> list[object]:
        """Return what was found since the last call; the last result is `Done` or a `Fault`."""
        found = self._taken()
        if not self.is_done and self._ended.done():
            # What was put just before it ended, and why it ended if that was not foreseen.
            found += self._taken()
            error = self._ended.exception()
            if error is not None and not self.is_done:
                logger.error("a search of the page failed", exc_info=error)
                found.append(Fault(WaterlineError(f"the search failed: {error!r}")))
                self.is_done = True
        return found

    def _taken(self) -> list[object]:
        found = []
        while not self._results.empty():
            found.append(self._results.get())
        self.is_done = self.is_done or any(isinstance(each, Done | Fault) for each in found)
        return found

    def cancel(self) -> None:
        """End it at its next report of progress; what it finds from now on is of no use."""
        self._effort.give_up()
        self._let_go(self)

    def run(self, path: Path) -> None:
        """Search a data folder, in a thread with a context of its own."""
        EFFORT.set(self._effort)
        try:
            self._search(path)
        except BaseException as error:  # noqa: BLE001 - who takes the results tells it
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    def _search(self, path: Path) -> None:
        try:
            self._effort.tell("", 0, None)
            folder = DataFolder(path)
            with Database(folder.logs, LOGS) as database:
                self._work(OpenFolder(folder, database, Logs(folder, database)), self._results.put)
        except GivenUp:
            pass
        except WaterlineError as error:
            self._results.put(Fault(error))
        else:
            self._results.put(Done())


class Searcher:
    """Runs searches over a data folder, each in a thread of its own.

    A search that is cancelled gives its turn to the next at once: it may be held up by a file, on a
    disk that hangs or in object storage, of which no thread can let go. So that threads stay few,
    only so many of such may run.

    Args:
        path: the data folder.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._lock = threading.Lock()
        self._waiting: deque[Search] = deque()
        self._running: set[Search] = set()
        self._abandoned: set[Search] = set()
        self._is_stopped = False

    def start(self, work: Work) -> Search:
        """Start a search."""
        search = Search(work, self._let_go)
        with self._lock:
            self._waiting.append(search)
            self._go_on()
        return search

    def stop(self) -> None:
        """Let no search start any more."""
        with self._lock:
            self._is_stopped = True
            self._waiting.clear()

    def _go_on(self) -> None:
        """Start what waits, as far as there is room; with the lock."""
        while self._waiting and len(self._running) < MOST_AT_ONCE and not self._is_stopped:
            search = self._waiting.popleft()
            self._running.add(search)
            # A thread that a file holds up must not keep the process from ending.
            threading.Thread(target=self._run, args=(search,), name="search", daemon=True).start()

    def _run(self, search: Search) -> None:
        search.run(self.path)
        with self._lock:
            self._running.discard(search)
            self._abandoned.discard(search)
            self._go_on()

    def _let_go(self, search: Search) -> None:
        with self._lock:
            if search in self._waiting:
                self._waiting.remove(search)
            elif search in self._running and len(self._abandoned) < MOST_ABANDONED:
                self._running.remove(search)
                self._abandoned.add(search)
                self._go_on()

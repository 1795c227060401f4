"""Searches in threads, so that no page waits for another; a search tells what it found so far."""

import logging
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
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
    """A search that runs, or waits for its turn."""

    def __init__(self) -> None:
        self._effort = Effort()
        self._results: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._running: Future[None] | None = None
        self.is_done = False

    @property
    def told(self) -> Told | None:
        """Progress so far; None if there is nothing to tell."""
        return self._effort.told

    def results(self) -> list[object]:
        """Return what was found since the last call; the last result is `Done` or a `Fault`."""
        running = self._running
        found = self._taken()
        if not self.is_done and running is not None and running.done():
            # What was put just before it ended, and why it ended if that was not foreseen.
            found += self._taken()
            error = None if running.cancelled() else running.exception()
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

    def start(self, threads: ThreadPoolExecutor, path: Path, work: Work) -> None:
        """Run in a thread.

        Args:
            threads: the threads.
            path: the data folder.
            work: what to search for.
        """
        self._running = threads.submit(copy_context().run, self._run, path, work)

    def _run(self, path: Path, work: Work) -> None:
        """Search, in a thread with a context of its own."""
        EFFORT.set(self._effort)
        try:
            self._effort.tell("", 0, None)
            folder = DataFolder(path)
            with Database(folder.logs, LOGS) as database:
                work(OpenFolder(folder, database, Logs(folder, database)), self._results.put)
        except GivenUp:
            pass
        except WaterlineError as error:
            self._results.put(Fault(error))
        else:
            self._results.put(Done())


class Searcher:
    """Runs searches over a data folder.

    Args:
        path: the data folder.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="search")

    def start(self, work: Work) -> Search:
        """Start a search."""
        search = Search()
        search.start(self._threads, self.path, work)
        return search

    def stop(self) -> None:
        """Let no search start any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

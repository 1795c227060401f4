"""Searches in threads, so that no page waits for another; a search tells what it found so far."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from waterline.errors import WaterlineError
from workbench.query.asking import Asking
from workbench.query.progress import EFFORT, Effort, GivenUp, Told

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 4
"""Number of searches that run at once, of all pages; others wait in turn."""
MOST_ABANDONED: Final = 32
"""Number of cancelled searches besides, that have not ended yet; any more keep their turn."""


Open = Callable[[], Asking]
"""Opens the folder, here or over the network, for one search."""
Tell = Callable[[object], None]
Wake = Callable[[], None]
"""Lets a page know, from a thread of a search, that there are results to take."""
Work = Callable[[Asking, Tell], None]
"""Searches a folder, and tells results as they come."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a search has ended without an answer, in one sentence."""

    error: WaterlineError


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a search."""


class Run:
    """A search that runs, or waits for its turn; one page reads it, or several.

    Args:
        work: what to search for.
        let_go: called when no page reads it any more.
    """

    def __init__(self, work: Work, let_go: Callable[["Run"], None]) -> None:
        self._work = work
        self._let_go = let_go
        self.effort = Effort()
        self.results: list[object] = []
        self.ended = Future[None]()
        self.readers = 0
        self._wakes: list[Wake] = []

    def join(self, wake: Wake | None) -> None:
        """Count a page that reads it.

        Args:
            wake: called whenever there is a result, and now if there is one already.
        """
        self.readers += 1
        if wake is not None:
            self._wakes.append(wake)
            if self.results:
                wake()

    def leave(self, wake: Wake | None) -> None:
        """End it at its next report of progress, unless others read it too."""
        self.readers -= 1
        if wake is not None:
            self._wakes.remove(wake)
        if self.readers == 0:
            self.effort.give_up()
            self._let_go(self)

    def run(self, open_folder: Open) -> None:
        """Search, in a thread with a context of its own."""
        EFFORT.set(self.effort)
        try:
            self._search(open_folder)
        except BaseException as error:  # noqa: BLE001 - who takes the results tells it
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    def _search(self, open_folder: Open) -> None:
        try:
            self.effort.tell("", 0, None)
            with closing(open_folder()) as asking:
                self._work(asking, self._add)
        except GivenUp:
            pass
        except WaterlineError as error:
            self._add(Fault(error))
        else:
            self._add(Done())

    def _add(self, result: object) -> None:
        self.results.append(result)
        for wake in [*self._wakes]:
            wake()


class Search:
    """What a page has of a search.

    Args:
        run: the search, which other pages may read too.
        wake: called when there are results; None is for who looks by himself.
    """

    def __init__(self, run: Run, wake: Wake | None = None) -> None:
        self._run = run
        self._wake = wake
        self._read = 0
        self._is_cancelled = False
        self.is_done = False
        run.join(wake)

    @property
    def told(self) -> Told | None:
        """Progress so far; None if there is nothing to tell."""
        return self._run.effort.told

    def results(self) -> list[object]:
        """Return what was found since the last call; the last result is `Done` or a `Fault`."""
        found = self._taken()
        if not self.is_done and self._run.ended.done():
            # What was put just before it ended, and why it ended if that was not foreseen.
            found += self._taken()
            error = self._run.ended.exception()
            if error is not None and not self.is_done:
                logger.error("a search of the page failed", exc_info=error)
                found.append(Fault(WaterlineError(f"the search failed: {error!r}")))
                self.is_done = True
        return found

    def _taken(self) -> list[object]:
        found = self._run.results[self._read :]
        self._read += len(found)
        self.is_done = self.is_done or any(isinstance(each, Done | Fault) for each in found)
        return found

    def cancel(self) -> None:
        """Leave it: what it finds from now on is of no use."""
        if not self._is_cancelled:
            self._is_cancelled = True
            self._run.leave(self._wake)


class Searcher:
    """Runs searches over a data folder, each in a thread of its own.

    A search that is cancelled gives its turn to the next at once: it may be held up by a file, on a
    disk that hangs or in object storage, of which no thread can let go. So that threads stay few,
    only so many of such may run.

    Args:
        open_folder: opens the folder for a search.
    """

    def __init__(self, open_folder: Open) -> None:
        self._open = open_folder
        self._lock = threading.Lock()
        self._waiting: deque[Run] = deque()
        self._running: set[Run] = set()
        self._abandoned: set[Run] = set()
        # Each lives as long as a page has it for its last search.
        self._shared: WeakValueDictionary[Hashable, Run] = WeakValueDictionary()
        self._is_stopped = False

    def start(self, work: Work, key: Hashable = None, wake: Wake | None = None) -> Search:
        """Start a search, or read one that another page has started.

        Args:
            work: what to search for.
            key: what has the same key has the same results; None is shared with nobody.
            wake: called when there are results; see `Search`.
        """
        known = None if key is None else self._shared.get(key)
        if known is not None and known.readers:
            return Search(known, wake)
        run = Run(work, self._let_go)
        if key is not None:
            self._shared[key] = run
        search = Search(run, wake)
        with self._lock:
            self._waiting.append(run)
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
            run = self._waiting.popleft()
            self._running.add(run)
            # A thread that a file holds up must not keep the process from ending.
            threading.Thread(target=self._run, args=(run,), name="search", daemon=True).start()

    def _run(self, run: Run) -> None:
        run.run(self._open)
        with self._lock:
            self._running.discard(run)
            self._abandoned.discard(run)
            self._go_on()

    def _let_go(self, run: Run) -> None:
        with self._lock:
            if run in self._waiting:
                self._waiting.remove(run)
            elif run in self._running and len(self._abandoned) < MOST_ABANDONED:
                self._running.remove(run)
                self._abandoned.add(run)
                self._go_on()

"""Searches beside that of what a page asks: older lines, whole texts, logs around one, patterns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from waterline.errors import UsageError, WaterlineError
from workbench.dashboard.explorer import messages
from workbench.dashboard.explorer.asked import Asked
from workbench.dashboard.explorer.editing import as_query
from workbench.dashboard.explorer.messages import More, Whole
from workbench.dashboard.explorer.search import Around, Older, Patterns, around, older, patterns
from workbench.dashboard.explorer.searcher import (
    Fault,
    Search,
    Searcher,
    Tell,
    Wake,
    Work,
)
from workbench.dashboard.explorer.told import patterns_told, row_of
from workbench.explore import calls
from workbench.explore.lines import Piece
from workbench.query.asking import Asking


@dataclass(frozen=True, slots=True)
class _Run:
    """A search that runs, and who takes its results."""

    search: Search
    take: Callable[[object], None]
    number: int | None
    """Of the ask with which it loses its use; None if it has its own."""


class Beside:
    """The searches of one page beside that of its ask; what they find is sent as it comes.

    Args:
        searcher: runs them.
        clock: returns milliseconds UTC.
        send: sends a message to the page.
        wake: called when there are results, in a thread of a search.
    """

    def __init__(
        self,
        searcher: Searcher,
        clock: Callable[[], int],
        send: Callable[[dict[str, Any]], None],
        wake: Wake,
    ) -> None:
        self._searcher = searcher
        self._clock = clock
        self._send = send
        self._wake = wake
        self._runs: list[_Run] = []

    def look(self) -> None:
        """Send what they have found."""
        for each in [*self._runs]:
            for result in each.search.results():
                each.take(result)
            if each.search.is_done:
                self._runs.remove(each)

    def cancel(self, but_of: int | None = None) -> None:
        """Cancel those that are of no use any more.

        Args:
            but_of: number of the ask whose searches go on, with those of no ask; None has none go
                on.
        """
        for each in [*self._runs]:
            if but_of is None or each.number not in (None, but_of):
                each.search.cancel()
                self._runs.remove(each)

    def _fail(self, kind: str, error: WaterlineError) -> None:
        """Tell what failed: what is shown stays."""
        self._send({"kind": kind, "text": str(error)})

    def find_older(self, asked: Asked, message: More) -> None:
        """Search for the lines before a place, of the question of an ask."""

        def take(result: object) -> None:
            match result:
                case Older(lines, is_all):
                    rows = [*map(row_of, lines.lines)]
                    told = {"kind": "older", "number": asked.number, "rows": rows}
                    self._send(told | {"is_all": is_all})
                case Fault(error):
                    self._fail("no_older", error)

        self._start(
            lambda asking, tell: older(asking, asked, message.before, tell),
            take,
            asked.number,
        )

    def find_whole(self, message: Whole) -> None:
        """Search for the next piece of a cut text."""
        answer = {"kind": "whole", **msgspec.structs.asdict(message)}

        def find(asking: Asking, tell: Tell) -> None:
            tell([asking.answer(calls.piece, message.seq, message.part, message.begin)])

        def take(result: object) -> None:
            match result:
                case [Piece(text, end, rest)]:
                    self._send(answer | {"text": text, "end": end, "rest": rest})
                case [None]:
                    self._send(answer | {"trouble": "The rest is gone: the log was pruned"})
                case Fault(error):
                    self._send(answer | {"trouble": f"The rest cannot be read: {error}"})

        self._start(find, take)

    def find_around(self, message: messages.Around) -> None:
        """Search for the logs around one."""
        place, now = (message.timestamp, message.seq), self._clock()

        def take(result: object) -> None:
            match result:
                case Around(lines):
                    rows = [*map(row_of, lines)]
                    self._send({"kind": "around", "seq": message.seq, "rows": rows})
                case Fault(error):
                    self._fail("trouble", error)

        try:
            query = as_query(message.shared)
        except UsageError as error:
            self._fail("trouble", error)
            return
        self._start(lambda asking, tell: around(asking, place, query, now, tell), take)

    def find_patterns(self, asked: Asked) -> None:
        """Search for the patterns of the question of an ask."""
        now = self._clock()

        def take(result: object) -> None:
            match result:
                case Patterns(found):
                    self._send({"kind": "patterns", "number": asked.number, **patterns_told(found)})
                case Fault(error):
                    self._fail("no_patterns", error)

        self._start(lambda asking, tell: patterns(asking, asked, now, tell), take, asked.number)

    def _start(self, work: Work, take: Callable[[object], None], number: int | None = None) -> None:
        """Start a search beside that of the ask.

        Args:
            work: what to search for.
            take: called with each result.
            number: of the ask with which the search loses its use; None if it has its own.
        """
        self._runs.append(_Run(self._searcher.start(work, wake=self._wake), take, number))

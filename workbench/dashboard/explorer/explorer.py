"""The explorer: asks of the page are searched for, and what is found is sent as it comes."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

import msgspec
import panel as pn
import param
from panel.viewable import Child

from waterline.errors import QueryError, UsageError, WaterlineError
from waterline.query_text.edit import term
from workbench.dashboard.chart_place import chart_place, put_chart
from workbench.dashboard.component import Component
from workbench.dashboard.explorer import messages
from workbench.dashboard.explorer.asked import Asked, interpret, reach_of
from workbench.dashboard.explorer.beside import Beside
from workbench.dashboard.explorer.editing import edited, joined, suggested, texts_of
from workbench.dashboard.explorer.histogram import Histogram, colours_of
from workbench.dashboard.explorer.measured import MeasuredChart
from workbench.dashboard.explorer.messages import Ask, Cancel, Message, More, Whole
from workbench.dashboard.explorer.search import (
    SAMPLE,
    Counted,
    Fields,
    Found,
    Fresh,
    InRange,
    Measured,
    Opened,
    Stale,
    follow,
    search,
)
from workbench.dashboard.explorer.searcher import Done, Fault, Search, Searcher, Wake
from workbench.dashboard.explorer.told import choices, legend, row_of
from workbench.dashboard.origin import Origin
from workbench.dashboard.time_range.time_range import SCRIPT, STYLE
from workbench.explore.fields import Field, fields_of
from workbench.explore.lines import LogLine
from workbench.query.copy_as import as_command, as_python, as_sql
from workbench.snapshots.snapshot import Snapshot

FIELDS_EVERY_MS: Final = 5_000
"""Milliseconds between two counts of the fields of what comes."""
_WAITS: Final = ("There is no log yet to search.", "The data folder cannot be read.")
_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = (
    "text.js", "row.js", "gap.js", "state.js", "query_bar.js", "fields.js", "table.js",
    "patterns.js", "saved_views.js", "explorer.js",
)  # fmt: skip


class Explorer(Component):
    """Searches the logs of a folder, and shows them by time, by field and one by one.

    The browser asks after it has drawn the explorer (also after a lost connection) and whenever
    what it shows changes. From then on it gets results and changes, and a beat each second by which
    it notices a dead connection. These are messages, as a change of a parameter is lost while the
    page is being drawn.

    Args:
        origin: the folder, as what is copied names it.
        searcher: runs the searches.
        clock: returns milliseconds UTC.

    Attributes:
        wake: called when searches have found something, in a thread of theirs; `look` sends it.
    """

    keeps_address = param.Boolean(
        default=False, doc="Whether what is shown is kept in the page's address."
    )
    chart = Child()
    measured = Child()

    _esm = "\n".join([SCRIPT, *((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)])
    _stylesheets = [(_HERE / "explorer.css").read_text(encoding="utf-8"), STYLE]  # noqa: RUF012

    def __init__(
        self, origin: Origin, searcher: Searcher, clock: Callable[[], int], **params: object
    ) -> None:
        self._histogram = Histogram()
        pane = pn.pane.Bokeh(self._histogram.figure, sizing_mode="stretch_both", margin=0)
        self._measured: MeasuredChart | None = None
        self._measured_place = chart_place()
        super().__init__(chart=pane, measured=self._measured_place, **params)
        self.wake: Wake = lambda: None
        self._origin = origin
        self._searcher = searcher
        self._clock = clock
        self._message: Ask | None = None
        self._asked: Asked | None = None
        self._counted: Counted | None = None
        self._snapshot = Snapshot(0, 0, "")
        self._search: Search | None = None
        self._beside = Beside(searcher, clock, self._send_msg, self._wake)
        self._told: object = None
        self._unseen = 0
        self._fields: Sequence[Field] = ()
        self._sample: Sequence[LogLine] = ()
        self._fields_at = 0
        self._hidden: frozenset[str] = frozenset()
        self._scale: messages.Scale = ""

    def update(self, snapshot: Snapshot) -> None:
        """Follow a snapshot: what has come is searched for, if the page shows it."""
        is_other_past = snapshot.newest.revision != self._snapshot.newest.revision
        has_begun = self._snapshot.waiting and not snapshot.waiting
        self._snapshot = snapshot
        if self._message is None:
            return
        if is_other_past or has_begun:
            self._begin(self._message)
        elif self._is_idle:
            self._go_on()

    def look(self) -> None:
        """Send what searches have found; to be called a few times a second."""
        self._beside.look()
        if self._search is None:
            return
        for result in self._search.results():
            self._take(result)
        self._tell_progress()

    def _wake(self) -> None:
        self.wake()

    def stop(self) -> None:
        """End all searches, as the page is gone."""
        self._cancel_all()
        self._search = None

    def _cancel_all(self, but_of: int | None = None) -> None:
        """Cancel the search, and those beside it that are of no use any more.

        Args:
            but_of: number of the ask whose searches beside go on, with those of no ask; None has
                none go on.
        """
        if self._search is not None:
            self._search.cancel()
        self._beside.cancel(but_of)

    def beat(self) -> None:
        """Send the beat; to be called each second."""
        if self._message is not None:
            self._send_msg({"kind": "beat"})

    def _handle_msg(self, message: object) -> None:
        try:
            asked: Message = msgspec.convert(message, Message)
        except msgspec.ValidationError:
            return  # never sent by our page
        match asked:
            case Ask():
                self._begin(asked)
            case More():
                of = self._asked_by(asked.number)
                if of is not None:
                    self._beside.find_older(of, asked)
            case Whole():
                self._beside.find_whole(asked)
            case messages.Around():
                self._beside.find_around(asked)
            case messages.Patterns():
                of = self._asked_by(asked.number)
                if of is not None:
                    self._beside.find_patterns(of)
            case messages.Draw(hidden, scale):
                is_same = (self._hidden, self._scale) == (frozenset(hidden), scale)
                self._hidden, self._scale = frozenset(hidden), scale
                if not is_same:
                    self._draw()
            case Cancel():
                self._cancel()
            case messages.Complete():
                types = {} if self._counted is None else self._counted.types.totals
                options = suggested(asked, types, self._fields)
                told = {"text": asked.query, "at": asked.at, "options": options}
                self._send_msg({"kind": "suggestions", **told})
            case messages.Edit():
                self._answer("edited", lambda: edited(asked))
            case messages.Copy():
                self._answer("copied", lambda: self._copied(asked.language))

    def _asked_by(self, number: int) -> Asked | None:
        """Return what an ask of this number asks; None if there was another since."""
        asked = self._asked
        return asked if asked is not None and asked.number == number else None

    def _answer(self, kind: str, make: Callable[[], str]) -> None:
        try:
            text = make()
        except UsageError as error:
            self._send_msg({"kind": "trouble", "text": str(error)})
            return
        self._send_msg({"kind": kind, "text": text})

    def _copied(self, language: str) -> str:
        """Return what the page asks in another language.

        Raises:
            UsageError: what it asks has a fault.
        """
        message, asked = self._message, self._asked
        if message is None or asked is None:
            raise UsageError("what is asked has a fault; mend it first")
        query = message.query
        chosen = [("type", each) for each in message.types]
        for name, value in [*chosen, *(("source", each) for each in message.sources)]:
            query = f"{query} {term(name, value)}".strip()
        times = (asked.begin, asked.end or None)
        if language == "sql":
            return as_sql(query, *times, now=self._clock())
        origin = self._origin
        folder = origin.folder.absolute()
        if language == "command":
            if origin.url is not None:
                raise UsageError(
                    f"`waterline logs` reads a folder, and {origin.url} is a server; copy it for "
                    "Python"
                )
            return as_command(query, *times, folder)
        return as_python(query, *times, folder if origin.url is None else origin.url)

    @property
    def _is_idle(self) -> bool:
        return self._search is None or self._search.is_done

    def _begin(self, message: Ask) -> None:
        """Search for what a message asks; an earlier search is of no use any more."""
        self._cancel_all(but_of=message.number)
        self._search, self._message, self._counted, self._unseen = None, message, None, 0
        self._asked = self._told = None
        try:
            asked = interpret(message, reach_of(self._snapshot), self._clock())
        except UsageError as error:
            self._fail(error)
            return
        self._asked = asked
        waits = self._snapshot.waiting
        # A range that is left to us is chosen once there is something to choose by.
        range_of = message if waits else asked
        self._send(
            {
                "kind": "begun",
                "begin": range_of.begin,
                "end": range_of.end,
                "through": message.through,
                "waits": _WAITS[bool(self._snapshot.troubles)] if waits else None,
                "marks": [*texts_of(asked.question.filters)],
            }
        )
        if waits:  # the notice says for what
            return
        # What another page has found at the same moment will do, if what comes is followed.
        key = ("search", self._snapshot.number, asked.key, message.open) if asked.follows else None
        self._search = self._searcher.start(
            lambda asking, tell: search(asking, asked, message.open, tell), key, self._wake
        )

    def _go_on(self) -> None:
        """Search for what has come since the last count."""
        asked, counted, snapshot = self._asked, self._counted, self._snapshot
        if asked is None or counted is None:
            return
        if not asked.follows:
            self._tell_unseen()
            return
        asked = asked.moved(self._clock())
        types, chart = counted.types.moved(asked.steps), counted.chart.moved(asked.steps)
        if types is None or chart is None:
            self._begin_again()
            return
        self._asked, self._counted = asked, Counted(types, chart, counted.seconds)
        if snapshot.newest.last_seq > types.moment.last_seq:
            moved = self._counted
            # All pages follow to the same log, so that those that show the same can share.
            bounded = asked.through(snapshot.newest.last_seq)
            known = [(each.moment.past, each.moment.last_seq) for each in (types, chart)]
            key = ("follow", bounded.key, *known)
            self._search = self._searcher.start(
                lambda asking, tell: follow(asking, bounded, moved, tell), key, self._wake
            )
        elif asked.steps.edges[-1] != counted.chart.steps.edges[-1]:
            self._show(self._counted)

    def _begin_again(self) -> None:
        if self._message is not None:
            self._begin(self._message)

    def _take(self, result: object) -> None:
        asked = self._asked
        if asked is None:
            return
        match result:
            case Found(lines, is_all, gaps):
                told = {"is_all": is_all, "gaps": [*map(astuple, gaps)], "last": lines.last_seq}
                self._send_lines("lines", lines.lines, **told)
            case Opened(lines, missing):
                self._send_lines("opened", lines, gone=[*missing])
            case Fields(fields, sample, lines):
                self._sample = lines
                self._tell_fields(fields, sample)
            case Counted():
                self._counted = result
                self._show(result)
            case Measured(percentiles):
                self._measured_chart().show(percentiles, asked.zone, asked.ticks)
            case InRange(logs):
                self._send({"kind": "range", "logs": logs})
            case Fresh(lines, is_all, counted):
                self._counted = counted
                last = counted.types.moment.last_seq
                self._send_lines("fresh", lines, is_all=is_all, last=last)
                self._show(counted)
                self._sample = [*lines, *self._sample][:SAMPLE]
                if abs(self._clock() - self._fields_at) >= FIELDS_EVERY_MS:
                    self._tell_fields(*fields_of(self._sample))
            case Stale():
                self._begin_again()
            case Fault(error):
                self._fail(error)
            case Done() if self._told is not None:
                # Its last progress may have been told after its last result.
                self._told = None
                self._send({"kind": "done"})

    def _measured_chart(self) -> MeasuredChart:
        if self._measured is None:
            self._measured = MeasuredChart()
            put_chart(self._measured_place, self._measured.figure)
        return self._measured

    def _send(self, message: dict[str, Any]) -> None:
        """Send what belongs to the last ask; a page that has asked for more lets it be."""
        if self._message is not None:
            self._send_msg({"number": self._message.number, **message})

    def _send_lines(self, kind: str, lines: Sequence[LogLine], **more: object) -> None:
        self._send({"kind": kind, "rows": [*map(row_of, lines)], **more})

    def _show(self, counted: Counted) -> None:
        """Show counts: the chart, the buttons of types, and the sentence beside the query."""
        asked, message = self._asked, self._message
        assert asked is not None
        assert message is not None
        types = counted.types.totals
        chart = counted.chart
        colours = self._draw()
        of_types = colours_of(types, "type", self._snapshot.colours)
        buttons, more = choices(types, of_types, message.types)
        matches = (
            sum(types.get(each, 0) for each in message.types)
            if message.types
            else counted.types.logs
        )
        read = counted.chart.read
        self._send(
            {
                "kind": "counted",
                "matches": matches,
                "inRange": counted.types.logs if asked.all_types == asked.everything else None,
                "stored": self._snapshot.stored.logs if self._snapshot.stored else None,
                "seconds": counted.seconds,
                "hot": read.hot,
                "archived": read.archived,
                "files": read.files,
                "size": read.size,
                "lacks": chart.lacks,
                "missing": [*chart.missing],
                "choices": buttons,
                "moreTypes": more,
                "legend": legend(chart, colours) if asked.by != "type" else [],
                "follows": asked.follows,
                "since": asked.since,
            }
        )

    def _tell_fields(self, fields: Sequence[Field], sample: int) -> None:
        self._fields_at = self._clock()
        self._fields = joined(fields, self._fields)
        told = [msgspec.to_builtins(each) for each in fields]
        self._send({"kind": "fields", "fields": told, "sample": sample})

    def _draw(self) -> dict[str, str]:
        """Draw the chart, and return the colours of its labels."""
        asked, message, counted = self._asked, self._message, self._counted
        if asked is None or message is None or counted is None:
            return {}
        chart = counted.chart
        colours = colours_of(chart.totals, asked.by, self._snapshot.colours)
        shown = [each for each in chart.totals if each not in self._hidden]
        if asked.by == "type" and message.types:
            shown = [each for each in shown if each in message.types]
        self._histogram.is_log = self._scale == "log"
        self._histogram.show(chart, colours, shown, asked.zone, asked.ticks)
        return colours

    def _tell_progress(self) -> None:
        if self._search is None or self._search.is_done:
            return
        told = self._search.told
        if told is not None and told[0] and told != self._told:
            self._told = told
            self._send({"kind": "progress", "told": [*told]})

    def _tell_unseen(self) -> None:
        """Tell how many logs came while the page is paused."""
        message = self._message
        if message is None or message.through is None:
            return
        unseen = max(0, self._snapshot.newest.last_seq - message.through)
        if unseen != self._unseen:
            self._unseen = unseen
            self._send({"kind": "unseen", "count": unseen})

    def _fail(self, error: WaterlineError) -> None:
        """Tell why there is no answer to what is asked."""
        at = [*error.at] if isinstance(error, QueryError) else [None, None]
        self._send({"kind": "fault", "text": str(error), "at": at})

    def _cancel(self) -> None:
        if self._search is not None and not self._search.is_done:
            self._search.cancel()
            self._search = None
            self._send({"kind": "cancelled"})

"""The table of newest logs: filtered here, drawn by log_table.js, sent only what is new."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import param
from panel.custom import JSComponent

from waterline.errors import DataFolderError
from workbench.dashboard.figures import colour_of
from workbench.dashboard.log_lines import Lookup, Part
from workbench.dashboard.searched import nothing_found, searched
from workbench.dashboard.snapshot import RECENT_LOGS, LogLine, Snapshot
from workbench.reports.figures.colours import KNOWN

SHOWN_LOGS: Final = 200
"""More than anyone reads; the browser stays quick."""
# A producer that invents types must not fill the page with buttons.
MAX_CHOICES: Final = 40
"""Buttons of types beside those of the four levels."""
MAX_ASKED: Final = 36
"""Types that may be chosen at once, and rows that may be open."""
_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("log_text.js", "log_row.js", "log_table.js")

_Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ASKED)]
_Seqs = Annotated[tuple[_Seq, ...], msgspec.Meta(max_length=MAX_ASKED)]


class _Ask(msgspec.Struct, frozen=True, tag="ask"):
    """What the browser sends when it has drawn the table, and when its filters change."""

    types: _Names = ()
    contains: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    through: _Seq | None = None
    """The newest log to be shown while the table is paused; 0: that of now."""
    open: _Seqs = ()
    """Rows that are open: shown where they match, though 200 newer ones do too."""


class _AskWhole(msgspec.Struct, frozen=True, tag="whole"):
    """What the browser sends for the next piece of a text that is cut."""

    seq: _Seq
    part: Part
    begin: _Seq = 0


class LogTable(JSComponent):
    """The newest logs that match its filters, newest first.

    The browser asks for the rows and buttons when it has drawn the table (also after a lost
    connection) and when a filter changes; from then on it gets what is new, and in each second a
    beat, so that it notices when nobody answers any more. Messages do that, for a change of a
    parameter is lost when it falls into the moment in which the page is drawn.

    Args:
        lookup: where single logs are looked up.
    """

    keeps_address = param.Boolean(
        default=False, doc="Whether filters, pause and open rows are kept in the page's address."
    )

    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _stylesheets = [(_HERE / "log_table.css").read_text(encoding="utf-8")]  # noqa: RUF012

    def __init__(self, lookup: Lookup, **params: object) -> None:
        super().__init__(**params)
        self._lookup = lookup
        self._ask: _Ask | None = None
        self._snapshot = Snapshot(0, 0, "")
        self._sent_through = 0
        self._unseen = 0
        self._sent: object = None

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        is_other_past = snapshot.recent.revision != self._snapshot.recent.revision
        self._snapshot = snapshot
        if self._ask is None:
            return
        if is_other_past:
            self._send_all(self._ask)
        else:
            self._send_fresh(self._ask)

    def beat(self) -> None:
        """Tell the browser that it is heard; call it each second."""
        if self._ask is not None:
            self._send_msg({"kind": "beat"})

    def _handle_msg(self, message: object) -> None:
        try:
            asked = msgspec.convert(message, _Ask | _AskWhole)
        except msgspec.ValidationError:
            return  # our page sends no such thing
        if isinstance(asked, _AskWhole):
            self._send_whole(asked)
            return
        if asked.through == 0:
            asked = msgspec.structs.replace(asked, through=self._snapshot.recent.last_seq)
        self._ask = asked
        self._send_all(asked)

    def _send_all(self, ask: _Ask) -> None:
        recent = self._snapshot.recent
        lines = self._matching(ask, limit=SHOWN_LOGS, through=ask.through)
        opened, missing = self._opened(ask, lines)
        self._sent_through = recent.last_seq
        self._unseen = 0
        if ask.through is not None:
            self._unseen = len(self._matching(ask, after=ask.through))
        rows = sorted((*lines, *opened), key=lambda line: -line.seq)
        self._send(rows, {"replace": True, "missing": missing, "through": ask.through}, ask)

    def _send_fresh(self, ask: _Ask) -> None:
        limit = SHOWN_LOGS if ask.through is None else RECENT_LOGS
        fresh = self._matching(ask, limit=limit, after=self._sent_through)
        self._sent_through = self._snapshot.recent.last_seq
        if ask.through is not None:
            self._unseen += len(fresh)
            fresh = []
        self._send(fresh, {"replace": False}, ask)

    def _opened(self, ask: _Ask, lines: Sequence[LogLine]) -> tuple[list[LogLine], list[int]]:
        """Return the open rows that are not among some lines, and those that are nowhere."""
        wanted = set(ask.open) - {line.seq for line in lines}
        if not wanted:
            return [], []
        try:
            found = self._lookup.lines(sorted(wanted))
        except DataFolderError:
            found = []  # the notice says it
        matching = [line for line in found if line.matches(ask.types, ask.contains)]
        return matching, sorted(wanted - {line.seq for line in found})

    def _matching(
        self, ask: _Ask, *, limit: int = RECENT_LOGS, after: int = 0, through: int | None = None
    ) -> list[LogLine]:
        return self._snapshot.recent.newest(
            limit, after=after, through=through, types=ask.types, contains=ask.contains
        )

    def _send(self, lines: Iterable[LogLine], how: dict[str, Any], ask: _Ask) -> None:
        """Send lines and what is said beside them, unless all of it is known to the browser."""
        rows = [_row(line) for line in lines]
        choices, more_types = _choices(self._snapshot, ask.types)
        said = {
            "choices": choices,
            "moreTypes": more_types,
            "searched": searched(self._snapshot, ask.contains),
            "nothing": nothing_found(self._snapshot, ask.types, ask.contains),
            "unseen": self._unseen,
        }
        if rows or how["replace"] or said != self._sent:
            self._sent = said
            self._send_msg({"kind": "rows", "rows": rows, "limit": SHOWN_LOGS, **how, **said})

    def _send_whole(self, asked: _AskWhole) -> None:
        answer = {"kind": "whole", "seq": asked.seq, "part": asked.part, "begin": asked.begin}
        try:
            piece = self._lookup.piece(asked.seq, asked.part, asked.begin)
        except DataFolderError as error:
            self._send_msg(answer | {"trouble": f"The rest cannot be read: {error}"})
            return
        if piece is None:
            trouble = "The rest is archived or gone; a notebook may find it: wb.logs()"
            self._send_msg(answer | {"trouble": trouble})
            return
        self._send_msg(answer | {"text": piece.text, "end": piece.end, "rest": piece.rest})


def _row(line: LogLine) -> list[Any]:
    return [
        line.seq,
        line.timestamp,
        line.type,
        line.source,
        line.message,
        line.attributes,
        line.message_rest,
        line.attributes_rest,
    ]


def _choices(snapshot: Snapshot, chosen: Sequence[str]) -> tuple[Sequence[Any], int]:
    """Return what the buttons say, and how many types have none.

    A button has type, count among the newest logs, count in all and colour. The four levels always
    have one, and so has what is chosen, whatever other types there are.
    """
    known = snapshot.recent.types
    stored = snapshot.stored.types if snapshot.stored else {}
    others = [each for each in dict.fromkeys((*chosen, *known, *stored)) if each not in KNOWN]
    # By name, so that buttons keep their places while counts go up.
    order = [*KNOWN, *sorted(others[:MAX_CHOICES])]
    buttons = [
        [each, known.get(each, 0), stored.get(each, 0), colour_of(each, snapshot.colours)]
        for each in order
    ]
    return buttons, max(0, len(others) - MAX_CHOICES)

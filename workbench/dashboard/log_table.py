"""The table of newest logs: filtered here, sent as changes, drawn by log_table.js."""

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
"""Number of rows: more than anyone reads, few enough for a quick browser."""
# A producer that invents types must not fill the page with buttons.
MAX_CHOICES: Final = 40
"""Number of buttons of types beside the four levels."""
MAX_ASKED: Final = 36
"""Number of types that may be chosen at once, and of rows that may be open."""
_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("log_text.js", "log_row.js", "log_table.js")

_Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ASKED)]
_Seqs = Annotated[tuple[_Seq, ...], msgspec.Meta(max_length=MAX_ASKED)]


class _Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Message of the browser after it has drawn the table, and when its filters change."""

    types: _Names = ()
    contains: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    through: _Seq | None = None
    """Seq of the newest log to show while paused; 0 follows the newest."""
    open: _Seqs = ()
    """Seqs of open rows, which stay while they match, whatever newer ones come."""


class _AskWhole(msgspec.Struct, frozen=True, tag="whole"):
    """Message of the browser that asks for the next piece of a cut text."""

    seq: _Seq
    part: Part
    begin: _Seq = 0


class LogTable(JSComponent):
    """The newest logs that match its filters, newest first.

    The browser asks for rows and buttons after it has drawn the table (also after a lost
    connection) and when a filter changes. From then on it gets changes, and a beat each second by
    which it notices a dead connection. These are messages, as a change of a parameter is lost while
    the page is being drawn.

    Args:
        lookup: looks up single logs.
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
        """Send the beat; to be called each second."""
        if self._ask is not None:
            self._send_msg({"kind": "beat"})

    def _handle_msg(self, message: object) -> None:
        try:
            asked = msgspec.convert(message, _Ask | _AskWhole)
        except msgspec.ValidationError:
            return  # never sent by our page
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
        """Return open rows that are not among some lines, and seqs that are gone."""
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
        """Send lines and the texts beside them, unless the browser has all of it."""
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
    """Return the buttons, and the number of types without one.

    A button has type, count among the newest logs, count in all, and colour. The four levels and
    the chosen types always have one.
    """
    known = snapshot.recent.types
    stored = snapshot.stored.types if snapshot.stored else {}
    others = [each for each in dict.fromkeys((*chosen, *known, *stored)) if each not in KNOWN]
    # By name, so that buttons keep their places while counts grow.
    order = [*KNOWN, *sorted(others[:MAX_CHOICES])]
    buttons = [
        [each, known.get(each, 0), stored.get(each, 0), colour_of(each, snapshot.colours)]
        for each in order
    ]
    return buttons, max(0, len(others) - MAX_CHOICES)

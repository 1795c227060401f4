"""The table of newest logs: filtered here, drawn by log_table.js, sent only what is new."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from panel.custom import JSComponent

from workbench.dashboard.figures import colour_of
from workbench.dashboard.snapshot import LogLine, RecentLogs, Snapshot
from workbench.reports.colours import KNOWN

SHOWN_LOGS: Final = 200
"""More than anyone reads; the browser stays quick."""
# A producer that invents types must not fill the page with buttons.
MAX_CHOICES: Final = 40
_HERE: Final = Path(__file__).parent


class _Ask(msgspec.Struct, frozen=True):
    """What the browser sends when it has drawn the table, and when its filters change."""

    types: tuple[str, ...] = ()
    contains: str = ""


class LogTable(JSComponent):
    """The newest logs that match its filters, newest first.

    The browser asks for the rows and buttons when it has drawn the table (also after a lost
    connection) and when a filter changes; from then on it gets what is new. Messages do that, for
    a change of a parameter is lost when it falls into the moment in which the page is drawn.
    """

    _esm = (_HERE / "log_table.js").read_text(encoding="utf-8")
    _stylesheets = [(_HERE / "log_table.css").read_text(encoding="utf-8")]  # noqa: RUF012

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._ask: _Ask | None = None
        self._recent = RecentLogs()
        self._sent_through = 0
        self._choices: Sequence[Any] = ()
        self._sent_choices: Sequence[Any] = ()

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        is_other_past = snapshot.recent.revision != self._recent.revision
        self._recent = snapshot.recent
        self._choices = _choices(snapshot)
        if self._ask is None:
            return
        if is_other_past:
            self._send_all(self._ask)
            return
        fresh = self._matching(self._ask, after=self._sent_through)
        if fresh or self._choices != self._sent_choices:
            self._send(fresh, replace=False)

    def _handle_msg(self, message: object) -> None:
        self._ask = msgspec.convert(message, _Ask)
        self._send_all(self._ask)

    def _send_all(self, ask: _Ask) -> None:
        self._send(self._matching(ask, after=0), replace=True)

    def _matching(self, ask: _Ask, after: int) -> list[LogLine]:
        return self._recent.newest(SHOWN_LOGS, after=after, types=ask.types, contains=ask.contains)

    def _send(self, lines: Iterable[LogLine], *, replace: bool) -> None:
        self._sent_through = self._recent.last_seq
        self._sent_choices = self._choices
        self._send_msg(
            {
                "replace": replace,
                "rows": [_row(line) for line in lines],
                "choices": self._choices,
                "limit": SHOWN_LOGS,
            }
        )


def _row(line: LogLine) -> list[Any]:
    return [line.seq, line.timestamp, line.type, line.source, line.message, line.attributes]


def _choices(snapshot: Snapshot) -> Sequence[Any]:
    counts = snapshot.stored.types if snapshot.stored else {}
    listed = list(counts)[:MAX_CHOICES]
    # By name, so that buttons keep their places while counts go up.
    order = [each for each in KNOWN if each in listed]
    order += sorted(each for each in listed if each not in KNOWN)
    return [[each, counts[each], colour_of(each, snapshot.colours)] for each in order]

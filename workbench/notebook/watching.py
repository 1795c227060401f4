"""A live tail in a notebook's cell, which reads the data folder and ends by itself."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

import pandas as pd
import pyarrow as pa

from waterline.archive.columns import NAMES
from waterline.errors import UsageError
from waterline.printable import printable
from waterline.terminal import say
from workbench.display import clock_time, date_time, whole
from workbench.frames import to_frame
from workbench.notebook.log_table import LogTable, Roles
from workbench.query.asking import Asking
from workbench.query.question import Filters, Question, refuse
from workbench.query.times import plain

SECONDS: Final = 60.0
"""Seconds for which logs are watched unless told otherwise."""
LONGEST: Final = 86_400.0
ROWS: Final = 30
"""Newest logs that are shown unless told otherwise."""

_MOST_ROWS: Final = 1_000
# Seconds between two looks.
_EVERY: Final = 0.5
_LAST_SEQ: Final = 2**63 - 1


class _Screen(Protocol):
    """What logs are shown on."""

    def show(self, logs: pd.DataFrame, fresh: pd.DataFrame, note: str) -> None:
        """Show the newest logs, newest first.

        Args:
            logs: the newest logs.
            fresh: those of them that were not shown before, oldest first.
            note: how long it goes on, or that it has ended.
        """


class _Cell:
    """The output of a cell, which each show replaces."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, logs: pd.DataFrame, fresh: pd.DataFrame, note: str) -> None:  # noqa: ARG002
        from IPython.display import display

        # What is typed into a search would be lost with the next logs.
        table = LogTable(logs, Roles.of(logs), len(logs) or 1, note, has_search=False)
        if self._handle is None:
            self._handle = display(table, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(table)


class _Lines:
    """Standard output, to which each log is a line."""

    def show(self, logs: pd.DataFrame, fresh: pd.DataFrame, note: str) -> None:  # noqa: ARG002
        moments = fresh["timestamp"].astype("int64") // 1_000
        for moment, row in zip(moments, fresh.to_dict("records"), strict=True):
            text = f"{date_time(moment)}.{moment % 1_000:03d}  {row['type']:<7}  {row['source']}"
            say(printable(f"{text}  {row['message']}"))


def watch(
    session: Asking,
    seconds: object,
    rows: object,
    filters: Filters,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Show the newest logs as they come in; see `Workbench.watch`.

    Args:
        session: the folder.
        seconds: seconds after which it ends.
        rows: number of logs that are shown.
        filters: those of the logs.
        clock: returns seconds that never go back.
    """
    refuse(filters, "order", "limit", "columns", "until", "at")
    session.refuse_pin("connect without a pin to watch logs come in")
    if session.is_of_nodes:
        raise UsageError("watch follows the seqs of one node; connect to its server")
    most, length = _checked_rows(rows), _checked_seconds(seconds)
    screen: _Screen = _Cell() if _is_in_a_cell() else _Lines()
    begun = clock()
    question = session.question({**filters, "limit": most})
    first = session.patiently(lambda: session.reads.rows(question))
    newest, after, came = first.table.select(NAMES), first.moment.last_seq, 0
    ends = f"watching until {clock_time(session.clock() + int(1_000 * length))}"
    question = replace(question, limit=None)
    why = "ended"
    try:
        screen.show(_newest_first(newest), to_frame(newest), ends)
        while (left := begun + length - clock()) > 0:
            time.sleep(min(_EVERY, left))
            fresh, count, after = _read(session, question, after, most)
            if count:
                came += count
                newest = _last(pa.concat_tables([newest, fresh]), most)
                note = f"{ends} · {whole(came)} came in"
                screen.show(_newest_first(newest), to_frame(fresh), note)
    except KeyboardInterrupt:
        why = "interrupted"
    note = f"{why} after {clock() - begun:.0f} s · {whole(came)} came in"
    screen.show(_newest_first(newest), to_frame(newest.slice(0, 0)), note)


def _read(session: Asking, question: Question, after: int, most: int) -> tuple[pa.Table, int, int]:
    """Return the newest of the logs that came in behind a seq, their number, and the seq reached.

    Args:
        session: the folder.
        question: what is asked.
        after: seq of the last log that was looked at.
        most: number of logs that are kept.
    """
    seqs = range(after + 1, _LAST_SEQ)
    scan = session.scan(question, seqs)
    fresh, count = None, 0
    for table in scan.tables():
        count += table.num_rows
        fresh = _last(table if fresh is None else pa.concat_tables([fresh, table]), most)
    return fresh, count, max(after, scan.last_seq)


def _last(table: pa.Table, most: int) -> pa.Table:
    return table.slice(max(0, table.num_rows - most))


def _newest_first(table: pa.Table) -> pd.DataFrame:
    return to_frame(table).iloc[::-1].reset_index(drop=True)


def _is_in_a_cell() -> bool:
    """Return whether this runs in a kernel, whose outputs can be replaced."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _checked_seconds(seconds: object) -> float:
    number = plain(seconds)
    # NaN is in no range.
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 < number <= LONGEST:
        return float(number)
    raise UsageError(f"seconds={seconds!r} is none from 0 to {LONGEST:,.0f}")


def _checked_rows(rows: object) -> int:
    number = plain(rows)
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _MOST_ROWS:
        return number
    raise UsageError(f"rows={rows!r} is no whole number from 1 to {_MOST_ROWS:,}")

"""The logs before and after one, of the same source or of another shared value."""

import time
from typing import Any, Final

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import NAMES, schema_of
from waterline.errors import UsageError
from workbench.frames import to_frame
from workbench.query.neighbours import neighbours
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import warn_of
from workbench.query.question import Filters
from workbench.query.scan import LogScan
from workbench.query.session import Session
from workbench.query.times import plain

MOST: Final = 10_000
"""Greatest number of logs before one, and after it."""

_COLUMNS: Final = ("type", "source")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def around(
    session: Session, seq: object, n: object, by: str | None, at: Pin | str | None
) -> pd.DataFrame:
    """Return a log with those before and after it; see `Workbench.around`."""
    begun = time.perf_counter()
    this, count = _whole(seq, "seq", 1), _whole(n, "n", 0)
    if count > MOST:
        raise UsageError(f"n={count} is more than {MOST:,}; wb.logs with since and until has them")
    pin = session.pin() if at is None else to_pin(at)
    reading = _Around(session, pin, this, by)
    found = session.patiently(lambda: reading.rows(count))
    frame = to_frame(found.sort_by([("timestamp", "ascending"), ("seq", "ascending")]))
    archived = int((frame["seq"] <= reading.archived_through).sum())
    frame.attrs["pin"] = str(pin)
    frame.attrs["rows"] = {"hot": len(frame) - archived, "archived": archived}
    frame.attrs["around"] = this
    frame.attrs["seconds"] = time.perf_counter() - begun
    if reading.lacks is not None:
        frame.attrs["pruned"] = reading.lacks
        warn_of(reading.lacks)
    return frame


class _Around:
    """Finds the logs around one, by time, and of equal times by seq.

    Args:
        session: the folder.
        pin: the moment of the answer.
        seq: seq of the log.
        by: column or attribute whose value they share with it, or None.
    """

    def __init__(self, session: Session, pin: Pin, seq: int, by: str | None) -> None:
        self._session = session
        self._pin = pin
        self._seq = seq
        self._by = by
        self.lacks: str | None = None
        """Sentence about pruned logs that may belong to the answer, or None."""
        self.archived_through = 0

    def rows(self, count: int) -> pa.Table:
        """Return the log, and up to so many on each side, in no order."""
        log = self._read({}, range(self._seq, self._seq + 1))
        if not log.num_rows:
            why = "" if self.lacks is None else f" any more: {self.lacks}"
            raise UsageError(f"there is no log with seq {self._seq}{why}")
        self.lacks = None
        place = (log["timestamp"].cast(pa.int64())[0].as_py(), self._seq)
        question = self._session.question({**self._shared(log), "at": self._pin})
        found = neighbours(self._session.logs, question, place, count)
        self.lacks = found.lacks
        if not found.places:
            return log
        places, seqs = found.places, [seq for _, seq in found.places]
        within: Filters = {"since": places[0][0], "until": places[-1][0] + 1}
        rows = self._read(within, range(min(seqs), max(seqs) + 1))
        return pa.concat_tables([log, rows.filter(pc.is_in(rows["seq"], pa.array(seqs)))])

    def _shared(self, log: pa.Table) -> Filters:
        """Return the filters that all of them meet."""
        if self._by is None:
            return {}
        if self._by in _COLUMNS:
            value = log[self._by][0].as_py()
            return {"type": value} if self._by == "type" else {"source": value}
        name = self._by.removeprefix("attributes.")
        attributes = _decode(log["attributes"][0].as_py())
        found = attributes.get(name)
        if isinstance(found, str | int | float):
            return {"where": {name: found}}
        what = "has no attribute" if found is None else "has no single value as its attribute"
        others = ", ".join([*_COLUMNS, *attributes][:20])
        raise UsageError(
            f"by={self._by!r}: the log with seq {self._seq} {what} {name!r}; it has {others}, and "
            "by=None takes all logs"
        )

    def _read(self, filters: Filters, seqs: range) -> pa.Table:
        """Return whole logs of a range of seqs."""
        session = self._session
        question = session.question({**filters, "at": self._pin})
        scan = LogScan(session.folder, session.database, question, seqs)
        self.lacks = self.lacks or scan.lacks
        self.archived_through = scan.moment.archived_through
        return pa.concat_tables([schema_of(NAMES).empty_table(), *scan.tables()])


def _whole(value: object, argument: str, least: int) -> int:
    number = plain(value)
    if isinstance(number, int) and not isinstance(number, bool) and number >= least:
        return number
    raise UsageError(f"{argument}={value!r} is no whole number from {least} on")

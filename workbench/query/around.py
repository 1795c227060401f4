"""The logs before and after one, of the same source or of another shared value."""

import time
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import NAMES, schema_of
from waterline.errors import UsageError
from workbench.frames import to_frame
from workbench.query.pin import Pin, to_pin
from workbench.query.progress import warn_of
from workbench.query.question import Filters
from workbench.query.scan import LogScan
from workbench.query.session import Session
from workbench.query.times import plain

MOST: Final = 10_000
"""Greatest number of logs before one, and after it."""

# Milliseconds after a log that are looked at first; twice as many each time there are too few.
_FIRST_WIDTH: Final = 1_000
_COLUMNS: Final = ("type", "source")

_Keys = np.ndarray[Any, np.dtype[Any]]
"""Records of timestamp and seq."""

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
    neighbours = _Neighbours(session, pin, this, by)
    found = session.patiently(lambda: neighbours.rows(count))
    frame = to_frame(found.sort_by([("timestamp", "ascending"), ("seq", "ascending")]))
    archived = int((frame["seq"] <= neighbours.archived_through).sum())
    frame.attrs["pin"] = str(pin)
    frame.attrs["rows"] = {"hot": len(frame) - archived, "archived": archived}
    frame.attrs["around"] = this
    frame.attrs["seconds"] = time.perf_counter() - begun
    if neighbours.lacks is not None:
        frame.attrs["pruned"] = neighbours.lacks
        warn_of(neighbours.lacks)
    return frame


class _Neighbours:
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
        moment = log["timestamp"].cast(pa.int64())[0].as_py()
        shared = self._shared(log)
        equal = self._keys({**shared, "since": moment, "until": moment + 1})
        behind = np.searchsorted(equal["seq"], self._seq)
        before = equal[max(behind - count, 0) : behind]
        after = equal[behind + 1 : behind + 1 + count]
        earlier = count - len(before)
        if earlier:
            before = np.append(before, self._keys({**shared, "until": moment, "limit": earlier}))
        later = count - len(after)
        if later:
            after = np.append(after, self._later(shared, moment, later))
        keys = np.concatenate([before, after])
        if not len(keys):
            return log
        seqs, moments = keys["seq"], keys["timestamp"]
        within: Filters = {**shared, "since": int(moments.min()), "until": int(moments.max()) + 1}
        rows = self._read(within, range(int(seqs.min()), int(seqs.max()) + 1))
        return pa.concat_tables([log, rows.filter(pc.is_in(rows["seq"], pa.array(seqs)))])

    def _later(self, shared: Filters, moment: int, count: int) -> _Keys:
        """Return the keys of the first logs behind a moment."""
        since: Filters = {**shared, "since": moment + 1}
        width = _FIRST_WIDTH
        if self._count({**since, "limit": count}) < count:
            return self._keys(since)
        while self._count({**since, "until": moment + 1 + width, "limit": count}) < count:
            width *= 2
        return self._keys({**since, "until": moment + 1 + width})[:count]

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

    def _keys(self, filters: Filters) -> _Keys:
        """Return seq and timestamp of logs, by time, and of equal times by seq."""
        question = self._session.question(
            {**filters, "columns": ("seq", "timestamp"), "at": self._pin}
        )
        found = self._session.logs.rows(question)
        self.lacks = self.lacks or found.lacks
        seqs = found.table["seq"].to_numpy()
        moments = found.table["timestamp"].cast(pa.int64()).to_numpy()
        keys = np.empty(len(seqs), [("timestamp", np.int64), ("seq", np.int64)])
        keys["timestamp"], keys["seq"] = moments, seqs
        return np.sort(keys)

    def _count(self, filters: Filters) -> int:
        return self._session.logs.count(self._session.question({**filters, "at": self._pin})).value

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

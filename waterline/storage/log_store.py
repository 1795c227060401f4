"""Store of hot logs: bulk inserts into logs.db that report duplicates."""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import apsw
import msgspec

from waterline.storage.sqlite import transaction

Bindings = dict[str, bytes | str | int | None]

# Bytes. SQLite takes eleven times the size of JSON that it unpacks; a larger log is bound as is.
LARGE_ROW: Final = 2**20


class _Row(msgspec.Struct, array_like=True):
    """One row as received, attributes as JSON."""

    id: str
    type: str
    timestamp: int | None
    source: str
    message: str
    attributes: msgspec.Raw


_decode_row: Final = msgspec.json.Decoder(_Row).decode


class Rows(NamedTuple):
    """Rows as JSON arrays joined by commas, and their number."""

    text: bytes
    number: int

    @property
    def is_large(self) -> bool:
        """Whether this is one row too large for SQLite to unpack."""
        return self.number == 1 and len(self.text) > LARGE_ROW


class StoreResult(NamedTuple):
    """Result of an insert, in the order of the rows."""

    seqs: Sequence[int]
    """The seq of each row; a duplicate has the seq of the first."""
    known: Sequence[bool] | None
    """Whether each row is a duplicate; None if none is."""

    @property
    def last_new(self) -> int | None:
        """Highest seq of a new row; None if all are duplicates."""
        if self.known is None:
            return self.seqs[-1]
        new = [seq for seq, known in zip(self.seqs, self.known, strict=True) if not known]
        return new[-1] if new else None


# Rows come as one JSON text, which SQLite unpacks and inserts in one step without the GIL. So
# inserts run beside the event loop. Measured: as fast as `executemany`, which takes the GIL for
# each row and waits for it while the loop is busy. A single statement is a transaction of its own;
# BEGIN and COMMIT would wait for the GIL twice more.
_INSERT: Final = """
    INSERT INTO logs (seq, id, type, timestamp, received_at, source, message, attributes)
    SELECT
        :first_seq + key, value ->> 0, value ->> 1, ifnull(value ->> 2, :dated_at),
        :received_at, value ->> 3, value ->> 4, value -> 5
    FROM jsonb_each(cast(:rows AS TEXT))
    WHERE NOT (SELECT EXISTS (SELECT 1 FROM archived_ids))
        OR NOT EXISTS (
            SELECT 1 FROM archived_ids
            WHERE source = value ->> 3 AND id = value ->> 0 AND received_at >= :recognised_since
        )
"""
_INSERT_LARGE: Final = """
    INSERT INTO logs (seq, id, type, timestamp, received_at, source, message, attributes)
    SELECT
        :first_seq, :id, :type, ifnull(:timestamp, :dated_at), :received_at, :source, :message,
        :attributes
    WHERE NOT EXISTS (
        SELECT 1 FROM archived_ids
        WHERE source = :source AND id = :id AND received_at >= :recognised_since
    )
"""
_INSERT_UNKNOWN: Final = _INSERT + "ON CONFLICT (source, id) DO NOTHING"
_DELETE_FORGOTTEN: Final = """
    DELETE FROM logs WHERE seq IN (
        SELECT logs.seq
        FROM jsonb_each(cast(:rows AS TEXT)) AS given
        CROSS JOIN logs ON logs.source = given.value ->> 3 AND logs.id = given.value ->> 0
        WHERE logs.seq <= (SELECT archived_through FROM seam)
            AND logs.received_at < :recognised_since
    )
"""
_FIND: Final = """
    SELECT ifnull(
        (SELECT seq FROM logs WHERE source = value ->> 3 AND id = value ->> 0),
        (SELECT seq FROM archived_ids WHERE source = value ->> 3 AND id = value ->> 0)
    )
    FROM jsonb_each(cast(:rows AS TEXT))
    ORDER BY key
"""


class _Step(NamedTuple):
    """One statement of a transaction."""

    statement: str
    bindings: Bindings
    names: Bindings
    """Bindings to find the rows by source and id."""


def _step(part: Rows, first_seq: int, received_at: int, recognised_since: int) -> _Step:
    common: Bindings = {
        "first_seq": first_seq,
        "received_at": received_at,
        "recognised_since": recognised_since,
    }
    if not part.is_large:
        bindings = common | {"rows": b"[%b]" % part.text}
        return _Step(_INSERT, bindings, bindings)
    row = _decode_row(part.text)
    names = msgspec.json.encode([(row.id, None, None, row.source)])
    bindings = common | {
        "id": row.id,
        "type": row.type,
        "timestamp": row.timestamp,
        "source": row.source,
        "message": row.message,
        "attributes": str(bytes(row.attributes), "utf-8"),
    }
    return _Step(_INSERT_LARGE, bindings, common | {"rows": names})


class LogStore:
    """Inserts rows into logs.db; each call is one transaction.

    Args:
        connection: the connection that writes.
        dedupe_window: milliseconds after receipt in which an archived log sent again is recognised.
            Hot logs are always recognised.
    """

    def __init__(self, connection: apsw.Connection, dedupe_window: int) -> None:
        self._connection = connection
        self._dedupe_window = dedupe_window

    def store(
        self,
        rows: bytes,
        count: int,
        first_seq: int,
        received_at: int,
        dated_at: int | None = None,
    ) -> StoreResult:
        """Insert the new rows, with ascending seqs.

        Args:
            rows: a JSON array of arrays `[id, type, timestamp or null, source, message,
                attributes]`.
            count: number of rows, at least one.
            first_seq: seq of the first row, above every earlier one.
            received_at: milliseconds UTC, not below that of any stored row.
            dated_at: time by the clock, milliseconds UTC; default `received_at`. It is the
                timestamp of logs without one, and the end of `dedupe_window`.

        Raises:
            apsw.Error: nothing was stored.
        """
        dated_at = received_at if dated_at is None else dated_at
        bindings: Bindings = {
            "rows": rows,
            "first_seq": first_seq,
            "received_at": received_at,
            "dated_at": dated_at,
            "recognised_since": dated_at - self._dedupe_window,
        }
        try:
            self._connection.execute(_INSERT, bindings)
        except apsw.ConstraintError:
            with transaction(self._connection):
                self._store_unknown(bindings)
                return self._find(bindings)
        if self._connection.changes() < count:
            return self._find(bindings)
        return StoreResult(range(first_seq, first_seq + count), None)

    def store_all(
        self, parts: Sequence[Rows], first_seq: int, received_at: int, dated_at: int
    ) -> StoreResult:
        """Insert rows of several statements in one transaction.

        Args:
            parts: the rows of each statement.
            first_seq: seq of the first row, above every earlier one.
            received_at: milliseconds UTC, not below that of any stored row.
            dated_at: time by the clock, milliseconds UTC; see `store`.

        Raises:
            apsw.Error: nothing was stored.
        """
        if len(parts) == 1 and not parts[0].is_large:
            ((text, count),) = parts
            return self.store(b"[%b]" % text, count, first_seq, received_at, dated_at)
        steps: list[_Step] = []
        for part in parts:
            steps.append(_step(part, first_seq, received_at, dated_at - self._dedupe_window))
            steps[-1].bindings["dated_at"] = dated_at
            first_seq += part.number
        try:
            with transaction(self._connection):
                new = sum(self._insert(each) for each in steps)
        except apsw.ConstraintError:
            with transaction(self._connection):
                for each in steps:
                    self._connection.execute(_DELETE_FORGOTTEN, each.names)
                    self._insert(each, "ON CONFLICT (source, id) DO NOTHING")
                return self._find_all(steps)
        count = sum(each.number for each in parts)
        if new < count:
            return self._find_all(steps)
        return StoreResult(range(first_seq - count, first_seq), None)

    def _insert(self, step: "_Step", on_conflict: str = "") -> int:
        self._connection.execute(step.statement + on_conflict, step.bindings)
        return self._connection.changes()

    def _find_all(self, steps: Sequence["_Step"]) -> StoreResult:
        found = [self._find(each.names) for each in steps]
        known = [known for each in found for known in each.known or ()]
        return StoreResult([seq for each in found for seq in each.seqs], known)

    def _store_unknown(self, bindings: Bindings) -> None:
        # Archived rows stay in the table until their removal, and would count as duplicates.
        self._connection.execute(_DELETE_FORGOTTEN, bindings)
        self._connection.execute(_INSERT_UNKNOWN, bindings)

    def _find(self, bindings: Bindings) -> StoreResult:
        """Return the seq of each row, from the table or `archived_ids`."""
        rows = self._connection.execute(_FIND, bindings).fetchall()
        seqs = [seq for (seq,) in cast("list[tuple[int]]", rows)]
        first_seq = cast("int", bindings["first_seq"])
        return StoreResult(seqs, [seq != first_seq + at for at, seq in enumerate(seqs)])

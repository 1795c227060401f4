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
_COLUMNS: Final = "(seq, id, type, timestamp, received_at, source, message, attributes)"
_IS_NEW: Final = """
    NOT (SELECT EXISTS (SELECT 1 FROM archived_ids))
    OR NOT EXISTS (
        SELECT 1 FROM archived_ids
        WHERE source = value ->> 3 AND id = value ->> 0 AND received_at >= :recognised_since
    )
"""
_VALUES: Final = """
    value ->> 1, ifnull(value ->> 2, :dated_at), :received_at, value ->> 3, value ->> 4, value -> 5
    FROM jsonb_each(cast(:rows AS TEXT))
"""
# No id is NULL: a log that is archived already fails the statement, as one that is hot does.
# So all that leaves seqs out is one transaction, which notes that.
_INSERT: Final = f"""
    INSERT INTO logs {_COLUMNS}
    SELECT :first_seq + key, CASE WHEN {_IS_NEW} THEN value ->> 0 END, {_VALUES}
"""
_INSERT_UNKNOWN: Final = f"""
    INSERT INTO logs {_COLUMNS}
    SELECT :first_seq + key, value ->> 0, {_VALUES} WHERE {_IS_NEW}
    ON CONFLICT (source, id) DO NOTHING
"""
_IS_NEW_LARGE: Final = """
    NOT EXISTS (
        SELECT 1 FROM archived_ids
        WHERE source = :source AND id = :id AND received_at >= :recognised_since
    )
"""
_VALUES_LARGE: Final = """
    :type, ifnull(:timestamp, :dated_at), :received_at, :source, :message, :attributes
"""
_INSERT_LARGE: Final = f"""
    INSERT INTO logs {_COLUMNS}
    SELECT :first_seq, CASE WHEN {_IS_NEW_LARGE} THEN :id END, {_VALUES_LARGE}
"""
_INSERT_UNKNOWN_LARGE: Final = f"""
    INSERT INTO logs {_COLUMNS} SELECT :first_seq, :id, {_VALUES_LARGE} WHERE {_IS_NEW_LARGE}
    ON CONFLICT (source, id) DO NOTHING
"""
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
# Most commits leave no seq out, and note nothing. Of gaps below the watermark the last is kept, as
# its sum is where the next one begins.
_NOTE_GAP: Final = """
    INSERT INTO seq_gaps (after, through, missing)
    SELECT
        :after, last,
        ifnull((SELECT missing FROM seq_gaps ORDER BY after DESC LIMIT 1), 0)
            + last - :after - stored
    FROM (SELECT max(seq) AS last, count(*) AS stored FROM logs WHERE seq > :after)
    WHERE last - :after > stored
"""
_FORGET_GAPS: Final = """
    DELETE FROM seq_gaps WHERE after < (
        SELECT max(after) FROM seq_gaps WHERE through <= (SELECT archived_through FROM seam)
    )
"""


class _Step(NamedTuple):
    """One statement of a transaction."""

    statement: str
    """Inserts the rows; it fails if one of them is a duplicate."""
    unknown: str
    """Inserts those that are no duplicates."""
    bindings: Bindings
    names: Bindings
    """Bindings to find the rows by source and id."""


def _step(
    part: Rows, first_seq: int, received_at: int, dated_at: int, recognised_since: int
) -> _Step:
    common: Bindings = {
        "first_seq": first_seq,
        "received_at": received_at,
        "dated_at": dated_at,
        "recognised_since": recognised_since,
    }
    if not part.is_large:
        bindings = common | {"rows": b"[%b]" % part.text}
        return _Step(_INSERT, _INSERT_UNKNOWN, bindings, bindings)
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
    return _Step(_INSERT_LARGE, _INSERT_UNKNOWN_LARGE, bindings, common | {"rows": names})


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
        part = Rows(rows[1:-1], count)
        return self.store_all([part], first_seq, received_at, dated_at)

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
        return self.store_moments([(received_at, each) for each in parts], first_seq, dated_at)

    def store_moments(
        self, moments: Sequence[tuple[int, Rows]], first_seq: int, dated_at: int
    ) -> StoreResult:
        """Insert rows that were received at several moments, in one transaction.

        Args:
            moments: `received_at`, milliseconds UTC, and the rows of each statement; none below
                that of a stored row, or of one before.
            first_seq: seq of the first row, above every earlier one.
            dated_at: time by the clock, milliseconds UTC; see `store`.

        Raises:
            apsw.Error: nothing was stored.
        """
        steps: list[_Step] = []
        recognised_since = dated_at - self._dedupe_window
        end = first_seq
        for received_at, part in moments:
            steps.append(_step(part, end, received_at, dated_at, recognised_since))
            end += part.number
        try:
            self._insert(steps)
        except apsw.ConstraintError:
            return self._insert_unknown(steps, first_seq)
        return StoreResult(range(first_seq, end), None)

    def _insert(self, steps: Sequence[_Step]) -> None:
        if len(steps) == 1:
            self._connection.execute(steps[0].statement, steps[0].bindings)
            return
        with transaction(self._connection):
            for each in steps:
                self._connection.execute(each.statement, each.bindings)

    def _insert_unknown(self, steps: Sequence[_Step], first_seq: int) -> StoreResult:
        with transaction(self._connection):
            for each in steps:
                # Archived rows stay in the table until their removal, and would count as
                # duplicates.
                self._connection.execute(_DELETE_FORGOTTEN, each.names)
                self._connection.execute(each.unknown, each.bindings)
            self._connection.execute(_NOTE_GAP, {"after": first_seq - 1})
            self._connection.execute(_FORGET_GAPS)
            found = [self._find(each.names) for each in steps]
        known = [known for each in found for known in each.known or ()]
        return StoreResult([seq for each in found for seq in each.seqs], known)

    def _find(self, bindings: Bindings) -> StoreResult:
        """Return the seq of each row, from the table or `archived_ids`."""
        rows = self._connection.execute(_FIND, bindings).fetchall()
        seqs = [seq for (seq,) in cast("list[tuple[int]]", rows)]
        first_seq = cast("int", bindings["first_seq"])
        return StoreResult(seqs, [seq != first_seq + at for at, seq in enumerate(seqs)])

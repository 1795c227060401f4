"""Kept answers in cache.db: finding, keeping, renewing and evicting them."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import apsw
import pyarrow as pa

from workbench.query.known import Mark
from workbench.query.question import Question

FROM_THE_BEGINNING: Final = -(2**63)


def since_of(question: Question) -> int:
    """Return the begin of a question's window, milliseconds UTC."""
    return FROM_THE_BEGINNING if question.since is None else question.since


LEFT_OUT: Final[Mapping[str, str]] = {
    "since": "an answer serves every later `since` too, and is found by it",
    "columns": "answers are kept with the columns `kept`, whatever their order was to be",
    "members": "kept answers have all, whatever a reader of parts needs",
    "pin": "only its seq counts; its other parts are checked against logs.db each time",
}
"""Members of a question that its digest does not have as they are, and why."""


def digest(question: Question) -> str:
    """Return the SHA-256 of a question without its `since`, as hexadecimal digits.

    A member that is added to `Question` or its filters is in it at once.
    """
    # They mean the same in any order.
    asked = question.filters
    asked = replace(asked, types=_sorted(asked.types), sources=_sorted(asked.sources))
    members = {
        each.name: getattr(question, each.name)
        for each in fields(question)
        if each.name not in LEFT_OUT
    }
    members["filters"] = asked
    # Unlike JSON, repr tells 1, 1.0 and True apart, and has infinity.
    return _sha256(repr((members, question.kept, question.through)))


def digest_with(question: str, since: int) -> str:
    """Return the SHA-256 of a question's digest and a `since`."""
    return _sha256(f"{question} {since}")


def type_text(question: Question) -> str:
    """Return the types of a question as people read them."""
    types = question.filters.types
    return "*" if types is None else ", ".join(_sorted(types) or ())


def _sorted(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted({*values}))


def _sha256(text: str) -> str:
    # An attribute's name may hold half a surrogate pair, although no log can have it.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


_MEMBERS: Final = """
    log_cache.id, question, since, log_type, incarnation, pruned, rows, created_at, expires_at,
    last_seq, last, last_used_at, hits, checksum
"""
_FIND: Final = f"""
    SELECT {_MEMBERS}, data FROM log_cache JOIN log_cache_state USING (id)
    WHERE question = ? AND since <= ? AND created_at <= ? AND expires_at > ?
    ORDER BY since DESC LIMIT 1
"""
_LIST: Final = f"""
    SELECT {_MEMBERS}, length(data) FROM log_cache JOIN log_cache_state USING (id)
    ORDER BY last_used_at DESC
"""
# Half as fast again as none to read back, a third of the bytes to write.
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4")


class DamagedEntry(Exception):
    """A kept answer is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Metadata of a kept answer. Times are milliseconds UTC."""

    question: str
    """Digest of the question without its `since`."""
    since: int
    log_type: str
    mark: Mark
    rows: int
    created_at: int
    expires_at: int
    last_used_at: int
    hits: int = 0

    @property
    def id(self) -> str:
        """Key in cache.db."""
        return digest_with(self.question, self.since)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An entry with its answer, an Arrow stream, and the CRC-32 of the stream."""

    entry: Entry
    data: bytes
    crc: int

    @property
    def table(self) -> pa.Table:
        """The answer."""
        return pa.ipc.open_stream(self.data).read_all()

    @property
    def checksum(self) -> int:
        """CRC-32 of the answer and of the metadata that its use depends on."""
        entry = self.entry
        known_by = (entry.id, entry.mark, entry.rows, entry.created_at, entry.expires_at)
        return zlib.crc32(repr(known_by).encode(errors="surrogatepass"), self.crc)


def keep(entry: Entry, table: pa.Table) -> KeptAnswer:
    """Return an entry with its answer, encoded for cache.db."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
        # One chunk is read back three times as fast as a hundred.
        writer.write_table(table.combine_chunks())
    data = sink.getvalue().to_pybytes()
    return KeptAnswer(entry, data, zlib.crc32(data))


def find(connection: apsw.Connection, question: str, since: int, now: int) -> KeptAnswer | None:
    """Return the smallest kept answer whose window covers the question, or None.

    Args:
        connection: to cache.db.
        question: digest of the question without its `since`.
        since: begin of the window, milliseconds UTC.
        now: milliseconds UTC.

    Raises:
        DamagedEntry: the answer is damaged.
    """
    row = connection.execute(_FIND, (question, since, now, now)).fetchone()
    if row is None:
        return None
    kept = KeptAnswer(_entry(row), row[-1], zlib.crc32(row[-1]))
    if kept.entry.id != row[0] or kept.checksum != row[-2]:
        raise DamagedEntry(f"the answer {row[0]} is not what was kept")
    return kept


def put(connection: apsw.Connection, kept: KeptAnswer) -> None:
    """Store an answer, in place of an earlier one to the same question."""
    entry, mark = kept.entry, kept.entry.mark
    drop(connection, entry.id)
    connection.execute(
        "INSERT INTO log_cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.question,
            entry.since,
            entry.log_type,
            mark.incarnation,
            mark.pruned,
            entry.rows,
            entry.created_at,
            entry.expires_at,
            kept.data,
        ),
    )
    connection.execute(
        "INSERT INTO log_cache_state VALUES (?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            mark.last_seq,
            mark.last,
            entry.last_used_at,
            entry.hits,
            kept.checksum,
        ),
    )


def use(connection: apsw.Connection, kept: KeptAnswer, mark: Mark, now: int) -> None:
    """Record the use of an answer, and that it is valid up to a mark unchanged.

    Args:
        connection: to cache.db.
        kept: the answer.
        mark: how far it is valid.
        now: milliseconds UTC.
    """
    moved = replace(kept, entry=replace(kept.entry, mark=mark))
    connection.execute(
        "UPDATE log_cache_state SET last_seq = ?, last = ?, checksum = ?, last_used_at = ?, "
        "hits = hits + 1 WHERE id = ? AND checksum = ?",  # unless another process was quicker
        (
            mark.last_seq,
            mark.last,
            moved.checksum,
            now,
            kept.entry.id,
            kept.checksum,
        ),
    )


def drop(connection: apsw.Connection, entry_id: str) -> None:
    """Remove an answer."""
    connection.execute("DELETE FROM log_cache WHERE id = ?", (entry_id,))
    connection.execute("DELETE FROM log_cache_state WHERE id = ?", (entry_id,))


def drop_expired(connection: apsw.Connection, now: int) -> int:
    """Remove answers that have expired or are of the future; return their number."""
    expired = [
        entry for entry, _ in listed(connection) if not entry.created_at <= now < entry.expires_at
    ]
    for entry in expired:
        drop(connection, entry.id)
    return len(expired)


def make_room(connection: apsw.Connection, size: int) -> None:
    """Remove the least recently used answers until the others fit a size."""
    total = 0
    for entry, taken in listed(connection):
        total += taken
        if total > size:
            drop(connection, entry.id)


def listed(connection: apsw.Connection) -> list[tuple[Entry, int]]:
    """Return all kept answers with their bytes, the last used first."""
    rows: list[tuple[Any, ...]] = connection.execute(_LIST).fetchall()
    return [(_entry(row), row[-1]) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    (
        _, question, since, log_type, incarnation, pruned, rows, created_at, expires_at,
        last_seq, last, last_used_at, hits, *_,
    ) = row  # fmt: skip
    return Entry(
        question=question,
        since=since,
        log_type=log_type,
        mark=Mark(incarnation, pruned, last_seq, last),
        rows=rows,
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
        hits=hits,
    )

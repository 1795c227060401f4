"""Index of chosen attributes over hot logs: built and removed in slices, beside the writer.

A value is kept as SQLite compares it: numbers and texts as themselves, booleans and what is no
scalar as bytes, which neither equals. A log without the attribute, or with null, has none. An index
of SQLite's own would be made in one statement, for which no log could be stored.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Final, cast

import apsw

from waterline.query_text.paths import steps_of
from waterline.storage.sqlite import transaction

FALSE: Final = b"\x00"
TRUE: Final = b"\x01"
OTHER: Final = b"\x02"
"""What stands for an object or an array."""

# Seconds that a slice may hold the write lock, and pauses after it under load, in multiples.
_SLICE_SECONDS: Final = 0.002
_PAUSE_FACTOR: Final = 3.0
_RETRY_SECONDS: Final = 1.0
_FIRST_SLICE: Final = 200
_LARGEST_SLICE: Final = 20_000

_FILL: Final = """
    INSERT OR IGNORE INTO attribute_values
    SELECT {attribute}, value, seq FROM (
        SELECT seq, {value} AS value FROM logs WHERE seq > ?1 AND seq <= ?2
    ) WHERE value IS NOT NULL
"""
_LOWER: Final = """
    SELECT ifnull(min(seq) - 1, 0) FROM (
        SELECT seq FROM logs WHERE seq <= ?1 AND seq > (SELECT archived_through FROM seam)
        ORDER BY seq DESC LIMIT ?2
    )
"""
_EMPTY: Final = """
    DELETE FROM attribute_values WHERE (attribute, value, seq) IN (
        SELECT attribute, value, seq FROM attribute_values WHERE attribute = ?1 LIMIT ?2
    )
"""


class AttributeIndex:
    """Keeps `attribute_values` as told, on the connection that writes logs.db.

    Args:
        connection: the connection that writes.
        names: the attributes to index; those that were indexed before and are not named go.

    Raises:
        apsw.Error: logs.db refuses.
    """

    def __init__(self, connection: apsw.Connection, names: Sequence[str]) -> None:
        self._connection = connection
        self._size = _FIRST_SLICE
        self._next_at = 0.0
        self._is_well = True
        if {*names} != {*self._known("indexed_from IS NOT NULL")}:
            with transaction(connection):
                self._declare(names)
        self.is_pending = self._pending() is not None
        """Whether slices of work are left."""

    def step(self, *, is_idle: bool) -> None:
        """Do a slice of work, if it is time for one.

        Args:
            is_idle: whether no logs wait, so that no pause is needed.

        Raises:
            apsw.Error: logs.db refuses; the slice is done again later.
        """
        begun = time.monotonic()
        if not self.is_pending or (begun < self._next_at and not (is_idle and self._is_well)):
            return
        self._is_well = False
        self._next_at = begun + _RETRY_SECONDS
        # A slice lost in a power cut is done again, so there is no need to wait for the disk.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with transaction(self._connection):
                pending = self._pending()
                if pending is None:
                    self.is_pending = False
                    return
                self._advance(*pending)
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")
        took = time.monotonic() - begun
        fitting = round(self._size * _SLICE_SECONDS / max(took, 1e-6))
        # At most twice as large: one quick slice says little about the next.
        self._size = max(1, min(_LARGEST_SLICE, 2 * self._size, fitting))
        self._next_at, self._is_well = time.monotonic() + took * _PAUSE_FACTOR, True

    def _known(self, criterion: str) -> dict[str, int]:
        rows = self._connection.execute(
            f"SELECT name, attribute FROM indexed_attributes WHERE {criterion}"
        ).fetchall()
        return dict(cast("list[tuple[str, int]]", rows))

    def _declare(self, names: Sequence[str]) -> None:
        """Index new logs by these attributes from now on, and no others."""
        execute = self._connection.execute
        for name in self._known("indexed_from IS NOT NULL").keys() - {*names}:
            execute("UPDATE indexed_attributes SET indexed_from = NULL WHERE name = ?", (name,))
        for name in names:
            # Values of before may lack those of logs that came since, so it begins anew.
            execute(
                "UPDATE indexed_attributes SET name = name || ' ' || attribute "
                "WHERE name = ? AND indexed_from IS NULL",
                (name,),
            )
            execute(
                "INSERT INTO indexed_attributes (name, indexed_from) "
                "SELECT ?, ifnull((SELECT max(seq) FROM logs), 0) WHERE true "
                "ON CONFLICT (name) DO NOTHING",
                (name,),
            )
        execute("DROP TRIGGER IF EXISTS logs_indexed")
        execute("DROP TRIGGER IF EXISTS logs_not_indexed")
        known = self._known("indexed_from IS NOT NULL")
        if known:
            execute(f"CREATE TRIGGER logs_indexed AFTER INSERT ON logs BEGIN {_inserts(known)} END")
            execute(
                f"CREATE TRIGGER logs_not_indexed AFTER DELETE ON logs BEGIN {_deletes(known)} END"
            )

    def _pending(self) -> tuple[str, int, int | None] | None:
        """Return name, number and begin of an attribute that work is left for."""
        rows = self._connection.execute(
            "SELECT name, attribute, indexed_from FROM indexed_attributes, seam "
            "WHERE indexed_from IS NULL OR indexed_from > archived_through LIMIT 1"
        ).fetchall()
        return cast("tuple[str, int, int | None]", rows[0]) if rows else None

    def _advance(self, name: str, attribute: int, indexed_from: int | None) -> None:
        execute = self._connection.execute
        if indexed_from is None:
            execute(_EMPTY, (attribute, self._size))
            if not self._connection.changes():
                execute("DELETE FROM indexed_attributes WHERE attribute = ?", (attribute,))
            return
        lower = cast("int", execute(_LOWER, (indexed_from, self._size)).get)
        fill = _FILL.format(attribute=attribute, value=value_of("attributes", name))
        execute(fill, (lower, indexed_from))
        execute(
            "UPDATE indexed_attributes SET indexed_from = ? WHERE attribute = ?",
            (lower, attribute),
        )


def value_of(column: str, name: str) -> str:
    """Return SQL for the value of an attribute, as it is kept; NULL without one.

    Args:
        column: the column with the attributes of a log.
        name: the name of the attribute, or a path.
    """
    own = _at(column, [name])
    steps = steps_of(name)
    if not steps:
        return own
    has_none = f"json_type({column}, {_path([name])}) IS NULL"
    return f"CASE WHEN {has_none} THEN {_at(column, steps)} ELSE {own} END"


def _at(column: str, steps: Sequence[str]) -> str:
    path = _path(steps)
    return (
        f"CASE json_type({column}, {path}) WHEN 'true' THEN x'01' WHEN 'false' THEN x'00' "
        f"WHEN 'object' THEN x'02' WHEN 'array' THEN x'02' ELSE {column} ->> {path} END"
    )


def _path(steps: Sequence[str]) -> str:
    return "'$" + "".join(f'."{each}"' for each in steps) + "'"


def _inserts(known: dict[str, int]) -> str:
    return _each(
        f"INSERT INTO attribute_values SELECT {attribute}, value, NEW.seq "
        f"FROM (SELECT {value_of('NEW.attributes', name)} AS value) WHERE value IS NOT NULL"
        for name, attribute in known.items()
    )


def _deletes(known: dict[str, int]) -> str:
    return _each(
        f"DELETE FROM attribute_values WHERE attribute = {attribute} "
        f"AND value = {value_of('OLD.attributes', name)} AND seq = OLD.seq"
        for name, attribute in known.items()
    )


def _each(statements: Iterable[str]) -> str:
    return "".join(f"{each};" for each in statements)

"""The cache: a kept answer is used if it equals, with newer logs added, a fresh one."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import apsw
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.columns import MOMENT
from waterline.units import counted, human_size, parse_duration, parse_size
from workbench.display import Line, as_html, as_text
from workbench.frames import to_frame
from workbench.query.cache import durations, entries
from workbench.query.cache.database import CacheFile
from workbench.query.cache.durations import Outcome
from workbench.query.cache.entries import (
    FROM_THE_BEGINNING,
    Entry,
    KeptAnswer,
    digest,
    since_of,
    type_text,
)
from workbench.query.execute import FoundRows, RowReader
from workbench.query.known import KnownAnswer, Mark
from workbench.query.question import Question
from workbench.query.times import parsed

TTL: Final = "1h"
SIZE: Final = "256MiB"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the cache."""

    ttl: int
    """Milliseconds for which an answer is kept."""
    size: int
    """Bytes that all answers may take; the least recently used go first."""

    @classmethod
    def of(cls, cache_ttl: str, cache_size: str) -> Self:
        """Return limits from their texts.

        Raises:
            UsageError: a text has no meaning; the sentence names the argument.
        """
        return cls(
            parsed(parse_duration, "cache_ttl", cache_ttl, TTL),
            parsed(parse_size, "cache_size", cache_size, SIZE),
        )


# An answer may take a quarter of the size: a larger one would push most others out.
_LARGEST: Final = 4
# Logs that take as long to read again as an answer takes to be kept.
WORTH_KEEPING: Final = 5_000

_Change = Callable[[apsw.Connection], None]


class Cache:
    """Answers questions from kept answers, and keeps answers.

    A kept answer is valid while the folder's past is the same and no batch was pruned. Newer logs
    are added to it, and logs that left the window or the limit are dropped. All notebooks and
    processes that read the folder share the cache.

    Args:
        path: the cache.db, created when first needed.
        clock: returns milliseconds UTC.
        limits: size and duration of what is kept.
    """

    def __init__(self, path: Path, clock: Callable[[], int], limits: Limits) -> None:
        self._file = CacheFile(path)
        self._clock = clock
        self._limits = limits

    def rows(
        self, logs: RowReader, question: Question, *, may_lack: bool = False
    ) -> tuple[FoundRows, Outcome]:
        """Return what `Logs.rows` answers, and what the cache had of it.

        Args:
            logs: reads hot and archived logs.
            question: what is asked.
            may_lack: whether to leave out logs whose archive files are missing or damaged.

        Raises:
            IncompleteAnswer: archive files are missing or damaged; the sentence names them.
        """
        begun = time.perf_counter()
        kept = self._find(question)
        known = None if kept is None else _known(kept, question)
        rows = logs.rows(question, known, may_lack=may_lack)
        assert isinstance(rows, FoundRows)  # only answers of one data folder are kept
        outcome = _outcome(rows)
        seconds = time.perf_counter() - begun
        keep = self._keeping(question, rows, None if outcome == "miss" else kept)

        def note(connection: apsw.Connection) -> None:
            count = rows.table.num_rows
            durations.record(connection, self._clock(), seconds, count, outcome)
            if keep is not None:
                keep(connection)

        self._file.change(note)
        return rows, outcome

    def known(self, question: Question) -> KnownAnswer | None:
        """Return the kept answer to a question, or None; whether it is valid, a view tells."""
        kept = self._find(question)
        return None if kept is None else _known(kept, question)

    def cleanup(self) -> int:
        """Remove expired answers and free their space; return their number."""

        def clean(connection: apsw.Connection) -> int:
            dropped = entries.drop_expired(connection, self._clock())
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            return dropped

        return self._file.change(clean) or 0

    def clear(self) -> int:
        """Remove all answers and free their space; return their number."""

        def clear(connection: apsw.Connection) -> int:
            kept = entries.listed(connection)
            for entry, _ in kept:
                entries.drop(connection, entry.id)
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            return len(kept)

        return self._file.change(clear) or 0

    def entries(self) -> pd.DataFrame:
        """List kept answers, the last used first.

        Returns:
            Columns log_type (`str`), rows, size (bytes), hits (`int64`), since (`NaT` where it is
            from the beginning), created_at, last_used_at and expires_at (`datetime64[us, UTC]`).
        """
        listed = self._file.look(entries.listed) or []
        members = [
            (
                entry.log_type,
                entry.rows,
                size,
                entry.hits,
                None if entry.since == FROM_THE_BEGINNING else entry.since,
                entry.created_at,
                entry.last_used_at,
                entry.expires_at,
            )
            for entry, size in listed
        ]
        columns = [*zip(*members, strict=True)] or [()] * len(_ENTRIES)
        arrays = [
            pa.array(values, kind) for values, kind in zip(columns, _ENTRIES.types, strict=True)
        ]
        return to_frame(pa.table(arrays, _ENTRIES))

    def statistics(self) -> pd.DataFrame:
        """Report the last 10,000 questions by what the cache had of the answer.

        Returns:
            A row each for `hit` (all of the answer), `merged` (all but logs that came since) and
            `miss`, in the column outcome (`str`), with questions, rows (`int64`), median_ms and
            max_ms (`float64`, NaN where there is none), the time until the rows were there.
        """
        return durations.summary(self._file.look(durations.recorded) or [])

    def durations(self) -> pd.DataFrame:
        """Return the durations of the last 10,000 questions, the oldest first.

        Returns:
            Columns timestamp (milliseconds UTC), milliseconds, rows and outcome.
        """
        # This must not create a cache.db.
        there = self._file.path.exists()
        records = self._file.look(durations.recorded) if there else None
        return durations.frame(records or [])

    def close(self) -> None:
        """Close cache.db; it may be called again."""
        self._file.close()

    def lines(self) -> list[Line]:
        """Return lines of (what, how much)."""
        kept = self.entries()
        asked = self.statistics()
        total = int(asked["questions"].sum())
        taken = human_size(int(kept["size"].sum()))
        outcomes = ", ".join(
            f"{each.outcome} {each.questions:,}"
            + (f" (median {each.median_ms:,.1f} ms)" if each.questions else "")
            for each in asked.itertuples()
        )
        lines = [
            ("cache", os.fspath(self._file.path)),
            ("answers", f"{len(kept):,} with {counted(int(kept['rows'].sum()), 'log')}"),
            ("size", f"{taken} of {human_size(self._limits.size)}"),
            ("questions", f"{total:,}: {outcomes}"),
        ]
        return [*lines, ("not in use", self._file.fault)] if self._file.fault else lines

    def __repr__(self) -> str:
        return as_text(self.lines())

    def _repr_html_(self) -> str:
        return as_html("Waterline cache", self.lines())

    def _entry(self, question: Question, rows: FoundRows) -> Entry:
        now = self._clock()
        return Entry(
            question=digest(question),
            since=since_of(question),
            log_type=type_text(question),
            mark=rows.mark,
            rows=rows.table.num_rows,
            created_at=now,
            expires_at=now + self._limits.ttl,
            last_used_at=now,
        )

    def _find(self, question: Question) -> KeptAnswer | None:
        asked, since, now = digest(question), since_of(question), self._clock()
        return self._file.look(lambda connection: entries.find(connection, asked, since, now))

    def _keeping(
        self, question: Question, rows: FoundRows, kept: KeptAnswer | None
    ) -> _Change | None:
        """Return the change to cache.db after a question was answered, or None.

        Args:
            question: the question.
            rows: the answer.
            kept: the kept answer that was used, or None.
        """
        if rows.missing:
            return None
        if kept is None:
            return self._putting(self._entry(question, rows), rows.table)
        behind = rows.mark.last_seq - kept.entry.mark.last_seq
        # A narrower window does not tell what came into the rest of the wide one.
        if not rows.came and since_of(question) == kept.entry.since:
            return self._using(kept, rows.mark)
        if behind >= max(WORTH_KEEPING, kept.entry.rows // 10):
            return self._moving(kept.entry, question, rows)
        return self._using(kept, kept.entry.mark)

    def _using(self, kept: KeptAnswer, mark: Mark) -> _Change:
        return lambda connection: entries.use(connection, kept, mark, self._clock())

    def _moving(self, before: Entry, question: Question, rows: FoundRows) -> _Change | None:
        """Keep an answer that continues a kept one, and expires with it."""
        entry = replace(
            self._entry(question, rows),
            created_at=before.created_at,
            expires_at=before.expires_at,
            hits=before.hits + 1,
        )
        # A moving window replaces its answer; a much narrower one leaves the wide one alone.
        moves = 2 * (rows.table.num_rows - (rows.came or 0)) >= before.rows
        return self._putting(entry, rows.table, before.id if moves else None)

    def _putting(
        self, entry: Entry, table: pa.Table, instead_of: str | None = None
    ) -> _Change | None:
        size = self._limits.size
        if table.nbytes > size // _LARGEST:
            return None
        kept = entries.keep(entry, table)

        def put(connection: apsw.Connection) -> None:
            if instead_of is not None:
                entries.drop(connection, instead_of)
            entries.drop_expired(connection, self._clock())
            entries.put(connection, kept)
            entries.make_room(connection, size)

        return put


def _outcome(rows: FoundRows) -> Outcome:
    if rows.came is None:
        return "miss"
    return "merged" if rows.came else "hit"


def _known(kept: KeptAnswer, question: Question) -> KnownAnswer:
    """Return the part of a kept answer that lies in the question's window."""
    table = kept.table
    if question.since is not None and question.since != kept.entry.since:
        table = table.filter(
            pc.greater_equal(table["timestamp"], pa.scalar(question.since, MOMENT))
        )
    return KnownAnswer(table, kept.entry.mark)


_ENTRIES: Final = pa.schema(
    [
        ("log_type", pa.string()),
        ("rows", pa.int64()),
        ("size", pa.int64()),
        ("hits", pa.int64()),
        ("since", MOMENT),
        ("created_at", MOMENT),
        ("last_used_at", MOMENT),
        ("expires_at", MOMENT),
    ]
)

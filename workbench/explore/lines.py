"""Log lines: logs as a page shows them, hot or archived, with long texts cut."""

from bisect import bisect_left, bisect_right
from codecs import getincrementaldecoder
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, LargeBinary, Select, cast, func, literal_column, select

from waterline.storage.catalog import ArchivedBatch
from waterline.storage.tables import logs
from workbench.query.archived import Batches, Catalog
from workbench.query.database import View
from workbench.query.execute import Logs
from workbench.query.gaps import Gap, gaps_of
from workbench.query.question import Place, Question

MAX_TEXT: Final = 1000
"""Characters of a message, and of its attributes, in a line; the rest is read on demand."""
PIECE_BYTES: Final = 2**18
"""Bytes of a text that are read at once."""
_MAX_BYTES: Final = 4 * MAX_TEXT
_decoder: Final = getincrementaldecoder("utf-8")

Part = Literal["message", "attributes"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A stored log with long texts cut."""

    seq: int
    timestamp: int
    type: str
    source: str
    message: str
    attributes: str
    message_rest: int = 0
    """Number of bytes of the message that are cut."""
    attributes_rest: int = 0
    """Number of bytes of the attributes that are cut."""
    is_archived: bool = False

    @property
    def place(self) -> Place:
        """Its place in the order of answers."""
        return self.timestamp, self.seq


@dataclass(frozen=True, slots=True)
class Lines:
    """Some of the logs that match, as of one moment."""

    lines: Sequence[LogLine]
    """In the order of the question."""
    last_seq: int
    """Highest seq of the moment."""
    incarnation: str
    missing: tuple[str, ...] = ()
    """A sentence for each batch that could not be read."""
    lacks: str | None = None
    """Sentence about pruned logs that may have matched, or None."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of a text."""

    text: str
    end: int
    """Offset in bytes at which the next piece begins."""
    rest: int
    """Number of bytes from there on."""


def find_lines(found: Logs, question: Question) -> Lines:
    """Return the logs that match a question, up to its limit.

    First their places are found, so that the memory of a few long messages is never taken.

    Args:
        found: the logs of a folder.
        question: what is asked.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    rows = found.rows(replace(question, columns=("seq",)), may_lack=True)
    seqs = rows.table["seq"].to_pylist()
    by_seq = {line.seq: line for line in lines_of(found, seqs)}
    lines = [by_seq[seq] for seq in seqs if seq in by_seq]
    return Lines(lines, rows.moment.last_seq, rows.moment.incarnation, rows.missing, rows.lacks)


def find_gaps(found: Logs, question: Question) -> list[Gap]:
    """Return the gaps that pruned logs leave in a range, the newest first; no file is opened.

    Args:
        found: the logs of a folder.
        question: what is asked; its limit is ignored.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    return found.ask(
        question, lambda _, catalog: gaps_of(catalog, question), lambda gaps, _, __: gaps
    )


def lines_of(found: Logs, seqs: Collection[int]) -> list[LogLine]:
    """Return the logs of these seqs that are still there, in no order.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    if not seqs:
        return []
    wanted = pa.array(sorted(seqs), pa.int64())

    def whole(hot: list[LogLine], catalog: Catalog, batches: Batches) -> list[LogLine]:
        lines = [*hot]
        for batch in _holding(catalog.kept, seqs):
            table = batches.chosen(batch)
            lines += _archived(table.filter(pc.is_in(table["seq"], value_set=wanted)))
        return lines

    return found.ask(
        Question(),
        lambda view, catalog: _hot(
            view, [each for each in seqs if each > catalog.moment.archived_through]
        ),
        whole,
        may_lack=True,
    )


def piece_of(found: Logs, seq: int, part: Part, begin: int) -> Piece | None:
    """Return a piece of a text; None if the log is gone.

    Args:
        found: the logs of a folder.
        seq: seq of the log.
        part: message or attributes.
        begin: offset in bytes, at which a character begins.

    Raises:
        DataFolderError: logs.db cannot be read.
    """

    def hot(view: View, _: Catalog) -> tuple[bytes, int] | None:
        data = as_bytes(logs.c[part])
        chosen = select(bytes_of(data, begin + 1, PIECE_BYTES), func.length(data))
        for piece, size in view.rows(chosen.where(logs.c.seq == seq)):
            return piece, size
        return None

    def whole(
        hot: tuple[bytes, int] | None, catalog: Catalog, batches: Batches
    ) -> tuple[bytes, int] | None:
        for batch in _holding(catalog.kept, [seq]):
            table = batches.chosen(batch)
            for text in table.filter(pc.equal(table["seq"], seq))[part]:
                data = text.as_buffer().to_pybytes()
                return data[begin : begin + PIECE_BYTES], len(data)
        return hot

    data = found.ask(Question(columns=(part,)), hot, whole, may_lack=True)
    if data is None:
        return None
    text, rest = begin_of(data[0], max(0, data[1] - begin), PIECE_BYTES)
    return Piece(text, data[1] - rest, rest)


def begin_of(data: bytes, size: int, limit: int = MAX_TEXT) -> tuple[str, int]:
    """Return the first characters of a text, and the number of bytes behind them.

    Args:
        data: the text in UTF-8, whole or cut anywhere.
        size: number of bytes of the whole text.
        limit: greatest number of characters.
    """
    text = _decoder().decode(data, final=len(data) >= size)[:limit]
    return text, size - len(text.encode())


def as_bytes(text: ColumnElement[str]) -> ColumnElement[bytes]:
    """Return a text as bytes: SQLite's functions end a text at its first NUL."""
    return cast(text, LargeBinary)


def bytes_of(data: ColumnElement[bytes], begin: int, count: int) -> ColumnElement[bytes]:
    """Return `count` bytes from `begin`, counted from 1; empty bytes rather than NULL.

    Args:
        data: a column of bytes.
        begin: place of the first byte, counted from 1.
        count: number of bytes.
    """
    return func.coalesce(func.substr(data, begin, count), literal_column("x''"))


def _hot(view: View, seqs: Sequence[int]) -> list[LogLine]:
    """Return the lines of hot logs; only the begin of a long text is read."""
    message, attributes = as_bytes(logs.c.message), as_bytes(logs.c.attributes)
    chosen: Select[Any] = select(
        logs.c.seq,
        logs.c.timestamp,
        logs.c.type,
        logs.c.source,
        bytes_of(message, 1, _MAX_BYTES),
        func.length(message),
        bytes_of(attributes, 1, _MAX_BYTES),
        func.length(attributes),
    ).where(logs.c.seq.in_(seqs))
    return [
        _line(seq, time, kind, source, (text, size), (pairs, pairs_size), is_archived=False)
        for seq, time, kind, source, text, size, pairs, pairs_size in view.rows(chosen)
    ]


def _archived(table: pa.Table) -> list[LogLine]:
    """Return the lines of archived logs."""
    columns = (
        table["seq"].to_pylist(),
        table["timestamp"].cast(pa.int64()).to_pylist(),
        table["type"].to_pylist(),
        table["source"].to_pylist(),
        map(_begin, table["message"]),
        map(_begin, table["attributes"]),
    )
    return [_line(*row, is_archived=True) for row in zip(*columns, strict=True)]


def _begin(text: pa.StringScalar) -> tuple[bytes, int]:
    data = text.as_buffer()
    return data.slice(0, min(_MAX_BYTES, data.size)).to_pybytes(), data.size


def _line(
    seq: int,
    timestamp: int,
    log_type: str,
    source: str,
    message: tuple[bytes, int],
    attributes: tuple[bytes, int],
    *,
    is_archived: bool,
) -> LogLine:
    """Return a line; of message and attributes, the begin and the number of bytes are given."""
    (text, rest), (pairs, pairs_rest) = begin_of(*message), begin_of(*attributes)
    return LogLine(
        seq, timestamp, log_type, source, text, pairs, rest, pairs_rest, is_archived=is_archived
    )


def _holding(batches: Iterable[ArchivedBatch], seqs: Collection[int]) -> list[ArchivedBatch]:
    """Return the batches whose range has one of the seqs."""
    ordered = sorted(seqs)
    return [
        each
        for each in batches
        if bisect_right(ordered, each.last_seq) > bisect_left(ordered, each.first_seq)
    ]

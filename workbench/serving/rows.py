"""Streams of logs and of rows of SELECTs, which hold few rows at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from waterline.allocator import release_free_memory
from waterline.archive.as_stored import as_stored
from waterline.archive.columns import schema_of
from waterline.errors import DataFolderError
from workbench.query.archived import archived_seqs, incomplete, read_catalog
from workbench.query.arranged import first_place
from workbench.query.batch_file import BatchFile, TableOrFile
from workbench.query.known import KnownAnswer, Mark, take_mark
from workbench.query.moment import read_moment
from workbench.query.question import Question
from workbench.query.scan import NARROW_ROWS, PAGE_ROWS, LogScan
from workbench.query.session import Session
from workbench.wire.stream import Told

AT_ONCE: Final = 20_000
"""Logs up to which an answer is made at once, and comes in the order that was asked for."""

_LAST_SEQ: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Forms:
    """How logs of archives may come."""

    packed: bool = False
    """Whether as they lie there: attributes packed, texts as dictionaries."""
    files: frozenset[str] = frozenset()
    """Formats of batch files that may come whole, by name."""


STORED: Final = Forms()
"""As they were stored."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows as they are read, and what is told before and after them."""

    schema: pa.Schema
    head: Told
    tables: Iterator[TableOrFile]
    tail: Callable[[], Told]
    """Called behind the last table.

    Raises:
        IncompleteAnswer: archive files are missing or damaged.
    """


def matching_logs(
    session: Session, question: Question, known: Mark | None, *, may_lack: bool, forms: Forms
) -> Stream:
    """Return the logs that match a question.

    Few come in its order. More come by seq: whoever asks puts them in order.

    Args:
        session: the folder.
        question: what is asked.
        known: how far an earlier answer goes; if it is valid only newer logs come.
        may_lack: whether to leave out logs whose archive files are missing or damaged.
        forms: how logs of archives may come.

    Raises:
        IncompleteAnswer: archive files are missing or damaged.
    """
    if not may_lack:
        session.refuse_earlier()
    question = replace(question, members=None)
    is_limited = question.limit is not None and question.limit <= AT_ONCE
    if is_limited or _is_short(session, question, known):
        return _at_once(session, question, known, may_lack=may_lack)
    if question.limit is None:
        return _in_pieces(session, question, known, may_lack=may_lack, forms=forms)
    return _newest_in_pieces(session, question, may_lack=may_lack, forms=forms)


def scanned_logs(session: Session, question: Question, after: int, *, forms: Forms) -> Stream:
    """Return the logs that match a question and lie above a seq, by seq.

    Args:
        session: the folder.
        question: what is asked; its order and limit are ignored.
        after: the seq; 0 takes all.
        forms: how logs of archives may come.

    Raises:
        ArchiveError: an archive file is missing or damaged.
    """
    session.refuse_earlier()
    seqs = range(after + 1, _LAST_SEQ)
    scan = LogScan(session.folder, session.database, question, seqs, packed=True)
    head: Told = {
        "pin": str(question.pin or scan.moment.pin(session.clock())),
        "moment": scan.moment,
        "last_seq": scan.last_seq,
        "lacks": scan.lacks,
    }
    schema = schema_of(question.columns)
    pieces = _ahead(_pieces(scan, forms))
    return Stream(schema, head, pieces, lambda: {"pruned": scan.lacks, "missing": []})


def _ahead(pieces: Iterator[TableOrFile]) -> Iterator[TableOrFile]:
    """Yield pieces; another thread makes the next one while one is compressed and sent."""
    context = copy_context()

    def make() -> TableOrFile | None:
        return context.run(lambda: next(pieces, None))

    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(make)
        while (piece := making.result()) is not None:
            making = pool.submit(make)
            if piece.num_rows:
                yield piece
            del piece


def _pieces(scan: LogScan, forms: Forms) -> Iterator[TableOrFile]:
    """Yield the logs of a scan in pieces; of a batch only one is put together at a time."""
    packed = forms.packed
    for table in scan.tables_or_files(forms.files):
        if isinstance(table, BatchFile):
            yield table
            continue
        if table.num_rows <= NARROW_ROWS:
            # Pages of hot logs are pieces already.
            yield table if packed else as_stored(table)
            continue
        rows = NARROW_ROWS if packed else PAGE_ROWS
        last = (table.num_rows - 1) // rows * rows
        for begin in range(0, last, rows):
            piece = table.slice(begin, rows)
            yield piece if packed else as_stored(piece)
        # A slice keeps all of a batch.
        end = table.slice(last).take(pa.array(range(table.num_rows - last)))
        del table, piece
        yield end if packed else as_stored(end)
        # Asked for ahead, so that no other batch is read until all of this one was sent.
        yield end.schema.empty_table()
        del end
        release_free_memory()


def _is_short(session: Session, question: Question, known: Mark | None) -> bool:
    if known is not None:
        with session.database.view() as view:
            moment = read_moment(view)
            if known.holds(view, moment):
                return moment.last_seq - known.last_seq <= AT_ONCE
    return session.logs.most(question) <= AT_ONCE


def _at_once(session: Session, question: Question, known: Mark | None, *, may_lack: bool) -> Stream:
    schema = schema_of(question.kept)
    earlier = None if known is None else KnownAnswer(schema.empty_table(), known)
    rows = session.logs.rows(question, earlier, may_lack=may_lack)
    if rows.came is not None and question.limit is not None and rows.lacks is not None:
        # Whether pruned logs lie within the limit depends on the known ones.
        rows = session.logs.rows(question, may_lack=may_lack)
    head: Told = {
        "pin": str(question.pin or rows.moment.pin(session.clock())),
        "moment": rows.moment,
        "mark": rows.mark,
        "continues": rows.came is not None,
    }
    with session.database.view() as view:
        archived = archived_seqs(read_catalog(view, question))
    tail: Told = {
        "pruned": rows.lacks,
        "missing": [*_earlier(session), *rows.missing],
        "archived": archived,
    }
    return Stream(schema, head, iter([rows.table.select(question.kept)]), lambda: tail)


def _in_pieces(
    session: Session, question: Question, known: Mark | None, *, may_lack: bool, forms: Forms
) -> Stream:
    with session.database.view() as view:
        moment = read_moment(view)
        mark = take_mark(view, moment, question.through)
        continues = known is not None and known.holds(view, moment)
    last = _through(moment.last_seq, question)
    asked = replace(question, columns=question.kept, limit=None, last=last)
    after = known.last_seq if known is not None and continues else 0
    faults: list[str] = []
    seqs = range(after + 1, _LAST_SEQ)
    scan = LogScan(session.folder, session.database, asked, seqs, packed=True, faults=faults)
    if scan.moment.incarnation != moment.incarnation:
        raise DataFolderError(f"{session.place} was replaced by another while it was read")
    head: Told = {
        "pin": str(question.pin or moment.pin(session.clock())),
        "moment": moment,
        "mark": mark,
        "continues": continues,
    }

    def tail() -> Told:
        # As answers that are made at once name them, the newest first.
        missing = [*dict.fromkeys(reversed(faults))]
        if missing and not may_lack:
            raise incomplete(missing)
        return {
            "pruned": scan.lacks,
            "missing": [*_earlier(session), *missing],
            "archived": scan.archived,
        }

    return Stream(schema_of(asked.columns), head, _ahead(_pieces(scan, forms)), tail)


def _newest_in_pieces(
    session: Session, question: Question, *, may_lack: bool, forms: Forms
) -> Stream:
    """Find the place from which on the newest logs lie, and return them."""
    asked, lacks = _from_their_place(session, question, may_lack=may_lack)
    stream = _in_pieces(session, asked, None, may_lack=may_lack, forms=forms)

    def tail() -> Told:
        return {**stream.tail(), "pruned": lacks}

    return replace(stream, tail=tail)


def _from_their_place(
    session: Session, question: Question, *, may_lack: bool
) -> tuple[Question, str | None]:
    """Return a question without a limit for the same logs, and a sentence about pruned ones."""
    places = replace(question, columns=("seq", "timestamp"), order="oldest")
    found = session.logs.rows(places, may_lack=may_lack)
    behind = question.behind
    if found.table.num_rows == question.limit:
        timestamp, seq = first_place(found.table)
        behind = timestamp, seq - 1
    # What came in meanwhile is newer than the newest.
    last = _through(found.moment.last_seq, question)
    return replace(question, limit=None, behind=behind, last=last), found.lacks


def _through(last_seq: int, question: Question) -> int:
    return last_seq if question.last is None else min(last_seq, question.last)


def _earlier(session: Session) -> list[str]:
    return [] if session.earlier is None else [session.earlier]

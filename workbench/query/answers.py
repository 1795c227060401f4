"""Answers to questions about logs: frames, Arrow tables, pieces, counts, and rows of SQL."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine

from waterline.errors import MissingLogs, NothingFound
from workbench.frames import in_microseconds, to_frame, to_nullable_frame
from workbench.query.asking import Answering, Asking
from workbench.query.attributes import lacking_attribute, named, spread, with_values
from workbench.query.empty_answer import GLANCE
from workbench.query.execute import Answer
from workbench.query.known import Mark
from workbench.query.moment import Moment, read_moment
from workbench.query.pin import Pin, to_pin
from workbench.query.plan import Plan, plan
from workbench.query.progress import warn_of
from workbench.query.question import Filters, Question, may_lack_logs, refuse, with_attributes
from workbench.query.scan import Scan
from workbench.query.session import Session
from workbench.query.sql.empty_answer import why_no_rows
from workbench.query.sql.engine import Ask, make_engine
from workbench.query.sql.relations import LogsRelation, Relation, batches_relation, metrics_relation
from workbench.query.sql.statement import Parameters, Room, answer, answer_in_pieces

# Rows that tell an answer of nothing from others.
_TOLD_APART: Final = 2

Attributes = Sequence[str] | Literal["all"] | None
"""Names of attributes that become columns, or all."""


def logs(
    session: Asking, attributes: Attributes, incomplete: Literal["raise", "warn"], filters: Filters
) -> pd.DataFrame:
    """Return logs as a frame; see `Workbench.logs`."""
    begun, now = time.perf_counter(), session.clock()
    may_lack = may_lack_logs(incomplete)
    question = with_attributes(session.question(filters, now, may_lack=may_lack), attributes)
    names = None if attributes is None else named(attributes)
    if names and session.cache is None:
        # An answer is kept with the whole JSON, from which later questions are answered too.
        question = replace(question, members=tuple(dict.fromkeys(names)))
    rows, outcome = session.rows(question, may_lack=may_lack)
    if question.members is not None:
        stored = [name for name in question.columns if name != "attributes"]
        values = rows.table["attributes"]
        frame = with_values(to_frame(rows.table.select(stored)), values, question.members)
    else:
        frame = to_frame(rows.table.select(question.columns))
        if attributes is not None:
            frame = spread(frame, attributes)
    frame.attrs["pin"] = str(question.pin or rows.moment.pin(now))
    frame.attrs["rows"] = {"hot": len(frame) - rows.archived, "archived": rows.archived}
    frame.attrs["cache"] = outcome
    frame.attrs["seconds"] = time.perf_counter() - begun
    if rows.lacks is not None:
        frame.attrs["pruned"] = rows.lacks
        warn_of(rows.lacks)
    if not len(frame):
        session.explain_empty(question)
    elif names is not None:

        def texts() -> list[str]:
            asked = replace(question, members=None, limit=GLANCE)
            found: list[str] = session.rows(asked)[0].table["attributes"].to_pylist()
            return found

        warn_of(lacking_attribute(frame, texts, names), NothingFound)
    missing = [*([] if session.earlier is None else [session.earlier]), *rows.missing]
    if missing:
        frame.attrs["missing"] = missing
        warn_of(f"this answer lacks logs: {'; '.join(missing)}", MissingLogs)
    return frame


def arrow(session: Asking, filters: Filters) -> pa.Table:
    """Return logs as an Arrow table; see `Workbench.arrow`."""
    question = session.question(filters)
    rows, _ = session.rows(question)
    warn_of(rows.lacks)
    if not rows.table.num_rows:
        session.explain_empty(question)
    return in_microseconds(rows.table.select(question.columns))


def pieces(session: Asking, attributes: Attributes, filters: Filters) -> Iterator[pd.DataFrame]:
    """Return an iterator over frames of logs, by seq; see `Workbench.iter_logs`."""
    refuse(filters, "order", "limit")
    now = session.clock()
    question = with_attributes(session.question(filters, now), attributes)
    scan = session.scan(question)
    warn_of(scan.lacks)
    frames = _frames(scan, str(question.pin or scan.moment.pin(now)), attributes)
    return _explained(session, frames, question)


def count(session: Answering, filters: Filters) -> int:
    """Return the number of logs; see `Workbench.count`."""
    refuse(filters, "columns")
    question = session.question(filters)
    counted = session.patiently(lambda: session.logs.count(question))
    warn_of(counted.lacks)
    if not counted.value:
        session.explain_empty(question)
    return counted.value


def count_matching(session: Session, question: Question) -> tuple[int, str | None, Moment]:
    """Return the number of logs that match a question, what it lacks, and the moment.

    Args:
        session: the folder.
        question: what is asked.

    Raises:
        IncompleteAnswer: archive files are missing or damaged; the sentence names them.
    """
    with session.database.view() as view:
        moment = read_moment(view)
    # What comes in meanwhile is of a later moment.
    last = moment.last_seq if question.last is None else min(question.last, moment.last_seq)
    counted = session.patiently(lambda: session.logs.count(replace(question, last=last)))
    return counted.value, counted.lacks, moment


def explain(session: Asking, filters: Filters) -> Plan:
    """Return what `logs` would read; see `Workbench.explain`."""
    question = session.question(filters)
    known = None if session.cache is None else session.cache.known(question)
    if known is None:
        return session.answer(read_plan, question, None, 0)
    return session.answer(read_plan, question, known.mark, known.table.num_rows)


def read_plan(session: Session, question: Question, mark: Mark | None, known: int) -> Plan:
    """Return what an answer will read.

    Args:
        session: the folder.
        question: what is asked.
        mark: that of an earlier answer, or None.
        known: number of logs of that answer.
    """
    with session.database.view() as view:
        return plan(view, session.logs.reader, question, mark, known)


def sql(
    session: Asking, query: str, parameters: Parameters | None, at: Pin | str | None
) -> pd.DataFrame:
    """Return the rows of a SELECT; see `Workbench.sql`."""
    begun = time.perf_counter()
    pin = session.pin() if at is None else to_pin(at)
    answered = session.answer(select_rows, query, parameters, pin)
    frame = to_nullable_frame(answered.value)
    frame.attrs["pin"] = str(pin)
    frame.attrs["seconds"] = time.perf_counter() - begun
    if answered.lacks is not None:
        frame.attrs["pruned"] = answered.lacks
    return frame


def sql_pieces(
    session: Session,
    query: str,
    at: Pin | str | None,
    limit: int | None,
    take: Callable[[Iterator[pa.Table]], None],
    parameters: Parameters | None = None,
    room: Room | None = None,
) -> str | None:
    """Answer a SELECT in pieces, for more rows than memory holds.

    Args:
        session: the folder.
        query: the SELECT, as for `Workbench.sql`.
        at: a pin, or its text; None is now.
        limit: number of rows at most; None is all.
        take: called once, with tables of the rows, at least one.
        parameters: values of its parameters.
        room: what the answer may take; None is what the machine has.

    Returns:
        Sentence about pruned logs that are missing, or None.
    """
    first: list[pa.Table] = []

    def taken(pieces: Iterator[pa.Table]) -> None:
        def remembered() -> Iterator[pa.Table]:
            for piece in pieces:
                if sum(each.num_rows for each in first) < _TOLD_APART:
                    first.append(piece.slice(0, _TOLD_APART))
                yield piece

        take(remembered())

    logs, relations = _relations(session, session.pin() if at is None else to_pin(at))
    answer_in_pieces(query, parameters, relations, limit, taken, room)
    warn_of(logs.lacks)
    why = why_no_rows(pa.concat_tables(first), session.database, session.reader, query, parameters)
    warn_of(why, NothingFound)
    return logs.lacks


def engine(session: Asking) -> Engine:
    """Return an engine of SQLAlchemy's; see `Workbench.engine`."""

    def connect() -> Ask:
        pin = session.pin()
        return lambda query, parameters: session.answer(select_rows, query, parameters, pin).value

    return make_engine(connect)


def select_rows(
    session: Session, query: str, parameters: Parameters | None, pin: Pin
) -> Answer[pa.Table]:
    """Return the rows of a SELECT; see `Workbench.sql`.

    Args:
        session: the folder.
        query: the SELECT.
        parameters: values of its parameters.
        pin: the moment of the answer.
    """
    relation, relations = _relations(session, pin)
    rows = answer(query, parameters, relations)
    warn_of(relation.lacks)
    why = why_no_rows(rows, session.database, session.reader, query, parameters)
    warn_of(why, NothingFound)
    return Answer(rows, relation.lacks)


def _relations(session: Session, pin: Pin) -> tuple[LogsRelation, dict[str, Relation]]:
    """Return the relations of a SELECT by name, and the one of logs."""
    session.refuse_earlier()
    logs = LogsRelation(session.folder, session.database, session.logs, pin)
    return logs, {
        "logs": logs.relation,
        "archive_batches": batches_relation(session.database),
        "performance_metrics": metrics_relation(session.folder),
    }


def _frames(scan: Scan, pin: str, attributes: Attributes) -> Iterator[pd.DataFrame]:
    for table in scan.tables():
        if table.num_rows:
            frame = to_frame(table) if attributes is None else spread(to_frame(table), attributes)
            frame.attrs["pin"] = pin
            yield frame


def _explained(
    session: Asking, frames: Iterator[pd.DataFrame], question: Question
) -> Iterator[pd.DataFrame]:
    frame = None
    for frame in frames:
        yield frame
    if frame is None:
        session.explain_empty(question)

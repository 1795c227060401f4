"""Hot logs that match a question: statements of SQL, and what they leave to look at."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select

from waterline.archive.columns import schema_of
from waterline.storage.tables import attribute_values, logs
from workbench.query.archived import Catalog
from workbench.query.arranged import taken
from workbench.query.database import View
from workbench.query.filters import criteria, meeting
from workbench.query.hot_count import count_hot_logs
from workbench.query.question import Question, what_sql_leaves

# A selectivity that makes SQLite search by seq first; it must be a literal.
_FEW: Final[ColumnElement[float]] = literal_column("0.0001")
# Newest rows that are walked through by time before all are read.
_WALKED: Final = 20_000
# Hot rows between two reports of progress, at which an answer can be abandoned.
_TOLD: Final = 1_024


def hot_rows(
    catalog: Catalog, question: Question, columns: Sequence[Any], after: int = 0
) -> Select[Any]:
    """Select columns of hot logs that match as far as SQL tells, unordered.

    Where `what_sql_leaves` of the question is something, others are among them.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        columns: columns or expressions to select.
        after: seq above which logs are selected.
    """
    # Rows up to the watermark are in batches, and may still be here. Nearly all lie above: without
    # that hint SQLite may walk through all of them and not use the index of timestamps; a report on
    # the last seconds of a million rows took ten times as long. Above what is known lie few.
    is_hot = func.likely(logs.c.seq > catalog.moment.archived_through)
    wanted: list[ColumnElement[bool]] = [is_hot]
    if catalog.indexed and catalog.indexed[0].is_selective:
        found = catalog.indexed[0]
        wanted.append(logs.c.seq.in_(found.seqs))
        question = question.without(found.condition)
    wanted += criteria(question)
    if after:
        wanted.append(func.likelihood(logs.c.seq > after, _FEW))
    return select(*columns).select_from(logs).where(and_(*wanted))


def stored_rows(catalog: Catalog, question: Question, after: int = 0) -> Select[Any]:
    """Select the `kept` columns of hot logs, and those that are needed for what SQL leaves.

    See `hot_rows`.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        after: seq above which logs are selected.
    """
    names = question.kept if what_sql_leaves(question.filters) is None else question.needed
    return hot_rows(catalog, question, [logs.c[name] for name in names], after)


def ordered_hot_rows(catalog: Catalog, question: Question, after: int = 0) -> Select[Any]:
    """Select the rows of `stored_rows`, the newest first if the question has a limit.

    Args:
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        after: seq above which logs are selected.
    """
    chosen = stored_rows(catalog, question, after)
    if is_newest_first(question):
        chosen = chosen.order_by(logs.c.timestamp.desc(), logs.c.seq.desc())
    else:
        chosen = chosen.order_by(logs.c.timestamp, logs.c.seq)
    if question.limit is None or what_sql_leaves(question.filters) is not None:
        return chosen
    return chosen.limit(question.limit)


def matching_hot_rows(view: View, catalog: Catalog, question: Question) -> pa.Table:
    """Return the `kept` columns of matching hot logs, unordered; the limit is ignored.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
    """
    return fetched(view, stored_rows(catalog, question), replace(question, limit=None))


def fetched(
    view: View, chosen: Select[Any], question: Question, rows_at_once: int = _TOLD
) -> pa.Table:
    """Return the `kept` columns of the rows of a statement that match, up to the limit.

    What SQL leaves is applied to some rows at a time, so that no more are held than match.

    Args:
        view: a view of logs.db.
        chosen: `stored_rows` of the question, maybe narrowed or ordered.
        question: what is asked.
        rows_at_once: number of rows between two reports of progress.
    """
    schema = schema_of(question.kept)
    left = what_sql_leaves(question.filters)
    if left is None:
        # Each column of logs has values of one type.
        return view.fetch(chosen, rows_at_once=rows_at_once).cast(schema)
    parts = [schema.empty_table()]
    rows = 0
    needed = schema_of(question.needed)
    with closing(view.batches(chosen, _TOLD)) as batches:
        while question.limit is None or rows < question.limit:
            batch = next(batches, None)
            if batch is None:
                break
            table = meeting(pa.table(batch).cast(needed), left).select(question.kept)
            if table.num_rows:
                parts.append(table)
                rows += table.num_rows
    return pa.concat_tables(parts)[: question.limit]


def is_newest_first(question: Question) -> bool:
    """Return whether hot logs are read with the newest first."""
    # A limit takes the newest, whatever the order of the answer.
    return question.order == "newest" or question.limit is not None


def hot_table(view: View, catalog: Catalog, question: Question, after: int) -> pa.Table:
    """Return the `kept` columns of matching hot logs, in the question's order.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        after: seq above which logs are returned.
    """
    chosen = ordered_hot_rows(catalog, question, after)
    table = _newest(view, catalog, question, chosen) if not after else None
    if table is None:
        table = fetched(view, chosen, question)
    if is_newest_first(question) and question.order == "oldest":
        table = taken(table, pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    return table


def _newest(
    view: View, catalog: Catalog, question: Question, chosen: Select[Any]
) -> pa.Table | None:
    """Return the rows of a statement if they are best found in two steps, else None.

    Walking backwards by time finds the newest matches at once, and takes three times as long as
    reading all rows in their order if there are few. So it ends after some rows.

    Args:
        view: a view of logs.db.
        catalog: the catalog of the view.
        question: what is asked.
        chosen: `ordered_hot_rows` of the question.
    """
    has_begin = question.since is not None and question.clock == "timestamp"
    by_index = bool(catalog.indexed) and catalog.indexed[0].is_selective
    left = what_sql_leaves(question.filters)
    if question.limit is None or question.is_of_all or has_begin or by_index or left is not None:
        return None
    walked = select(logs.c.timestamp).order_by(logs.c.timestamp.desc()).offset(_WALKED).limit(1)
    if question.until is not None and question.clock == "timestamp":
        walked = walked.where(logs.c.timestamp < question.until)
    if question.before is not None:
        walked = walked.where(logs.c.timestamp <= question.before[0])
    begin = view.rows(walked)
    if not begin:
        return None
    newest = fetched(view, chosen.where(logs.c.timestamp > begin[0][0]), question)
    if newest.num_rows >= question.limit:
        return newest
    by_time: ColumnElement[int] = literal_column("+logs.timestamp")
    return fetched(
        view, chosen.order_by(None).order_by(by_time.desc(), logs.c.seq.desc()), question
    )


def count_of_hot(view: View, catalog: Catalog, question: Question) -> int:
    """Count matching hot logs; at the limit it may stop.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
    """
    if what_sql_leaves(question.filters) is None:
        return counted_by_sql(view, catalog, question)
    return len(fetched(view, stored_rows(catalog, question), question))


def counted_by_sql(view: View, catalog: Catalog, question: Question) -> int:
    """Count hot logs that match as far as SQL tells.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
    """
    if catalog.moment.last_seq <= catalog.moment.archived_through:
        return 0  # what is left above it takes a millisecond to ask for
    if question.is_of_all:
        return count_hot_logs(view, catalog.moment, question.through)
    rest = question
    for each in catalog.indexed:
        rest = rest.without(each.condition)
    if catalog.indexed and rest.is_of_all:
        ((count,),) = view.rows(_indexed_rows(catalog, question.through))
        return int(count)
    ((count,),) = view.rows(hot_rows(catalog, question, [func.count()]))
    return int(count)


def _indexed_rows(catalog: Catalog, through: int | None) -> Select[Any]:
    """Return the number of hot logs that meet the indexed conditions, without reading logs."""
    first, *others = (each.seqs for each in catalog.indexed)
    seq = attribute_values.c.seq
    chosen = first.where(seq > catalog.moment.archived_through)
    if through is not None:
        chosen = chosen.where(seq <= through)
    for each in others:
        chosen = chosen.where(seq.in_(each.subquery().select()))
    return select(func.count()).select_from(chosen.subquery())

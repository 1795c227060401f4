"""The archived side of a question: what the catalog says of the batches, at one moment."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, func, select

from server.store.catalog import COLUMNS, ArchivedBatch, batch_of
from server.store.tables import archive_batches
from workbench.asking.moment import Moment, read_moment
from workbench.asking.question import Question
from workbench.asking.reading import View


@dataclass(frozen=True, slots=True)
class Catalog:
    """The moment, and the batches that may hold logs that a question is about."""

    moment: Moment
    kept: tuple[ArchivedBatch, ...]
    pruned: tuple[ArchivedBatch, ...]


def read_catalog(view: View, question: Question) -> Catalog:
    """Read what the catalog has for a question.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
        UsageError: the question has a pin that is not of this folder, or of another past.
    """
    moment = read_moment(view)
    if question.pin is not None:
        moment.check(question.pin)
    within: list[ColumnElement[bool]] = []
    if question.since is not None:
        within.append(archive_batches.c[f"last_{question.clock}"] >= question.since)
    if question.until is not None:
        within.append(archive_batches.c[f"first_{question.clock}"] < question.until)
    batches = [each for each in read_batches(view, *within) if question.selection.most(each)]
    return Catalog(
        moment,
        kept=tuple(each for each in batches if each.is_kept),
        pruned=tuple(each for each in batches if not each.is_kept),
    )


def read_batches(view: View, *criteria: ColumnElement[bool]) -> list[ArchivedBatch]:
    """Return the batches that meet criteria, those that were pruned too, in the order of seqs.

    Raises:
        DataFolderError: logs.db cannot be read, or holds a batch that is damaged.
    """
    columns = [archive_batches.c[name] for name in COLUMNS]
    # A column takes its type from its first thousand rows: null there and text behind is an error.
    texts = {each.name for each in columns if each.nullable and isinstance(each.type, Text)}
    chosen = select(
        *(
            func.ifnull(each, "").label(each.name) if each.name in texts else each
            for each in columns
        )
    )
    ordered = chosen.where(*criteria).order_by(archive_batches.c.first_seq)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in view.rows(ordered)]
    for row in rows:
        row.update({name: row[name] or None for name in texts})
    return [batch_of([*row.values()]) for row in rows]

"""The plan of a question: the hot rows and archive files that an answer will read."""

from dataclasses import dataclass
from typing import Final

from waterline.archive.reader import BatchReader
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from waterline.units import counted, human_size
from workbench.query.archived import read_batches, read_catalog
from workbench.query.database import View
from workbench.query.hot import ordered_hot_rows
from workbench.query.known import Mark
from workbench.query.question import Question, what_sql_leaves
from workbench.query.ruled_out import Wanted, rules_out, wanted_by

# The step behind those of SQLite.
_LEFT: Final = "MATCH regular expressions"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an answer will read at most."""

    hot: tuple[str, ...]
    """SQLite's query plan for the hot rows, a line a step."""
    files: tuple[ArchivedBatch, ...]
    """Batches that are read, ordered by seq."""
    left_out: int
    """Number of batches that the catalog rules out by time, type, source or pin."""
    ruled_out: int
    """Number of batches that have none of the texts or values that are asked for, as their filters
    tell."""
    pruned: int
    """Number of pruned batches that may have matched."""
    most: int
    """Upper bound of the number of archived logs that match, in `files`."""
    known: int | None
    """Number of logs that the cache has; only newer ones are read. None if it has none."""

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(each.stored_bytes for each in self.files)

    def __str__(self) -> str:
        rows = sum(each.rows for each in self.files)
        remote = sum(each.local_removed_at is not None for each in self.files)
        known = "nothing" if self.known is None else counted(self.known, "log")
        lines = [f"from the cache: {known}", f"hot rows: {'; '.join(self.hot)}"]
        lines.append(
            f"archive files: {len(self.files):,} with {counted(rows, 'log')}, "
            f"{human_size(self.size)}"
            + (f", {remote:,} of them in object storage" if remote else "")
        )
        lines.append(f"of these at most {counted(self.most, 'log')}")
        lines.append(f"left out by the catalog: {counted(self.left_out, 'file')}")
        if self.ruled_out:
            lines.append(f"left out by their filters: {counted(self.ruled_out, 'file')}")
        if self.pruned:
            lines.append(f"gone, as they were pruned: {counted(self.pruned, 'file')}")
        return "\n".join(lines)

    __repr__ = __str__


def plan(
    view: View,
    reader: BatchReader,
    question: Question,
    mark: Mark | None = None,
    known: int = 0,
) -> Plan:
    """Return the plan of a question, from the catalog and the filters of local batches.

    Args:
        view: a view of logs.db.
        reader: reads the filters of batches.
        question: what is asked.
        mark: that of an earlier answer, which is used if it is valid.
        known: number of logs of that answer.

    Raises:
        DataFolderError: logs.db cannot be read.
        UsageError: the question's pin is of another folder or another past.
    """
    catalog = read_catalog(view, question)
    kept = sum(each.is_kept for each in read_batches(view))
    if mark is not None and not mark.holds(view, catalog.moment):
        mark = None
    after = 0 if mark is None else mark.last_seq
    files = tuple(each for each in catalog.kept if each.last_seq > after)
    wanted = wanted_by(question.filters)
    read = tuple(each for each in files if not _is_ruled_out(reader, each, wanted))
    left = () if what_sql_leaves(question.filters) is None else (_LEFT,)
    return Plan(
        hot=(*view.explain(ordered_hot_rows(catalog, question, after)), *left),
        files=read,
        left_out=kept - len(catalog.kept),
        ruled_out=len(files) - len(read),
        pruned=len(catalog.pruned),
        most=sum(question.selection.most(each) for each in read),
        known=None if mark is None else known,
    )


def _is_ruled_out(reader: BatchReader, batch: ArchivedBatch, wanted: Wanted) -> bool:
    try:
        return rules_out(reader, batch, wanted, here=True)
    except ArchiveError:  # an answer tells of it
        return False

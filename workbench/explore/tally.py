"""Tallies: matching logs by step of time and by type, source or an attribute."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, case, func, literal_column

from waterline.query_text.labels import label_of
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.tables import logs
from workbench.explore.steps import Steps
from workbench.query.archived import Batches, Catalog
from workbench.query.attribute_values import values_of
from workbench.query.database import View
from workbench.query.execute import Logs
from workbench.query.gaps import lacking
from workbench.query.hot import hot_rows, matching_hot_rows
from workbench.query.moment import Moment
from workbench.query.question import Question, what_sql_leaves

_decode: Final = msgspec.json.Decoder().decode

COLUMNS: Final = ("type", "source")
"""What logs can be counted by beside an attribute."""

Counts = npt.NDArray[np.int64]
"""Numbers of logs, one a step."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read for an answer."""

    hot: int = 0
    """Number of hot logs that match."""
    archived: int = 0
    """Number of archived logs that match."""
    files: int = 0
    """Number of archive files that were opened."""
    size: int = 0
    """Their bytes."""
    left_out: int = 0
    """Number of batches in the range of which the catalog told all."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Matching logs by step and label, as of one moment."""

    steps: Steps
    moment: Moment
    counts: Mapping[str, Counts] = field(default_factory=dict)
    """Numbers by label; of an attribute, the empty label has the logs without it."""
    read: Read = Read()
    lacks: str | None = None
    """Sentence about pruned logs that may have matched, or None."""
    missing: tuple[str, ...] = ()
    """A sentence for each batch that could not be read."""

    @property
    def logs(self) -> int:
        """Number of matching logs."""
        return sum(self.totals.values())

    @property
    def totals(self) -> dict[str, int]:
        """Number of logs by label, the most frequent first."""
        totals = {label: int(counts.sum()) for label, counts in self.counts.items()}
        return dict(sorted(totals.items(), key=lambda each: (-each[1], each[0])))

    def plus(self, more: "Tally") -> "Tally":
        """Return the same with further hot logs, which were counted by the same steps."""
        counts = dict(self.counts)
        for label, each in more.counts.items():
            counts[label] = counts[label] + each if label in counts else each
        read = replace(self.read, hot=self.read.hot + more.read.hot)
        return replace(self, counts=counts, read=read, moment=more.moment)

    def moved(self, steps: Steps) -> "Tally | None":
        """Return the same with later steps, without the logs before them; None if it cannot be.

        Args:
            steps: steps of the same length that begin no earlier.
        """
        old, new = self.steps.edges, steps.edges
        if steps.length != self.steps.length or new[0] < old[0]:
            return None
        _, before, now = np.intersect1d(old[:-1], new[:-1], return_indices=True)
        counts = {}
        for label, each in self.counts.items():
            kept = np.zeros(len(steps), np.int64)
            kept[now] = each[before]
            if kept.any():
                counts[label] = kept
        return replace(self, steps=steps, counts=counts)


def tally(found: Logs, question: Question, steps: Steps, by: str) -> Tally:
    """Count the logs that match a question.

    Args:
        found: the logs of a folder.
        question: what is asked; its order, limit and columns are ignored. The steps cover its
            range.
        steps: the steps to count by.
        by: `type`, `source` or the name of an attribute.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    question = replace(
        question,
        order="oldest",
        limit=None,
        columns=("timestamp", by if by in COLUMNS else "attributes"),
        members=(by,),
    )
    counter = _Counter(steps, by)

    def whole(hot: list[tuple[Any, ...]] | pa.Table, catalog: Catalog, batches: Batches) -> Tally:
        counter.begin()
        if isinstance(hot, pa.Table):
            counter.take(hot)
        else:
            counter.add_rows(hot)
        hot_logs = counter.logs
        opened = []
        for batch in catalog.kept:
            if not counter.takes_from_catalog(batch, question):
                opened.append(batch)
                counter.take(batches.chosen(batch))
        return _result(counter, hot_logs, opened, catalog, batches, question)

    return found.ask(
        question,
        lambda view, catalog: _of_hot(view, catalog, question, steps, [_label(by)]),
        whole,
        may_lack=True,
    )


def tally_by_type_and(
    found: Logs, question: Question, steps: Steps, by: str, types: tuple[str, ...] | None
) -> tuple[Tally, Tally]:
    """Count the logs that match by type, and those of some types by something else.

    They are read once.

    Args:
        found: the logs of a folder.
        question: what is asked, of any type; its order, limit and columns are ignored.
        steps: the steps to count by; they cover the range of the question.
        by: `source` or the name of an attribute.
        types: the types whose logs are counted by it; None is all.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    question = replace(
        question,
        order="oldest",
        limit=None,
        columns=("timestamp", "type", by if by in COLUMNS else "attributes"),
    )
    narrowed = replace(question, filters=replace(question.filters, types=types))
    by_type, by_label = _Counter(steps, "type"), _Counter(steps, by)

    def whole(
        hot: list[tuple[Any, ...]] | pa.Table, catalog: Catalog, batches: Batches
    ) -> tuple[Tally, Tally]:
        by_type.begin()
        by_label.begin()
        if isinstance(hot, pa.Table):
            by_type.take(hot)
            by_label.take(of_types(hot, types))
        else:
            by_type.add_rows([(begin, kind, count) for begin, kind, _, count in hot])
            by_label.add_rows(
                [
                    (begin, label, count)
                    for begin, kind, label, count in hot
                    if types is None or kind in types
                ]
            )
        hot_logs = by_type.logs, by_label.logs
        opened = []
        for batch in catalog.kept:
            has_types = by_type.takes_from_catalog(batch, question)
            has_labels = not narrowed.selection.most(batch) or by_label.takes_from_catalog(
                batch, narrowed
            )
            if has_types and has_labels:
                continue
            opened.append(batch)
            table = batches.chosen(batch)
            if not has_types:
                by_type.take(table)
            if not has_labels:
                by_label.take(of_types(table, types))
        return (
            _result(by_type, hot_logs[0], opened, catalog, batches, question),
            _result(by_label, hot_logs[1], opened, catalog, batches, narrowed),
        )

    label = _label(by)
    if label is not None and types is not None:
        # Of other logs it is not looked for.
        label = case((logs.c.type.in_(types), label), else_=literal_column("'null'"))
    return found.ask(
        question,
        lambda view, catalog: _of_hot(view, catalog, question, steps, [logs.c.type, label]),
        whole,
        may_lack=True,
    )


def of_types(table: pa.Table, types: tuple[str, ...] | None) -> pa.Table:
    """Return the logs of these types; None is all."""
    if types is None:
        return table
    return table.filter(pc.is_in(table["type"], value_set=pa.array(types, pa.string())))


def _result(
    counter: "_Counter",
    hot: int,
    opened: Sequence[ArchivedBatch],
    catalog: Catalog,
    batches: Batches,
    question: Question,
) -> Tally:
    """Return what was counted.

    Args:
        counter: the counts.
        hot: number of hot logs among them.
        opened: batches whose files were opened.
        catalog: the batches of the answer.
        batches: read them.
        question: what was asked.
    """
    read = Read(
        hot=hot,
        archived=counter.logs - hot,
        files=len(opened),
        size=sum(each.stored_bytes for each in opened),
        left_out=len(catalog.kept) - len(opened),
    )
    lacks = lacking((each for each in catalog.pruned if question.selection.most(each)), question)
    return Tally(counter.steps, catalog.moment, counter.counts, read, lacks, tuple(batches.faults))


def tally_rows(table: pa.Table, steps: Steps, moment: Moment, by: str) -> Tally:
    """Count hot logs that are read already.

    Args:
        table: the logs, with timestamp and what they are counted by.
        steps: the steps to count by.
        moment: the moment up to which they were read.
        by: what to count by.
    """
    counter = _Counter(steps, by)
    counter.take(table)
    return Tally(steps, moment, counter.counts, Read(hot=table.num_rows))


class _Counter:
    """Adds up logs by step and label."""

    def __init__(self, steps: Steps, by: str) -> None:
        self.steps: Final = steps
        self._by = by
        self.begin()

    def begin(self) -> None:
        """Start again, as an answer is tried once more after an archive job."""
        self.counts: dict[str, Counts] = {}
        self.logs = 0

    def add_rows(self, rows: Sequence[tuple[int, str, int]]) -> None:
        """Add numbers of logs by begin of a step and label, as SQL counts them."""
        if rows:
            moments, labels, counts = zip(*rows, strict=True)
            is_text = self._by in COLUMNS
            self.add(moments, labels if is_text else map(_label_of_json, labels), counts)

    def add(self, moments: Sequence[int], labels: Iterable[str], counts: Sequence[int]) -> None:
        """Add numbers of logs, each of a moment and a label."""
        for place, label, count in zip(self.steps.places(moments), labels, counts, strict=True):
            self._of(label)[place] += count
            self.logs += count

    def take(self, table: pa.Table) -> None:
        """Add logs, with timestamp and what they are counted by."""
        if not table.num_rows:
            return
        labels = self._labels(table).combine_chunks().dictionary_encode()
        places = self.steps.places(table["timestamp"].cast(pa.int64()).to_numpy())
        cells = labels.indices.to_numpy() * len(self.steps) + places
        names = labels.dictionary.to_pylist()
        size = len(names) * len(self.steps)
        counted = np.bincount(cells, minlength=size).reshape(len(names), len(self.steps))
        for name, each in zip(names, counted, strict=True):
            self._of(name)[:] += each
        self.logs += table.num_rows

    def takes_from_catalog(self, batch: ArchivedBatch, question: Question) -> bool:
        """Add a batch of which the catalog tells all that is counted; return whether it does."""
        places = self.steps.places([batch.first_timestamp, batch.last_timestamp])
        if self._by not in COLUMNS or places[0] != places[1] or question.exactly(batch) is None:
            return False
        held, wanted = (
            (batch.types, question.filters.types)
            if self._by == "type"
            else (batch.sources, question.filters.sources)
        )
        among = {name: held.get(name, 0) for name in (held if wanted is None else wanted)}
        if sum(among.values()) != question.exactly(batch):
            return False
        for name, count in among.items():
            if count:
                self.add([batch.first_timestamp], [name], [count])
        return True

    def _of(self, label: str) -> Counts:
        if label not in self.counts:
            self.counts[label] = np.zeros(len(self.steps), np.int64)
        return self.counts[label]

    def _labels(self, table: pa.Table) -> pa.ChunkedArray:
        if self._by in COLUMNS:
            return table[self._by]
        (values,) = values_of(table["attributes"], [self._by])
        return pa.chunked_array([pa.array([_text_of(each) for each in values], pa.string())])


def _of_hot(
    view: View,
    catalog: Catalog,
    question: Question,
    steps: Steps,
    labels: Sequence[ColumnElement[str] | None],
) -> list[tuple[Any, ...]] | pa.Table:
    """Return begin, labels and number of hot logs where SQL can count them, else the logs.

    Args:
        view: a view of logs.db.
        catalog: gives the watermark between archived and hot logs.
        question: what is asked.
        steps: the steps to count by.
        labels: what to count by; None is what SQL cannot tell.
    """
    known = [each for each in labels if each is not None]
    # SQLite cannot tell what matches an expression.
    if what_sql_leaves(question.filters) is not None or len(known) < len(labels):
        return matching_hot_rows(view, catalog, question)
    edges = steps.edges
    # It divides by one length, so by one that all steps are multiples of.
    length = int(np.gcd.reduce(np.diff(edges)))
    first = int(edges[0])
    place = (logs.c.timestamp - first) // length
    groups = [
        (place * length + first).label("begin"),
        *(each.label(f"label{number}") for number, each in enumerate(known)),
    ]
    counted = hot_rows(catalog, question, [*groups, func.count()])
    return view.rows(counted.group_by(*(each.name for each in groups)))


def path_of(attribute: str) -> str | None:
    """Return the path by which SQLite finds an attribute in JSON; None if it can name it by none.

    Its paths have no escapes, its texts end at their first NUL, and of a name with dots only the
    log tells whether it is a path.
    """
    return None if {*attribute} & {'"', "\\", ".", "\0"} else f'$."{attribute}"'


def _label(by: str) -> ColumnElement[str] | None:
    """Return what a hot log is counted by, of an attribute its JSON; None if SQL has no such."""
    if by in COLUMNS:
        return logs.c[by]
    path = path_of(by)
    if path is None:
        return None
    return func.coalesce(logs.c.attributes.op("->")(path), "null")


def _label_of_json(text: str) -> str:
    return _text_of(_decode(text))


def _text_of(value: object) -> str:
    """Return the label of a value; of none, the empty text."""
    return "" if value is None else label_of(value)

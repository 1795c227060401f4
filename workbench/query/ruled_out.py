"""Batches that filters rule out: none of their logs has a text or a value that is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from waterline.archive.batch_filter.contents import BatchFilter, TextNeedle, ValueNeedle
from waterline.archive.reader import BatchReader
from waterline.query_text.condition import Condition
from waterline.query_text.parse import TextQuery
from waterline.storage.catalog import ArchivedBatch


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a query a filter can tell; a batch without any of these has no match.

    Attributes:
        texts: texts that a message must contain.
        values: groups of values, of each of which attributes must have one.
        any_of: groups of alternatives, of each of which one must be there.
    """

    texts: tuple[TextNeedle, ...]
    values: tuple[tuple[ValueNeedle, ...], ...]
    any_of: "tuple[tuple[Wanted, ...], ...]"

    @property
    def is_nothing(self) -> bool:
        """Whether no filter can rule out a batch."""
        return not (self.texts or self.values or self.any_of)

    def may_be_in(self, known: BatchFilter) -> bool:
        """Return whether a batch may have a match."""
        return (
            all(map(known.may_contain, self.texts))
            and all(any(map(known.may_have, group)) for group in self.values)
            and all(any(each.may_be_in(known) for each in group) for group in self.any_of)
        )


def wanted_by(query: TextQuery) -> Wanted:
    """Return what filters can tell of a query."""
    groups = [tuple(map(wanted_by, group)) for group in query.any_of]
    return Wanted(
        texts=tuple(map(TextNeedle.of, query.contains)),
        values=tuple(_values(query)),
        any_of=tuple(group for group in groups if not any(each.is_nothing for each in group)),
    )


def rules_out(
    reader: BatchReader, batch: ArchivedBatch, wanted: Wanted, *, here: bool = False
) -> bool:
    """Return whether the filter of a batch tells that none of its logs matches.

    Args:
        reader: reads the filter.
        batch: the batch.
        wanted: what is asked for.
        here: whether object storage is not asked.

    Raises:
        ArchiveError: the file is missing, or object storage refuses; the sentence names it.
    """
    if wanted.is_nothing:
        return False
    known = reader.filter(batch, here=here)
    return known is not None and not wanted.may_be_in(known)


def _values(query: TextQuery) -> Iterator[tuple[ValueNeedle, ...]]:
    for condition in query.where:
        values = [*_plain_values(condition)]
        if condition.operator in ("==", "in") and len(values) == len(condition.values):
            yield tuple(ValueNeedle.of(condition.attribute, each) for each in values)


def _plain_values(condition: Condition) -> Iterator[str | int | float]:
    """Yield the values of a condition that filters know: texts and numbers."""
    for value in condition.values:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            yield value

"""A workbench over logs of which a part is archived, as property tests draw it; what it reads."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.support.archives import Part, archive
from tests.support.folders import NOON, Batch, fill_batches
from waterline.archive.batch_formats import Choice
from waterline.archive.columns import NAMES
from waterline.archive.reader import BatchReader
from waterline.encoding import FORMATS
from waterline.storage.catalog import ArchivedBatch
from workbench.workbench import Workbench

parts: st.SearchStrategy[list[Part]] = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from([*FORMATS.values()])), max_size=3
)

Reading = tuple[int, Sequence[str] | None]
"""The first seq of a batch that is read, and the columns."""


@contextmanager
def part_archived(
    batches: Sequence[Batch], archived: Sequence[Part], *, clear: bool = False
) -> Iterator[Workbench]:
    """Open a folder with these logs at noon; see `archive` for the rest."""
    with tempfile.TemporaryDirectory() as folder:
        fill_batches(Path(folder), batches)
        archive(Path(folder), archived, clear=clear)
        with Workbench(folder, clock=lambda: NOON) as wb:
            yield wb


def noted_reads(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """Return a list that each reading of a batch is added to."""
    seen: list[Reading] = []
    read, read_packed = BatchReader.read, BatchReader.read_packed

    def noted(
        reader: BatchReader, batch: ArchivedBatch, columns: Sequence[str] | None = None
    ) -> object:
        seen.append((batch.first_seq, columns))
        return read(reader, batch, columns)

    def noted_packed(
        reader: BatchReader,
        batch: ArchivedBatch,
        columns: Sequence[str],
        members: Iterable[str] | None,
        choice: Choice | None = None,
    ) -> object:
        needed = {*columns, *(() if choice is None else choice.columns)}
        seen.append((batch.first_seq, tuple(name for name in NAMES if name in needed)))
        return read_packed(reader, batch, columns, members, choice)

    monkeypatch.setattr(BatchReader, "read", noted)
    monkeypatch.setattr(BatchReader, "read_packed", noted_packed)
    return seen

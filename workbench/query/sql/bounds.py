"""Bounds: between which integers a filter of Arrow's lets a column be."""

from bisect import bisect_left
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import FileSystemDataset, ParquetFileFormat
from pyarrow.fs import LocalFileSystem

_FORMAT: Final = ParquetFileFormat()
_FILES: Final = LocalFileSystem()


def bounds(filter: pc.Expression, name: str, schema: pa.Schema, within: range) -> range:  # noqa: A002
    """Return the integers between the least and the greatest that a filter lets a column have.

    Args:
        filter: an expression over the columns of `schema`.
        name: the column; integers, or moments that stand for them.
        schema: the columns.
        within: what the column can have at all.

    Returns:
        A part of `within`. Some in it may not pass; nothing outside of it does.
    """
    column, kind = pc.field(name), schema.field(name).type
    first = bisect_left(
        within,
        True,
        key=lambda value: _may_pass(filter, schema, column <= pa.scalar(value, kind)),
    )
    behind = bisect_left(
        within,
        True,
        lo=min(first + 1, len(within)),
        key=lambda value: not _may_pass(filter, schema, column >= pa.scalar(value, kind)),
    )
    return within[first:behind]


def _may_pass(filter: pc.Expression, schema: pa.Schema, known: pc.Expression) -> bool:  # noqa: A002
    """Say whether rows of which something is known may pass a filter.

    An expression cannot be looked into, but Arrow can: a dataset leaves out the files of which what
    is known contradicts the filter. This one has a file by name only.
    """
    file = _FORMAT.make_fragment("none", filesystem=_FILES, partition_expression=known)
    dataset = FileSystemDataset([file], schema, _FORMAT, _FILES)
    return any(True for _ in dataset.get_fragments(filter=filter))

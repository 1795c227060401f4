"""Values of attributes, whether those are texts or packed."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from waterline.archive.attribute_columns.packed import is_packed
from workbench.query.attribute_texts import values_of_texts
from workbench.query.packed_attributes import packed_variants
from workbench.query.variants import VARIANT, python_values, variants_of


def values_of(column: pa.ChunkedArray, names: Sequence[str]) -> list[list[Any]]:
    """Return named attributes of each log.

    Args:
        column: the column `attributes`, as JSON texts or packed.
        names: names or paths of attributes, without repetition.

    Returns:
        Values by name, one a log; None if a log has none.
    """
    if is_packed(column):
        return [*map(python_values, packed_variants(column, names))]
    return values_of_texts(column, names)


def variants_by_name(column: pa.ChunkedArray, names: Sequence[str]) -> list[pa.ChunkedArray]:
    """Return named attributes of each log as columns of `VARIANT`; see `values_of`."""
    if is_packed(column):
        return packed_variants(column, names)
    return [
        pa.chunked_array([variants_of(each)], VARIANT) for each in values_of_texts(column, names)
    ]

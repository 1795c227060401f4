"""Values of attributes, whether those are texts or packed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waterline.archive.attribute_columns.packed import is_packed
from workbench.query.attribute_texts import values_of_texts
from workbench.query.packed_attributes import encoded_values, packed_variants
from workbench.query.variants import VARIANT, encoded, python_values, variants_of


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


def encoded_by_name(
    column: pa.ChunkedArray, name: str
) -> tuple[npt.NDArray[np.int64], pa.ChunkedArray]:
    """Return an attribute of each log as a place among its different values; see `encoded`."""
    found = encoded_values(column, name) if is_packed(column) else None
    if found is not None:
        return found
    (values,) = variants_by_name(column, [name])
    return encoded(values)

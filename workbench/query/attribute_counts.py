"""Counts of the values of every attribute, by column where attributes are packed."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.layout import Layout
from waterline.archive.attribute_columns.packed import is_packed, odd_texts, unpacked
from workbench.query.field_counts import FieldCounts
from workbench.query.packed_attributes import packed_variants
from workbench.query.variants import encoded, python_values

# Logs that are counted at a time.
_SLICE: Final = 100_000

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class AttributeCounts:
    """Counts of the values of attributes, whichever logs came first.

    Numbers that are equal are one value: the integer, if a log has it so.

    Attributes:
        floats: counts by name of numbers with a fraction, or written so.
        others: counts by name of all other values.
    """

    def __init__(self) -> None:
        self.floats: defaultdict[str, FieldCounts] = defaultdict(FieldCounts)
        self.others: defaultdict[str, FieldCounts] = defaultdict(FieldCounts)

    def add(self, column: pa.ChunkedArray) -> None:
        """Count the attributes of logs.

        Args:
            column: JSON texts, or packed with all members.
        """
        if is_packed(column):
            for chunk in column.chunks:
                for start in range(0, len(chunk), _SLICE):
                    self._add_packed(chunk.slice(start, _SLICE))
        else:
            self._add_texts(column.to_pylist())

    def update(self, other: "AttributeCounts") -> None:
        """Add other counts."""
        for mine, its in ((self.floats, other.floats), (self.others, other.others)):
            for name, counts in its.items():
                for kind, values in counts.values.items():
                    mine[name].values[kind].update(values)

    def by_name(self) -> dict[str, FieldCounts]:
        """Return the counts by name; nothing is to be added afterwards."""
        for name, floats in self.floats.items():
            self.others[name].values["number"].update(floats.values["number"])
        return dict(self.others)

    def _add(self, name: str, value: object, logs: int = 1) -> None:
        if isinstance(value, float):
            # 0.0 and -0.0 are equal.
            self.floats[name].add(value + 0.0, logs)
        else:
            self.others[name].add(value, logs)

    def _add_texts(self, texts: Iterable[str]) -> None:
        for text in texts:
            for name, value in _decode(text).items():
                if value is not None:
                    self._add(name, value)

    def _add_packed(self, chunk: pa.ExtensionArray) -> None:
        is_odd = odd_texts(chunk).is_valid()
        if is_odd.true_count:
            self._add_texts(odd_texts(chunk).drop_null().to_pylist())
            chunk = chunk.filter(pc.invert(is_odd))
        layout: Layout = chunk.type.layout
        # A name with a dot may be a path, too.
        names = {each.path[0] for each in layout.members if "." not in each.path[0]}
        nested = {each.path[0] for each in layout.members if len(each.path) > 1}
        column = pa.chunked_array([chunk])
        plain = [*names - nested]
        for name, values in zip(plain, packed_variants(column, plain), strict=True):
            places, different = encoded(values)
            logs = np.bincount(places + 1, minlength=len(different) + 1)[1:].tolist()
            for value, count in zip(python_values(different), logs, strict=True):
                self._add(name, value, count)
        others = [place for place, each in enumerate(layout.members) if each.path[0] not in plain]
        if others:
            self._add_texts(unpacked(column, others).to_pylist())

"""Batches of Parquet as version 2.1 wrote them."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waterline.archive import parquet
from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.batch import Label, write_label
from waterline.archive.batch_formats import SERIALIZERS
from waterline.encoding import PARQUET, Encoding


class Version21:
    """Writes batches of Parquet as version 2.1 did: attributes are one column of JSON."""

    decode = staticmethod(parquet.decode)

    @staticmethod
    def encode(
        table: pa.Table,
        label: Label,
        encoding: Encoding,
        types: KnownTypes | None = None,  # noqa: ARG004 - it had none
    ) -> pa.Buffer:
        """Return logs as the bytes of such a file; its label says so."""
        label = msgspec.structs.replace(label, version="2.1")
        sink = pa.BufferOutputStream()
        about = {b"waterline": write_label(label)}
        pq.write_table(table.replace_schema_metadata(about), sink, compression=encoding.codec)
        return sink.getvalue()


@contextmanager
def written_as_version_2_1(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process write batches of Parquet so for a while."""
    with monkeypatch.context() as patched:
        patched.setitem(SERIALIZERS, PARQUET.name, Version21())
        yield

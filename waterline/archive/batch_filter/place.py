"""Where the filter of a batch lies in its file: behind the row groups, before the footer."""

from typing import Annotated, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from waterline.encoding import PARQUET, BatchFormat

KEY: Final = b"waterline.filter"
"""Key of the metadata of a Parquet file that tells the place."""


class FilterPlace(msgspec.Struct, frozen=True):
    """A part of a file, in bytes."""

    offset: Annotated[int, msgspec.Meta(ge=0)]
    bytes: Annotated[int, msgspec.Meta(ge=0)]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(FilterPlace)


def write_place(place: FilterPlace) -> bytes:
    """Return a place as JSON."""
    return _encoder.encode(place)


def place_of(
    content: pa.Buffer | memoryview | bytes,
    format: BatchFormat,  # noqa: A002 - as files, settings and the catalog call it
) -> FilterPlace | None:
    """Return where in a batch file its filter is; None if it has none.

    Args:
        content: the whole file, which is sound.
        format: its format.
    """
    if format.name != PARQUET.name:
        return None
    about = pq.read_metadata(pa.BufferReader(pa.py_buffer(content))).metadata or {}
    if KEY not in about:
        return None
    try:
        return _decoder.decode(about[KEY])
    except msgspec.DecodeError:  # of another program, or a later version
        return None

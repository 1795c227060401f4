"""File of the types of attributes, beside the archives of a folder."""

from collections.abc import Iterable

import msgspec
import pyarrow as pa

from waterline.archive.attribute_columns.known_types import (
    KnownTypes,
    read_types,
    write_types,
)
from waterline.archive.files import Files
from waterline.archive.parquet import layout_of
from waterline.encoding import PARQUET
from waterline.storage.folder import DataFolder


def load_types(folder: DataFolder, known: Iterable[str]) -> KnownTypes:
    """Return the types of the attributes of a folder.

    Without the file, or with one that is damaged, they are those of the local batches of Parquet,
    whose footers are read.

    Args:
        folder: the data folder.
        known: the files in the catalog.
    """
    try:
        return read_types(folder.attribute_types.read_bytes())
    except (OSError, msgspec.DecodeError):
        types = KnownTypes()
    for file in sorted(each for each in known if each.endswith(f".{PARQUET.name}")):
        try:
            types.learn(layout_of(folder.archives / file))
        except (pa.ArrowException, OSError, msgspec.DecodeError):
            continue  # elsewhere, or damaged, which `archive verify` names
    return types


def save_types(folder: DataFolder, types: KnownTypes) -> None:
    """Write the file of types, unless it says the same.

    Raises:
        ArchiveError: the file cannot be written.
    """
    path, content = folder.attribute_types, write_types(types)
    try:
        is_written = path.read_bytes() == content
    except OSError:
        is_written = False
    if not is_written:
        Files().publish(path, content)

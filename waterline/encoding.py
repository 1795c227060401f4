"""The formats of batch files, and how one batch is encoded."""

from dataclasses import dataclass
from typing import Final

from waterline.errors import ArchiveError

MOST_ROWS: Final = 1_000_000
"""Logs in a batch at most."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a batch is written.

    Attributes:
        format: the file format.
        codec: what compresses it, such as `zstd`.
        level: how hard the codec tries; None for a codec without levels.
    """

    format: "BatchFormat"
    codec: str
    level: int | None = None

    def __str__(self) -> str:
        level = "" if self.level is None else f" at level {self.level}"
        return f"{self.format} with {self.codec}{level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFormat:
    """A file format of batches.

    `waterline.archive.batch_formats` has the code that writes and reads each of them. This module
    loads nothing of Arrow, as the server's settings name formats too.

    Attributes:
        name: what settings and the catalog call it; its files end with it, after a dot.
        title: what an error calls such a file.
        codec: what compresses it, unless told otherwise.
        levels: the levels of that codec; empty for a codec without levels.
        level: the default level; None for a codec without levels.
        batch_rows: logs in a batch, unless told otherwise.
        version: the version of the layout of files that are written.
        is_dataset: whether other programs read a folder of such files as one table and stop at any
            other file in it. Manifests then lie elsewhere.
        has_columns: whether some columns, or logs, are read without most of the others.
    """

    name: str
    title: str
    codec: str
    levels: range
    level: int | None
    batch_rows: int
    version: str = "2.1"
    is_dataset: bool = False
    has_columns: bool = False

    def __str__(self) -> str:
        return self.name

    def encoding(self, level: int | None = None) -> Encoding:
        """Return the encoding with the default codec, at a level or else the default level."""
        return Encoding(self, self.codec, self.level if level is None else level)


PARQUET: Final = BatchFormat(
    name="parquet",
    title="Parquet",
    codec="zstd",
    levels=range(1, 23),
    level=3,
    # It compresses better, and is opened less often, the more rows it has.
    batch_rows=400_000,
    version="3.0",
    is_dataset=True,
    has_columns=True,
)
JSON_GZ: Final = BatchFormat(
    name="json.gz",
    title="json.gz",
    codec="gzip",
    levels=range(1, 10),
    level=6,
    # The whole document is decoded at once. The documents of version 2.0 had as many.
    batch_rows=5_000,
)
FORMATS: Final = {each.name: each for each in (PARQUET, JSON_GZ)}
"""The known formats by name, the default first; `batch_formats.register` adds one."""
DEFAULT_ENCODING: Final = PARQUET.encoding()


def format_named(name: str) -> BatchFormat:
    """Return the format of this name.

    Raises:
        ArchiveError: the name is unknown.
    """
    if name not in FORMATS:
        raise ArchiveError(
            f"unknown batch format {name}; this Waterline reads {', '.join(FORMATS)}"
        )
    return FORMATS[name]


def highest_level() -> int:
    """Return the highest level that any format has."""
    return max(max(each.levels, default=0) for each in FORMATS.values())

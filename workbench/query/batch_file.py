"""A batch as its file is, for whoever puts its logs together elsewhere."""

from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from waterline.archive.batch_formats import decode_packed
from waterline.archive.columns import NAMES, SCHEMA
from waterline.encoding import format_named
from workbench.query.piece import Piece


@dataclass(frozen=True, slots=True)
class BatchFile:
    """The verified content of a batch file, of which every log is asked for."""

    content: bytes
    format: str
    """Name of its format."""
    num_rows: int
    """Logs in it."""

    def logs(self) -> pa.Table:
        """Return its logs by seq, as they lie there.

        Raises:
            ArchiveError: the content is damaged.
        """
        return decode_packed(self.content, format_named(self.format), NAMES, None).logs


TableOrFile: TypeAlias = pa.Table | BatchFile
"""Some logs."""


@dataclass(frozen=True, slots=True)
class InItsFile(Piece[TableOrFile]):
    """All logs of a batch, in its file if that has a format that is taken."""

    formats: frozenset[str]
    """Names of the formats that are taken."""

    def made(self) -> TableOrFile:
        """Return the file; see `Piece.made`."""
        batch = self.batch
        if batch.format in self.formats:
            return BatchFile(self.reader.content(batch), batch.format, batch.rows)
        # It was rewritten meanwhile.
        return self.reader.read_packed(batch, NAMES, None)

    def of_none(self) -> TableOrFile:
        """Return the part of no logs."""
        return SCHEMA.empty_table()

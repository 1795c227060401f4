"""Looks single logs up in logs.db: by their seq, and the rest of a text that the table cuts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import func, select

from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.tables import logs
from workbench.dashboard.recent import as_bytes, begin_of, bytes_of, read_lines
from workbench.dashboard.snapshot import LogLine
from workbench.query.database import Database

PIECE_BYTES: Final = 2**18
"""How much of a text is sent at once: a page is told more only when it asks again."""

Part = Literal["message", "attributes"]


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of a text."""

    text: str
    end: int
    """The byte behind it, at which the next piece begins."""
    rest: int
    """Bytes from there on."""


class Lookup:
    """Opens logs.db for each look: they are rare, and the poller's own view is never held up.

    Args:
        path: the data folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = DataFolder(path).logs

    def lines(self, seqs: Sequence[int]) -> list[LogLine]:
        """Return the logs of these seqs that are not archived, newest first.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        with Database(self._path, LOGS) as database, database.view() as view:
            return read_lines(view, seqs)

    def piece(self, seq: int, part: Part, begin: int) -> Piece | None:
        """Return what a text says from a byte on; None where the log is archived or gone.

        Args:
            seq: whose text.
            part: which of its texts.
            begin: a byte at which a character begins.

        Raises:
            DataFolderError: logs.db cannot be read.
        """
        data = as_bytes(logs.c[part])
        question = select(bytes_of(data, begin + 1, PIECE_BYTES), func.length(data)).where(
            logs.c.seq == seq
        )
        with Database(self._path, LOGS) as database, database.view() as view:
            for found, size in view.rows(question):
                text, rest = begin_of(found, max(0, size - begin), PIECE_BYTES)
                return Piece(text, size - rest, rest)
        return None

"""Follows a database file: opened when it appears, opened anew when it is another."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from waterline.storage.schema import Schema
from workbench.query.database import Database

# What a file is, whatever its name.
_Identity = tuple[int, int]


class FollowedFile:
    """A database that may come, go and be replaced while it is followed.

    Args:
        path: the file.
        schema: the tables it should have.
        forget: called whenever what was read of the file is void.
    """

    def __init__(self, path: Path, schema: Schema, forget: Callable[[], None]) -> None:
        self.path: Final = path
        self._schema = schema
        self._forget = forget
        self._database: Database | None = None
        self._identity: _Identity | None = None

    def open(self) -> Database | None:
        """Return the database as it is now; None where there is none.

        Raises:
            DataFolderError: it cannot be read, or is not ours.
        """
        identity = self._look()
        if identity != self._identity:
            self.close()
        if identity is not None and self._database is None:
            self._database = Database(self.path, self._schema)
            self._identity = identity
        return self._database

    def close(self) -> None:
        """Let the file go, and with it what was read of it; it may be opened again."""
        if self._database is not None:
            self._database.close()
            self._forget()
        self._database = self._identity = None

    def _look(self) -> _Identity | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - one call gives both numbers
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino

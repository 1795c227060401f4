"""Checkpoints of a growing WAL, and why it is not written back to the database."""

from typing import Final

import apsw

from waterline.storage.sqlite import WAL_SIZE_LIMIT

# Bytes. SQLite checkpoints by itself, without a word if that fails or a reader is in the way. After
# a full checkpoint it cuts the WAL back to its limit.
LARGE_WAL: Final = 2 * WAL_SIZE_LIMIT


class Checkpoints:
    """Checkpoints a WAL above its limit and reports obstacles.

    Args:
        connection: the connection that writes; it is used in the caller's thread.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.warning: str | None = None
        """Why the WAL grows, in one sentence; None if it does not."""

    def see_to(self, wal_size: int) -> None:
        """Checkpoint a large WAL and note any obstacle; call it each second.

        Args:
            wal_size: bytes of the WAL.
        """
        if wal_size <= WAL_SIZE_LIMIT:
            self.warning = None
            return
        try:
            pages, written = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            return  # somebody else checkpoints just now
        except apsw.Error as error:
            self.warning = (
                f"{self._connection.filename}-wal has {wal_size} bytes and cannot be written back "
                f"to the database: {error}; check its disk"
            )
            return
        if written >= pages:
            self.warning = None
        elif wal_size > LARGE_WAL:
            self.warning = held_sentence(self._connection.filename, wal_size)


def held_sentence(database: str, wal_size: int) -> str:
    """Return one sentence about a WAL that a reader holds back."""
    return (
        f"{database}-wal has {wal_size} bytes and grows: a process that reads the database "
        "keeps a transaction open; end it"
    )

"""Checkpoints of a WAL that grows: why it is not written back to its database."""

from typing import Final

import apsw

from waterline.storage.sqlite import WAL_SIZE_LIMIT

# SQLite checkpoints by itself, and tells nobody where that fails or a reader is in its way; a WAL
# that all of it went well with is cut back to its limit.
LARGE_WAL: Final = 2 * WAL_SIZE_LIMIT


class Checkpoints:
    """Looks into checkpoints once the WAL is larger than it should ever be.

    Args:
        connection: the one that writes; it is used in the caller's thread.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.warning: str | None = None
        """Why the WAL grows, in one sentence; None where it does not."""

    def see_to(self, wal_size: int) -> None:
        """Checkpoint a large WAL and note what stood in the way; call it each second.

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
    """Return what to tell of a WAL that a reader keeps from being written back."""
    return (
        f"{database}-wal has {wal_size} bytes and grows: a process that reads the database "
        "keeps a transaction open; end it"
    )

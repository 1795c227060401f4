"""A logs.db that a test fills in its own process, without a writer's thread."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from waterline.storage.log_store import LogStore
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer, transaction


class Table:
    """A logs.db that is open for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_writer(path, LOGS, "NORMAL")
        self._table = LogStore(self.connection, 0)
        self.last_seq = 0

    def store(self, *messages: str, kinds: Sequence[str] = ()) -> bytes:
        """Store logs, of type info unless told otherwise; return the rows as a writer has them."""
        rows = [
            (f"id {number}", kind, 1, "web", message, {"k": [1, None]})
            for number, (message, kind) in enumerate(
                zip(messages, kinds or ["info"] * len(messages), strict=True), self.last_seq + 1
            )
        ]
        with transaction(self.connection):
            encoded = msgspec.json.encode(rows)
            self._table.store(encoded, len(rows), self.last_seq + 1, 2)
        self.last_seq += len(rows)
        return encoded

    def archive_through(self, seq: int) -> None:
        """Move the watermark as an archive run does; the rows stay for now."""
        self.connection.execute("UPDATE seam SET archived_through = ?", (seq,))

    def close(self) -> None:
        self.connection.close()

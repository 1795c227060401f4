"""Check of the machine's clock against the newest log, before ages are trusted."""

from typing import Final

from waterline.clock import utc_text
from waterline.errors import ArchiveError
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import reading
from waterline.storage.watermark import read_position

# Clocks of machines that share a folder differ, and clocks are adjusted. Ages are days and more.
MOST_BEHIND: Final = 86_400_000
"""Milliseconds that the clock may lag behind the newest log."""


def refuse_early_clock(folder: DataFolder, now: int) -> None:
    """Refuse a clock that is earlier than the newest log.

    Either the clock was ahead when that log was received, or it is behind now. In both cases the
    ages of logs are unknown. A newest log of long ago is no fault.

    Args:
        folder: the data folder; one without logs, or of an old schema, passes.
        now: the time by the clock, milliseconds UTC.

    Raises:
        ArchiveError: the clock is behind.
        DataFolderError: logs.db cannot be read.
    """
    if not file_size(folder.logs):
        return
    with reading(folder.logs) as connection:
        if connection.pragma("user_version") != LOGS.version:
            return
        newest = read_position(connection).last_received_at
    if newest - now > MOST_BEHIND:
        raise ArchiveError(
            f"this machine's clock says {utc_text(now)}, and the newest log in {folder.path} was "
            f"received at {utc_text(newest)}; set the clock right, or insist with --despite-clock "
            "if that log came while it was ahead"
        )

"""Whether the machine's clock is earlier than the newest log, so that one of them must be wrong."""

from typing import Final

from waterline.clock import utc_text
from waterline.errors import ArchiveError
from waterline.storage.folder import DataFolder, file_size
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import reading
from waterline.storage.watermark import read_position

# Machines that share a folder differ, and clocks are adjusted; ages are of days and more.
MOST_BEHIND: Final = 86_400_000
"""Milliseconds by which the clock may be behind the newest log."""


def refuse_early_clock(folder: DataFolder, now: int) -> None:
    """See that nobody asks for old logs by a clock that cannot be right.

    The newest log, hot or archived, was received by a clock that was ahead, or this one is behind.
    In both cases ages do not tell how old logs are. That the newest is long ago is no fault.

    Args:
        folder: the data folder; one that has no logs, or needs a migration, is left to the job.
        now: what the clock says, in milliseconds UTC.

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

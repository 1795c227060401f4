"""Watch for missing local batch files; none is opened."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final, cast

import apsw

from waterline.errors import DataFolderError
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import one_moment, reading
from waterline.units import counted

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
MOST_FILES: Final = 1000
"""Files looked for at once, and missing ones remembered, at most."""
_NAMED: Final = 3

_KEPT_HERE: Final = "pruned_at IS NULL AND local_removed_at IS NULL"
_NEXT: Final = f"""
    SELECT batch, file FROM archive_batches WHERE batch > ? AND {_KEPT_HERE} ORDER BY batch LIMIT ?
"""
# A rewrite gives a batch another file.
_STILL: Final = f"""
    SELECT 1 FROM archive_batches WHERE batch = ? AND file = ? AND {_KEPT_HERE}
"""


class MissingFiles:
    """Checks the local batch files of a data folder while its server runs.

    A job records a removal before it removes the file. So a file that the catalog keeps and the
    disk lacks is lost.

    Args:
        folder: the data folder, with a logs.db.
        most: how many files are looked for at once.
    """

    def __init__(self, folder: DataFolder, most: int = MOST_FILES) -> None:
        self._folder = folder
        self._most = most
        self._last = 0
        self._missing: dict[int, str] = {}
        self._reason: str | None = None
        self._failed = False

    async def run(self) -> None:
        """Check once a minute, in a thread, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Check the next files, and again those that were missing.

        If logs.db cannot be read, the last result stays.
        """
        try:
            # Kept open, it would be the last to let go of the file, whose WAL then stays.
            with reading(self._folder.logs) as connection:
                self._look(connection)
        except DataFolderError as error:
            if not self._failed:
                logger.error("missing archive files cannot be checked: %s", error)
            self._failed = True
            return
        self._failed = False
        self._reason = missing_sentence([*self._missing.values()], str(self._folder.archives))

    def reasons(self) -> list[str]:
        """Return one sentence if files were missing at the last check, else nothing."""
        return [] if self._reason is None else [self._reason]

    def _look(self, connection: apsw.Connection) -> None:
        rows = connection.execute(_NEXT, (self._last, self._most)).fetchall()
        found = cast("list[tuple[int, str]]", rows)
        self._last = found[-1][0] if len(found) == self._most else 0
        looked_for = dict(found) | self._missing
        lacking = {
            batch: file
            for batch, file in looked_for.items()
            if is_missing(self._folder.archives / file)
        }
        # Read after the check of the files: a job may have removed one meanwhile.
        with one_moment(connection):
            still = {
                batch: file
                for batch, file in lacking.items()
                if connection.execute(_STILL, (batch, file)).get is not None
            }
        self._missing = dict(islice(still.items(), MOST_FILES))


def is_missing(path: Path) -> bool:
    """Return whether a file is missing; one that cannot be inspected counts as present."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def missing_sentence(files: Sequence[str], archives: str) -> str | None:
    """Return one sentence about missing files; None if there are none.

    Args:
        files: paths below the archives.
        archives: path of the archives.
    """
    if not files:
        return None
    named = ", ".join(sorted(files)[:_NAMED])
    more = "" if len(files) <= _NAMED else f" and {len(files) - _NAMED:,} more"
    are, advice = ("is", "a copy in its") if len(files) == 1 else ("are", "copies in their")
    return (
        f"{counted(len(files), 'archive file')} {are} missing in {archives}: {named}{more}; put "
        f"{advice} place"
    )

"""Watch of the server over `archive_keep`: announces for a day what will go, then lets runs act."""

import logging
from collections.abc import Callable
from typing import Final

from waterline.archive.catalog import read_catalog
from waterline.archive.files import Files
from waterline.archive.retention import (
    NOTICE,
    days_of_receipt,
    due_batches,
    read_notice,
    write_notice,
)
from waterline.clock import steady_ms, utc_text
from waterline.errors import WaterlineError
from waterline.settings.keep import ArchiveKeep, show_keep
from waterline.settings.model import Settings
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.sqlite import reading
from waterline.storage.watermark import read_position
from waterline.units import counted, human_size

logger = logging.getLogger(__name__)

# Milliseconds between two looks that count as announced at most: a later look may have hung.
_LONGEST: Final = 5 * 60_000
# Milliseconds by which the clock may be ahead of the newest log when the server starts.
_MOST_AHEAD: Final = 86_400_000


class RetentionWatch:
    """Looks which batches `archive_keep` lets go.

    Notice is given anew after a change of the setting, and after a start whose clock is more than
    a day ahead of the newest log, as that clock may be wrong.

    Args:
        settings: with the bounds and `dedupe_window`.
        clock: returns milliseconds UTC.
        steady: returns milliseconds on a monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], int],
        steady: Callable[[], int] = steady_ms,
    ) -> None:
        self._folder = DataFolder(settings.data)
        self._keep = settings.archive_keep
        self._dedupe_window = settings.dedupe_window
        self._clock = clock
        self._steady = steady
        # Before the first log of this start, which would have the time of a wrong clock.
        self._begins_anew = self._keep is not None and self._is_far_ahead()
        self._named_at: int | None = None
        self._warning: str | None = None
        self._failure: str | None = None
        self.is_due = False
        """Whether a run should prune now."""

    def look(self) -> None:
        """Look once; call it each minute, in a thread.

        Nothing is due where logs.db cannot be read or the notice cannot be kept.
        """
        try:
            self._look()
        except WaterlineError as error:
            if str(error) != self._failure:
                logger.error("archive_keep cannot be heeded: %s", error)
            self._failure, self.is_due = str(error), False
        else:
            self._failure = None

    def warnings(self) -> list[str]:
        """Return one sentence while removal is announced, or cannot be looked after."""
        failed = (
            None if self._failure is None else f"archive_keep cannot be heeded: {self._failure}"
        )
        return [each for each in (self._warning, failed) if each is not None]

    def _look(self) -> None:
        keep, now = self._keep, self._clock()
        if keep is None:
            # If it is set again, notice is given again.
            Files().remove(self._folder.archive_notice)
            return
        _, batches = read_catalog(self._folder)
        shown = read_notice(self._folder, keep)
        if self._begins_anew:
            shown = 0
            write_notice(self._folder, keep, shown)
            self._begins_anew = False
        if shown < NOTICE:
            shown = self._announce(keep, batches, shown, now)
        else:
            self._warning = None
        self.is_due = shown >= NOTICE and bool(due_batches(batches, keep, now, self._dedupe_window))

    def _announce(
        self, keep: ArchiveKeep, batches: list[ArchivedBatch], shown: int, now: int
    ) -> int:
        """Name what will go once notice was given; return for how long it was.

        Args:
            keep: the bounds.
            batches: the catalog.
            shown: milliseconds for which it was named before.
            now: milliseconds UTC.
        """
        looked_at, before = self._steady(), self._named_at
        if before is not None:
            shown = min(NOTICE, shown + min(looked_at - before, _LONGEST))
            write_notice(self._folder, keep, shown)
        coming = due_batches(batches, keep, now + NOTICE - shown, self._dedupe_window)
        self._named_at = looked_at if coming else None
        self._warning = _sentence(keep, coming, now + NOTICE - shown) if coming else None
        if shown >= NOTICE:
            self._warning = None
        return shown

    def _is_far_ahead(self) -> bool:
        with reading(self._folder.logs) as connection:
            newest = read_position(connection).last_received_at
        return self._clock() - newest > _MOST_AHEAD


def _sentence(keep: ArchiveKeep, batches: list[ArchivedBatch], moment: int) -> str:
    logs, size = sum(each.rows for each in batches), sum(each.stored_bytes for each in batches)
    return (
        f"archive_keep ({show_keep(keep)}) will remove {counted(logs, 'log')} in "
        f"{counted(len(batches), 'batch', 'batches')} ({human_size(size)}), received "
        f"{days_of_receipt(batches)}, for good from {utc_text(moment)} on; to keep them set it to "
        "forever, or higher, and start the server again"
    )

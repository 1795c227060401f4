"""Cache of filters of batches, so that many questions read each once."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from waterline.archive.batch_filter.contents import BatchFilter

MOST_BYTES: Final = 64 * 2**20


class FilterCache:
    """Filters by the SHA-256 of their bytes; those that were not asked for longest go first.

    Args:
        most_bytes: bytes of all filters at most, as they are in files.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._filters: OrderedDict[str, tuple[BatchFilter, int]] = OrderedDict()
        self._bytes = 0

    def get(self, sha256: str) -> BatchFilter | None:
        """Return a filter; None if it is not held."""
        with self._lock:
            if sha256 not in self._filters:
                return None
            self._filters.move_to_end(sha256)
            return self._filters[sha256][0]

    def add(self, sha256: str, known: BatchFilter, size: int) -> None:
        """Hold a filter.

        Args:
            sha256: of its bytes.
            known: the filter.
            size: number of its bytes.
        """
        with self._lock:
            if sha256 in self._filters or size > self._most_bytes:
                return
            self._filters[sha256] = known, size
            self._bytes += size
            while self._bytes > self._most_bytes:
                _, (_, gone) = self._filters.popitem(last=False)
                self._bytes -= gone


FILTERS: Final = FilterCache()
"""The filters of this process, of all folders."""

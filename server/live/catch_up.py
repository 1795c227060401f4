"""Catching up: reads committed logs for one who begins in the past, until it joins the present."""

import asyncio
from collections.abc import Sequence
from itertools import compress
from typing import Final, Protocol

from server.live.filters import Filter
from server.live.hub import MATCHED_AT_ONCE, LiveHub, Reader, logs_frame, position_frame
from waterline.records import StoredLog, encode_stored
from waterline.storage.pages import LogPages

# What one page may take of a reader's buffer: enough to keep it busy while the next is read.
PAGE_SIZE: Final = 128 * 1024
POSITION_SECONDS: Final = 1.0


class PatientReader(Reader, Protocol):
    """A reader that can be waited for."""

    async def drained(self) -> None:
        """Return once the peer has taken everything, or has gone."""


async def catch_up(
    reader: PatientReader, hub: LiveHub, pages: LogPages, wanted: Filter, after: int
) -> None:
    """Send a reader what it wants of the logs behind a seq, then subscribe it to the hub.

    Nothing is skipped for it, however slowly it reads: the next page is read once it has taken the
    last one. What is archived is told as skipped. It may be cancelled; it returns without
    subscribing when the pages are closed.

    Args:
        reader: who reads.
        hub: what it joins.
        pages: the logs of the past; the hub has published none that are not in there.
        wanted: which logs it wants.
        after: a seq, lower than the last that was published.

    Raises:
        DataFolderError: the logs cannot be read.
    """
    now = asyncio.get_running_loop().time
    size = min(PAGE_SIZE, hub.frame_size)
    reader.send(position_frame(after))
    told_at = now()
    while pages.is_open:
        # What is committed but not published yet will come from the hub.
        page = pages.read(after, hub.last_seq, size)
        if page.begin > after:
            hub.skip_archived(reader, after + 1, page.begin)
        chosen = await _choose(wanted, page.logs)
        lines = [encode_stored(log) for log in compress(page.logs, chosen)]
        if lines:
            reader.send(logs_frame(lines))
        after = page.end
        # Nothing is published between this page and the subscription: nobody else runs meanwhile.
        if after == hub.last_seq:
            hub.subscribe(reader, wanted)
            return
        if now() - told_at >= POSITION_SECONDS:
            reader.send(position_frame(after))
            told_at = now()
        await asyncio.sleep(0)
        await reader.drained()


async def _choose(wanted: Filter, logs: Sequence[StoredLog]) -> Sequence[bool]:
    for chosen in wanted.choose_slowly(logs, MATCHED_AT_ONCE):
        if chosen is not None:
            return chosen
        await asyncio.sleep(0)
    raise AssertionError

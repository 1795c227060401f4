"""Catch-up of a reader that begins in the past, until it joins the hub."""

import asyncio
from collections.abc import Sequence
from itertools import compress
from typing import Final, Protocol

from server.live.filters import Filter
from server.live.hub import (
    MATCHED_A_STEP,
    MATCHED_AT_ONCE,
    LiveHub,
    Reader,
    logs_frame,
    position_frame,
)
from server.turns import Turns
from waterline.records import StoredLog, encode_stored
from waterline.storage.pages import LogPages

# Bytes of a page, enough to keep a reader busy while the next is read.
PAGE_SIZE: Final = 128 * 1024
POSITION_SECONDS: Final = 1.0


class PatientReader(Reader, Protocol):
    """Reader that can be waited for."""

    async def drained(self) -> None:
        """Wait until the peer has taken all bytes, or has gone."""


async def catch_up(
    reader: PatientReader, hub: LiveHub, pages: LogPages, wanted: Filter, after: int
) -> None:
    """Send a reader the matching logs after a seq, then subscribe it to the hub.

    No log is skipped, however slowly the reader takes them: the next page is read once it has taken
    the last one. Archived logs are told as skipped. It may be cancelled. It returns without a
    subscription if the pages are closed.

    Args:
        reader: the reader.
        hub: the hub to join.
        pages: the committed logs, with all that the hub has published.
        wanted: the filter of the reader.
        after: a seq below the last published one, exclusive.

    Raises:
        DataFolderError: the logs cannot be read.
    """
    now = asyncio.get_running_loop().time
    size = min(PAGE_SIZE, hub.frame_size)
    reader.send(position_frame(after))
    told_at = now()
    while pages.is_open:
        # Logs committed but not published yet will come from the hub.
        page = pages.read(after, hub.last_seq, size)
        if page.begin > after:
            hub.skip_archived(reader, after + 1, page.begin)
        chosen = await _choose(wanted, page.logs, hub.turns)
        lines = [encode_stored(log) for log in compress(page.logs, chosen)]
        if lines:
            reader.send(logs_frame(lines))
        after = page.end
        # No other task runs between this page and the subscription, so no log is missed.
        if after == hub.last_seq:
            hub.subscribe(reader, wanted)
            return
        if now() - told_at >= POSITION_SECONDS:
            reader.send(position_frame(after))
            told_at = now()
        # Reading and encoding a page takes a turn.
        await hub.turns.spend(MATCHED_AT_ONCE)
        await reader.drained()


async def _choose(wanted: Filter, logs: Sequence[StoredLog], turns: Turns) -> Sequence[bool]:
    for step in wanted.choose_slowly(logs, MATCHED_A_STEP):
        if not isinstance(step, int):
            return step
        await turns.spend(step)
    raise AssertionError

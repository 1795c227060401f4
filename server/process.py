"""Main function of the server process, with settings from the environment."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Final

from server.allocator import release_large_blocks
from server.app import serve
from waterline.addresses import Addresses
from waterline.endings import ended_in_order
from waterline.settings.model import load_settings
from waterline.terminal import log_to_stderr, say

# Of itself Python gives a waiting thread its turn after 5 ms. A scrape of the measurements needs
# several, beside an event loop and a writer that are busy.
SWITCH_SECONDS: Final = 0.001


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; print the addresses once connections are accepted."""
    with ended_in_order():
        # The command has read the queries of alerts, and here they would bring Arrow along.
        loaded = load_settings({}, os.environ, Path.cwd(), check_queries=False)
        settings = loaded.settings
        log_to_stderr()
        release_large_blocks()
        sys.setswitchinterval(SWITCH_SECONDS)

        def announce(addresses: Addresses) -> None:
            # What is loaded by now stays. To look for garbage in it took up to 0.1 s at a time, in
            # which nobody was acked.
            gc.freeze()
            say(addresses.announcement(settings.data))

        asyncio.run(serve(settings, announce, loaded.alerts))

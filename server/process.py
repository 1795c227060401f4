"""Main function of the server process, with settings from the environment."""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from server.handover import Predecessor, tell_reason
from server.inherited import parse_sockets, sockets_of_systemd
from server.lifecycle import serve
from waterline.addresses import Addresses
from waterline.allocator import release_large_blocks
from waterline.endings import ended_in_order
from waterline.errors import WaterlineError
from waterline.process_log import logged_failure, start_log
from waterline.processes import SUPERVISED
from waterline.settings.model import LoadedSettings, load_settings
from waterline.terminal import say

# Of itself Python gives a waiting thread its turn after 5 ms. A scrape of the measurements needs
# several, beside an event loop and a writer that are busy.
SWITCH_SECONDS: Final = 0.001


def main(arguments: Sequence[str] = ()) -> None:
    """Serve until SIGTERM or Ctrl-C; print the addresses once connections are accepted.

    Args:
        arguments: what the server before this one gives it, see `handover`, or that a parent
            starts it again.
    """
    with ended_in_order():
        given = _given(arguments)

        def load() -> LoadedSettings:
            # The command has read the queries of alerts, and here they would bring Arrow along.
            return load_settings({}, os.environ, Path.cwd(), check_queries=False)

        try:
            loaded = load()
            log = (loaded.settings.log_format, loaded.settings.log_file)
            start_log("server", *log)
        except WaterlineError as error:
            # There is no log yet in which it could be told.
            if given.ready is not None:
                tell_reason(given.ready, str(error))
            raise
        with logged_failure(*log):
            _serve(loaded, load, given)


def _serve(loaded: LoadedSettings, load: Callable[[], LoadedSettings], given: "_Given") -> None:
    release_large_blocks()
    sys.setswitchinterval(SWITCH_SECONDS)

    def announce(addresses: Addresses) -> None:
        # What is loaded by now stays. To look for garbage in it took up to 0.1 s at a time, in
        # which nobody was acked.
        gc.freeze()
        say(addresses.announcement(loaded.settings.data))

    asyncio.run(
        serve(
            loaded,
            load,
            announce,
            inherited=sockets_of_systemd()
            if given.sockets is None
            else parse_sockets(given.sockets),
            predecessor=None if given.ready is None else Predecessor(given.ready),
            supervised=given.supervised,
        )
    )


class _Given(NamedTuple):
    """What the process is told by the one that started it."""

    sockets: str | None
    """Those of the server before this one; None without one."""
    ready: int | None
    """Descriptor of a pipe to that one."""
    supervised: bool
    """Whether the parent starts this one again when it ends."""


def _given(arguments: Sequence[str]) -> _Given:
    """Return what the process is told by the one that started it."""
    parser = argparse.ArgumentParser("python -m server")
    parser.add_argument("--sockets")
    parser.add_argument("--ready", type=int)
    parser.add_argument(SUPERVISED, action="store_true", dest="supervised")
    found = parser.parse_args(arguments)
    return _Given(found.sockets, found.ready, found.supervised)

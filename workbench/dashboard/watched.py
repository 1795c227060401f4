"""What the pages of a process show: snapshots of a folder, and searches of its logs."""

# Panel has types in part only.
# mypy: allow-untyped-calls

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import panel as pn

from waterline.settings.model import LoadedSettings, load_settings
from workbench.dashboard.explorer.searcher import Searcher
from workbench.dashboard.origin import Origin
from workbench.dashboard.remote_poller import RemotePoller
from workbench.snapshots.poller import FolderPoller, Poller
from workbench.snapshots.server_health import reader_of

_SHARED: Final = "waterline-watched"
_making_shared: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder that pages follow and search."""

    origin: Origin
    poller: Poller
    searcher: Searcher

    def stop(self) -> None:
        """Follow it no more, and start no search."""
        self.poller.stop()
        self.searcher.stop()


def watched(origin: Origin, poller: Poller) -> Watched:
    """Return a folder with a poller of it."""
    return Watched(origin, poller, Searcher(origin.open))


def shared(origin: Origin | None = None) -> Watched:
    """Return what all pages of this process follow.

    Args:
        origin: what it is, if nothing is followed yet; None is the folder of the settings.

    Raises:
        SettingsError: a setting is unknown or has no meaning.
    """
    with _making_shared:
        if _SHARED not in pn.state.cache:
            loaded = load_settings({}, os.environ, Path.cwd())
            origin = Origin(loaded.settings.data) if origin is None else origin
            poller = _poller_of(origin, loaded)
            poller.start()
            pn.state.cache[_SHARED] = watched(origin, poller)
        return cast("Watched", pn.state.cache[_SHARED])


def _poller_of(origin: Origin, loaded: LoadedSettings) -> Poller:
    if origin.url is not None:
        return RemotePoller(origin)
    health = reader_of(loaded.settings)
    return FolderPoller(origin.folder, rules=loaded.alerts, health=health)

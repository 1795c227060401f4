"""The analyst's half of Waterline: `connect()` to a data folder, `Producer` to push logs.

What may be raised or warned of is here too: `WaterlineError` is the root of all errors, and
`server.errors` says what each means. All is loaded when it is first used, so that a program that
only pushes logs does not load pandas.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.errors import (
        AddressError,
        ArchiveError,
        ArchiveInUse,
        DamagedCache,
        DataFolderError,
        DataFolderInUse,
        DeliveryError,
        IncompleteAnswer,
        ManyAttributes,
        MissingLogs,
        NewerSchema,
        NothingFound,
        ObjectMissing,
        PrunedLogs,
        RejectedLogs,
        RemoteError,
        ServerFailed,
        SettingsError,
        StartFailed,
        TokenError,
        UnmeasuredLogs,
        UsageError,
        WaterlineError,
    )
    from workbench.clients.producer import Producer
    from workbench.workbench import Workbench, connect

__all__ = [
    "AddressError",
    "ArchiveError",
    "ArchiveInUse",
    "DamagedCache",
    "DataFolderError",
    "DataFolderInUse",
    "DeliveryError",
    "IncompleteAnswer",
    "ManyAttributes",
    "MissingLogs",
    "NewerSchema",
    "NothingFound",
    "ObjectMissing",
    "Producer",
    "PrunedLogs",
    "RejectedLogs",
    "RemoteError",
    "ServerFailed",
    "SettingsError",
    "StartFailed",
    "TokenError",
    "UnmeasuredLogs",
    "UsageError",
    "WaterlineError",
    "Workbench",
    "connect",
]

_ROOMS = {
    **dict.fromkeys(__all__, "server.errors"),
    "Producer": "workbench.clients.producer",
    "Workbench": "workbench.workbench",
    "connect": "workbench.workbench",
}


def _load_own_server() -> None:
    """Load Waterline's package `server`, also where a file in the working folder has that name.

    In a notebook that folder goes before all installed packages.

    Raises:
        ImportError: the user's own was loaded before.
    """
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    try:
        server = import_module("server")
    finally:
        sys.path.remove(str(root))
    if not hasattr(server, "__path__") or str(root / "server") not in server.__path__:
        raise ImportError(
            f"{server.__file__} is loaded as `server`, which is the name of a package that "
            "Waterline needs; restart Python and import workbench first, or rename that file"
        )


_load_own_server()


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])

"""The analyst's half of Waterline: `connect()` to a data folder, `Producer` to push logs.

Errors and warnings are here too: `WaterlineError` is the root of all errors, and `waterline.errors`
explains each. Modules are loaded on first use, so that a program that only pushes logs does not
load pandas.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from waterline.errors import (
        AddressError,
        ArchiveError,
        ArchiveInUse,
        BackupInUse,
        ClusterError,
        DamagedCache,
        DataFolderError,
        DataFolderInUse,
        DeliveryError,
        IncompleteAnswer,
        ManyAttributes,
        MissingLogs,
        MissingPart,
        NewerSchema,
        NothingFound,
        ObjectMissing,
        ProducerFull,
        PrunedLogs,
        QueryError,
        RejectedLogs,
        RemoteError,
        SampledLogs,
        ServerFailed,
        ServerUnreachable,
        SettingsError,
        StartFailed,
        TokenError,
        UnmeasuredLogs,
        UnprotectedCluster,
        UsageError,
        WaterlineError,
    )
    from workbench.clients.async_producer import AsyncProducer
    from workbench.clients.log_handler import LogHandler
    from workbench.clients.producer import Producer
    from workbench.workbench import Workbench, connect, read

__all__ = [
    "AddressError",
    "ArchiveError",
    "ArchiveInUse",
    "AsyncProducer",
    "BackupInUse",
    "ClusterError",
    "DamagedCache",
    "DataFolderError",
    "DataFolderInUse",
    "DeliveryError",
    "IncompleteAnswer",
    "LogHandler",
    "ManyAttributes",
    "MissingLogs",
    "MissingPart",
    "NewerSchema",
    "NothingFound",
    "ObjectMissing",
    "Producer",
    "ProducerFull",
    "PrunedLogs",
    "QueryError",
    "RejectedLogs",
    "RemoteError",
    "SampledLogs",
    "ServerFailed",
    "ServerUnreachable",
    "SettingsError",
    "StartFailed",
    "TokenError",
    "UnmeasuredLogs",
    "UnprotectedCluster",
    "UsageError",
    "WaterlineError",
    "Workbench",
    "connect",
    "read",
]

_WORKBENCH = "workbench.workbench"
_ROOMS = {
    **dict.fromkeys(__all__, "waterline.errors"),
    "AsyncProducer": "workbench.clients.async_producer",
    "LogHandler": "workbench.clients.log_handler",
    "Producer": "workbench.clients.producer",
    "Workbench": _WORKBENCH,
    "connect": _WORKBENCH,
    "read": _WORKBENCH,
}


def _load_own_waterline() -> None:
    """Load the package `waterline`, also where a file in the working folder has that name.

    In a notebook that folder goes before all installed packages.

    Raises:
        ImportError: the user's own was loaded before.
    """
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    try:
        waterline = import_module("waterline")
    finally:
        sys.path.remove(str(root))
    if not hasattr(waterline, "__path__") or str(root / "waterline") not in waterline.__path__:
        raise ImportError(
            f"{waterline.__file__} is loaded as `waterline`, which is the name of a package that "
            "Waterline needs; restart Python and import workbench first, or rename that file"
        )


_load_own_waterline()


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Load the magic `%%wb_sql`: `%load_ext workbench`."""
    import_module("waterline.parts").require("all", "%load_ext workbench")
    import_module("workbench.magics").load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Take the magic away, and show frames of logs as pandas does: `%unload_ext workbench`."""
    import_module("workbench.magics").unload(shell)


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    if _ROOMS[name] == _WORKBENCH:
        import_module("waterline.parts").require("all", f"workbench.{name}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])

"""The analyst's half of Waterline: `connect()` to a data folder, `Producer` to push logs.

Both are loaded when they are first used, so that a program that only pushes logs does not load
pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.clients.producer import Producer
    from workbench.workbench import Workbench, connect

__all__ = ["Producer", "Workbench", "connect"]

_ROOMS = {
    "Producer": "workbench.clients.producer",
    "Workbench": "workbench.workbench",
    "connect": "workbench.workbench",
}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])

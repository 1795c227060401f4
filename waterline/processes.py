"""Commands of Python processes that Waterline starts."""

import os
import sys
from pathlib import Path
from typing import Final

from waterline.launcher import WITHIN

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")

SUPERVISED: Final = "--supervised"
"""Argument of a server that its parent starts again when it ends."""


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a process.

    The working folder is not searched for modules, and PYTHONPATH not for our packages.

    Args:
        module: the module, such as `waterline.archive.jobs`.
        arguments: its arguments.
    """
    return [sys.executable, "-P", str(_LAUNCHER), module, *arguments]


def child_command(module: str, *arguments: str) -> list[str]:
    """Return the same for a process that ends when this one does, even by SIGKILL.

    The thread that starts it must live as long as it is wanted.

    Args:
        module: the module, such as `workbench.dashboard`.
        arguments: its arguments.
    """
    command = python_command(module, *arguments)
    place = command.index(str(_LAUNCHER)) + 1
    return [*command[:place], WITHIN, str(os.getpid()), *command[place:]]

"""Processes of Python: how each one that Waterline starts is called."""

import sys
from pathlib import Path
from typing import Final

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a process of its own.

    No file in the working folder is taken for a module, and none on PYTHONPATH for one of ours.

    Args:
        module: such as `waterline.archive.jobs`.
        arguments: what it is given.
    """
    return [sys.executable, "-P", str(_LAUNCHER), module, *arguments]

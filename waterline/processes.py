"""Commands of Python processes that Waterline starts."""

import sys
from pathlib import Path
from typing import Final

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a process.

    The working folder is not searched for modules, and PYTHONPATH not for our packages.

    Args:
        module: the module, such as `waterline.archive.jobs`.
        arguments: its arguments.
    """
    return [sys.executable, "-P", str(_LAUNCHER), module, *arguments]

"""Script that starts a module of Waterline, whatever modules the user has.

Run it as `python -P launcher.py [--within PID] MODULE ARGUMENT...`. `-P` leaves the working folder
out of `sys.path`. A folder on PYTHONPATH may still have a `server.py`, so our packages are loaded
first.
"""

import os
import runpy
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

# Our packages, whose names a user's module may have.
_OURS: Final = ("waterline", "server", "workbench")
# Option before the module: id of the process with which this one ends.
WITHIN: Final = "--within"
# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int) -> None:
    """Get SIGTERM when the process that started this one ends, however it does.

    Args:
        parent: its process id.

    Raises:
        SystemExit: it has ended already.
    """
    import ctypes  # who asks for a command alone does not load it

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def main(module: str) -> None:
    """Run a module as `python -m` does, with the arguments after its name."""
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    try:
        for name in _OURS:
            if (root / name).is_dir():
                import_module(name)
    finally:
        sys.path.remove(str(root))
    del sys.argv[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1] == WITHIN:
        end_with(int(sys.argv[2]))
        del sys.argv[1:3]
    main(sys.argv[1])

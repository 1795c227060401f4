"""Script that starts a module of Waterline, whatever modules the user has.

Run it as `python -P launcher.py MODULE ARGUMENT...`. `-P` leaves the working folder out of
`sys.path`. A folder on PYTHONPATH may still have a `server.py`, so our packages are loaded first.
"""

import runpy
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

# Our packages, whose names a user's module may have.
_OURS: Final = ("waterline", "server", "workbench")


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
    main(sys.argv[1])

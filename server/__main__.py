"""Entry point of the server process, `python -m server`, which `waterline serve` becomes.

Loading takes a tenth of a second, in which Ctrl-C should print no traceback.
"""

import sys
from importlib import import_module

from waterline.interrupts import end_at_once

end_at_once()


def main() -> None:
    """Run the server."""
    import_module("server.process").main(sys.argv[1:])


if __name__ == "__main__":
    main()

"""The process of the command `waterline`, which `python -m workbench` starts too.

Loading the command takes a tenth of a second, in which Ctrl-C must print no traceback.
"""

from importlib import import_module

from waterline.interrupts import end_at_once

end_at_once()


def main() -> None:
    """Run the command."""
    import_module("workbench.cli.main").main()


if __name__ == "__main__":
    main()

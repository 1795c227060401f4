"""Exit of commands: one sentence and an exit code."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import click

from waterline.errors import WaterlineError
from waterline.interrupts import INTERRUPTED, raised
from waterline.terminal import buffer_output, discard, flush_output, settle_output, warn

# Exit code of a shell for a program killed by SIGPIPE.
CLOSED_PIPE: Final = 141


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Run a command so that an early end prints one sentence, or none.

    Raises:
        SystemExit: 1 after an error, 130 after Ctrl-C, and 141 if the output is closed, as by
            `| head`.
    """
    buffer_output()
    try:
        with _told():
            yield
            flush_output()
    except BrokenPipeError:
        discard(sys.stdout, sys.stderr)
        raise SystemExit(CLOSED_PIPE) from None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        with raised():
            yield
    except WaterlineError as error:
        warn(f"waterline: {error}")
        settle_output()
        raise SystemExit(1) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        # The reader of the output may wait for us, or be gone.
        discard(sys.stdout)
        with contextlib.suppress(BrokenPipeError):
            warn("\nwaterline: interrupted")
        raise SystemExit(INTERRUPTED) from None

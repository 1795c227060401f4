"""How a command ends: in one sentence and an exit code that says why."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import click

from waterline.errors import WaterlineError
from waterline.interrupts import INTERRUPTED, raised
from waterline.terminal import buffer_output, discard, flush_output, settle_output, warn

# What a shell says of a program whose output nobody read any more.
CLOSED_PIPE: Final = 141


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Run a command so that whatever ends it early does so in one sentence, or none.

    Raises:
        SystemExit: 1 after a mistake, 130 after Ctrl-C, and 141 where nobody reads the output any
            more, as behind `| head`.
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
        # Whoever should read the rest may wait for us, or be gone.
        discard(sys.stdout)
        with contextlib.suppress(BrokenPipeError):
            warn("\nwaterline: interrupted")
        raise SystemExit(INTERRUPTED) from None

"""Output of commands, without control characters from logs, names or errors."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import click

from waterline.errors import UsageError
from waterline.printable import printable


def say(line: str) -> None:
    """Print a line and flush it."""
    with _writing():
        click.echo(printable(line, keep="\n"))


def warn(line: str) -> None:
    """Print a line to standard error."""
    click.echo(printable(line, keep="\n"), err=True)


def buffer_output() -> None:
    """Make standard output write all of its input or fail.

    Under PYTHONUNBUFFERED it is a raw stream. On a full disk or a closed pipe that writes only the
    beginning, without an error.
    """
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115 - stays open to the end
            sys.stdout.fileno(),
            "w",
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            closefd=False,
        )


def flush_output() -> None:
    """Flush standard output.

    Raises:
        UsageError: the stream cannot be written, as on a full disk.
        BrokenPipeError: the reader has closed the pipe.
    """
    with _writing():
        sys.stdout.flush()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"the stream cannot be written: {error.strerror}") from error


def settle_output() -> None:
    """Flush standard output, or drop its buffer, over which Python would fail at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)


def discard(*streams: TextIO) -> None:
    """Redirect streams, with their buffers, to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

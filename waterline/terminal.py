"""What commands print: lines that no log, name or error can make steer a terminal."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import click

from waterline.errors import UsageError
from waterline.printable import printable


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    with _writing():
        click.echo(printable(line, keep="\n"))


def warn(line: str) -> None:
    """Print a line to standard error."""
    click.echo(printable(line, keep="\n"), err=True)


def buffer_output() -> None:
    """Let standard output write all that it is given, or fail.

    Under PYTHONUNBUFFERED it is a raw stream: where the disk is full or a pipe is closed half-way,
    it writes the begin and says nothing.
    """
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115 - a descriptor, open to the end
            sys.stdout.fileno(),
            "w",
            encoding=sys.stdout.encoding,
            errors=sys.stdout.errors,
            closefd=False,
        )


def flush_output() -> None:
    """Write what standard output still holds.

    Raises:
        UsageError: it cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it any more.
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
    """Write what standard output still holds, or drop it: Python would fail over it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)


def discard(*streams: TextIO) -> None:
    """Let what a stream still holds, and whatever is written to it from now on, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def log_to_stderr() -> None:
    """Let the log lines of this process go to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("waterline: %(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


class _Printable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n\t")

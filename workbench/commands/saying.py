"""What commands print: lines that no log, name or error can make steer a terminal."""

import logging
import sys

import click

from server.printable import printable


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    click.echo(printable(line, keep="\n"))
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print a line to standard error."""
    click.echo(printable(line, keep="\n"), err=True)


def log_to_stderr() -> None:
    """Let the log lines of this process go to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("waterline: %(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


class _Printable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep="\n\t")

"""`waterline bench`: what this machine does."""

import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Final

import click
import msgspec

from waterline.errors import UsageError
from waterline.terminal import say, warn
from workbench.cli.options import load, needs
from workbench.cli.table import Column, Screen, Table

_LEAST: Final = 1_000
_MOST: Final = 1_000_000


@click.command()
@click.option(
    "--logs",
    type=click.IntRange(_LEAST, _MOST),
    default=100_000,
    show_default=True,
    help="logs that are sent, once a log a frame and once many a frame",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="where to measure, as on the disk that logs will be on  [default: beside the data folder]",
)
@click.option("--json", "as_json", is_flag=True, help="a JSON object")
@needs("all")
def bench(logs: int, folder: Path | None, as_json: bool) -> None:
    """Measure what this machine does: disk, ingest, acks, archiving, questions; under a minute.

    A server of its own runs on a folder of its own; both are gone at the end, also after Ctrl-C.
    What else the machine does meanwhile, such as another server, is part of the figures.
    """
    from workbench.bench.figures import rows_of
    from workbench.bench.measure import measure

    place = folder or _beside(load({}).settings.data)
    previous = signal.signal(signal.SIGTERM, _end)  # so that nothing is left of it either
    try:
        found = measure(place, logs, lambda what: warn(f"measuring: {what}"))
    except OSError as error:
        raise UsageError(f"the bench broke off: {error.strerror or error}") from error
    finally:
        signal.signal(signal.SIGTERM, previous)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    facts = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    table = Table([Column("what"), Column("how much")], Screen.of_output())
    for line in [*table.lines(rows_of(found)), f"in {found.folder}: {facts}"]:
        say(line)


def _beside(data: Path) -> Path:
    """Return the nearest folder of the data folder that exists; it is on the same disk."""
    found = data.absolute().parent
    while not found.is_dir():
        found = found.parent
    return found if found != found.parent else Path(tempfile.gettempdir())


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

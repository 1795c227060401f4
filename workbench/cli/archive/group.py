"""`waterline archive`: the commands of this folder as one group."""

import click

from workbench.cli.archive.adopt import adopt
from workbench.cli.archive.export import export
from workbench.cli.archive.list import list_batches
from workbench.cli.archive.prune import prune
from workbench.cli.archive.restore import restore
from workbench.cli.archive.rewrite import rewrite
from workbench.cli.archive.run import run
from workbench.cli.archive.verify import verify
from workbench.cli.groups import Commands


@click.group(cls=Commands)
def archive() -> None:
    """Move old logs into verified, compressed batches; check, restore and export them."""


for command in (run, list_batches, verify, restore, export, rewrite, prune, adopt):
    archive.add_command(command)

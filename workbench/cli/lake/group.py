"""`waterline lake`: the commands of this folder as one group."""

import click

from workbench.cli.groups import Commands
from workbench.cli.lake.list import list_nodes
from workbench.cli.lake.publish import publish
from workbench.cli.lake.retire import retire
from workbench.cli.lake.verify import verify


@click.group(cls=Commands)
def lake() -> None:
    """Look after a lake: the batches of several nodes in one place of object storage."""


for command in (list_nodes, verify, publish, retire):
    lake.add_command(command)

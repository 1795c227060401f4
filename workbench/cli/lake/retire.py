"""`waterline lake retire`: say that a node is gone for good."""

import click

from waterline.clock import now_ms
from waterline.terminal import say
from workbench.cli.lake.shared import open_lake
from workbench.cli.options import needs, settings_options


@click.command()
@click.argument("node")
@click.option("--undo", is_flag=True, help="the node is back")
@settings_options("archive_dest")
@needs("server")
def retire(node: str, undo: bool, archive_dest: str | None) -> None:
    """Say that NODE is gone for good: its batches stay, and what it had besides is not asked for.

    It uploads nothing more, should it come back.
    """
    from waterline.archive.lake.registry import Registry

    registry = Registry(open_lake(archive_dest))
    if undo:
        record = registry.bring_back(node)
        say(f"{node} is active again; the lake has its logs up to seq {record.through:,}")
    else:
        record = registry.retire(node, now_ms())
        say(
            f"{node} is retired; the lake has its logs up to seq {record.through:,}, and what it "
            "had above is not looked for"
        )

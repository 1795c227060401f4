"""`waterline up`: server, monitoring and dashboard together."""

import asyncio

import click

from waterline.settings.model import setting_names
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options


@click.command("up")
@settings_options(*setting_names())
@click.option("--demo", is_flag=True, help="send the sample as live traffic, for a day at most")
@needs("all")
def run_all(demo: bool, **options: str | None) -> None:
    """Run server, monitoring and dashboard together, until Ctrl-C or SIGTERM."""
    from workbench.running.up import up

    asyncio.run(up(load(options).settings, demo=demo, say=say))

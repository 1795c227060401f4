"""`waterline up`: server, monitoring, dashboard and questions together."""

import asyncio

import click

from waterline.process_log import logged_failure, start_log
from waterline.settings.model import setting_names
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options


@click.command("up")
@settings_options(*setting_names())
@click.option("--demo", is_flag=True, help="send the sample as live traffic, for a day at most")
@needs("all")
def run_all(demo: bool, **options: str | None) -> None:
    """Run server, monitoring, dashboard and questions together, until Ctrl-C or SIGTERM."""
    from workbench.running.up import up

    loaded = load(options)
    log = (loaded.settings.log_format, loaded.settings.log_file)
    start_log("up", *log)
    with logged_failure(*log):
        asyncio.run(up(loaded, demo=demo, say=say))

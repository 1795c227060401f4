"""`waterline dashboard`: the dashboard of a data folder."""

import asyncio

import click

from waterline.process_log import logged_failure, start_log
from waterline.settings.model import setting_help
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options


@click.command()
@settings_options("data", "host", "log_format", "log_file")
@click.option(
    "--port", "--dashboard-port", "dashboard_port",
    metavar="VALUE", help=setting_help("dashboard_port"),
)  # fmt: skip
@needs("all")
def dashboard(**options: str | None) -> None:
    """Serve the dashboard of a data folder; its server may run or not."""
    from workbench.running.panel import show_dashboard

    settings = load(options).settings
    log = (settings.log_format, settings.log_file)
    start_log("dashboard", *log)
    with logged_failure(*log):
        asyncio.run(show_dashboard(settings, say))

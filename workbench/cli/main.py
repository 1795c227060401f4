"""The command `waterline`: a file a command, put together here.

What a command needs is imported in its function, so that `waterline serve` starts in half a second
and stays light: it never loads pandas or Panel.
"""

import click

from workbench.cli.alerts import alerts
from workbench.cli.archive.group import archive
from workbench.cli.backup.backup import backup
from workbench.cli.backup.restore import restore
from workbench.cli.bench import bench
from workbench.cli.completion import completion
from workbench.cli.count import count
from workbench.cli.dashboard import dashboard
from workbench.cli.dev import dev
from workbench.cli.doctor import doctor
from workbench.cli.groups import Waterline
from workbench.cli.health import health
from workbench.cli.lab import lab
from workbench.cli.lake.group import lake
from workbench.cli.logs import logs
from workbench.cli.migrate import migrate
from workbench.cli.monitor import monitor
from workbench.cli.patterns import patterns
from workbench.cli.plan import plan
from workbench.cli.query import query
from workbench.cli.report import report
from workbench.cli.send import send
from workbench.cli.serve import serve
from workbench.cli.settings import show_settings
from workbench.cli.sql import sql
from workbench.cli.tail import tail
from workbench.cli.tokens import token
from workbench.cli.up import run_all


@click.group(cls=Waterline, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterline")
def main() -> None:
    """Take logs in, keep them, look at them live, and explore them in notebooks."""


for command in (
    *(serve, run_all, query, dashboard, lab, show_settings, token, send, tail),
    *(logs, count, patterns, sql, report, alerts, archive, lake, backup, restore, completion),
    *(migrate, doctor, plan, monitor, health, bench, dev),
):
    main.add_command(command)

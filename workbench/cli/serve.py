"""`waterline serve`: become the server's process."""

import os

import click

from waterline.processes import python_command
from waterline.settings.model import environment_given, setting_names
from workbench.cli.options import load, needs, settings_options


@click.command()
@settings_options(*setting_names())
@needs("server")
def serve(**options: str | None) -> None:
    """Run the server: ingest, live and monitoring. It ends by SIGTERM or Ctrl-C."""
    command = python_command("server")
    # What its file says is read by the server itself, again at a reload.
    os.execve(command[0], command, os.environ | environment_given(load(options)))

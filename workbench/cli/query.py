"""`waterline query`: answer questions over the network."""

import os

import click

from waterline.processes import python_command
from waterline.settings.model import environment_given
from workbench.cli.options import load, needs, settings_options


@click.command()
@settings_options(
    "data", "host", "query_port", "query_bytes", "query_concurrency",
    "tls_cert", "tls_key", "allowed_origins", "log_format", "log_file",
)  # fmt: skip
@needs("all")
def query(**options: str | None) -> None:
    """Answer questions over the network; the server of logs may run or not.

    `workbench.connect("https://HOST:3003", token=TOKEN)` asks it, with a token of the scope read.
    It ends by SIGTERM or Ctrl-C.
    """
    command = python_command("workbench.serving")
    os.execve(command[0], command, os.environ | environment_given(load(options)))

"""`waterline dev`: `waterline up` of a checkout, started again whenever its code changes."""

import os
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from waterline.errors import MissingPart, UsageError
from waterline.processes import python_command
from waterline.settings.model import environment_given, setting_names
from workbench.cli.options import load, needs, settings_options

_ROOT: Final = Path(__file__).parents[2]
_ROOMS: Final = ("waterline", "server", "workbench")


@click.command()
@settings_options(*setting_names())
@click.option("--demo", is_flag=True, help="send the sample as live traffic, for a day at most")
@needs("all")
def dev(demo: bool, **options: str | None) -> None:
    """Run `waterline up` on the code of a checkout, and again whenever that changes."""
    if not (_ROOT / "pyproject.toml").is_file():
        raise UsageError(
            "waterline dev starts the code of a checkout again whenever it changes, and this is an "
            "installed package; use `waterline up`"
        )
    if find_spec("watchfiles") is None:
        raise MissingPart(
            "`waterline dev` needs watchfiles, which is not installed; `make install` has it"
        )
    up = [*python_command("workbench", "up"), *(["--demo"] if demo else [])]
    watched = ["--target-type", "command", shlex.join(up), *(str(_ROOT / each) for each in _ROOMS)]
    command = python_command("watchfiles", *watched)
    os.execve(command[0], command, os.environ | environment_given(load(options)))

"""`waterline settings`: the settings in force."""

import click

from waterline.settings.model import setting_names
from waterline.terminal import say
from workbench.cli.options import load, settings_options


@click.command("settings")
@settings_options(*setting_names())
def show_settings(**options: str | None) -> None:
    """Print the settings in force and where each came from."""
    rows = load(options).describe()
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        say(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")

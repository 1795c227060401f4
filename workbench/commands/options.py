"""Options that commands share: those of settings, and durations."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from server.errors import UsageError
from server.settings import LoadedSettings, load_settings, option_name, setting_help
from server.units import parse_duration

Command = Callable[..., Any]


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Give a command the options of these settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            option = click.option(option_name(name), name, metavar="VALUE", help=setting_help(name))
            command = option(command)
        return command

    return decorate


def load(options: dict[str, str | None]) -> LoadedSettings:
    """Return the settings in force, these options heeded.

    Raises:
        SettingsError: one is unknown or its value has no meaning.
    """
    return load_settings(options, os.environ, Path.cwd())


def duration(option: str, text: str) -> int:
    """Return the milliseconds that the text of an option says.

    Raises:
        UsageError: it is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error

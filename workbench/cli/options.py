"""Options that commands share: those of settings, and durations."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from waterline.errors import UsageError
from waterline.parts import Part, require
from waterline.settings.model import LoadedSettings, load_settings, option_name, setting_help
from waterline.units import parse_duration

Command = Callable[..., Any]


def needs(part: Part) -> Callable[[Command], Command]:
    """Let a command end in one sentence where packages of a part are not installed.

    Its help is there all the same.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def checked(*arguments: object, **options: object) -> object:
            require(part, f"`{click.get_current_context().command_path}`")
            return command(*arguments, **options)

        return checked

    return decorate


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Give a command the options of these settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            option = click.option(option_name(name), name, metavar="VALUE", help=setting_help(name))
            command = option(command)
        return command

    return decorate


def token_option(scope: str) -> Callable[[Command], Command]:
    """Give a command the option of the token that it needs, with this scope."""

    def given(_: click.Context, __: click.Parameter, token: str | None) -> str:
        if not token:
            raise click.UsageError(
                "a token is needed: set the variable WATERLINE_TOKEN, or give --token. "
                f"`waterline token create NAME --scope {scope}` makes one and prints it."
            )
        return token

    return click.option(
        "--token",
        envvar="WATERLINE_TOKEN",
        callback=given,
        help=f"a token with the scope {scope}; better as WATERLINE_TOKEN, which no process list "
        "shows",
    )


def load(options: dict[str, str | None], named: Mapping[str, str] | None = None) -> LoadedSettings:
    """Return the settings in force, these options heeded.

    Args:
        options: the settings that the command line gives.
        named: what options are called that do not have the name of their setting.

    Raises:
        SettingsError: one is unknown or its value has no meaning.
    """
    return load_settings(options, os.environ, Path.cwd(), named or {})


def duration(option: str, text: str) -> int:
    """Return the milliseconds that the text of an option says.

    Raises:
        UsageError: it is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def moment(text: str | None) -> str | None:
    """Return what an option says of a time, an age such as `90d` as `-90d`, which means the same.

    Whether it is one of them is seen where it is used.
    """
    if text is None:
        return None
    try:
        parse_duration(text)
    except ValueError:
        return text
    return f"-{text.strip()}"

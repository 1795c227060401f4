"""Options that commands share: settings, tokens, durations and times."""

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from waterline.addresses import Addresses
from waterline.errors import UsageError
from waterline.parts import Part, require
from waterline.settings.model import LoadedSettings, load_settings, option_name, setting_help
from waterline.units import parse_duration

Command = Callable[..., Any]


def needs(part: Part) -> Callable[[Command], Command]:
    """End a command in one sentence if packages of a part are not installed.

    Its help works all the same.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def checked(*arguments: object, **options: object) -> object:
            require(part, f"`{click.get_current_context().command_path}`")
            return command(*arguments, **options)

        return checked

    return decorate


def gathered(
    options: Sequence[Callable[[Command], Command]], name: str, make: Callable[..., object]
) -> Callable[[Command], Command]:
    """Give a command options whose values come as one argument.

    Args:
        options: the options, in the order of its help.
        name: of the argument.
        make: returns its value; called with those of the options, as its parameters are called.
    """
    taken = [*inspect.signature(make).parameters]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_one(**given: object) -> object:
            value = make(**{each: given.pop(each) for each in taken})
            return command(**given, **{name: value})

        given_options: Command = with_one
        for option in reversed(options):
            given_options = option(given_options)
        return given_options

    return decorate


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Give a command the options of these settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            option = click.option(option_name(name), name, metavar="VALUE", help=setting_help(name))
            command = option(command)
        return command

    return decorate


def url_option(path: str, what: str, envvar: str | None = None) -> Callable[[Command], Command]:
    """Give a command the option of a server's address; by default that of the settings.

    Args:
        path: path of the address, such as `/ingest`.
        what: the address, for the help.
        envvar: variable that may hold it, too.
    """

    def given(context: click.Context, __: click.Parameter, url: str | None) -> str:
        if url or context.resilient_parsing:
            return url or ""
        settings = load_settings({}, os.environ, Path.cwd(), check_queries=False).settings
        if not settings.port:
            raise click.UsageError(
                "port is 0, so that only the server knows its address; give --url"
            )
        addresses = Addresses(
            settings.host,
            settings.port,
            settings.monitoring_port,
            secure=settings.tls_cert is not None,
        )
        return f"{addresses.ingest.removesuffix('/ingest')}{path}"

    variable = "" if envvar is None else f"; also {envvar}"
    return click.option(
        "--url",
        envvar=envvar,
        callback=given,
        metavar="URL",
        help=f"{what}{variable}  [default: of the settings host and port, "
        f"ws://127.0.0.1:3001{path}]",
    )


def token_option(scope: str) -> Callable[[Command], Command]:
    """Give a command the option of a token with this scope."""

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
    """Return the settings in force, including these options.

    Args:
        options: settings of the command line by name.
        named: names of options that differ from their setting's.

    Raises:
        SettingsError: a setting is unknown, or its value has no meaning.
    """
    return load_settings(options, os.environ, Path.cwd(), named or {})


def duration(option: str, text: str) -> int:
    """Return the duration of an option in milliseconds.

    Raises:
        UsageError: the text is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def moment(text: str | None) -> str | None:
    """Return the time of an option as a filter takes it; an age such as `90d` becomes `-90d`.

    The filter checks it.
    """
    if text is None:
        return None
    try:
        parse_duration(text)
    except ValueError:
        return text
    return f"-{text.strip()}"

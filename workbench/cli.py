"""The command `waterline`. The one file that may import any room, each when it is needed.

What a command needs is imported in its function: `waterline serve` must start in half a second
and stay light, so it never loads pandas or Panel.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from server.clock import now_ms
from server.errors import WaterlineError
from server.settings import (
    LoadedSettings,
    load_settings,
    option_name,
    setting_help,
    setting_names,
)

Command = Callable[..., Any]


class Waterline(click.Group):
    """The command group; a user's mistake ends in one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and translate what goes wrong."""
        try:
            return super().invoke(ctx)
        except WaterlineError as error:
            click.echo(f"waterline: {error}", err=True)
            ctx.exit(1)


@click.group(cls=Waterline, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterline")
def main() -> None:
    """Take logs in, keep them, look at them live, and explore them in notebooks."""


def _settings_options(*names: str) -> Callable[[Command], Command]:
    """Give a command the options of these settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            option = click.option(option_name(name), name, metavar="VALUE", help=setting_help(name))
            command = option(command)
        return command

    return decorate


def _load(options: dict[str, str | None]) -> LoadedSettings:
    return load_settings(options, os.environ, Path.cwd())


def _log_to_stderr() -> None:
    logging.basicConfig(format="waterline: %(levelname)s: %(message)s", level=logging.WARNING)


@main.command()
@_settings_options(*setting_names())
def serve(**options: str | None) -> None:
    """Run the server: ingest, live and monitoring. It ends by SIGTERM or Ctrl-C."""
    from server.app import Addresses, serve

    settings = _load(options).settings
    _log_to_stderr()

    def announce(addresses: Addresses) -> None:
        click.echo(
            f"waterline serves {addresses.ingest} and {addresses.monitoring} from {settings.data}"
        )
        sys.stdout.flush()

    asyncio.run(serve(settings, announce))


@main.command("settings")
@_settings_options(*setting_names())
def show_settings(**options: str | None) -> None:
    """Print the settings in force and where each came from."""
    rows = _load(options).describe()
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        click.echo(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")


@main.group()
def token() -> None:
    """Make, list and revoke the tokens that producers and readers need."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["ingest", "read"]),
    help="what it allows; may be given twice",
)
@_settings_options("data")
def create_token(name: str, scopes: tuple[str, ...], **options: str | None) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    from server.auth import Scope

    folder, tokens = _tokens(options)
    folder.create()
    click.echo(tokens.create(name, (Scope(scope) for scope in scopes), now_ms()))


@token.command("list")
@_settings_options("data")
def list_tokens(**options: str | None) -> None:
    """List the tokens: name, scopes, when made."""
    from datetime import UTC, datetime

    _, tokens = _tokens(options)
    for each in tokens.tokens():
        made = datetime.fromtimestamp(each.created_at / 1000, UTC)
        click.echo(f"{each.name:<24} {','.join(sorted(each.scopes)):<12} {made:%Y-%m-%d %H:%M}Z")


@token.command("revoke")
@click.argument("name")
@_settings_options("data")
def revoke_token(name: str, **options: str | None) -> None:
    """Revoke a token: from now on it opens nothing."""
    _, tokens = _tokens(options)
    tokens.revoke(name)
    click.echo(f"{name} is revoked")


def _tokens(options: dict[str, str | None]) -> tuple[Any, Any]:
    from server.auth import TokenFile
    from server.store.folder import DataFolder

    folder = DataFolder(_load(options).settings.data)
    return folder, TokenFile(folder.tokens)

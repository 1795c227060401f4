"""`waterline token …`: make, list and revoke tokens."""

from datetime import UTC, datetime

import click

from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.tokens import Scope, TokenFile
from workbench.cli.groups import Commands
from workbench.cli.options import load, settings_options


@click.group(cls=Commands)
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
@settings_options("data")
def create_token(name: str, scopes: tuple[str, ...], **options: str | None) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    folder, tokens = _tokens(options)
    folder.create()
    say(tokens.create(name, (Scope(scope) for scope in scopes), now_ms()))


@token.command("list")
@settings_options("data")
def list_tokens(**options: str | None) -> None:
    """List the tokens: name, scopes, when made."""
    folder, tokens = _tokens(options)
    known = tokens.tokens()
    if not known:
        warn(
            f"there is no token in {folder.path} yet; make one: waterline token create NAME "
            f"--scope ingest --data {folder.path}"
        )
    for each in known:
        made = datetime.fromtimestamp(each.created_at / 1000, UTC)
        say(f"{each.name:<24} {','.join(sorted(each.scopes)):<12} {made:%Y-%m-%d %H:%M}Z")


@token.command("revoke")
@click.argument("name")
@settings_options("data")
def revoke_token(name: str, **options: str | None) -> None:
    """Revoke a token: from now on it opens nothing."""
    _, tokens = _tokens(options)
    tokens.revoke(name)
    say(f"{name} is revoked")


def _tokens(options: dict[str, str | None]) -> tuple[DataFolder, TokenFile]:
    folder = DataFolder(load(options).settings.data)
    return folder, TokenFile(folder.tokens)

"""`waterline completion`: the script by which a shell completes commands and options."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from waterline.terminal import say

_NAME: Final = "waterline"
# Of this name, click's entry point answers what a script asks.
_VARIABLE: Final = "_WATERLINE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"there is no completion for {shell}")
    say(made(context.find_root().command, {}, _NAME, _VARIABLE).source())

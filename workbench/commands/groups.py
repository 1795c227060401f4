"""Groups of commands: help with whole sentences, and mistakes that end in one."""

import contextlib

import click

from server.errors import WaterlineError
from workbench.commands.saying import warn

# What a shell says of a program that Ctrl-C ended.
INTERRUPTED = 130


class Commands(click.Group):
    """A group whose help tells each command by its whole first sentence."""

    group_class = None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, in the order of their names."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, _first_sentence(command)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


class Waterline(Commands):
    """The command itself: a mistake ends in one sentence and exit code 1, Ctrl-C in 130."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and translate what goes wrong."""
        try:
            return super().invoke(ctx)
        except WaterlineError as error:
            warn(f"waterline: {error}")
            ctx.exit(1)
        except KeyboardInterrupt:
            # Nobody may read it any more either.
            with contextlib.suppress(BrokenPipeError):
                warn("\nwaterline: interrupted")
            ctx.exit(INTERRUPTED)


def _first_sentence(command: click.Command) -> str:
    paragraph = (command.help or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split())

"""Groups of commands: help in whole sentences, and errors as one sentence."""

from typing import Any

import click

from waterline.endings import ended_in_order


class Commands(click.Group):
    """A group whose help has the whole first sentence of each command."""

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
    """The command `waterline`: an early end prints one sentence or none.

    The exit code is 1 after a mistake, 130 after Ctrl-C, and 141 where nobody reads the output any
    more, as behind `| head`.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - as click has it
    ) -> click.Context:
        """Read the options; help and version are printed here."""
        with ended_in_order():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command, and print its error as one sentence."""
        with ended_in_order():
            return super().invoke(ctx)


def _first_sentence(command: click.Command) -> str:
    paragraph = (command.help or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split())

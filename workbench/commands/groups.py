"""Groups of commands: help with whole sentences, and mistakes that end in one."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from server.errors import WaterlineError
from workbench.commands.interrupts import INTERRUPTED, raised
from workbench.commands.saying import buffer_output, discard, flush_output, settle_output, warn

# What a shell says of a program whose output nobody read any more.
CLOSED_PIPE: Final = 141


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
    """The command itself: whatever ends it early ends it in one sentence or none.

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
        buffer_output()
        with _ended_in_order():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and translate what goes wrong."""
        with _ended_in_order():
            result = super().invoke(ctx)
            flush_output()
            return result


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    try:
        with _told():
            yield
    except BrokenPipeError:
        discard(sys.stdout, sys.stderr)
        raise click.exceptions.Exit(CLOSED_PIPE) from None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        with raised():
            yield
    except WaterlineError as error:
        warn(f"waterline: {error}")
        settle_output()
        raise click.exceptions.Exit(1) from None
    except click.ClickException as error:
        error.show()
        raise click.exceptions.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        # Whoever should read the rest may wait for us, or be gone.
        discard(sys.stdout)
        with contextlib.suppress(BrokenPipeError):
            warn("\nwaterline: interrupted")
        raise click.exceptions.Exit(INTERRUPTED) from None


def _first_sentence(command: click.Command) -> str:
    paragraph = (command.help or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split())

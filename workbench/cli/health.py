"""`waterline health`: whether a server works, for probes."""

import click

from waterline.errors import UsageError
from waterline.terminal import say
from workbench.cli.monitor import pages_of


@click.command()
@click.argument("address", required=False)
def health(address: str | None) -> None:
    """Say whether a server works, for probes of containers; the exit code is 0, or 1 if not.

    ADDRESS is that of its monitoring pages, by default that of the settings. It asks /livez, which
    wants no token: a server that is degraded, as by a full disk, works.
    """
    from workbench.monitor.pages import Unanswered

    pages = pages_of(address)
    try:
        pages.check_alive()
    except Unanswered as error:
        raise UsageError(str(error)) from error
    finally:
        pages.close()
    say(f"{pages.url} is alive")

"""`waterline dashboard`: the dashboard of a data folder, here or behind a server."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.errors import TokenError, UsageError
from waterline.process_log import logged_failure, start_log
from waterline.settings.model import setting_help
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.running.panel import Elsewhere


@click.command()
@settings_options("data", "host", "log_format", "log_file")
@click.option(
    "--port", "--dashboard-port", "dashboard_port",
    metavar="VALUE", help=setting_help("dashboard_port"),
)  # fmt: skip
@click.option(
    "--url",
    metavar="URL",
    help="a server that answers questions over the network, such as https://node:3003, in place "
    "of a data folder",
)
@click.option(
    "--token",
    envvar="WATERLINE_TOKEN",
    help="with --url: a token with the scope read; better as WATERLINE_TOKEN, which no process "
    "list shows",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="with --url: a PEM file with a certificate that no authority vouches for",
)
@needs("all")
def dashboard(
    url: str | None, token: str | None, certificate: Path | None, **options: str | None
) -> None:
    """Serve the dashboard of a data folder; its server may run or not."""
    from workbench.running.panel import show_dashboard

    elsewhere = None if url is None else elsewhere_of(url, token, certificate, options["data"])
    if elsewhere is None and certificate is not None:
        raise UsageError("--certificate is that of a server; give its address as --url")
    settings = load(options).settings
    log = (settings.log_format, settings.log_file)
    start_log("dashboard", *log)
    with logged_failure(*log):
        asyncio.run(show_dashboard(settings, say, elsewhere))


def elsewhere_of(
    url: str, token: str | None, certificate: Path | None, data: str | None
) -> "Elsewhere":
    """Return the server that is shown.

    Args:
        url: its address.
        token: a token of it.
        certificate: a PEM file with its certificate, or None.
        data: a data folder that was named besides, or None.

    Raises:
        UsageError: a folder is named too, or the address, the token or the file is none.
        TokenError: there is no token.
    """
    from workbench.remote.link import Link
    from workbench.running.panel import Elsewhere

    if data is not None:
        raise UsageError("--url and --data are two folders, and a page shows one; give one of them")
    if not token:
        raise TokenError(
            f"{url} needs a token with the scope read: set the variable WATERLINE_TOKEN, or give "
            "--token; `waterline token create NAME --scope read` makes one there"
        )
    path = None if certificate is None else certificate.absolute()
    return Elsewhere(Link(url, token, path).url, path, token)

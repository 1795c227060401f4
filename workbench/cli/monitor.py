"""`waterline monitor`: a running server, live in a terminal."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from waterline.addresses import Addresses
from waterline.clock import now_ms
from waterline.errors import UsageError
from waterline.interrupts import INTERRUPTED
from waterline.printable import printable_json
from waterline.settings.model import load_settings
from waterline.terminal import say
from workbench.cli.table import Screen

if TYPE_CHECKING:
    from workbench.monitor.pages import Pages
    from workbench.monitor.screen import View
    from workbench.monitor.watch import Watch


@click.command()
@click.argument("address", required=False)
@click.option(
    "--token",
    envvar="WATERLINE_TOKEN",
    help="a token with the scope read, which a server beyond loopback wants; better as "
    "WATERLINE_TOKEN, which no process list shows",
)
@click.option("--once", is_flag=True, help="print one screen, and end")
@click.option("--json", "as_json", is_flag=True, help="a JSON object a second, a line each")
def monitor(address: str | None, token: str | None, once: bool, as_json: bool) -> None:
    """Show a running server live: rates, acks, queue, disk, alerts and sources.

    The key q ends it, p pauses it. ADDRESS is that of its monitoring pages, such as
    https://logs.example.com:3002, by default that of the settings. Rates and percentiles are of
    the last 10 seconds. Where the output is no terminal, one screen is printed, and the exit code
    is 1 if the server does not answer.
    """
    from workbench.monitor.figures import Monitor
    from workbench.monitor.watch import Watch

    watch = Watch(Monitor(pages_of(address, token)))
    try:
        if as_json and not once:
            _tell_json(watch)
        elif as_json or once or not _is_screen():
            _tell_once(watch, as_json=as_json)
        else:
            from workbench.monitor.terminal import show

            show(watch, is_coloured=Screen.of_output().is_coloured)
    except KeyboardInterrupt:  # a usual end, which prints nothing
        raise SystemExit(INTERRUPTED) from None


def pages_of(address: str | None, token: str | None = None) -> "Pages":
    """Return the monitoring pages at an address, by default that of the settings.

    Args:
        address: the address.
        token: a token with the scope `read`.

    Raises:
        UsageError: the address is none, or only the server knows it.
    """
    from workbench.monitor.pages import Pages

    if address is not None:
        return Pages(address, token)
    settings = load_settings({}, os.environ, Path.cwd(), check_queries=False).settings
    if not settings.monitoring_port:
        raise UsageError(
            "monitoring_port is 0, so that only the server knows its address; give ADDRESS"
        )
    secure = settings.tls_cert is not None
    addresses = Addresses(settings.host, settings.port, settings.monitoring_port, secure=secure)
    return Pages(addresses.monitoring, token, settings.tls_cert)


def _is_screen() -> bool:
    """Return whether standard output is a terminal on which one can move."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _tell_once(watch: "Watch", *, as_json: bool) -> None:
    from workbench.monitor.screen import NO_LIMIT, lines_of

    view = watch.look()
    if view.trouble is not None:
        if as_json:
            say(_json(view))
            raise SystemExit(1)
        raise UsageError(view.trouble)
    if as_json:
        say(_json(view))
        return
    for line in lines_of(view, NO_LIMIT, is_coloured=False):
        say(line)


def _tell_json(watch: "Watch") -> None:
    from workbench.monitor.watch import EVERY_SECONDS

    while True:
        begun = time.monotonic()
        say(_json(watch.look()))
        time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begun)))


def _json(view: "View") -> str:
    """Return figures as a line of JSON, or why there are none."""
    content: Any = view.figures
    if view.trouble is not None:
        content = {"time": now_ms(), "error": view.trouble}
    return printable_json(msgspec.json.encode(content)).decode()

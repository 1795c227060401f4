"""How the dashboard is run: Panel's own server on the folder `workbench/dashboard`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from server.addresses import bracketed, choose_port, is_loopback
from server.settings import Settings, variable_name

FOLDER: Final = Path(__file__).with_name("dashboard")
# Says whether it answers, for `waterline up` and for whoever watches the process.
LIVENESS: Final = "/liveness"


def panel_command(settings: Settings, port: int) -> list[str]:
    """Return the command that serves the dashboard on a port."""
    host = dashboard_host(settings)
    return [
        sys.executable,
        "-m",
        "panel",
        "serve",
        str(FOLDER),
        f"--address={host}",
        f"--port={port}",
        f"--allow-websocket-origin={bracketed(host)}:{port}",
        f"--allow-websocket-origin=localhost:{port}",
        "--warm",
        "--liveness",
        "--log-level=warning",
    ]


def dashboard_host(settings: Settings) -> str:
    """Return the address to listen on: it asks for no token, so never one beyond loopback."""
    return settings.host if is_loopback(settings.host) else "127.0.0.1"


def panel_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which the dashboard finds its data folder."""
    return {**environment, variable_name("data"): str(settings.data.absolute())}


def dashboard_port(settings: Settings) -> int:
    """Return the port to serve on, a free one where the setting is 0.

    Raises:
        AddressError: it cannot be listened on.
    """
    return choose_port(dashboard_host(settings), settings.dashboard_port, "dashboard_port")


def dashboard_url(settings: Settings, port: int) -> str:
    """Return the page's address."""
    return f"http://{bracketed(dashboard_host(settings))}:{port}/dashboard"

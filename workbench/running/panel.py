"""Runs the dashboard as a process of its own, `python -m workbench.dashboard`."""

import asyncio
import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from waterline.addresses import bracketed, loopback_host
from waterline.errors import StartFailed
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from workbench.running.ports import choose_port
from workbench.running.supervision import ProcessGroup, Program, Say, run_until_signal

# Liveness path, for `waterline up` and for supervisors.
LIVENESS: Final = "/liveness"
START_SECONDS: Final = 60.0


def panel_command() -> list[str]:
    """Return the command of the dashboard; its settings are variables."""
    return child_command("workbench.dashboard")


def panel_program(settings: Settings, port: int, environment: Mapping[str, str]) -> Program:
    """Return the program that serves the dashboard of a data folder on a port.

    Args:
        settings: the data folder and its settings.
        port: the port of the page.
        environment: variables of the process besides the settings.
    """
    chosen = replace(settings, dashboard_port=port, data=settings.data.absolute())
    return Program("the dashboard", panel_command(), {**environment, **environment_of(chosen)})


async def show_dashboard(settings: Settings, say: Say) -> None:
    """Serve the dashboard until SIGINT or SIGTERM; print its address once it answers.

    Raises:
        AddressError: the port cannot be listened on.
        StartFailed: it ended by itself; its output says why.
    """
    port = dashboard_port(settings)
    async with ProcessGroup() as group:
        await run_until_signal(_show(settings, port, group, say))


async def _show(settings: Settings, port: int, group: ProcessGroup, say: Say) -> None:
    process = await group.start(panel_program(settings, port, os.environ))
    ended = asyncio.ensure_future(process.wait())
    answers = asyncio.ensure_future(panel_answers(settings, port))
    await asyncio.wait({ended, answers}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        say(f"waterline shows {settings.data} at {dashboard_url(settings, port)}")
    code = await ended
    answers.cancel()
    raise StartFailed(f"the dashboard ended by itself (exit code {code}); see above")


async def panel_answers(settings: Settings, port: int) -> None:
    """Wait until the dashboard answers, or for a limited time."""
    url = f"http://{bracketed(loopback_host(settings.host))}:{port}{LIVENESS}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if await asyncio.to_thread(_is_answered, url):
            return
        await asyncio.sleep(0.1)


def _is_answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def dashboard_port(settings: Settings) -> int:
    """Return the port to serve on; a free one if the setting is 0.

    Raises:
        AddressError: the address cannot be listened on.
    """
    return choose_port(loopback_host(settings.host), settings.dashboard_port, "dashboard_port")


def dashboard_url(settings: Settings, port: int) -> str:
    """Return the address of the page."""
    return f"http://{bracketed(loopback_host(settings.host))}:{port}/dashboard"

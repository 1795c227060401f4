"""Runs the dashboard as a process of its own, `python -m workbench.dashboard`."""

import asyncio
import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A server whose folder a dashboard shows, in place of one here."""

    url: str
    certificate: Path | None
    token: str = field(repr=False)

    @property
    def arguments(self) -> list[str]:
        """Arguments of the dashboard's process; the token is a variable, which no list shows."""
        named = [] if self.certificate is None else ["--certificate", str(self.certificate)]
        return ["--url", self.url, *named]


def panel_command(*arguments: str) -> list[str]:
    """Return the command of the dashboard; its settings are variables."""
    return child_command("workbench.dashboard", *arguments)


def panel_program(
    settings: Settings,
    port: int,
    environment: Mapping[str, str],
    elsewhere: Elsewhere | None = None,
) -> Program:
    """Return the program that serves the dashboard of a data folder on a port.

    Args:
        settings: the data folder and its settings.
        port: the port of the page.
        environment: variables of the process besides the settings.
        elsewhere: a server whose folder is shown in place of that one.
    """
    chosen = replace(settings, dashboard_port=port, data=settings.data.absolute())
    variables = {**environment, **environment_of(chosen)}
    if elsewhere is None:
        return Program("the dashboard", panel_command(), variables)
    variables["WATERLINE_TOKEN"] = elsewhere.token
    return Program("the dashboard", panel_command(*elsewhere.arguments), variables)


async def show_dashboard(settings: Settings, say: Say, elsewhere: Elsewhere | None = None) -> None:
    """Serve the dashboard until SIGINT or SIGTERM; print its address once it answers.

    Args:
        settings: the data folder and its settings.
        say: prints a line.
        elsewhere: a server whose folder is shown in place of that one.

    Raises:
        AddressError: the port cannot be listened on.
        StartFailed: it ended by itself; its output says why.
    """
    port = dashboard_port(settings)
    async with ProcessGroup() as group:
        program = panel_program(settings, port, os.environ, elsewhere)
        shown = str(settings.data) if elsewhere is None else elsewhere.url
        await run_until_signal(
            _show(
                settings, port, group, program, lambda url: say(f"waterline shows {shown} at {url}")
            )
        )


async def _show(
    settings: Settings, port: int, group: ProcessGroup, program: Program, announce: Say
) -> None:
    process = await group.start(program)
    ended = asyncio.ensure_future(process.wait())
    answers = asyncio.ensure_future(panel_answers(settings, port))
    await asyncio.wait({ended, answers}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        announce(dashboard_url(settings, port))
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

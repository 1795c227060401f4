"""The process that answers questions over the network, as `waterline up` starts it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from waterline.addresses import reachable
from waterline.errors import StartFailed
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from workbench.running.ports import choose_port
from workbench.running.supervision import Program

LIVENESS: Final = "/livez"
"""Path that answers while the process works."""


def questions_program(settings: Settings, port: int, environment: Mapping[str, str]) -> Program:
    """Return the program that answers questions about a data folder on a port.

    Args:
        settings: the data folder and its settings.
        port: the port.
        environment: variables of the process besides the settings.
    """
    chosen = replace(settings, query_port=port, data=settings.data.absolute())
    return Program(
        "the process of questions",
        child_command("workbench.serving"),
        {**environment, **environment_of(chosen)},
    )


def questions_port(settings: Settings) -> int:
    """Return the port to listen on; a free one if the setting is 0.

    Raises:
        AddressError: the address cannot be listened on.
    """
    return choose_port(settings.host, settings.query_port, "query_port")


def questions_url(settings: Settings, port: int) -> str:
    """Return the address that a workbench connects to.

    Args:
        settings: the settings in force.
        port: the port that the process listens on.
    """
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://{reachable(settings.host)}:{port}"


async def questions_taken(process: asyncio.subprocess.Process) -> None:
    """Wait until the process takes questions; its output must be read.

    Raises:
        StartFailed: it ended instead.
    """
    assert process.stdout is not None
    if not await process.stdout.readline():
        raise StartFailed("the process of questions did not start; the line above says why")

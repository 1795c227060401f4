"""`waterline up`: server, monitoring, dashboard and questions, each a process of its own.

They are restarted when they die, so that none takes another down. The end of `up` ends all of them.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from waterline.addresses import Addresses, parse_announcement
from waterline.clock import now_ms
from waterline.errors import StartFailed
from waterline.processes import SUPERVISED, child_command
from waterline.settings.model import (
    LoadedSettings,
    Settings,
    environment_given,
    environment_of,
    setting_names,
    variable_name,
)
from waterline.settings.parse import SocketAddress
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.running.panel import dashboard_port, dashboard_url, panel_answers, panel_program
from workbench.running.questions import (
    questions_port,
    questions_program,
    questions_taken,
    questions_url,
)
from workbench.running.supervision import ProcessGroup, Program, Say, run_until_signal

DEMO_TOKEN: Final = "demo"


async def up(loaded: LoadedSettings, *, demo: bool, say: Say) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        loaded: the settings in force.
        demo: whether to send the sample as live traffic.
        say: prints a line.

    Raises:
        StartFailed: the server, or another process, did not start; it has printed why.
        AddressError: the port of the dashboard or of questions cannot be listened on.
        DataFolderError: the data folder cannot be used.
    """
    async with ProcessGroup() as group:
        await run_until_signal(_run(loaded, demo, group, say))


async def _run(loaded: LoadedSettings, demo: bool, group: ProcessGroup, say: Say) -> None:
    begun = time.monotonic()
    settings = loaded.settings
    folder = DataFolder(settings.data)
    folder.create()
    panel_port, query_port = dashboard_port(settings), questions_port(settings)
    # What its file says is read by the server itself, again at a reload and at a restart.
    given = os.environ | environment_given(loaded)
    server = server_program(given)
    first = await group.start(server, read_output=True)
    addresses = await ready(first, settings.host)
    settings = with_ports(settings, addresses)
    server = replace(server, environment=given | _kept(loaded.settings, settings))
    group.keep(server, first)
    panel = panel_program(settings, panel_port, os.environ)
    group.keep(panel, await group.start(panel))
    questions = questions_program(settings, query_port, os.environ)
    asked = await group.start(questions, read_output=True)
    await questions_taken(asked)
    group.keep(questions, asked)
    await panel_answers(settings, panel_port)
    url = dashboard_url(settings, panel_port)
    if demo:
        await group.start(demo_program(addresses, folder, settings))
    traffic = ", with the sample as live traffic for a day" if demo else ""
    say(f"\nWaterline is up after {time.monotonic() - begun:.1f} s{traffic}.\n")
    for line in _welcome(addresses, url, questions_url(settings, query_port), settings.data):
        say(line)
    await group.forever()


def with_ports(settings: Settings, addresses: Addresses) -> Settings:
    """Return settings in which each free port is the one that was picked."""
    picked: dict[str, Any] = {"port": addresses.port, "monitoring_port": addresses.monitoring_port}
    for url in map(urlsplit, addresses.syslog):
        name = "syslog_udp" if url.scheme == "udp" else "syslog_tcp"
        picked[name] = SocketAddress(getattr(settings, name).host, url.port or 0)
    return replace(settings, **picked)


def server_program(environment: Mapping[str, str]) -> Program:
    """Return the program of a server that is started again when it ends.

    Args:
        environment: variables of the process, with settings.
    """
    return Program("the server", child_command("server", SUPERVISED), environment)


def _kept(wanted: Settings, picked: Settings) -> dict[str, str]:
    """Return what a restart must keep, as variables: ports that were picked, and the folder.

    The other processes show the folder, and clients know the address.

    Args:
        wanted: the settings, in which a port may be any.
        picked: the same with the ports that were picked.
    """
    ports = {name for name in setting_names() if getattr(wanted, name) != getattr(picked, name)}
    variables = environment_of(replace(picked, data=picked.data.absolute()))
    return {name: variables[name] for name in map(variable_name, {"data", *ports})}


def server_environment(settings: Settings) -> dict[str, str]:
    """Return an environment that passes these settings to a process."""
    return os.environ | environment_of(replace(settings, data=settings.data.absolute()))


def demo_program(addresses: Addresses, folder: DataFolder, settings: Settings) -> Program:
    """Return the program that sends the sample to a server as live traffic.

    Args:
        addresses: those of the server.
        folder: its data folder.
        settings: its settings.
    """
    # A new token at each start, which only the demo's environment holds.
    token = TokenFile(folder.tokens).renew(DEMO_TOKEN, [Scope.INGEST], now_ms())
    secrets = {"WATERLINE_URL": addresses.ingest, "WATERLINE_TOKEN": token}
    command = child_command("workbench.samples.demo")
    if settings.tls_cert is not None:
        # No authority vouches for a loopback address, so the demo gets the certificate to expect.
        command.append(str(settings.tls_cert))
    return Program("the demo", command, {**server_environment(settings), **secrets})


async def ready(process: asyncio.subprocess.Process, host: str) -> Addresses:
    """Return the addresses of a server once it accepts connections.

    Raises:
        StartFailed: the server ended instead.
    """
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    addresses = parse_announcement(line, host)
    if addresses is None:
        raise StartFailed("the server did not start; the line above says why")
    return addresses


def _welcome(addresses: Addresses, url: str, questions: str, data: Path) -> list[str]:
    command = Path(sys.argv[0])
    create = f"{command} token create me --scope ingest --data {data}"
    question = f'workbench.connect("{data}").logs(type="error", since="-5min")'
    return [
        f"  dashboard   {url}",
        f"  ingest      {addresses.ingest}",
        f"  monitoring  {addresses.monitoring}/health and {addresses.monitoring}/metrics",
        *([f"  syslog      {' and '.join(addresses.syslog)}"] if addresses.syslog else []),
        f"  questions   {questions}",
        f"  data        {data}",
        "",
        "Three things to try next:",
        "  1. Open the dashboard and watch the logs move.",
        "  2. Send a log file of your own:",
        f"       export WATERLINE_TOKEN=$({create})",
        f"       {command} send FILE --url {addresses.ingest}",
        "  3. Ask for logs in Python, or run `make lab` for the notebooks:",
        f"       import workbench; {question}",
        "",
        "Ctrl-C ends it.",
    ]

"""`waterline up`: server, monitoring and dashboard together, each a process of its own.

The server and the dashboard are started again when they die, so that neither takes the other
down; whatever ends `up` ends all of them.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.error import URLError

from server.addresses import Addresses, parse_announcement
from server.auth import Scope, TokenFile
from server.clock import now_ms
from server.errors import WaterlineError
from server.settings import Settings, setting_names, setting_text, variable_name
from server.store.folder import DataFolder
from workbench.panel_process import (
    LIVENESS,
    dashboard_port,
    dashboard_url,
    panel_command,
    panel_environment,
)

# All of it must be gone 5 s after Ctrl-C; what has not ended by itself by then is killed.
GRACE_SECONDS: Final = 4.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# One that ran so long before it died is started again at once.
HEALTHY_SECONDS: Final = 60.0
DASHBOARD_SECONDS: Final = 60.0
DEMO_TOKEN: Final = "demo"

Say = Callable[[str], None]


class StartFailed(WaterlineError):
    """A process ended before it was ready; what it wrote says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process to run: its name for people, its command and its environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


async def up(settings: Settings, *, demo: bool, say: Say) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        settings: the settings in force.
        demo: whether to send the sample as live traffic.
        say: prints a line.

    Raises:
        StartFailed: the server did not start; it has said why.
        AddressError: the dashboard's port cannot be listened on.
        DataFolderError: the data folder cannot be used.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with _Group(say) as group:
        work = asyncio.ensure_future(_run(settings, demo, group, say))
        stop = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if work.done():
            work.result()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def _run(settings: Settings, demo: bool, group: "_Group", say: Say) -> None:
    begun = time.monotonic()
    folder = DataFolder(settings.data)
    folder.create()
    panel_port = dashboard_port(settings)
    server = Program("the server", _serve_command(), _environment(settings))
    first = await group.start(server, read_output=True)
    addresses = await _ready(first, settings.host)
    # Started again, it must be found where it was.
    settings = replace(settings, port=addresses.port, monitoring_port=addresses.monitoring_port)
    server = replace(server, environment=_environment(settings))
    group.keep(server, first)
    panel = Program(
        "the dashboard",
        panel_command(settings, panel_port),
        panel_environment(settings, os.environ),
    )
    group.keep(panel, await group.start(panel))
    url = dashboard_url(settings, panel_port)
    await _answers(url.removesuffix("/dashboard") + LIVENESS)
    if demo:
        await group.start(_demo(addresses, folder))
    traffic = ", with the sample as live traffic for a day" if demo else ""
    say(f"\nWaterline is up after {time.monotonic() - begun:.1f} s{traffic}.\n")
    for line in _welcome(addresses, url, settings.data):
        say(line)
    await group.forever()


def _serve_command() -> list[str]:
    return [sys.executable, "-m", "workbench.cli", "serve"]


def _environment(settings: Settings) -> dict[str, str]:
    """Return an environment in which a process finds these very settings."""
    values = {variable_name(name): setting_text(settings, name) for name in setting_names()}
    return {**os.environ, **values, variable_name("data"): str(settings.data.absolute())}


def _demo(addresses: Addresses, folder: DataFolder) -> Program:
    # A new text at each start: it is kept in the demo's memory and nowhere else.
    token = TokenFile(folder.tokens).renew(DEMO_TOKEN, [Scope.INGEST], now_ms())
    secrets = {"WATERLINE_URL": addresses.ingest, "WATERLINE_TOKEN": token}
    return Program("the demo", [sys.executable, "-m", "workbench.demo"], {**os.environ, **secrets})


async def _ready(process: asyncio.subprocess.Process, host: str) -> Addresses:
    """Return the addresses of a server once it says that it accepts.

    Raises:
        StartFailed: it ended instead.
    """
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    addresses = parse_announcement(line, host)
    if addresses is None:
        raise StartFailed("the server did not start; the line above says why")
    return addresses


async def _answers(url: str) -> None:
    """Wait until the dashboard answers, or for so long that it is not worth waiting."""
    deadline = time.monotonic() + DASHBOARD_SECONDS
    while time.monotonic() < deadline:
        if await asyncio.to_thread(_is_answered, url):
            return
        await asyncio.sleep(0.1)


def _is_answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _welcome(addresses: Addresses, url: str, data: Path) -> list[str]:
    command = Path(sys.argv[0])
    create = f"{command} token create me --scope ingest --data {data}"
    question = f'workbench.connect("{data}").logs(type="error", since="-5min")'
    return [
        f"  dashboard   {url}",
        f"  ingest      {addresses.ingest}",
        f"  monitoring  {addresses.monitoring}/health and {addresses.monitoring}/metrics",
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


class _Group:
    """The processes of one `up`; all end when it does."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._processes: set[asyncio.subprocess.Process] = set()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "_Group":
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await _end(self._processes)

    async def start(
        self, program: Program, *, read_output: bool = False
    ) -> asyncio.subprocess.Process:
        """Start a program; Ctrl-C reaches us alone, so that we end it in order."""
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env=dict(program.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if read_output else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.add(process)
        return process

    def keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        """Start a program again whenever it dies."""
        self._keepers.append(asyncio.ensure_future(self._keep(program, process)))

    async def forever(self) -> None:
        """Wait for what never ends by itself."""
        await asyncio.gather(*self._keepers)

    async def _keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = time.monotonic()
            code = await process.wait()
            self._processes.discard(process)
            if time.monotonic() - begun > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._say(f"waterline: {program.name} ended ({_cause(code)}); starting it again")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            process = await self.start(program)


def _cause(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


async def _end(processes: set[asyncio.subprocess.Process]) -> None:
    """Ask processes to end, and kill what has not after the grace."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    waits = [asyncio.ensure_future(process.wait()) for process in processes]
    if waits:
        _, late = await asyncio.wait(waits, timeout=GRACE_SECONDS)
        if late:
            for process in processes:
                _signal(process, signal.SIGKILL)
            await asyncio.wait(late)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The group, as what a child has started must end with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)

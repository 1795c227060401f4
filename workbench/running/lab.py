"""`waterline lab`: JupyterLab on a folder of ready notebooks, with logs to ask about."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from waterline.errors import DataFolderInUse, UsageError
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder, ServerLock
from workbench.running.supervision import ProcessGroup, Program, Say, run_until_signal
from workbench.running.up import demo_program, ready, server_environment, server_program, with_ports

_PACKAGE: Final = Path(__file__).parents[1]
# Of an installed package, and of a checkout.
_READY: Final = (_PACKAGE / "ready_notebooks", _PACKAGE.parent / "notebooks")
_DATA: Final = "data"


async def lab(folder: Path, settings: Settings | None, arguments: Sequence[str], say: Say) -> None:
    """Run JupyterLab until it ends, or SIGINT or SIGTERM.

    Args:
        folder: absolute path of the folder of notebooks, made where it is missing.
        settings: those of the data folder to ask about, by its absolute path; None starts a server
            with the sample as live traffic on `data` in the folder.
        arguments: further arguments of JupyterLab.
        say: prints a line.

    Raises:
        UsageError: the folder cannot be made.
        StartFailed: the server did not start; it has printed why.
    """
    copied = copy_notebooks(folder)
    if copied:
        say(f"{folder} has {copied} ready notebooks; begin with 01_explore_logs.ipynb")
    async with ProcessGroup() as group:
        await run_until_signal(_run(folder, settings, arguments, group, say))


def copy_notebooks(folder: Path) -> int:
    """Copy the ready notebooks into a folder; one that is there stays as it is.

    Returns:
        Number of notebooks that were copied.

    Raises:
        UsageError: they cannot be written.
    """
    ready_ones = next((sorted(each.glob("*.ipynb")) for each in _READY if each.is_dir()), [])
    missing = [each for each in ready_ones if not (folder / each.name).exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in missing:
            shutil.copyfile(each, folder / each.name)
    except OSError as error:
        raise UsageError(f"{folder} cannot hold the notebooks: {error.strerror}") from error
    return len(missing)


async def _run(
    folder: Path,
    settings: Settings | None,
    arguments: Sequence[str],
    group: ProcessGroup,
    say: Say,
) -> None:
    if settings is None:
        settings = await _demo(folder, group, say)
    data = settings.data
    say(f"the logs are in {data}: workbench.connect({str(data)!r}); Ctrl-C ends it")
    # The working folder is not searched for modules, so that a user's own are not loaded.
    command = child_command("jupyterlab", str(folder), *arguments)
    environment = os.environ | environment_of(settings)
    process = await group.start(Program("JupyterLab", command, environment))
    await process.wait()


async def _demo(folder: Path, group: ProcessGroup, say: Say) -> Settings:
    """Serve the folder's own data with the sample as live traffic, unless somebody does."""
    # The user's limits and certificates are for another server.
    settings = Settings(data=folder / _DATA, port=0, monitoring_port=0)
    data = DataFolder(settings.data)
    data.create()
    try:
        with ServerLock(data):
            pass
    except DataFolderInUse:
        say(f"a server is running on {settings.data} already")
        return settings
    server = server_program(server_environment(settings))
    first = await group.start(server, read_output=True)
    addresses = await ready(first, settings.host)
    settings = with_ports(settings, addresses)
    group.keep(replace(server, environment=server_environment(settings)), first)
    await group.start(demo_program(addresses, data, settings))
    say(f"a server takes in the sample as live traffic: {addresses.monitoring}/health")
    return settings

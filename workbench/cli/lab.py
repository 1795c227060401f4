"""`waterline lab`: JupyterLab on ready notebooks."""

import asyncio
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import click

from waterline.errors import MissingPart
from waterline.process_log import LogFormat, start_log
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options


@click.command()
@click.argument("folder", default="notebooks", type=click.Path(path_type=Path, file_okay=False))
@click.argument("arguments", nargs=-1, metavar="[-- ARGUMENTS]", type=click.UNPROCESSED)
@settings_options("data")
@needs("all")
def lab(folder: Path, arguments: tuple[str, ...], data: str | None) -> None:
    """Open JupyterLab on FOLDER, which gets the ready notebooks, until Ctrl-C.

    Without --data, a server with the sample as live traffic runs beside it, on FOLDER/data. With
    it, or where a setting names one, the logs of that data folder are asked about, and nothing is
    sent. The launcher has a tile that opens the dashboard. ARGUMENTS, behind --, are JupyterLab's,
    such as -- --no-browser.
    """
    from workbench.running.lab import lab as run_lab

    for module in ("jupyterlab", "jupyter_server_proxy"):
        if find_spec(module) is None:
            raise MissingPart(
                f"`waterline lab` needs packages that are not installed, such as {module}; install "
                "Waterline with its extra: pip install 'waterline[lab]'"
            )
    loaded = load({"data": data})
    # JupyterLab writes its own log beside it, in its own form.
    start_log("lab", LogFormat.TEXT, None)
    settings = None
    if loaded.sources["data"] != "default":
        settings = replace(loaded.settings, data=loaded.settings.data.absolute())
    asyncio.run(run_lab(folder.absolute(), settings, arguments, say))

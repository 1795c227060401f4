"""A server process for a while: for building samples and for benchmarks."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from waterline.addresses import Addresses, parse_announcement
from waterline.errors import DataFolderError
from waterline.processes import child_command
from waterline.settings.model import Settings, environment_of

_HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 10.0


@contextmanager
def own_server(
    data: Path, module: str = "server", within: Sequence[str] = ()
) -> Iterator[Addresses]:
    """Run a server on a data folder and free ports of loopback, until the block ends.

    Args:
        data: the data folder.
        module: module that runs the server, with settings as variables.
        within: command that runs the server, such as `prlimit` with other limits.

    Raises:
        DataFolderError: the server did not start; the sentence is its own.
    """
    # The user's limits and certificates are for another server.
    settings = Settings(data=data, host=_HOST, port=0, monitoring_port=0, archive_after=None)
    process = subprocess.Popen(
        [*within, *child_command(module)],
        env=os.environ | environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        addresses = parse_announcement(process.stdout.readline(), _HOST)
        if addresses is None:
            _, reason = process.communicate()
            raise DataFolderError(reason.strip().removeprefix("waterline: "))
        yield addresses
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

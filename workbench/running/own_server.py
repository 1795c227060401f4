"""A server of one's own for a while, as a process: for building samples and for measuring."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from server.addresses import Addresses, parse_announcement
from server.errors import DataFolderError
from server.processes import python_command

_HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 10.0


@contextmanager
def own_server(
    data: Path, module: str = "workbench", within: Sequence[str] = ()
) -> Iterator[Addresses]:
    """Run a server on a data folder, on free ports of loopback; it is stopped at the end.

    Args:
        data: the data folder.
        module: what runs the command `waterline`.
        within: a command that runs another one, as `prlimit` does under other limits.

    Raises:
        DataFolderError: it did not start; the sentence is its own.
    """
    command = [*within, *python_command(module, "serve", "--data", str(data))]
    command += ["--host", _HOST, "--port", "0", "--monitoring-port", "0"]
    # Whatever limits and certificates the user has set are for another server.
    command += ["--tls-cert", "none", "--tls-key", "none", "--token-rate", "unlimited"]
    command += ["--archive-after", "never", "--archive-dest", "none"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
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

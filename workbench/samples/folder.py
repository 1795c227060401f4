"""The sample in a data folder: a server of its own takes it in, as it would anyone's logs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from server.addresses import parse_announcement
from server.auth import Scope, TokenFile
from server.clock import now_ms
from server.errors import DataFolderError
from server.store.folder import DataFolder
from workbench.producer import Counts, Producer
from workbench.samples.whole_day import day

SOURCE: Final = "sample"
_HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 10.0


def build(path: str | os.PathLike[str], count: int = 100_000) -> Counts:
    """Put the sample day into a data folder; what is there already stays.

    Args:
        path: the data folder; made where it is missing. No server may be running on it.
        count: how many logs the day has.

    Returns:
        How many logs were stored, and how many were there before.

    Raises:
        DataFolderError: the folder cannot be used, or a server is running on it.
    """
    folder = DataFolder(Path(path))
    folder.create()
    token = TokenFile(folder.tokens).renew(SOURCE, [Scope.INGEST], now_ms())
    with _server(folder) as url, Producer(url, token) as producer:
        for log in day(count):
            producer.send(log)
        producer.flush()
        return producer.counts


@contextmanager
def _server(folder: DataFolder) -> Iterator[str]:
    """Run a server on a folder; yield its ingest address."""
    command = [sys.executable, "-m", "workbench.cli", "serve", "--data", str(folder.path)]
    command += ["--host", _HOST, "--port", "0", "--monitoring-port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        addresses = parse_announcement(process.stdout.readline(), _HOST)
        if addresses is None:
            _, reason = process.communicate()
            raise DataFolderError(reason.strip().removeprefix("waterline: "))
        yield addresses.ingest
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

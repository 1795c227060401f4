"""The sample in a data folder, taken in by a server as any logs are."""

import os
from pathlib import Path
from typing import Final

from waterline.clock import now_ms
from waterline.storage.folder import DataFolder
from waterline.tokens import Scope, TokenFile
from workbench.clients.producer import Counts, Producer
from workbench.running.own_server import own_server
from workbench.samples.whole_day import day

SOURCE: Final = "sample"


def build(path: str | os.PathLike[str], count: int = 100_000) -> Counts:
    """Add the sample day to a data folder.

    Args:
        path: the data folder, created if missing. No server may run on it.
        count: number of logs of the day.

    Returns:
        Numbers of logs that were stored, and that were there before.

    Raises:
        DataFolderError: the folder cannot be used, or a server is running on it.
    """
    folder = DataFolder(Path(path))
    folder.create()
    token = TokenFile(folder.tokens).renew(SOURCE, [Scope.INGEST], now_ms())
    with own_server(folder.path) as server, Producer(server.ingest, token) as producer:
        for log in day(count):
            producer.send(log)
        producer.flush()
        return producer.counts

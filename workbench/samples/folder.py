"""The sample in a data folder: a server of its own takes it in, as it would anyone's logs."""

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
    with own_server(folder.path) as server, Producer(server.ingest, token) as producer:
        for log in day(count):
            producer.send(log)
        producer.flush()
        return producer.counts

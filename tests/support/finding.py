"""The logs of a data folder as the rooms above the query find them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.query.database import Database
from workbench.query.execute import Logs


@contextmanager
def finding(data: Path) -> Iterator[Logs]:
    """Open the logs of a folder."""
    folder = DataFolder(data)
    with Database(folder.logs, LOGS) as database:
        yield Logs(folder, database)

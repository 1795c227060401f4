"""The logs of a data folder as the rooms above the query find them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from workbench.query.database import Database
from workbench.query.execute import Logs
from workbench.query.session import Session


@contextmanager
def finding(data: Path) -> Iterator[Logs]:
    """Open the logs of a folder."""
    folder = DataFolder(data)
    with Database(folder.logs, LOGS) as database:
        yield Logs(folder, database)


@contextmanager
def asking(data: Path) -> Iterator[Session]:
    """Open a folder for questions."""
    with closing(Session(data, cache=False)) as session:
        yield session

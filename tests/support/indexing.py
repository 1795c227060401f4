"""An index of attributes over a data folder, made as the server makes it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from waterline.storage.attribute_index import AttributeIndex
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer


def index(data: Path, names: Sequence[str], *, slices: int | None = None) -> bool:
    """Index attributes of the hot logs, and those of later ones; return whether all are.

    Args:
        data: the data folder.
        names: the attributes.
        slices: slices of work to do at most; None is all.
    """
    with closing(open_writer(DataFolder(data).logs, LOGS, "FULL")) as connection:
        made = AttributeIndex(connection, names)
        done = 0
        while made.is_pending and done != slices:
            made.step(is_idle=True)
            done += 1
        return not made.is_pending

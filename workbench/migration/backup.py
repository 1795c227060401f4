"""The databases of a data folder as they were before logs are moved in, kept beside them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from waterline.clock import utc_text
from waterline.storage.copies import copy_database, refuse_without_room
from waterline.storage.folder import DataFolder, file_size, sync_folder
from waterline.storage.sqlite import open_reader, sqlite_errors

_SUFFIX: Final = ".before-migrate"


def moment_in_names(moment: int) -> str:
    """Return milliseconds UTC as a part of names, such as `20261123T140731`."""
    return utc_text(moment)[:19].replace("-", "").replace(":", "").replace(" ", "T")


@contextmanager
def kept_before(folder: DataFolder, at: str) -> Iterator[list[Path]]:
    """Keep the databases as they are at the start, over interrupted runs up to the end of one.

    Archive files need no copy: moving in adds some, and changes none.

    Args:
        folder: the data folder, locked.
        at: the time, as a part of the names that the copies have in the end.

    Yields:
        The paths of the copies, as they are called in the end; none of a new folder.

    Raises:
        DataFolderError: there is no room, or a database cannot be read.
    """
    copies = [_kept(each) for each in (folder.logs, folder.metrics)]
    kept = [copy for copy in copies if file_size(copy)]
    ends = {copy: copy.with_name(f"{copy.name}-{at}") for copy in kept}
    yield list(ends.values())
    for copy in copies:
        if copy in ends:
            copy.rename(ends[copy])
        else:
            copy.unlink()
    sync_folder(folder.path)


def _kept(database: Path) -> Path:
    """Copy a database, unless an interrupted run did; the copy is empty where there is none."""
    copy = database.with_name(database.name + _SUFFIX)
    if copy.exists():
        return copy
    if not file_size(database):
        copy.touch(mode=0o600)
        sync_folder(copy.parent)
        return copy
    refuse_without_room(database, "a copy of it before logs are moved in")
    with sqlite_errors(database), closing(open_reader(database)) as connection:
        copy_database(connection, copy)
    return copy

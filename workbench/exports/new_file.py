"""A new file that gets its name once it is whole, so that a broken run leaves the old one."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from waterline.errors import UsageError
from waterline.storage.folder import sync_folder


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is whole and on the disk; else nothing is left.

    The umask says who may read it, as of whatever a user names; one that it replaces keeps its
    rights, and links to it.
    """
    target = path.resolve()
    # Another process may write to the same name at the same time.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as stream:
            with suppress(FileNotFoundError):
                os.fchmod(stream.fileno(), stat.S_IMODE(target.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(target.parent)


@contextmanager
def write_errors(name: str) -> Iterator[None]:
    """Tell what cannot be written, in one sentence.

    Raises:
        UsageError: it cannot.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror or error}") from error

"""Catalog of the Iceberg table: a SQLite file that tells which metadata is the table's."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pyiceberg.catalog import URI
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io import PY_IO_IMPL
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from waterline.errors import ArchiveError, UsageError
from workbench.iceberg.storage import IMPLEMENTATION

NAME: Final = "waterline"
"""Name of the catalog, by which its tables are found in its file."""
NAMESPACE: Final = "lake"
_LOCK: Final = ".lock"
_ID: Final = "waterline.id"


@contextmanager
def open_catalog(path: Path) -> Iterator[SqlCatalog]:
    """Open a catalog for the one publisher; the file is made if it is missing.

    Args:
        path: the file.

    Raises:
        UsageError: another publisher has it, or the file cannot be written.
        ArchiveError: it is no catalog, or cannot be read.
    """
    with _locked(path):
        try:
            with closing(_opened(path)) as catalog:
                catalog.create_namespace_if_not_exists(NAMESPACE, {_ID: str(uuid.uuid4())})
                yield catalog
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or error
            raise ArchiveError(
                f"{path} cannot be used as the catalog: {reason}; give another file, and the table "
                "is made anew from the manifests"
            ) from error


def identity(catalog: SqlCatalog) -> str:
    """Return the id of a catalog, which no other has."""
    return str(catalog.load_namespace_properties(NAMESPACE)[_ID])


def _opened(path: Path) -> SqlCatalog:
    address = URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
    return SqlCatalog(NAME, **{URI: address, PY_IO_IMPL: IMPLEMENTATION})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other publishers away; the kernel lets go when the process ends.

    Raises:
        UsageError: there is one already, or the lock cannot be written.
    """
    lock = path.with_name(path.name + _LOCK)
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"{lock} cannot be written: {error.strerror}; name a catalog in a folder that is yours"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another `waterline lake publish` works with {path}; wait until it has ended"
            ) from None
        yield
    finally:
        os.close(descriptor)

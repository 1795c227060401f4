"""Mirror: what a lake has of one node, as a data folder that has a catalog alone."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from waterline.archive.lake.view import NodeView
from waterline.storage.catalog import ArchivedBatch, found_catalog
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer
from workbench.query.session import Session
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread


class Mirror:
    """The catalog of a node as of one view of its lake; batches are read where they lie.

    It goes when nobody holds it any more.

    Args:
        lake: address of the lake.
        view: what the lake has of the node.
        clock: returns milliseconds UTC.
        spread: runs what is taken from many batches; it stays open.

    Attributes:
        view: as given.
        session: the catalog, open for questions.
    """

    def __init__(
        self, lake: str, view: NodeView, clock: Callable[[], int], spread: Spread = HERE
    ) -> None:
        self.view = view
        path = Path(tempfile.mkdtemp(prefix="waterline-lake-"))
        try:
            _write(DataFolder(path), lake, view)
            self.session = Session(path, clock, cache=False, spread=spread)
        except BaseException:
            shutil.rmtree(path)
            raise
        weakref.finalize(self, _remove, self.session, path)


def _write(folder: DataFolder, lake: str, view: NodeView) -> None:
    record = view.record
    address = f"{lake}/{record.prefix}"
    batches = [_in_the_lake(each, address) for each in view.batches]
    with closing(open_writer(folder.logs, LOGS, "NORMAL")) as connection:
        found_catalog(connection, record.folder_id, batches, record.through, record.incarnation)


def _in_the_lake(batch: ArchivedBatch, address: str) -> ArchivedBatch:
    """Return a batch of a manifest, of which there is no local file here."""
    return replace(
        batch,
        uploaded_to=address,
        uploaded_at=batch.uploaded_at or batch.archived_at,
        local_removed_at=batch.archived_at,
    )


def _remove(session: Session, path: Path) -> None:
    session.database.close()
    shutil.rmtree(path, ignore_errors=True)

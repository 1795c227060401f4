"""Publication of a lake: its Iceberg table gets the batches that the manifests tell of."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from waterline.archive.lake.view import LakeView, view_lake
from waterline.archive.object_store.client import Bucket
from waterline.archive.progress import Progress, silent
from waterline.clock import now_ms
from waterline.errors import ArchiveError, RemoteError, UsageError
from waterline.storage.catalog import ArchivedBatch
from workbench.iceberg.batches import columns_of, data_file
from workbench.iceberg.catalog import open_catalog
from workbench.iceberg.columns import Columns
from workbench.iceberg.table import TABLE, LakeTable, files_of
from workbench.iceberg.tidy import tidy

_AT_ONCE: Final = 8
"""Footers read at once."""


@dataclass(slots=True, kw_only=True)
class Publication:
    """Result of a publication."""

    table: str = TABLE
    metadata: str = ""
    """Address of the table's metadata, by which engines find it without the catalog."""
    nodes: int = 0
    batches: int = 0
    """Number of batches in the table."""
    logs: int = 0
    """Number of logs in them."""
    added: int = 0
    """Number of batches that this publication added."""
    removed: int = 0
    """Number of batches that it took out: pruned or rewritten ones."""
    faults: list[str] = field(default_factory=list)
    """A sentence for each node, manifest or batch that the table lacks."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch that the table is to have."""

    node: str
    bucket: Bucket
    batch: ArchivedBatch

    @property
    def url(self) -> str:
        return self.bucket.url(self.batch.file)

    @property
    def data_file(self) -> DataFile:
        return data_file(self.url, self.node, self.batch)


def publish(
    lake: Bucket,
    catalog: Path,
    *,
    is_rebuilt: bool = False,
    progress: Progress = silent,
    clock: Callable[[], int] = now_ms,
) -> Publication:
    """Bring the Iceberg table of a lake up to what its manifests tell; no batch is rewritten.

    Nothing is changed by a second publication, and one that is stopped anywhere leaves the table as
    it was or as it is to be: batches come and go in one step.

    Args:
        lake: the lake.
        catalog: the SQLite file of the catalog; it is made if it is missing.
        is_rebuilt: whether the table is made anew from the manifests alone.
        progress: called with the batches looked at and their total.
        clock: returns milliseconds UTC.

    Raises:
        UsageError: another publisher works with the catalog, it is that of another lake, or the
            lake has no nodes.
        ArchiveError: the catalog or the table's own files are missing or damaged.
        RemoteError: object storage refuses.
    """
    with open_catalog(catalog) as opened:
        tables = LakeTable(opened, lake)
        table = None if is_rebuilt else tables.load()
        if table is not None and not table.metadata.location.startswith(f"{lake.address}/"):
            raise UsageError(
                f"{catalog} has the table of another lake, at {table.metadata.location}; name "
                "another file as the catalog"
            )
        view = view_lake(lake)
        if table is None and not view.nodes and not view.faults:
            raise UsageError(
                f"{lake.address} has no nodes yet; a node adds itself when it uploads first"
            )
        job = _Job(view, table, progress)
        job.look()
        schema = job.columns.schema()
        if table is None:
            table = tables.make(schema, job.added)
        else:
            tables.change(table, schema, job.added, job.removed)
        tidy(lake, tables.folder, table, clock())
        return _result(job, table)


class _Job:
    """What is to be changed in a table."""

    def __init__(self, view: LakeView, table: Table | None, progress: Progress) -> None:
        self._view = view
        self._progress = progress
        self._known = {} if table is None else {each.file_path: each for each in files_of(table)}
        self.columns = Columns() if table is None else Columns(table.schema())
        self.added: list[DataFile] = []
        self.removed: list[DataFile] = []
        self.faults = [*view.faults.values()]

    def look(self) -> None:
        """Find the batches that the table lacks, and those that it has no more."""
        wanted = {each.url: each for each in self._wanted()}
        new = [each for each in wanted.values() if not self._has(each)]
        for done, (batch, columns) in enumerate(_read(new), start=1):
            self._add(batch, columns)
            self._progress("read", done, len(new))
        changed = {each.url for each in new}
        self.removed = [
            each
            for url, each in self._known.items()
            if url in changed or (url not in wanted and self._is_gone(each))
        ]

    def _wanted(self) -> Iterator[_Batch]:
        for node in self._view.nodes:
            self.faults += node.faults
            bucket = self._view.bucket_of(node)
            for batch in node.kept:
                yield _Batch(node.record.node, bucket, batch)

    def _has(self, each: _Batch) -> bool:
        """Return whether the table has a batch, and tells of it what the manifest does."""
        known = self._known.get(each.url)
        return known is not None and _told(known) == _told(each.data_file)

    def _add(self, each: _Batch, columns: pa.Schema | ArchiveError) -> None:
        if isinstance(columns, ArchiveError):
            self.faults.append(f"node {each.node}: {columns}")
            return
        try:
            self.columns.add(columns)
        except ArchiveError as error:
            self.faults.append(f"node {each.node}: {each.url} does not fit the table: {error}")
        else:
            self.added.append(each.data_file)

    def _is_gone(self, file: DataFile) -> bool:
        """Return whether a file is certain to be none of the lake's: its node is told whole."""
        nodes = {each.record.node: each for each in self._view.nodes}
        node = nodes.get(file.partition[0])
        return not self._view.faults if node is None else not node.faults


def _told(file: DataFile) -> tuple[object, ...]:
    """Return all that the table tells of a file."""
    bounds = (file.lower_bounds, file.upper_bounds)
    return file.partition[0], file.record_count, file.file_size_in_bytes, *bounds


def _read(batches: Sequence[_Batch]) -> Iterator[tuple[_Batch, pa.Schema | ArchiveError]]:
    """Yield batches in their order, each with its columns or why it has none.

    Raises:
        RemoteError: object storage refuses.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(batches), _AT_ONCE):
            some = batches[start : start + _AT_ONCE]
            yield from zip(some, pool.map(_columns, some), strict=True)


def _columns(each: _Batch) -> pa.Schema | ArchiveError:
    try:
        return columns_of(each.bucket, each.batch)
    except RemoteError:
        raise
    except ArchiveError as error:
        return error


def _result(job: _Job, table: Table) -> Publication:
    files = [*files_of(table)]
    return Publication(
        metadata=table.metadata_location,
        nodes=len({each.partition[0] for each in files}),
        batches=len(files),
        logs=sum(each.record_count for each in files),
        added=len(job.added),
        removed=len(job.removed),
        faults=job.faults,
    )

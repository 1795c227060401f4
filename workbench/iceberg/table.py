"""The Iceberg table of a lake in its catalog: made whole, changed in one step, or made anew."""

import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, ValidationError, ValidationException
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AssertCurrentSchemaId,
    AssertTableUUID,
    SetCurrentSchemaUpdate,
)

from waterline.archive.object_store.client import Bucket
from waterline.errors import ArchiveError, ObjectMissing, RemoteError
from workbench.iceberg.catalog import NAMESPACE, identity
from workbench.iceberg.columns import PARTITIONS
from workbench.iceberg.storage import LakeFiles

FOLDER: Final = "_iceberg"
"""Folder of the table's own files in a lake; readers of a whole prefix skip such names."""
TABLE: Final = f"{NAMESPACE}.logs"
_STAGED: Final = f"{NAMESPACE}.logs_staged"
_PROPERTIES: Final = {
    # A publisher that has lost a race would append the same files again.
    TableProperties.COMMIT_NUM_RETRIES: "0",
    TableProperties.MANIFEST_MERGE_ENABLED: "true",
    # The batches are the lake's: engines that mind this remove none of them.
    "gc.enabled": "false",
}


# What pyiceberg raises where the metadata or a list of files is none.
_DAMAGE: Final = (
    *(ValidationError, ValueError, EOFError, KeyError, IndexError, zlib.error),
    SystemError,  # of its Avro reader, which is in C, where a length is negative
)


class LakeTable:
    """The table, whatever an earlier publisher that was stopped has left.

    Args:
        catalog: the open catalog.
        lake: the lake.

    Raises:
        RemoteError: object storage refuses.
    """

    def __init__(self, catalog: SqlCatalog, lake: Bucket) -> None:
        self._catalog = catalog
        self._lake = lake
        self._finish()

    @property
    def folder(self) -> str:
        """Folder in the lake that has the table's own files, and nothing else."""
        return f"{FOLDER}/{identity(self._catalog)}"

    def load(self) -> Table | None:
        """Return the table; None if there is none yet.

        Raises:
            ArchiveError: its own files are missing or damaged.
            RemoteError: object storage refuses.
        """
        if not self._has(TABLE):
            return None
        with reading_own_files():
            return self._catalog.load_table(TABLE)

    def make(self, schema: Schema, files: Sequence[DataFile]) -> Table:
        """Make the table anew with these files, in place of the one there is.

        Readers see the former one until the new one is whole.

        Args:
            schema: its columns.
            files: its data files, in the order in which they are to stand.
        """
        metadata = _metadata(self._lake.url(f"{self.folder}/{uuid.uuid4()}"), schema)
        place = f"{metadata.location}/metadata/00000-{uuid.uuid4()}.metadata.json"
        ToOutputFile.table_metadata(metadata, LakeFiles().new_output(place))
        self.change(self._catalog.register_table(_STAGED, place), schema, files, ())
        # Its files go later. pyiceberg's `purge_table` would remove the batches, too.
        if self._has(TABLE):
            self._catalog.drop_table(TABLE)
        return self._catalog.rename_table(_STAGED, TABLE)

    def change(
        self, table: Table, schema: Schema, added: Sequence[DataFile], removed: Sequence[DataFile]
    ) -> None:
        """Add files to a table and take others out in one step; no data file is touched.

        Args:
            table: the table.
            schema: its columns from now on.
            added: files that it lacks.
            removed: files that it has.

        Raises:
            ArchiveError: another program has changed the table.
            RemoteError: object storage refuses.
        """
        try:
            self._change(table, schema, added, removed)
        except (CommitFailedException, ValidationException) as error:
            raise ArchiveError(
                f"another program has changed the table: {error}; publish again, or with --rebuild"
            ) from error

    def _change(
        self, table: Table, schema: Schema, added: Sequence[DataFile], removed: Sequence[DataFile]
    ) -> None:
        if schema.schema_id != table.metadata.current_schema_id:
            requirements = (
                AssertTableUUID(uuid=table.metadata.table_uuid),
                AssertCurrentSchemaId.model_validate(
                    {"current-schema-id": table.metadata.current_schema_id}
                ),
            )
            updates = (AddSchemaUpdate(schema=schema), SetCurrentSchemaUpdate())
            self._catalog.commit_table(table, requirements, updates)
            table.refresh()
        if not added and not removed:
            return
        with table.transaction() as transaction:
            snapshot = transaction.update_snapshot()
            # Readers that follow a table take appended files alone.
            with snapshot.overwrite() if removed else snapshot.merge_append() as change:
                for file in removed:
                    change.delete_data_file(file)
                for file in added:
                    change.append_data_file(file)

    def _finish(self) -> None:
        """Finish what a publisher has left that was stopped while it made a table anew."""
        if not self._has(_STAGED):
            return
        if not self._has(TABLE) and self._is_whole(_STAGED):
            self._catalog.rename_table(_STAGED, TABLE)
        else:
            self._catalog.drop_table(_STAGED)

    def _has(self, name: str) -> bool:
        return tuple(name.split(".")) in self._catalog.list_tables(NAMESPACE)

    def _is_whole(self, name: str) -> bool:
        """Return whether a table has its files: it gets them in one step."""
        try:
            with reading_own_files():
                return self._catalog.load_table(name).current_snapshot() is not None
        except RemoteError:
            raise
        except ArchiveError:
            return False


@contextmanager
def reading_own_files() -> Iterator[None]:
    """Tell of a table's own files that are missing or damaged.

    Raises:
        ArchiveError: one of them is missing or damaged.
        RemoteError: object storage refuses.
    """
    try:
        yield
    except (ObjectMissing, *_DAMAGE) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArchiveError(
            f"the table's own files are not as they were written: {first}; make the table anew "
            "with `waterline lake publish --rebuild`"
        ) from error


def files_of(table: Table) -> Iterator[DataFile]:
    """Yield the data files of a table.

    Raises:
        ArchiveError: its own files are missing or damaged.
        RemoteError: object storage refuses.
    """
    with reading_own_files():
        snapshot = table.current_snapshot()
        for manifest in [] if snapshot is None else snapshot.manifests(table.io):
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                yield entry.data_file


def _metadata(location: str, schema: Schema) -> TableMetadataV2:
    """Return the metadata of a table without files.

    pyiceberg's own `create_table` would number the columns anew, and the files have their numbers.
    """
    return TableMetadataV2.model_validate(
        {
            "location": location,
            "table-uuid": uuid.uuid4(),
            "last-column-id": schema.highest_field_id,
            "schemas": [schema],
            "current-schema-id": schema.schema_id,
            "partition-specs": [PARTITIONS],
            "default-spec-id": PARTITIONS.spec_id,
            "last-partition-id": PARTITIONS.last_assigned_field_id,
            "sort-orders": [UNSORTED_SORT_ORDER],
            "default-sort-order-id": UNSORTED_SORT_ORDER.order_id,
            "properties": _PROPERTIES,
        }
    )

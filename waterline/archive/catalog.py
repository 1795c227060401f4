"""Reader of the catalog of a folder that may be in use."""

from waterline.errors import DataFolderError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import made_by, reading
from waterline.storage.watermark import Watermark, read_watermark


def read_catalog(folder: DataFolder) -> tuple[Watermark, list[ArchivedBatch]]:
    """Return watermark and catalog, read in one short transaction.

    Raises:
        DataFolderError: logs.db is missing, half restored, of another version, or cannot be read.
    """
    folder.refuse_half_restored()
    if not folder.logs.exists():
        folder.refuse_file()
        raise DataFolderError(
            f"there are no logs in {folder.path}; name the data folder with --data"
        )
    with reading(folder.logs) as connection:
        connection.execute("BEGIN")
        version = connection.pragma("user_version")
        application_id = connection.pragma("application_id")
        LOGS.check(folder.logs, application_id, version, lambda: made_by(connection))
        if version < LOGS.version:
            raise DataFolderError(
                f"{folder.logs} has schema version {version}, this Waterline reads "
                f"{LOGS.version}; start its server once to bring it up to date"
            )
        return read_watermark(connection), read_batches(connection)

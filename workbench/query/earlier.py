"""Whether logs.db is of an earlier time than its archives: then no answer from it is whole."""

from waterline.archive.ahead import ahead_of, earlier, readable_manifests
from waterline.archive.manifest_places import manifests_here
from waterline.storage.folder import DataFolder
from waterline.storage.tables import archive_batches
from workbench.query.archived import read_batches
from workbench.query.database import Database
from workbench.query.snapshot import read_moment

_DAYS = "SELECT DISTINCT day FROM archive_batches"


def find_earlier(folder: DataFolder, database: Database) -> str | None:
    """Return what the manifests tell of logs that logs.db does not know; None where it knows all.

    Only the newest manifest is read, and those of days that the catalog has nothing of.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    # First what the manifests say, then the catalog, which a job may move on meanwhile.
    days = {day for day, _ in manifests_here(folder)}
    if not days:
        return None
    newest = max(days)
    manifests = readable_manifests(folder, days={newest})
    with database.view() as view:
        folder_id = read_moment(view).folder_id
        known = {day for (day,) in view.rows(_DAYS)}
        batches = read_batches(view, archive_batches.c.day == newest)
    manifests += readable_manifests(folder, days=days - known - {newest})
    found = ahead_of(manifests, folder_id, batches)
    return str(earlier(folder, found)) if found else None

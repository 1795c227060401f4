"""What the commands of `waterline lake` share: which lake they are for."""

from typing import TYPE_CHECKING

from waterline.errors import UsageError
from workbench.cli.options import load

if TYPE_CHECKING:
    from waterline.archive.object_store.client import Bucket


def open_lake(archive_dest: str | None) -> "Bucket":
    """Return the bucket of a lake.

    Args:
        archive_dest: its address, as given; None is that of the settings.

    Raises:
        UsageError: no address is known, or it is none.
        SettingsError: a setting has no meaning.
    """
    from waterline.archive.object_store.client import open_bucket

    address = load({"archive_dest": archive_dest}).settings.archive_dest
    if address is None:
        raise UsageError("name the lake: set archive_dest, or give --archive-dest s3://bucket/lake")
    return open_bucket(address)

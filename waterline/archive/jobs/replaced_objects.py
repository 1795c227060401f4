"""Objects of a rewrite: noted before they are written or replaced, removed once nothing names them.

The note is a file of the data folder. Whatever stops a rewrite, the next job finds in it which
objects may be left over: new ones that were never recorded, and former ones.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Self

import apsw
import msgspec

from waterline.archive.files import Files
from waterline.archive.jobs.remote_manifests import publish_remote_manifest
from waterline.archive.manifest import days_of
from waterline.archive.manifest_places import local_paths
from waterline.archive.object_store.client import Bucket, entity_tag, open_bucket
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch, read_batches
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import read_watermark


class ReplacedObject(msgspec.Struct, frozen=True):
    """An object that a rewrite may leave over.

    Attributes:
        address: of object storage: `s3://bucket/prefix`.
        file: its key, which is the path of the batch file below the archives.
        origin: that of its batch; see `ArchivedBatch.origin`.
        size: bytes.
        etag: its entity tag in most stores.
        sha256: of its content.
    """

    address: str
    file: str
    origin: str
    size: int
    etag: str
    sha256: str

    @classmethod
    def of(cls, address: str, batch: ArchivedBatch, content: bytes) -> Self:
        """Return the object of a batch.

        Args:
            address: of object storage.
            batch: its row in the catalog.
            content: the bytes of its file.
        """
        return cls(
            address, batch.file, batch.origin, len(content), entity_tag(content), batch.sha256
        )

    @classmethod
    def unwritten(cls, address: str, batch: ArchivedBatch, file: str) -> Self:
        """Return an object whose file is not written yet: it can only be left over here.

        Args:
            address: of object storage.
            batch: the row of its batch in the catalog.
            file: path of the new file below the archives.
        """
        return cls(address, file, batch.origin, 0, "", "")

    def is_in(self, bucket: Bucket) -> bool:
        """Return whether object storage has this object, and no other at its key.

        Raises:
            RemoteError: object storage refuses.
        """
        stored = bucket.head(self.file)
        if stored is None or not self.size or stored.size != self.size:
            return False
        if stored.etag == self.etag:
            return True
        return hashlib.sha256(bucket.get(self.file)).hexdigest() == self.sha256


_decode: Final = msgspec.json.Decoder(list[ReplacedObject]).decode


def note_replaced(folder: DataFolder, objects: Sequence[ReplacedObject], files: Files) -> None:
    """Write down objects that may be left over, in place of what was noted before.

    Args:
        folder: the data folder; the caller holds its archive lock.
        objects: all of them.
        files: file operations.

    Raises:
        ArchiveError: the file cannot be written.
    """
    files.publish(folder.replaced_objects, msgspec.json.encode(objects))


def remove_replaced(folder: DataFolder, connection: apsw.Connection, files: Files) -> None:
    """Remove noted objects that the catalog does not name, after its manifests are in their place.

    An object goes only if the catalog has its batch elsewhere, and only if it is still the one that
    was noted. The manifests here are published before.

    Args:
        folder: the data folder; the caller holds its archive lock.
        connection: a connection to its logs.db.
        files: file operations.

    Raises:
        ArchiveError: the note is damaged, or a manifest there knows more than the catalog.
        RemoteError: object storage refuses; the note stays, and the next job does the rest.
        UsageError: credentials for object storage are missing; likewise.
    """
    path = folder.replaced_objects
    if not path.exists():
        return
    try:
        noted = _decode(files.read(path))
    except msgspec.DecodeError as error:
        raise ArchiveError(
            f"{path} is damaged: {error}; remove it, and look in object storage for batches that "
            "no manifest names"
        ) from error
    watermark, batches = read_watermark(connection), read_batches(connection)
    days, by_origin = days_of(batches), {each.origin: each for each in batches}
    left: defaultdict[str, list[tuple[ReplacedObject, str]]] = defaultdict(list)
    for each in noted:
        batch = by_origin.get(each.origin)
        if batch is not None and batch.file != each.file:
            left[each.address].append((each, batch.day))
    for address, objects in left.items():
        bucket = open_bucket(address)
        for day in sorted({day for _, day in objects}):
            publish_remote_manifest(bucket, folder, day, days[day], watermark)
            files.remove(local_paths(folder, day, days[day]).former)
        for each, _ in objects:
            if each.is_in(bucket):
                bucket.delete(each.file)
            files.remove(folder.archives / each.file)
    files.remove(path)

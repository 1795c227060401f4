"""Manifests in object storage: publish and read."""

from waterline.archive.ahead import ahead_of, earlier
from waterline.archive.manifest import Manifest, manifest_of, parse_manifest
from waterline.archive.manifest_places import remote_keys
from waterline.archive.object_store.client import Bucket
from waterline.errors import ArchiveError, ObjectMissing
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder
from waterline.storage.watermark import Watermark


def publish_remote_manifest(
    bucket: Bucket, folder: DataFolder, day: str, batches: list[ArchivedBatch], watermark: Watermark
) -> None:
    """Write the manifest of a day, and remove the one at the key of earlier versions.

    Args:
        bucket: the bucket to write to.
        folder: the data folder.
        day: such as 2026-11-23.
        batches: all batches of the day in the catalog.
        watermark: has the id of the data folder.

    Raises:
        ArchiveError: the manifest in the bucket knows more than the catalog; it stays.
        RemoteError: object storage refuses.
    """
    keys = remote_keys(day, batches)
    for key in keys:
        _refuse_less(bucket, key, folder, batches, watermark)
    bucket.put(keys.place, manifest_of(day, batches, watermark))
    bucket.delete(keys.former)


def read_remote_manifest(
    bucket: Bucket, day: str, batches: list[ArchivedBatch]
) -> tuple[str, Manifest]:
    """Return URL and content of the manifest of a day.

    Args:
        bucket: the bucket to read from.
        day: such as 2026-11-23.
        batches: all batches of the day in the catalog.

    Raises:
        ArchiveError: the manifest is missing or damaged; the sentence names it.
        RemoteError: object storage refuses.
    """
    keys = remote_keys(day, batches)
    try:
        key, content = keys.place, bucket.get(keys.place)
    except ObjectMissing:
        try:
            key, content = keys.former, bucket.get(keys.former)
        except ObjectMissing:
            key, content = keys.place, bucket.get(keys.place)
    return bucket.url(key), parse_manifest(content, bucket.url(key))


def _refuse_less(
    bucket: Bucket, key: str, folder: DataFolder, batches: list[ArchivedBatch], watermark: Watermark
) -> None:
    url = bucket.url(key)
    try:
        content = bucket.get(key)
    except ObjectMissing:
        return
    try:
        manifest = parse_manifest(content, url)
    except ArchiveError:
        return  # damaged, and written anew from the catalog
    # A manifest in object storage tells of uploads before the catalog does.
    if found := ahead_of([(url, manifest)], watermark.folder_id, batches, but_uploads=True):
        raise earlier(folder, found, bucket.address)

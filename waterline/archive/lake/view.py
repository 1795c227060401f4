"""View of a lake at one moment: each node's batches, and what is lacking of them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from waterline.archive.lake.registry import NodeRecord, Registry
from waterline.archive.manifest import NAME, Manifest, parse_manifest
from waterline.archive.manifest_places import REMOTE_FOLDER
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import ArchiveError, ObjectMissing
from waterline.storage.catalog import ArchivedBatch

# Nodes whose records and manifests are read at a time.
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class KnownManifest:
    """A manifest that was read, and the entity tag by which a later view knows it again."""

    entity_tag: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class NodeView:
    """What the lake has of one node."""

    record: NodeRecord
    batches: tuple[ArchivedBatch, ...]
    """Batches of the days that were read, up to the record's `through`, pruned ones too, by seq."""
    faults: tuple[str, ...]
    """A sentence for each part that cannot be known."""
    is_retired: bool
    manifests: Mapping[str, KnownManifest]
    """Manifests by key, for a later view."""

    @property
    def kept(self) -> tuple[ArchivedBatch, ...]:
        """The batches whose logs are not pruned."""
        return tuple(each for each in self.batches if each.is_kept)


@dataclass(frozen=True, slots=True)
class LakeView:
    """A lake at one moment."""

    address: str
    nodes: tuple[NodeView, ...]
    """Those whose record is sound, by name."""
    faults: Mapping[str, str]
    """A sentence for each node whose record is damaged, by its name."""

    def bucket_of(self, node: NodeView) -> Bucket:
        """Return the bucket below which the batches of a node lie."""
        return open_bucket(f"{self.address}/{node.record.prefix}")


Needs = Callable[[NodeRecord], Collection[str]]
"""Returns the days of a node that are needed."""


def _every_day(record: NodeRecord) -> Collection[str]:
    return record.days


def view_lake(
    bucket: Bucket, before: LakeView | None = None, needs: Needs = _every_day
) -> LakeView:
    """Read the records of all nodes and their manifests.

    The record is read before the manifests. A node writes it last, so they have all that it tells;
    what they have above its `through` is left out.

    Args:
        bucket: the lake.
        before: an earlier view; manifests that are the same since are not read again.
        needs: the days whose manifests are read, beside those that an earlier view has.

    Raises:
        RemoteError: object storage refuses.
    """
    registry = Registry(bucket)
    retired = registry.retired()
    known = {} if before is None else {each.record.node: each.manifests for each in before.nodes}
    nodes, faults = [], {}

    def view(name: str) -> NodeView | str | None:
        try:
            record = registry.read(name)
        except ArchiveError as error:
            return str(error)
        if record is None:
            return None
        return _view(bucket, record, known.get(name, {}), needs, is_retired=name in retired)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        names = [*registry.names()]
        for name, found in zip(names, pool.map(view, names), strict=True):
            if isinstance(found, str):
                faults[name] = found
            elif found is not None:
                nodes.append(found)
    return LakeView(bucket.address, tuple(nodes), faults)


def _view(
    bucket: Bucket,
    record: NodeRecord,
    known: Mapping[str, KnownManifest],
    needs: Needs,
    *,
    is_retired: bool,
) -> NodeView:
    batches: list[ArchivedBatch] = []
    faults = []
    manifests: dict[str, KnownManifest] = {}
    # Their tags come before their contents: one that changes in between is read again later.
    needed = needs(record)
    listed = bucket.objects(f"{record.prefix}/{REMOTE_FOLDER}")
    for day, told in sorted(record.days.items()):
        key = f"{record.prefix}/{REMOTE_FOLDER}/{day}.json"
        tag = listed[key].etag if key in listed else ""
        try:
            if tag and key in known and known[key].entity_tag == tag:
                manifest = known[key].manifest
            elif key not in known and day not in needed:
                continue
            else:
                manifest = _manifest(bucket, record, day)
        except ArchiveError as error:
            faults.append(f"node {record.node} lacks its logs of {day}: {error}")
            continue
        if tag:
            manifests[key] = KnownManifest(tag, manifest)
        of_day = [each for each in manifest.batches if each.last_seq <= record.through]
        found = sum(each.rows for each in of_day)
        if manifest.folder_id != record.folder_id or found != told.logs:
            faults.append(
                f"node {record.node} has {told.logs:,} logs of {day} in the lake, and the manifest "
                f"of that day tells of {found:,}; put the manifest that was written last in its "
                "place"
            )
        batches += of_day
    ordered = sorted(batches, key=lambda each: each.first_seq)
    return NodeView(record, tuple(ordered), tuple(faults), is_retired, manifests)


def _manifest(bucket: Bucket, record: NodeRecord, day: str) -> Manifest:
    """Return the manifest of a node's day.

    Raises:
        ArchiveError: it is missing or damaged.
        RemoteError: object storage refuses.
    """
    missing: ObjectMissing | None = None
    for key in _keys(record, day):
        try:
            content = bucket.get(key)
        except ObjectMissing as error:
            missing = missing or error
        else:
            return parse_manifest(content, bucket.url(key))
    assert missing is not None
    raise ArchiveError(str(missing)) from missing


def _keys(record: NodeRecord, day: str) -> Iterator[str]:
    """Yield where the manifest of a day may lie; that of a day of JSON lies beside its batches."""
    yield f"{record.prefix}/{REMOTE_FOLDER}/{day}.json"
    yield f"{record.prefix}/{day}/{NAME}"

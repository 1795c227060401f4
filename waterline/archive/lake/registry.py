"""Register of a lake's nodes: which there are, where their batches lie, and up to which seq."""

from collections.abc import Iterable
from typing import Final

import msgspec

from waterline.archive.object_store.client import Bucket
from waterline.errors import ArchiveError, ObjectMissing, UsageError
from waterline.storage.catalog import ArchivedBatch

VERSION: Final = "1.0"
NODES: Final = "nodes"
"""Folder of the nodes' records in a lake; each node writes its own."""
RETIRED: Final = "retired"
"""Folder of the records of retired nodes; operators write them."""


class NodeDay(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a node tells of a day of receipt, pruned logs included. Times are milliseconds UTC.

    Whoever asks for some logs reads the manifests of the days that may have them, and no others.
    """

    logs: int
    """Number of logs."""
    first_seq: int
    last_seq: int
    first_timestamp: int
    last_timestamp: int


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a node tells of itself. Times are milliseconds UTC."""

    version: str = VERSION
    node: str
    """Its name, which no other node of the lake has."""
    folder_id: str
    incarnation: str
    prefix: str
    """Folder of its batches in the lake."""
    through: int
    """Highest seq up to which the lake has all of its logs, but those pruned."""
    days: dict[str, NodeDay]
    """Its logs up to there by day of receipt, such as 2026-11-23."""
    updated_at: int
    origin: str | None = None
    """SHA-256 of the first file of the batch that ends at `through`; None if there is none."""


class Retirement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an operator tells of a node that is gone: its hot logs are not waited for."""

    version: str = VERSION
    node: str
    retired_at: int
    """Milliseconds UTC."""


class Registry:
    """Records of the nodes of a lake.

    Args:
        bucket: the lake.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def names(self) -> list[str]:
        """Return the names of all nodes, retired ones too.

        Raises:
            RemoteError: object storage refuses.
        """
        return self._names_in(NODES)

    def retired(self) -> set[str]:
        """Return the names of the retired nodes.

        Raises:
            RemoteError: object storage refuses.
        """
        return {*self._names_in(RETIRED)}

    def read(self, node: str) -> NodeRecord | None:
        """Return the record of a node; None if the lake has no such node.

        Raises:
            ArchiveError: the record is damaged, or of a later version.
            RemoteError: object storage refuses.
        """
        key = _key(NODES, node)
        try:
            content = self._bucket.get(key)
        except ObjectMissing:
            return None
        url = self._bucket.url(key)
        try:
            record = msgspec.json.decode(content, type=NodeRecord)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ArchiveError(
                f"{url} is no record of a node: {error}; remove it, and the node writes it anew at "
                "its next upload"
            ) from error
        if record.version != VERSION:
            raise ArchiveError(
                f"{url} has version {record.version}, this Waterline reads {VERSION}; "
                "use a later one"
            )
        return record

    def join(self, own: NodeRecord, batches: Iterable[ArchivedBatch]) -> None:
        """Add a node to the lake, unless it is there; call it before an upload and before `tell`.

        Args:
            own: what the node tells of itself; of a new one the lake has no logs yet.
            batches: its catalog.

        Raises:
            ArchiveError: another node has the name, the folder is another node, it is retired,
                or the lake has logs of it that it does not have itself.
            RemoteError: object storage refuses, or another node has taken the name meanwhile.
        """
        lake = self._bucket.address
        known = self.read(own.node)
        if known is None:
            self._refuse_second_name(own)
            first = msgspec.structs.replace(own, through=0, days={}, origin=None)
            self._bucket.put_new(_key(NODES, own.node), _text(first))
            return
        if known.folder_id != own.folder_id:
            raise ArchiveError(
                f"{lake} has another node {own.node} already, of the data folder "
                f"{known.folder_id}; give this one a node_name of its own"
            )
        if own.node in self.retired():
            raise ArchiveError(
                f"node {own.node} is retired from {lake}, and nothing more is uploaded; bring it "
                f"back with `waterline lake retire {own.node} --undo`"
            )
        archived = {each.last_seq: each.origin for each in batches}
        self._refuse_later(known, max(archived, default=0))
        if known.origin is not None and archived.get(known.through) != known.origin:
            raise ArchiveError(
                f"{lake} has other logs of node {own.node} up to seq {known.through} than logs.db: "
                "an earlier backup was put back, and logs came in since; retire the node with "
                f"`waterline lake retire {own.node}`, then give this one a node_name of its own"
            )

    def refuse_earlier(self, own: NodeRecord, batches: Iterable[ArchivedBatch]) -> None:
        """Refuse a catalog that is earlier than the lake; call it before an archive run.

        It would archive logs that the lake has already, into other batches.

        Args:
            own: what the node tells of itself.
            batches: its catalog.

        Raises:
            ArchiveError: the lake has logs of it that it does not have itself.
            RemoteError: object storage refuses.
        """
        known = self.read(own.node)
        if known is not None and known.folder_id == own.folder_id:
            self._refuse_later(known, max((each.last_seq for each in batches), default=0))

    def _refuse_second_name(self, own: NodeRecord) -> None:
        """Refuse a new name for a folder that is a node already: its logs would come twice."""
        for name in {*self.names()} - self.retired():
            try:
                other = self.read(name)
            except ArchiveError:
                continue  # whoever reads the lake is told of it, and it holds up no other node
            if other is not None and other.folder_id == own.folder_id:
                raise ArchiveError(
                    f"{self._bucket.address} has this data folder as node {name} already, and all "
                    f"of its logs would come twice; keep that node_name, or retire the node with "
                    f"`waterline lake retire {name}`"
                )

    def _refuse_later(self, known: NodeRecord, archived_through: int) -> None:
        """Refuse where the lake has logs above what a node has archived itself."""
        if known.through > archived_through:
            lake = self._bucket.address
            raise ArchiveError(
                f"{lake} has the logs of node {known.node} up to seq {known.through}, and logs.db "
                f"tells only of {archived_through} archived ones, as an earlier backup does; "
                "stop the server and take in the others with `waterline archive adopt --from "
                f"{lake}/{known.prefix}`"
            )

    def tell(self, own: NodeRecord) -> None:
        """Write the record of a node, if the lake has another; call it after an upload.

        Raises:
            ArchiveError: the record in the lake is damaged.
            RemoteError: object storage refuses.
        """
        known = self.read(own.node)
        if known is None or msgspec.structs.replace(known, updated_at=own.updated_at) != own:
            self._bucket.put(_key(NODES, own.node), _text(own))

    def retire(self, node: str, now: int) -> NodeRecord:
        """Retire a node; return its record.

        Args:
            node: its name.
            now: milliseconds UTC.

        Raises:
            UsageError: the lake has no such node, or it is retired.
            ArchiveError: its record is damaged.
            RemoteError: object storage refuses.
        """
        record = self._known(node)
        if node in self.retired():
            raise UsageError(f"{node} is retired already")
        self._bucket.put(_key(RETIRED, node), _text(Retirement(node=node, retired_at=now)))
        return record

    def bring_back(self, node: str) -> NodeRecord:
        """Take back that a node was retired; return its record.

        Raises:
            UsageError: the lake has no such node, or it is not retired.
            ArchiveError: its record is damaged.
            RemoteError: object storage refuses.
        """
        record = self._known(node)
        if node not in self.retired():
            raise UsageError(f"{node} is not retired")
        self._bucket.delete(_key(RETIRED, node))
        return record

    def _known(self, node: str) -> NodeRecord:
        record = self.read(node)
        if record is None:
            known = ", ".join(self.names()) or "none"
            raise UsageError(f"{self._bucket.address} has no node {node!r}; it has {known}")
        return record

    def _names_in(self, folder: str) -> list[str]:
        names = self._bucket.names(folder)
        return [each.removeprefix(f"{folder}/").removesuffix(".json") for each in names]


def node_of(address: str) -> tuple[str, str | None]:
    """Return lake and node of an address of batches: `s3://bucket/lake/node=plant-a`.

    Returns:
        The address itself and None where it is of no lake.
    """
    lake, _, folder = address.rpartition("/")
    name = folder.removeprefix("node=")
    return (address, None) if name == folder else (lake, name)


def _key(folder: str, node: str) -> str:
    return f"{folder}/{node}.json"


def _text(record: NodeRecord | Retirement) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"

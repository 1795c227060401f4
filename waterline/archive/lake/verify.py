"""Verification of a lake: every record, manifest and batch; changes nothing."""

from dataclasses import dataclass, field

from waterline.archive.lake.view import LakeView, NodeView
from waterline.archive.progress import Progress, silent
from waterline.archive.reader import checked
from waterline.errors import ArchiveError, RemoteError
from waterline.storage.catalog import ArchivedBatch


@dataclass(slots=True)
class LakeVerdict:
    """Result of a verification."""

    nodes: int = 0
    """Number of nodes of which nothing is lacking."""
    batches: int = 0
    """Number of batches that are as they were archived."""
    logs: int = 0
    """Number of logs in them."""
    size: int = 0
    """Bytes of their files."""
    faults: list[str] = field(default_factory=list)
    """A sentence for each record, manifest or batch that is missing or damaged."""


def verify_lake(
    lake: LakeView, *, is_quick: bool = False, progress: Progress = silent
) -> LakeVerdict:
    """Compare every batch of a lake with its manifest.

    Args:
        lake: the lake.
        is_quick: whether sizes alone are looked at, without reading a batch.
        progress: called with the batches done and the total.
    """
    verdict = LakeVerdict(faults=[*lake.faults.values()])
    total, done = sum(len(each.kept) for each in lake.nodes), 0
    for node in lake.nodes:
        before = len(verdict.faults)
        verdict.faults += node.faults
        for batch in node.kept:
            try:
                _check(lake, node, batch, is_quick=is_quick)
            except (ArchiveError, RemoteError) as error:
                verdict.faults.append(f"node {node.record.node}: {error}")
            else:
                verdict.batches += 1
                verdict.logs += batch.rows
                verdict.size += batch.stored_bytes
            done += 1
            progress("verified", done, total)
        verdict.nodes += len(verdict.faults) == before
    return verdict


def _check(lake: LakeView, node: NodeView, batch: ArchivedBatch, *, is_quick: bool) -> None:
    """Refuse a batch that is not as it was archived.

    Raises:
        ArchiveError: it is missing or damaged.
        RemoteError: object storage refuses.
    """
    bucket = lake.bucket_of(node)
    url = bucket.url(batch.file)
    if not is_quick:
        checked(batch, bucket.get(batch.file), url)
        return
    stored = bucket.head(batch.file)
    if stored is None:
        raise ArchiveError(f"{url} is missing; put a copy in its place")
    if stored.size != batch.stored_bytes:
        raise ArchiveError(
            f"{url} has {stored.size:,} bytes and was archived with {batch.stored_bytes:,}"
        )

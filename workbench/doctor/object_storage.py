"""Object storage: reachable with the credentials here, and with what was uploaded last."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from waterline.archive.object_store.address import Patience
from waterline.archive.object_store.client import Bucket, open_bucket
from waterline.errors import RemoteError, UsageError
from waterline.storage.folder import file_size
from workbench.doctor.databases import catalog_of
from workbench.doctor.finding import Finding, Verdict, fault, ok, skipped, told
from workbench.doctor.subject import Subject

_PATIENCE: Final = Patience(
    retries=1,
    retrying=timedelta(seconds=5),
    connecting=timedelta(seconds=3),
    request=timedelta(seconds=10),
)
_NO_DAY: Final = "0000-00-00"
"""No batch is of it, so that its list is empty and costs one request."""


def objects(subject: Subject) -> Iterator[Finding]:
    """Ask the store; nothing is written there."""
    address = subject.settings.batches_address
    if address is None:
        yield skipped("archive_dest is none")
        return
    try:
        bucket = open_bucket(address, subject.environment, _PATIENCE)
        bucket.names(_NO_DAY)
        lost = _lost(subject, bucket)
    except (RemoteError, UsageError) as error:
        yield told(Verdict.FAULT, str(error), "check the credentials in the environment")
        return
    yield lost or ok(f"{address} answers, and has the batch that was uploaded last")


def _lost(subject: Subject, bucket: Bucket) -> Finding | None:
    """Return a fault if the batch that was uploaded last is not there."""
    if not file_size(subject.folder.logs):
        return None
    _, batches = catalog_of(subject)
    there = [each for each in batches if each.is_kept and each.uploaded_to == bucket.address]
    if not there:
        return None
    last = max(there, key=lambda each: each.uploaded_at or 0)
    stored = bucket.head(last.file)
    if stored is not None and stored.size == last.stored_bytes:
        return None
    what = "is missing" if stored is None else f"has {stored.size:,} bytes there"
    return fault(
        f"{bucket.url(last.file)} {what}, and the catalog says that it was uploaded",
        "put a copy in its place; `waterline archive verify --all-copies` reads all",
    )

"""Manifest: the catalog rows of a day as JSON, enough to rebuild the catalog."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.watermark import Watermark

NAME: Final = "manifest.json"
VERSION: Final = "2.1"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Batches of one day. Times are milliseconds UTC, sizes bytes; totals exclude pruned ones."""

    version: str
    folder_id: str
    archive_date: str
    """The day of `received_at`, UTC."""
    total_batches: int
    total_files: int
    total_logs: int
    raw_bytes: int
    stored_bytes: int
    compression_ratio: float | None
    """Raw bytes over stored bytes; null if all batches are pruned."""
    space_saved: float | None
    """1 - stored / raw."""
    batches: list[ArchivedBatch]


_decode: Final = msgspec.json.Decoder(Manifest).decode


def manifest_of(day: str, batches: Iterable[ArchivedBatch], watermark: Watermark) -> bytes:
    """Return the manifest of a day as JSON; equal catalogs give equal bytes.

    Args:
        day: such as 2026-11-23.
        batches: all batches of that day, in any order.
        watermark: has the id of the data folder.
    """
    of_day = sorted(batches, key=lambda batch: batch.first_seq)
    kept = [batch for batch in of_day if batch.is_kept]
    raw, stored = sum(each.raw_bytes for each in kept), sum(each.stored_bytes for each in kept)
    manifest = Manifest(
        version=VERSION,
        folder_id=watermark.folder_id,
        archive_date=day,
        total_batches=len(of_day),
        total_files=len(kept),
        total_logs=sum(each.rows for each in kept),
        raw_bytes=raw,
        stored_bytes=stored,
        compression_ratio=raw / stored if stored else None,
        space_saved=1 - stored / raw if raw else None,
        batches=of_day,
    )
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def parse_manifest(content: bytes, name: str) -> Manifest:
    """Parse a manifest.

    Args:
        content: the bytes of the file.
        name: the path or URL for errors.

    Raises:
        ArchiveError: the content is no manifest of this version.
    """
    try:
        manifest = _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{name} is no manifest of Waterline's: {error}") from error
    if manifest.version != VERSION:
        raise ArchiveError(
            f"{name} has version {manifest.version}, this Waterline reads {VERSION}; "
            "use a later one"
        )
    return manifest


def days_of(batches: Sequence[ArchivedBatch]) -> dict[str, list[ArchivedBatch]]:
    """Return batches by day, days in order, batches by seq."""
    days: dict[str, list[ArchivedBatch]] = {}
    for batch in sorted(batches, key=lambda each: (each.day, each.first_seq)):
        days.setdefault(batch.day, []).append(batch)
    return days

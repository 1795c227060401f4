"""Policy: what is archived, how, and where to."""

from dataclasses import dataclass

from waterline.archive.jobs.upload import Destination
from waterline.encoding import Encoding
from waterline.errors import UsageError
from waterline.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a run is to do. Times are milliseconds."""

    older_than: int
    """By when the server received them."""
    encoding: Encoding
    batch_rows: int
    dedupe_window: int
    destination: Destination | None = None
    """Object storage that the batches are uploaded to."""


def policy_of(settings: Settings) -> Policy:
    """Return what the settings want.

    Raises:
        UsageError: they want nothing to be archived.
    """
    if settings.archive_after is None:
        raise UsageError(
            "archive_after is never, so nothing is due; say how old logs must be with --older-than"
        )
    encoding, address = encoding_of(settings), settings.archive_dest
    return Policy(
        older_than=settings.archive_after,
        encoding=encoding,
        batch_rows=settings.archive_batch_rows or encoding.format.batch_rows,
        dedupe_window=settings.dedupe_window,
        destination=None
        if address is None
        else Destination(address=address, keep_local=settings.archive_keep_local),
    )


def encoding_of(settings: Settings) -> Encoding:
    """Return how batches are written by the settings."""
    return settings.archive_format.encoding(settings.archive_level)

"""Options of an archive run: which logs, in which encoding, to which destination."""

from dataclasses import dataclass

from waterline.archive.jobs.upload import Destination
from waterline.encoding import Encoding
from waterline.errors import UsageError
from waterline.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What an archive run is to do. Times are milliseconds."""

    older_than: int
    """Age since `received_at`."""
    encoding: Encoding
    batch_rows: int
    dedupe_window: int
    destination: Destination | None = None
    """Object storage for uploads; None uploads nothing."""


def options_of(settings: Settings) -> RunOptions:
    """Return the options in the settings.

    Raises:
        UsageError: archiving is off.
    """
    if settings.archive_after is None:
        raise UsageError(
            "archive_after is never, so nothing is due; say how old logs must be with --older-than"
        )
    encoding = encoding_of(settings)
    return RunOptions(
        older_than=settings.archive_after,
        encoding=encoding,
        batch_rows=settings.archive_batch_rows or encoding.format.batch_rows,
        dedupe_window=settings.dedupe_window,
        destination=_destination_of(settings),
    )


def _destination_of(settings: Settings) -> Destination | None:
    address, node = settings.batches_address, settings.node_name
    if address is None:
        return None
    return Destination(
        address=address,
        keep_local=settings.archive_keep_local,
        lake=None if node is None else settings.archive_dest,
        node=node or "",
    )


def encoding_of(settings: Settings) -> Encoding:
    """Return the encoding in the settings."""
    return settings.archive_format.encoding(settings.archive_level)

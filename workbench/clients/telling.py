"""What producers tell of logs that were rejected, dropped or not acked."""

import logging
from collections.abc import Iterator

from waterline.errors import ProducerFull, RejectedLogs
from workbench.clients.outbox import Counts

logger = logging.getLogger(__name__)


def rejection(place: str, rejected: str) -> RejectedLogs:
    """Return the error of a flush.

    Args:
        place: the address without its query.
        rejected: how many logs, and why the first of them.
    """
    return RejectedLogs(
        f"{place} rejected {rejected}; mend what makes them, and send those again: all others are "
        "stored"
    )


def tell_first_drop(counts: Counts, error: ProducerFull) -> None:
    """Warn that there was no room for a log, if it is the first."""
    if counts.dropped == 1:
        logger.warning("a log was dropped, and others may be: %s", error)


def tell_drops(counts: Counts, place: str) -> None:
    """Warn of all that was dropped, at the end."""
    if counts.dropped:
        logger.warning(
            "%s logs were dropped, as %s did not answer in time", f"{counts.dropped:,}", place
        )


def unsettled(counts: Counts, place: str, rejected: str | None, what: str) -> Iterator[str]:
    """Yield sentences about what was not reported yet.

    Args:
        counts: the numbers so far.
        place: the address without its query.
        rejected: how many logs were rejected, and why the first of them; None if none was.
        what: what becomes of logs that are not acked, or is to be done with them.
    """
    if rejected is not None:
        yield f"{place} has rejected {rejected}"
    if counts.waiting:
        yield f"{counts.waiting} logs are not acked by {place}; {what}"

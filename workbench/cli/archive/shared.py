"""What several commands of `waterline archive` share: options of a range, amounts in words."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from waterline.units import counted, human_size
from workbench.cli.asking import origin_options, time_options
from workbench.cli.options import gathered, moment

if TYPE_CHECKING:
    from waterline.storage.catalog import ArchivedBatch
    from workbench.query.question import Filters


def _range(
    since: str | None, until: str | None, types: tuple[str, ...], sources: tuple[str, ...]
) -> "Filters":
    return {
        "since": moment(since),
        "until": moment(until),
        "type": types or None,
        "source": sources or None,
    }


range_options: Final = gathered(
    (
        *time_options,
        *origin_options,
    ),
    "filters",
    _range,
)
"""Gives a command `filters`, which choose archived logs."""


def amount(logs: int, batches: int) -> str:
    """Return an amount of logs, such as `3 logs in 1 batch`."""
    return f"{counted(logs, 'log')} in {batches_in_words(batches)}"


def batches_in_words(number: int) -> str:
    """Return a number of batches, such as `2 batches`."""
    return counted(number, "batch", "batches")


def by_day(batches: "Sequence[ArchivedBatch]") -> Iterator[str]:
    """Yield a line for each day of some batches."""
    for day, of_day in groupby(sorted(batches, key=attrgetter("day")), attrgetter("day")):
        found = [*of_day]
        size = human_size(sum(each.stored_bytes for each in found))
        yield f"{day}: {amount(sum(each.rows for each in found), len(found))}, {size}"

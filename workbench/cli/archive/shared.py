"""What several commands of `waterline archive` share: options of a range, amounts in words."""

from typing import TYPE_CHECKING, Final

from waterline.units import counted
from workbench.cli.asking import origin_options, time_options
from workbench.cli.options import gathered, moment

if TYPE_CHECKING:
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

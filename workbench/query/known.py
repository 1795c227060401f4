"""An earlier answer to a question, and whether a later one may continue from it."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from workbench.query.database import View
from workbench.query.moment import Moment

_LAST: Final = """
    SELECT coalesce(
        (SELECT received_at || ' ' || source || ' ' || id FROM logs WHERE seq = ?),
        (
            SELECT ifnull(rewritten_from, sha256) FROM archive_batches
            WHERE first_seq <= ? AND last_seq >= ?
        ),
        ''
    )
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the logs were read, and in which past."""

    incarnation: str
    pruned: int
    """Number of pruned batches."""
    last_seq: int
    """Highest seq that was read."""
    last: str
    """Digest of the log with that seq, or of its batch: another one after a backup was restored.

    A rewrite of the batch leaves it as it is.
    """

    def holds(self, view: View, moment: Moment) -> bool:
        """Return whether, in a later view, only logs of higher seqs have come since."""
        return (
            (self.incarnation, self.pruned) == (moment.incarnation, moment.pruned)
            and self.last_seq <= moment.last_seq
            and _last(view, self.last_seq) == self.last
        )


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Logs that matched a question, as of a mark."""

    table: pa.Table
    """The logs with the question's `kept` columns, in its order, up to its limit."""
    mark: Mark


def take_mark(view: View, moment: Moment, through: int | None) -> Mark:
    """Return the mark of a view.

    Args:
        view: the view.
        moment: its moment.
        through: highest seq that is read; None for all.
    """
    last_seq = moment.last_seq if through is None else min(through, moment.last_seq)
    return Mark(moment.incarnation, moment.pruned, last_seq, _last(view, last_seq))


def _last(view: View, seq: int) -> str:
    ((last,),) = view.rows(_LAST, [seq] * 3)
    return str(last)

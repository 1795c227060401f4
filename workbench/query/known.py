"""What is known already: the answer to a question as of an earlier moment, to go on from."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from workbench.query.database import View
from workbench.query.snapshot import Moment

_LAST: Final = """
    SELECT coalesce(
        (SELECT received_at || ' ' || source || ' ' || id FROM logs WHERE seq = ?),
        (SELECT sha256 FROM archive_batches WHERE first_seq <= ? AND last_seq >= ?),
        ''
    )
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the logs went when they were read, and what would betray another past."""

    incarnation: str
    pruned: int
    """How many batches were gone."""
    last_seq: int
    """The highest seq that was looked at."""
    last: str
    """The log that has it, or the batch that it is in: where a backup was put back, another."""

    def holds(self, view: View, moment: Moment) -> bool:
        """Whether, by what a later view says, nothing but logs of higher seqs has come since."""
        return (
            (self.incarnation, self.pruned) == (moment.incarnation, moment.pruned)
            and self.last_seq <= moment.last_seq
            and _last(view, self.last_seq) == self.last
        )


@dataclass(frozen=True, slots=True)
class Known:
    """The logs that a question was about, as of a mark."""

    table: pa.Table
    """With the question's `kept` columns, in its order, its limit heeded."""
    mark: Mark


def take_mark(view: View, moment: Moment, through: int | None) -> Mark:
    """Return the mark of a view's moment.

    Args:
        view: the view.
        moment: its moment.
        through: the highest seq that is looked at; None for all.
    """
    last_seq = moment.last_seq if through is None else min(through, moment.last_seq)
    return Mark(moment.incarnation, moment.pruned, last_seq, _last(view, last_seq))


def _last(view: View, seq: int) -> str:
    ((last,),) = view.rows(_LAST, [seq] * 3)
    return str(last)

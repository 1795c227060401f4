"""Number of hot logs up to a seq, without reading them: seqs are dense but for noted gaps."""

from typing import Final

from waterline.integers import INT64
from workbench.query.database import View
from workbench.query.moment import Moment

# Seqs of adopted batches lie among those of hot logs.
_GIVEN: Final = """(
    SELECT {high} - {low} - ifnull(sum(min(last_seq, {high}) - max(first_seq - 1, {low})), 0)
    FROM archive_batches WHERE last_seq > {low} AND first_seq <= {high}
)"""
_STATED: Final = f"""
    WITH ends AS (SELECT ?1 AS low, min(?2, ifnull((SELECT max(seq) FROM logs), 0)) AS high)
    SELECT
        low, high, {_GIVEN.format(low="low", high="high")},
        ifnull(below.through, 0), ifnull(below.missing, 0),
        ifnull(above.through, 0), ifnull(above.missing, 0)
    FROM ends
    LEFT JOIN seq_gaps AS below
        ON below.after = (SELECT max(after) FROM seq_gaps WHERE after < low)
    LEFT JOIN seq_gaps AS above
        ON above.after = (SELECT max(after) FROM seq_gaps WHERE after < high)
"""
_WITHIN: Final = f"""
    SELECT {_GIVEN.format(low="?1", high="?2")} - count(*) FROM logs WHERE seq > ?1 AND seq <= ?2
"""


def count_hot_logs(view: View, moment: Moment, through: int | None) -> int:
    """Return the number of hot logs up to a seq.

    Args:
        view: a view of logs.db.
        moment: the moment of the view.
        through: the highest seq that counts; None counts all.
    """
    upto = INT64[-1] if through is None else through
    ((low, high, given, *gaps),) = view.rows(_STATED, (moment.archived_through, upto))
    if high <= low:
        return 0
    begin, end = _missing(view, low, *gaps[:2]), _missing(view, high, *gaps[2:])
    return int(given - (end - begin))


def _missing(view: View, seq: int, through: int, missing: int) -> int:
    """Return the number of seqs up to one, from the first gap on, that no log has.

    Args:
        view: a view of logs.db.
        seq: a seq that is not below the watermark.
        through: end of the last gap that begins before it.
        missing: number of seqs without a log up to there.
    """
    if seq >= through:
        return missing
    # Below the watermark rows are removed, so the rest of the gap is counted.
    ((within,),) = view.rows(_WITHIN, (seq, through))
    return missing - int(within)

"""What a page asks of a session, also over the network: functions of plain arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from waterline.errors import UsageError
from workbench.explore import lines as of_lines
from workbench.explore import percentiles as of_numbers
from workbench.explore import tally as of_steps
from workbench.explore.lines import Lines, LogLine, Part, Piece
from workbench.explore.percentiles import Percentiles
from workbench.explore.steps import Steps
from workbench.explore.tally import Tally, of_types, tally_rows
from workbench.query.archived import Batches, Catalog
from workbench.query.database import View
from workbench.query.gaps import Gap
from workbench.query.hot import fetched, stored_rows
from workbench.query.moment import Moment
from workbench.query.neighbours import neighbours
from workbench.query.question import Place, Question
from workbench.query.session import Session

MOST_FRESH: Final = 20_000
"""Number of logs beyond which all is searched anew instead of followed."""
MOST_LINES: Final = 2_000
"""Number of lines that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Came:
    """Logs that have come since a count."""

    places: Sequence[Place]
    """Of those that match, in no order."""
    types: Tally
    """These logs alone, and those of other types, by type."""
    chart: Tally
    """These logs alone, by what the page asks for."""


def lines(session: Session, question: Question) -> Lines:
    """Return the logs that match a question as lines; see `find_lines`."""
    if question.limit is None or question.limit > MOST_LINES:
        raise UsageError(f"ask for {MOST_LINES:,} lines at most")
    return of_lines.find_lines(session.logs, question)


def gaps(session: Session, question: Question) -> list[Gap]:
    """Return the gaps that pruned logs leave; see `find_gaps`."""
    return of_lines.find_gaps(session.logs, question)


def lines_of(session: Session, seqs: list[int]) -> list[LogLine]:
    """Return the logs of these seqs that are still there; see `lines_of`."""
    if len(seqs) > MOST_LINES:
        raise UsageError(f"ask for {MOST_LINES:,} lines at most")
    return of_lines.lines_of(session.logs, seqs)


def piece(session: Session, seq: int, part: Part, begin: int) -> Piece | None:
    """Return a piece of a text; see `piece_of`."""
    return of_lines.piece_of(session.logs, seq, part, begin)


def tally(session: Session, question: Question, steps: Steps, by: str) -> Tally:
    """Count the logs that match a question; see `tally`."""
    return of_steps.tally(session.logs, question, steps, by)


def tally_by_type_and(
    session: Session, question: Question, steps: Steps, by: str, types: tuple[str, ...] | None
) -> tuple[Tally, Tally]:
    """Count logs by type, and some of them by something else; see `tally_by_type_and`."""
    return of_steps.tally_by_type_and(session.logs, question, steps, by, types)


def percentiles(session: Session, question: Question, steps: Steps, attribute: str) -> Percentiles:
    """Return the percentiles of an attribute by step; see `percentiles`."""
    return of_numbers.percentiles(session.logs, question, steps, attribute)


def matching(session: Session, question: Question) -> int:
    """Return the number of logs that match a question."""
    return session.logs.count(question).value


def around(session: Session, question: Question, place: Place, count: int) -> list[LogLine]:
    """Return a log and those around it; see `neighbours`."""
    if not 0 < count <= MOST_LINES // 2 - 1:
        raise UsageError(f"ask for {MOST_LINES:,} lines at most")
    near = neighbours(session.logs, question, place, count)
    return of_lines.lines_of(session.logs, [place[1], *(seq for _, seq in near.places)])


def came(
    session: Session,
    question: Question,
    steps: Steps,
    by: str,
    types: tuple[str, ...] | None,
    known: Moment,
) -> Came | None:
    """Return the logs that came since a count; they are read once.

    Args:
        session: the folder.
        question: what is asked, of any type, up to a seq.
        steps: the steps to count by.
        by: `type`, `source` or an attribute, which logs of some types are counted by.
        types: these types; None is all.
        known: moment of the count.

    Returns:
        None if what is counted is stale.
    """
    column = by if by in of_steps.COLUMNS else "attributes"
    asked = replace(question, columns=tuple({"type": 0, column: 0}), limit=None)
    after = known.last_seq

    def hot(view: View, catalog: Catalog) -> tuple[pa.Table, Moment] | None:
        moment = catalog.moment
        is_past = moment.incarnation != known.incarnation or moment.last_seq < after
        if is_past or moment.archived_through > after or moment.pruned != known.pruned:
            return None
        if moment.last_seq - after > MOST_FRESH:
            return None
        return fetched(view, stored_rows(catalog, asked, after), asked), moment

    def whole(hot: tuple[pa.Table, Moment] | None, _: Catalog, __: Batches) -> Came | None:
        if hot is None:
            return None
        table, moment = hot
        if question.last is not None:
            moment = replace(moment, last_seq=question.last)
        chosen = of_types(table, types)
        return Came(
            _places(chosen),
            tally_rows(table, steps, moment, "type"),
            tally_rows(chosen, steps, moment, by),
        )

    return session.logs.ask(asked, hot, whole, may_lack=True)


def _places(table: pa.Table) -> list[Place]:
    timestamps = table["timestamp"].cast(pa.int64()).to_pylist()
    return [*zip(timestamps, table["seq"].to_pylist(), strict=True)]

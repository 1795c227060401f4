"""The moment of an answer: folder, incarnation, and highest seq, as one view reads them."""

from dataclasses import dataclass
from typing import Final, Protocol

from waterline.errors import UsageError
from workbench.query.database import View
from workbench.query.pin import ENDS_WITH, UNPROVEN, Pin, digits_of_batch, digits_of_log, take_pin

_MOMENT: Final = f"""
    WITH moment AS (
        SELECT
            folder_id,
            incarnation,
            generation,
            archived_through,
            max(
                archived_through,
                ifnull((SELECT max(last_seq) FROM archive_batches), 0),
                ifnull((SELECT max(seq) FROM logs), 0)
            ) AS last_seq,
            (SELECT count(pruned_at) FROM archive_batches) AS pruned
        FROM seam
    )
    SELECT
        moment.*,
        (
            SELECT ifnull(rewritten_from, sha256) FROM archive_batches AS batch
            WHERE batch.last_seq = moment.last_seq
        ),
        {", ".join(f"logs.{name}" for name in ENDS_WITH)}
    FROM moment LEFT JOIN logs ON logs.seq = moment.last_seq
"""
# Columns before those of the last log.
_OWN: Final = 6


class Taken(Protocol):
    """The moment of an answer, of which a pin can be taken."""

    @property
    def last_seq(self) -> int:
        """Highest seq ever given."""

    def pin(self, now: int) -> Pin:
        """Return the pin of this moment; `now` is milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class Moment:
    """State of logs.db in one view."""

    folder_id: str
    incarnation: str
    generation: int
    archived_through: int
    """Watermark: every log up to this seq is in a batch; a row that it still has is ignored."""
    last_seq: int
    """Highest seq ever given."""
    pruned: int
    """Number of pruned batches."""
    last: str
    """Digits of the last log; see `digits_of_log`."""

    @property
    def past(self) -> tuple[str, int]:
        """Identity of the catalog: while it is the same, so are the batches and their files."""
        return self.incarnation, self.generation

    def pin(self, now: int) -> Pin:
        """Return the pin of this moment; `now` is milliseconds UTC."""
        return take_pin(now, self.last_seq, self.folder_id, self.incarnation, self.last)

    def check(self, pin: Pin) -> None:
        """Check that a pin can be answered.

        Raises:
            UsageError: the pin is of another folder or another past.
        """
        if not pin.is_of(self.folder_id):
            raise UsageError(
                f"the pin {pin} is of another data folder; connect to that one, or take a new pin"
            )
        if not pin.knows(self.incarnation):
            raise rewritten(pin, "its logs.db was made anew, and seqs may mean other logs by now")
        if pin.seq > self.last_seq:
            raise UsageError(
                f"this folder ends at seq {self.last_seq}, before the pin {pin}: its logs.db is of "
                "an earlier time, such as a backup; take a new pin"
            )


def rewritten(pin: Pin, why: str) -> UsageError:
    """Return the error for a pin of another past."""
    return UsageError(
        f"the past of this folder was rewritten since the pin {pin}: {why}; take a new pin"
    )


def read_moment(view: View) -> Moment:
    """Return the moment of a view.

    Raises:
        DataFolderError: logs.db cannot be read.
    """
    (row,) = view.rows(_MOMENT)
    origin, *log = row[_OWN:]
    # The batch comes first: it is known also after its rows were removed.
    if origin is not None:
        last = digits_of_batch(origin)
    else:
        last = UNPROVEN if log[0] is None else digits_of_log(log)
    return Moment(*(*row[:_OWN], last))

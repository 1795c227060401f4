"""A pin: one moment of a data folder, by which a question can be asked again."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from waterline.errors import UsageError
from workbench.query.proof import UNPROVEN

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/(?P<seq>\d{1,18})"
    r"/(?P<folder>[0-9a-f]{8})-(?P<incarnation>[0-9a-f]{8})(-(?P<last>[0-9a-f]{8}))?"
    r"-(?P<check>[0-9a-f]{4})",
    re.ASCII,
)
# Of the folder's id and its incarnation a pin keeps so many digits: enough to tell two apart.
_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Pin:
    """All logs up to a seq of one past of one folder; its text fits in a notebook's cell."""

    taken_at: int
    """Milliseconds UTC; relative times such as `-1h` count from it."""
    seq: int
    """The highest that was committed."""
    folder: str
    """The first digits of the folder's id."""
    incarnation: str
    """The same of its incarnation."""
    last: str = UNPROVEN
    """Digits of the log with that seq; see `proof`. Older pins have none."""

    def __str__(self) -> str:
        text = self._unchecked()
        return f"{text}-{_check(text)}"

    def __repr__(self) -> str:
        return f"Pin({str(self)!r})"

    def is_of(self, folder_id: str) -> bool:
        """Say whether it was taken of the folder with this id."""
        return folder_id.startswith(self.folder)

    def knows(self, incarnation: str) -> bool:
        """Say whether the folder's past is still the one that it was taken of."""
        return incarnation.startswith(self.incarnation)

    def _unchecked(self) -> str:
        moment = _EPOCH + timedelta(milliseconds=self.taken_at)
        written = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = f"{written}/{self.seq}/{self.folder}-{self.incarnation}"
        return f"{text}-{self.last}" if self.last else text


def take_pin(
    taken_at: int, seq: int, folder_id: str, incarnation: str, last: str = UNPROVEN
) -> Pin:
    """Return the pin of a moment of a folder."""
    return Pin(taken_at, seq, folder_id[:_DIGITS], incarnation[:_DIGITS], last)


def to_pin(given: object) -> Pin:
    """Return a pin of what an analyst gave: one, or its text.

    Raises:
        UsageError: it is none, or its text was changed.
    """
    if isinstance(given, Pin):
        return given
    found = _TEXT.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise UsageError(f"at={given!r} is no pin; give what wb.pin() has returned, or its text")
    try:
        moment = datetime.fromisoformat(found["moment"])
    except ValueError:
        raise _changed(given) from None
    pin = Pin(
        (moment - _EPOCH) // timedelta(milliseconds=1),
        int(found["seq"]),
        found["folder"],
        found["incarnation"],
        found["last"] or UNPROVEN,
    )
    if str(pin) != found[0]:
        raise _changed(given)
    return pin


def _changed(given: object) -> UsageError:
    return UsageError(f"at={given!r} is a pin that was changed; copy the whole text once more")


def _check(text: str) -> str:
    """Return digits that betray a slip of the pen; nothing is kept safe by them."""
    return hashlib.sha256(text.encode()).hexdigest()[:4]

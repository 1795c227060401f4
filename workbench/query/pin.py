"""A pin: one moment of a data folder, by its text, and digits of its last log that prove it."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from waterline.errors import UsageError
from waterline.storage.catalog import ArchivedBatch

ENDS_WITH: Final = ("id", "type", "timestamp", "received_at", "source", "message", "attributes")
"""Columns of a log that its digits are computed from, in the order of storage."""

UNPROVEN: Final = ""
"""Digits of an empty folder, or of a pin without digits."""

Read = Callable[[ArchivedBatch, Sequence[str]], pa.Table]
"""Reads some columns of a batch, as `BatchReader.read` does."""

# Hexadecimal digits that a pin keeps of the folder's id, its incarnation and its last log.
_DIGITS: Final = 8
# Digits found in files that are remembered, so that no question reads the same file again.
_REMEMBERED: Final = 1_000

_found: dict[tuple[str, int], str] = {}


def digits_of_log(values: Sequence[object]) -> str:
    """Return the digits of a log.

    Args:
        values: values of the columns `ENDS_WITH`; times are milliseconds UTC.
    """
    digest = hashlib.sha256()
    for value in values:
        text = str(value).encode()
        digest.update(b"%d " % len(text))
        digest.update(text)
    return digest.hexdigest()[:_DIGITS]


def digits_of_batch(origin: str) -> str:
    """Return the digits of the last log of a batch.

    They are the first ones of the SHA-256 of its first file, which a rewrite does not change.
    """
    return origin[:_DIGITS]


def digits_within(batch: ArchivedBatch, seq: int, read: Read) -> str:
    """Return the digits of a log within a batch; `UNPROVEN` if no log has that seq.

    Args:
        batch: the batch.
        seq: the log's seq.
        read: reads columns of a batch.

    Raises:
        ArchiveError: the file is missing or damaged.
    """
    # A file with this SHA-256 never changes.
    key = batch.sha256, seq
    found = _found.get(key)
    if found is None:
        found = _read_digits(read(batch, ("seq", *ENDS_WITH)), seq)
        if len(_found) >= _REMEMBERED:
            _found.clear()
        _found[key] = found
    return found


def _read_digits(table: pa.Table, seq: int) -> str:
    logs = table.filter(pc.equal(table["seq"], seq)).select(ENDS_WITH)
    for name in ("timestamp", "received_at"):
        logs = logs.set_column(ENDS_WITH.index(name), name, logs[name].cast(pa.int64()))
    rows = [*zip(*(column.to_pylist() for column in logs.columns), strict=True)]
    return digits_of_log(rows[0]) if rows else UNPROVEN


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAKE: Final = "lake"
"""What the text of a pin of a lake has where that of a folder has its seq."""
_MOMENT: Final = r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"
_PLACE: Final = (
    r"(?P<seq>\d{1,18})"
    r"/(?P<folder>[0-9a-f]{8})-(?P<incarnation>[0-9a-f]{8})(-(?P<last>[0-9a-f]{8}))?"
)
_CHECK: Final = r"-(?P<check>[0-9a-f]{4})"
_TEXT: Final = re.compile(f"{_MOMENT}/{_PLACE}{_CHECK}", re.ASCII)
_TEXT_OF_LAKE: Final = re.compile(f"{_MOMENT}/{LAKE}/(?P<nodes>.*){_CHECK}", re.ASCII)
_NODE: Final = re.compile(f"(?P<name>[^=,/]+)={_PLACE}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pin:
    """All logs up to a seq of one past of one folder; its text fits in a notebook's cell."""

    taken_at: int
    """Milliseconds UTC; relative times such as `-1h` count from it."""
    seq: int
    """Highest seq that was committed."""
    folder: str
    """First digits of the folder's id."""
    incarnation: str
    """First digits of the folder's incarnation."""
    last: str = UNPROVEN
    """Digits of the log with that seq; see `digits_of_log`. Older pins have none."""

    def __str__(self) -> str:
        text = self._unchecked()
        return f"{text}-{_check(text)}"

    def __repr__(self) -> str:
        return f"Pin({str(self)!r})"

    def is_of(self, folder_id: str) -> bool:
        """Return whether the pin is of the folder with this id."""
        return folder_id.startswith(self.folder)

    def knows(self, incarnation: str) -> bool:
        """Return whether the pin is of the folder's present incarnation."""
        return incarnation.startswith(self.incarnation)

    @property
    def place(self) -> str:
        """Text of all but the time."""
        text = f"{self.seq}/{self.folder}-{self.incarnation}"
        return f"{text}-{self.last}" if self.last else text

    def _unchecked(self) -> str:
        moment = _EPOCH + timedelta(milliseconds=self.taken_at)
        written = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{written}/{self._places()}"

    def _places(self) -> str:
        return self.place


@dataclass(frozen=True, slots=True, repr=False)
class LakePin(Pin):
    """One moment of a lake: a pin of each node. It is a pin of no folder."""

    nodes: tuple[tuple[str, Pin], ...] = ()
    """Name and pin of each node, by name."""

    def _places(self) -> str:
        return "/".join([LAKE, ",".join(f"{name}={pin.place}" for name, pin in self.nodes)])

    def is_of(self, folder_id: str) -> bool:  # noqa: ARG002 - it is of none
        """Return False: several folders have its logs."""
        return False

    def of(self, node: str) -> Pin | None:
        """Return the pin of a node; None if it had not joined the lake."""
        return dict(self.nodes).get(node)


def take_lake_pin(taken_at: int, nodes: Mapping[str, Pin]) -> LakePin:
    """Return the pin of a moment of a lake.

    Args:
        taken_at: milliseconds UTC.
        nodes: the pin of each node by its name.
    """
    # All are of one time, which is written once.
    pins = {name: replace(pin, taken_at=taken_at) for name, pin in sorted(nodes.items())}
    return LakePin(taken_at, sum(each.seq for each in pins.values()), "", "", "", (*pins.items(),))


def take_pin(
    taken_at: int, seq: int, folder_id: str, incarnation: str, last: str = UNPROVEN
) -> Pin:
    """Return the pin of a moment of a folder.

    Args:
        taken_at: milliseconds UTC.
        seq: highest seq that was committed.
        folder_id: id of the folder.
        incarnation: its incarnation.
        last: digits of the log with that seq.
    """
    return Pin(taken_at, seq, folder_id[:_DIGITS], incarnation[:_DIGITS], last)


def to_pin(given: object) -> Pin:
    """Return the pin that an analyst gave, as such or as text.

    Raises:
        UsageError: it is no pin, or its text was changed.
    """
    if isinstance(given, Pin):
        return given
    text = given.strip() if isinstance(given, str) else ""
    found = _TEXT.fullmatch(text) or _TEXT_OF_LAKE.fullmatch(text)
    if found is None:
        raise UsageError(f"at={given!r} is no pin; give what wb.pin() has returned, or its text")
    try:
        moment = datetime.fromisoformat(found["moment"])
    except ValueError:
        raise _changed(given) from None
    taken_at = (moment - _EPOCH) // timedelta(milliseconds=1)
    if "nodes" in found.groupdict():
        pin: Pin = _pin_of_lake(taken_at, found["nodes"])
    else:
        pin = _pin_of_place(taken_at, found)
    if str(pin) != found[0]:
        raise _changed(given)
    return pin


def _pin_of_place(taken_at: int, found: re.Match[str]) -> Pin:
    return Pin(
        taken_at,
        int(found["seq"]),
        found["folder"],
        found["incarnation"],
        found["last"] or UNPROVEN,
    )


def _pin_of_lake(taken_at: int, text: str) -> LakePin:
    """Return the pin of a lake; whether its text is whole, its check tells."""
    nodes = {each["name"]: _pin_of_place(taken_at, each) for each in _NODE.finditer(text)}
    return take_lake_pin(taken_at, nodes)


def _changed(given: object) -> UsageError:
    return UsageError(f"at={given!r} is a pin that was changed; copy the whole text once more")


def _check(text: str) -> str:
    """Return a checksum against typing errors; it protects nothing."""
    return hashlib.sha256(text.encode()).hexdigest()[:4]

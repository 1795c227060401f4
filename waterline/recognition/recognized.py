"""What a line or an object says of itself."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec


class Recognized(msgspec.Struct, frozen=True):
    """What a line or an object of another program says of itself.

    Attributes:
        message: the text; all of the line or object where no part of it is one.
        timestamp: milliseconds UTC; None if it names no time.
        type: one of trace, debug, info, warning and error; None if it names no level.
        attributes: what else it says, by name; `level` is the level as written, where that says
            more than the type.
    """

    message: str
    timestamp: int | None
    type: str | None
    attributes: dict[str, object]


class Parts(NamedTuple):
    """What an object says of itself, as `Recognized` without the cost of making one."""

    message: str
    timestamp: int | None
    type: str | None
    attributes: dict[str, object]


class Columns(NamedTuple):
    """What several objects say of themselves, a list for each member of `Parts`."""

    messages: Sequence[str]
    timestamps: Sequence[int | None]
    types: Sequence[str | None]
    attributes: Sequence[dict[str, object]]

    def rows(self) -> Iterator[Parts]:
        """Yield what each object says."""
        return map(Parts._make, zip(*self, strict=True))

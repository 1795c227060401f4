"""What a line or an object says of itself."""

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

"""Messages that the browser sends; what does not fit was never sent by our page."""

from typing import Annotated, Final, Literal

import msgspec

from workbench.explore.lines import Part

MAX_ASKED: Final = 36
"""Number of types or sources that may be chosen at once, and of rows that may be open."""
MAX_QUERY: Final = 4_000
"""Characters of a query."""

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Moment = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_ASKED)]
_Seqs = Annotated[tuple[Seq, ...], msgspec.Meta(max_length=MAX_ASKED)]
_Text = Annotated[str, msgspec.Meta(max_length=100)]
_Name = Annotated[str, msgspec.Meta(max_length=500)]
_Query = Annotated[str, msgspec.Meta(max_length=MAX_QUERY)]


Scale = Literal["", "log"]
"""Scale of the chart's counts; empty is linear."""


class Pair(msgspec.Struct, frozen=True):
    """A field and one of its values."""

    name: _Name
    value: Annotated[str, msgspec.Meta(max_length=1000)]
    """The text itself, or the JSON of another value."""
    is_text: bool
    is_column: bool = False
    """Whether it is the column of that name, and no attribute."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """What the page shows; sent when it is drawn, and whenever that changes."""

    number: _Number
    """Counts the asks of the page; answers bear it."""
    query: _Query = ""
    types: _Names = ()
    sources: _Names = ()
    begin: _Text = ""
    """Begin of the range, as an analyst writes it; empty leaves the range to us."""
    end: _Text = ""
    """End of the range; empty is now, and what comes is followed."""
    zone: _Text = "UTC"
    by: _Name = "type"
    """What the chart counts by."""
    measure: _Name = ""
    """Attribute whose percentiles are shown; empty shows none."""
    width: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1200
    """Pixels that the chart is wide."""
    through: Seq | None = None
    """Highest seq to show while paused."""
    open: _Seqs = ()
    """Seqs of open rows."""


class More(msgspec.Struct, frozen=True, tag="more"):
    """Asks for the lines before a place."""

    number: _Number
    before: tuple[_Moment, Seq]


class Around(msgspec.Struct, frozen=True, tag="around"):
    """Asks for the lines around a log."""

    seq: Seq
    timestamp: _Moment
    shared: Pair | None = None
    """What they share with it; None takes all logs."""


class Patterns(msgspec.Struct, frozen=True, tag="patterns"):
    """Asks for the patterns of what is shown, compared with the time before."""

    number: _Number


class Draw(msgspec.Struct, frozen=True, tag="draw"):
    """Says how the chart is drawn, which changes nothing of what is searched."""

    hidden: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=MAX_ASKED)] = ()
    """Labels that it leaves out."""
    scale: Scale = ""


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """Asks for the next piece of a cut text."""

    seq: Seq
    part: Part
    begin: Seq = 0


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Ends the search."""


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """Asks what may stand at a place of a query."""

    query: _Query
    at: _Number


class Edit(msgspec.Struct, frozen=True, tag="edit"):
    """Asks for a query with one term more."""

    query: _Query
    pair: Pair | None = None
    """What is asked for; None asks for a text of the message."""
    text: _Query = ""
    is_negated: bool = False


class Copy(msgspec.Struct, frozen=True, tag="copy"):
    """Asks for the same question in another language."""

    language: Annotated[str, msgspec.Meta(max_length=20)]


Message = Ask | More | Around | Patterns | Draw | Whole | Cancel | Complete | Edit | Copy

"""What is odd about data that is moved in: counted, and told in one line each."""

from dataclasses import dataclass, field
from typing import Final

from waterline.units import counted

_PLURALS: Final = {"entry": "entries"}


@dataclass(slots=True)
class _Finding:
    number: int
    first: str
    last: str


@dataclass(slots=True)
class Findings:
    """Odd things by what they are, with their number and the place of the first."""

    _found: dict[tuple[str, str, str], _Finding] = field(default_factory=dict)

    def note(self, place: str, what: str, first: str, unit: str = "row", times: int = 1) -> None:
        """Count an odd thing; what is told of the same one twice in a row counts once.

        Args:
            place: the table or folder that it is in.
            what: what is odd about it, and what is done; stands after the number.
            first: which one it is; of the first it is told.
            unit: what is counted, in the singular.
            times: how many there are.
        """
        found = self._found.setdefault((place, unit, what), _Finding(0, first, ""))
        if found.last != first:
            found.number += times
            found.last = first

    def lines(self) -> list[str]:
        """Return a line for each odd thing, in the order in which they were found."""
        return [
            f"{place}: {counted(found.number, unit, _PLURALS.get(unit))} {what} "
            f"(the first: {found.first})"
            for (place, unit, what), found in self._found.items()
        ]

"""What a run found: as one table, or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import msgspec

from benchmarks.rows import Row
from benchmarks.sizes import Sizes

_HEAD: Final = ("", "measured", "beside", "", "ratio", "target", "met", "")
# Numbers stand at the right.
_ALIGN: Final = "<><><<<<"
_MET: Final = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of a run, and what it was run with; `seconds` is how long it took."""

    machine: Mapping[str, str | int]
    sizes: Sizes
    rows: Sequence[Row]
    seconds: float

    def text(self) -> str:
        """Return the table, between the machine's facts and the sizes."""
        facts = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        sizes = ", ".join(f"{name} {value:,}" for name, value in asdict(self.sizes).items())
        lines = [_HEAD, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(
                f"{cell:{align}{width}}"
                for cell, align, width in zip(line, _ALIGN, widths, strict=True)
            ).rstrip()
            for line in lines
        ]
        end = f"medians of the rounds; {self.seconds:.0f} s in all"
        return "\n".join([facts, f"sizes: {sizes}", "", *table, "", end])

    def json(self) -> bytes:
        """Return the same, with each round's values, as one JSON object."""
        content = {
            "machine": self.machine,
            "sizes": asdict(self.sizes),
            "rows": [_members(row) for row in self.rows],
            "seconds": self.seconds,
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        _quantity(row.measured, row.unit),
        row.beside,
        _quantity(row.reference, row.unit),
        f"{row.ratio:.2f}",
        "" if row.target is None else str(row.target),
        _MET[row.met],
        row.note,
    )


def _quantity(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.2f} {unit}"


def _members(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "unit": row.unit,
        "measured": row.measured,
        "beside": row.beside,
        "reference": row.reference,
        "ratio": row.ratio,
        "target": None if row.target is None else str(row.target),
        "met": row.met,
        "note": row.note,
        "values": list(row.values),
        "references": list(row.references),
    }

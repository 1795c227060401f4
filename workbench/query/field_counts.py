"""Counts of the values of one field of logs, as reports and the page tell them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from workbench.query.attributes import query_value

_KINDS: Final = {str: "text", int: "number", float: "number", bool: "boolean", list: "list",
                 dict: "object"}  # fmt: skip
_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class FieldCounts:
    """Counts of values by kind; of lists and objects, the value is their JSON."""

    values: defaultdict[str, Counter[Any]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def logs(self) -> int:
        """Number of logs that have the field."""
        return sum(each.total() for each in self.values.values())

    @property
    def distinct(self) -> int:
        """Number of values; numbers that are equal are one."""
        return sum(map(len, self.values.values()))

    def add(self, value: object, logs: int = 1) -> None:
        """Count a value that some logs have; null is none, as to a query."""
        if value is not None:
            kind = _KINDS[type(value)]
            self.values[kind][_encode(value) if kind in ("list", "object") else value] += logs

    def most(self, count: int) -> list[tuple[str, Any, int]]:
        """Return kind, value and number of logs of the most frequent values; of equal ones by text.

        Args:
            count: greatest number of them.
        """
        numbers = Counter(
            {
                (kind, value): logs
                for kind, each in self.values.items()
                for value, logs in each.items()
            }
        )
        least = min((logs for _, logs in numbers.most_common(count)), default=1)
        # Of those that are as frequent as the last, some may be left out.
        among = [(kind, value, logs) for (kind, value), logs in numbers.items() if logs >= least]
        return sorted(among, key=lambda each: (-each[2], text_of(each[1])))[:count]


def text_of(value: object) -> str:
    """Return a value as a query names it; of lists and objects, their JSON."""
    return value.decode() if isinstance(value, bytes) else query_value(value)

"""Text formats of Prometheus and OpenMetrics, a metric family after the other.

An encoder that builds an object a sample takes four times as long, while producers wait: here what
stands before a number is kept from one scrape to the next.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from prometheus_client.utils import floatToGoString

# Series whose text is kept; of each histogram some 3 kB.
_KEPT: Final = 1_000
_number = lru_cache(_KEPT)(floatToGoString)

_Labels = tuple[str, ...]
_Samples = Iterable[tuple[Sequence[str], float]]
"""Values of the labels, and the number."""


class Buckets(NamedTuple):
    """Numbers of one histogram."""

    counts: Sequence[int]
    """Number of values at or below each bound."""
    size: int
    """Number of all values."""
    sum: float | None
    """None if it can fall, which OpenMetrics forbids; without it there is no count."""


class TextWriter:
    """Writer of a scrape.

    Args:
        is_open: whether the format is that of OpenMetrics.
    """

    def __init__(self, *, is_open: bool) -> None:
        self._is_open = is_open
        self._texts: list[str] = []

    def counter(
        self, name: str, about: str, unit: str, labels: Sequence[str], samples: _Samples
    ) -> None:
        """Write a family of counters.

        Args:
            name: its name, without `_total`.
            about: what it counts.
            unit: the unit, with which the name ends; empty without one.
            labels: the names of the labels.
            samples: the numbers.
        """
        total = f"{name}_total"
        self._texts.append(
            _head(name if self._is_open else total, "counter", about, self._of(unit))
        )
        self._add(total, labels, samples)

    def gauge(
        self, name: str, about: str, unit: str, labels: Sequence[str], samples: _Samples
    ) -> None:
        """Write a family of gauges; see `counter`."""
        self._texts.append(_head(name, "gauge", about, self._of(unit)))
        self._add(name, labels, samples)

    def info(self, name: str, about: str, labels: Mapping[str, str]) -> None:
        """Write texts as labels of a 1.

        Args:
            name: the name of the family, without `_info`.
            about: what they tell.
            labels: the texts by label.
        """
        shown, kind = (name, "info") if self._is_open else (f"{name}_info", "gauge")
        self._texts.append(_head(shown, kind, about, self._of("")))
        self._add(f"{name}_info", [*labels], [([*labels.values()], 1)])

    def histogram(
        self,
        name: str,
        about: str,
        unit: str,
        labels: Sequence[str],
        bounds: tuple[float, ...],
        samples: Iterable[tuple[Sequence[str], Buckets]],
    ) -> None:
        """Write a family of histograms.

        Args:
            name: its name.
            about: what its values are.
            unit: the unit, with which the name ends; empty without one.
            labels: the names of the labels.
            bounds: upper bounds of the buckets.
            samples: values of the labels, and the numbers.
        """
        self._texts.append(_head(name, "histogram", about, self._of(unit)))
        names = tuple(labels)
        for values, found in samples:
            of = tuple(values)
            numbers = map(_number, (*found.counts, found.size))
            texts = [*zip(_buckets(name, names, of, bounds), numbers, strict=True)]
            if found.sum is not None:
                texts.append((_series(f"{name}_count", names, of), _number(found.size)))
                texts.append((_series(f"{name}_sum", names, of), _number(found.sum)))
            self._texts += [f"{begin}{number}\n" for begin, number in texts]

    def content(self) -> bytes:
        """Return the whole text."""
        return "".join([*self._texts, "# EOF\n" if self._is_open else ""]).encode()

    def _add(self, name: str, labels: Sequence[str], samples: _Samples) -> None:
        names = tuple(labels)
        self._texts += [
            f"{_series(name, names, tuple(values))}{_number(number)}\n"
            for values, number in samples
        ]

    def _of(self, unit: str) -> str | None:
        """Return the unit for the head of a family; None where the format has none."""
        return unit if self._is_open else None


@lru_cache(_KEPT)
def _head(name: str, kind: str, about: str, unit: str | None) -> str:
    """Return the lines before a family; a unit of None is the format of Prometheus."""
    sentence = about.replace("\\", r"\\").replace("\n", r"\n")
    if unit is not None:
        sentence = sentence.replace('"', r"\"")
    of_unit = f"# UNIT {name} {unit}\n" if unit else ""
    return f"# HELP {name} {sentence}\n# TYPE {name} {kind}\n{of_unit}"


@lru_cache(_KEPT)
def _series(name: str, names: _Labels, values: _Labels) -> str:
    """Return what stands before a number; labels are in the order of their names."""
    if not names:
        return f"{name} "
    labels = sorted(zip(names, values, strict=True))
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{pairs}}} "


@lru_cache(_KEPT)
def _buckets(
    name: str, names: _Labels, values: _Labels, bounds: tuple[float, ...]
) -> tuple[str, ...]:
    """Return what stands before the number of each bucket, the one of all at the end."""
    shown = [*map(floatToGoString, bounds), "+Inf"]
    return tuple(_series(f"{name}_bucket", (*names, "le"), (*values, each)) for each in shown)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

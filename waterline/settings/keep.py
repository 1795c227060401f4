"""The setting `archive_keep`: how long and how much of the archives is kept."""

import contextlib
from dataclasses import dataclass
from typing import Final

from waterline.units import format_duration, format_size, parse_duration, parse_size

_FOREVER: Final = "forever"
_EXAMPLE: Final = f"1y, 50GiB or debug=7d, several of them with commas, or {_FOREVER}"


@dataclass(frozen=True, slots=True)
class ArchiveKeep:
    """Bounds of the archives; what exceeds one of them is pruned."""

    age: int | None = None
    """Milliseconds since receipt; None is no bound."""
    size: int | None = None
    """Bytes of all batch files; None is no bound."""
    ages: tuple[tuple[str, int], ...] = ()
    """Log types with an age of their own, in milliseconds, in place of the age above."""

    def age_of(self, log_type: str) -> int | None:
        """Return the milliseconds for which logs of a type are kept; None is no bound."""
        return dict(self.ages).get(log_type, self.age)

    @property
    def shortest(self) -> int | None:
        """The shortest of all ages, in milliseconds; None if there is none."""
        ages = [each for _, each in self.ages] + ([] if self.age is None else [self.age])
        return min(ages, default=None)


def parse_keep(text: str) -> ArchiveKeep | None:
    """Parse bounds of the archives; None is none.

    Raises:
        ValueError: a part has no meaning, or is given twice.
    """
    if text.strip() == _FOREVER:
        return None
    found: dict[str, int] = {}
    for part in text.split(","):
        log_type, equals, bound = part.strip().rpartition("=")
        if equals and not log_type.strip():
            raise ValueError(f"{part.strip()!r} names no type; give {_EXAMPLE}")
        # A type may be called anything, so its name has a mark in front.
        key, value = (f"={log_type.strip()}", parse_duration(bound)) if equals else _bound(part)
        if key in found:
            raise ValueError(f"{part.strip()!r} is a second bound of the same kind; give one")
        found[key] = value
    age, size = found.pop("age", None), found.pop("size", None)
    return ArchiveKeep(age, size, tuple((key[1:], found[key]) for key in sorted(found)))


def _bound(text: str) -> tuple[str, int]:
    with contextlib.suppress(ValueError):
        return "age", parse_duration(text)
    with contextlib.suppress(ValueError):
        return "size", parse_size(text)
    raise ValueError(f"{text.strip()!r} is no age or size; give {_EXAMPLE}")


def show_keep(keep: ArchiveKeep | None) -> str:
    """Format bounds of the archives."""
    if keep is None:
        return _FOREVER
    parts = [] if keep.age is None else [format_duration(keep.age)]
    parts += [] if keep.size is None else [format_size(keep.size)]
    parts += [f"{log_type}={format_duration(age)}" for log_type, age in keep.ages]
    return ",".join(parts)

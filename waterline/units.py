"""Durations and sizes with units: `90s`, `30d`, `64MiB`."""

import re

MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
MILLISECONDS |= {"w": 7 * MILLISECONDS["d"], "y": 365 * MILLISECONDS["d"]}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

# Below this every product of a float is exact, and fits SQLite's integers.
_TOO_LARGE = 2**53

_SPELLED = {"d": "day", "h": "hour", "min": "minute", "s": "second"}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", re.ASCII)


def _parse(text: str, factors: dict[str, int], kind: str, example: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in factors:
        units = ", ".join(factors)
        raise ValueError(
            f"{text!r} is no {kind}; write a number and a unit ({units}), as {example}"
        )
    amount = float(match[1]) * factors[match[2]]
    if amount >= _TOO_LARGE:
        raise ValueError(f"{text!r} is too large a {kind}")
    return round(amount)


def parse_duration(text: str) -> int:
    """Parse a duration such as `250ms`, `90s`, `10min`, `1h` or `30d` to milliseconds.

    Raises:
        ValueError: the text is no duration; the sentence names the units.
    """
    return _parse(text, MILLISECONDS, "duration", "90s")


def parse_size(text: str) -> int:
    """Parse a size such as `512KiB`, `64MiB` or `1GB` to bytes.

    Raises:
        ValueError: the text is no size; the sentence names the units.
    """
    return _parse(text, BYTES, "size", "64MiB")


def _format(amount: int, factors: dict[str, int], names: tuple[str, ...]) -> str:
    for name in names:
        if amount and amount % factors[name] == 0:
            return f"{amount // factors[name]}{name}"
    return f"{amount}{names[-1]}"


def format_duration(milliseconds: int) -> str:
    """Format milliseconds as the shortest text for `parse_duration`."""
    return _format(milliseconds, MILLISECONDS, ("d", "h", "min", "s", "ms"))


def format_size(size: int) -> str:
    """Format bytes as the shortest text for `parse_size`."""
    return _format(size, BYTES, ("GiB", "MiB", "KiB", "B"))


def counted(number: int, one: str, many: str | None = None) -> str:
    """Format a number of things for people: `1 log`, `2,000 logs`, `2 batches`.

    Args:
        number: the number.
        one: the singular.
        many: the plural; default is the singular with an `s`.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def human_duration(milliseconds: int) -> str:
    """Format a time for people by its two largest units, cut off, such as `151 days 15 hours`."""
    parts = []
    for name in ("d", "h", "min", "s"):
        number, milliseconds = divmod(milliseconds, MILLISECONDS[name])
        if number:
            parts.append(counted(number, _SPELLED[name]))
        elif parts:
            break
    return " ".join(parts[:2]) or "less than a second"


def human_size(size: float) -> str:
    """Format bytes for people, rounded, such as `1.4 MiB`."""
    for name in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024 or name == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {name}" if name == "B" else f"{size:.1f} {name}"

"""Rotations of log files: which belong to one log by their names, and which is older."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PACKED: Final = re.compile(r"\.(?:gz|bz2|xz|zst|Z|lz4|zip)$", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"(?P<log>.+)\.(?P<number>[0-9]{1,4})")
_OLD: Final = re.compile(r"(?P<log>.+)(?:\.old|\.bak|~)", re.IGNORECASE)
# The date may stand before or behind the ending, with a time or not, and with a number.
_DATED: Final = re.compile(
    r"(?P<log>.*?[^._-])[._-]?"
    r"(?P<date>(?:19|20)[0-9]{2}(?P<dash>[._-]?)[01][0-9](?P=dash)[0-3][0-9]"
    r"(?:[T._-]?[0-2][0-9](?:[:._-]?[0-5][0-9]){0,2}(?:[.,][0-9]{3,6})?)?"
    r"|[0-9]{10})"
    r"(?P<number>[._-][0-9]{1,4})?"
    r"(?P<ending>\.[A-Za-z][A-Za-z0-9_]*)?"
)
_NO_NUMBER: Final = re.compile("[^0-9]+")

Age = tuple[int, str, int]
"""Sorts the rotations of one log, the oldest first."""


def log_of_rotation(path: Path) -> tuple[Path, Age]:
    """Return the path of the log that a file is a rotation of, and how old it is among them.

    `app.log.2.gz` is older than `app.log.1`, `app.log-20261127` than `app-2026-11-28.log`, and
    `app.log` is the newest. A file whose name is no rotation's is a log itself.
    """
    name = _PACKED.sub("", path.name)
    if match := _NUMBERED.fullmatch(name):
        dated = _DATED.fullmatch(name)
        if dated is None:
            return path.with_name(match["log"]), (1, "", -int(match["number"]))
    if match := _DATED.fullmatch(name):
        log = match["log"] + (match["ending"] or "")
        number = int(match["number"][1:]) if match["number"] else 0
        return path.with_name(log), (0, _NO_NUMBER.sub("", match["date"]), number)
    if match := _OLD.fullmatch(name):
        return path.with_name(match["log"]), (1, "", -1)
    return path.with_name(name), (2, "", 0)


def oldest_first(paths: Iterable[Path]) -> list[Path]:
    """Return files with the rotations of each log together, where the first of them stood.

    Args:
        paths: of the files, in the order in which logs are wanted.
    """
    logs: dict[Path, list[tuple[Age, Path]]] = {}
    for path in paths:
        log, age = log_of_rotation(path)
        logs.setdefault(log, []).append((age, path))
    return [path for rotations in logs.values() for _, path in sorted(rotations)]


def rotations_of(path: Path) -> list[Path]:
    """Return the older rotations of a log that lie beside it, the oldest first."""
    if log_of_rotation(path)[0] != path:
        return []
    beside = (each for each in path.parent.iterdir() if each != path and each.is_file())
    return oldest_first(each for each in beside if log_of_rotation(each)[0] == path)

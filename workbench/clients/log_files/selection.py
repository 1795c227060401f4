"""The files that a command names: paths, folders, and patterns that the shell left as they are."""

import glob
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from waterline.errors import UsageError
from workbench.clients.log_files.binary import BYTES_LOOKED_AT, refuse_binary
from workbench.clients.log_files.rotation import oldest_first
from workbench.clients.log_files.unpacking import as_text

STANDARD_INPUT: Final = "-"
_DEEP: Final = "**"


@dataclass(slots=True)
class Selection:
    """What a command is to read."""

    names: list[str] = field(default_factory=list)
    """Files in the order in which they are read; `-` is standard input."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Files within folders that are not read, each with why."""
    failures: list[str] = field(default_factory=list)
    """Sentences about what could not be found."""


def select(names: Sequence[str]) -> Selection:
    """Return the files that are named, each once, with rotations of a log the oldest first.

    Of a folder it is all within, but for what is hidden, empty or no text. Links to folders are
    not followed. A name with `*`, `?` or `[` that is no file is a pattern; `**` goes into folders.
    """
    selection = Selection()
    paths = [path for name in names for path in _named(name, selection)]
    seen: set[tuple[int, int] | str] = set()
    for path in oldest_first(paths):
        identity = _identity(path)
        if identity not in seen:
            seen.add(identity)
            selection.names.append(str(path))
    selection.skipped = list(dict.fromkeys(selection.skipped))
    return selection


def _named(name: str, selection: Selection) -> list[Path]:
    path = Path(name)
    if name == STANDARD_INPUT or path.is_file():
        return [path]
    if path.is_dir():
        found = list(_within(path, selection))
        if not found:
            selection.failures.append(f"{name} has no log file within")
        return found
    if glob.has_magic(name) and not path.exists():
        matches = _deep(path) if _DEEP in path.parts else _shallow(name)
        files = [file for match in matches for file in _matched(match, selection)]
        if not files:
            selection.failures.append(f"no file is called like {name}")
        return files
    return [path]  # whoever opens it says what is wrong


def _shallow(pattern: str) -> list[Path]:
    return sorted(map(Path, glob.glob(pattern)))  # noqa: PTH207 - it may be absolute


def _deep(pattern: Path) -> list[Path]:
    """Return what a pattern with `**` names, but for what is hidden; links are not followed."""
    start = Path(pattern.anchor)
    return sorted(
        found
        for found in start.glob(str(pattern.relative_to(start)))
        if not any(part.startswith(".") and part not in pattern.parts for part in found.parts)
    )


def _matched(path: Path, selection: Selection) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    if path.is_symlink():
        selection.skipped.append((str(path), "a link to a folder"))
        return []
    return _within(path, selection)


def _within(folder: Path, selection: Selection) -> Iterator[Path]:
    """Yield the log files of a folder and of those in it, by name."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        selection.failures.append(f"{folder} cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            selection.skipped.append((str(entry), "hidden"))
        elif not entry.exists():
            selection.skipped.append((str(entry), "a link to nothing"))
        elif entry.is_dir():
            if entry.is_symlink():
                selection.skipped.append((str(entry), "a link to a folder"))
            else:
                yield from _within(entry, selection)
        elif reason := _unfit(entry):
            selection.skipped.append((str(entry), reason))
        else:
            yield entry


def _unfit(path: Path) -> str | None:
    """Return why a file within a folder is not read; None if it is."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "no file"
        if not status.st_size:
            return "empty"
        with path.open("rb") as stream:
            head = as_text(stream, str(path)).read(BYTES_LOOKED_AT)
            refuse_binary(head, str(path))
    except UsageError:
        return "no text"
    except OSError:
        return None  # whoever opens it says what is wrong
    return None


def _identity(path: Path) -> tuple[int, int] | str:
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return status.st_dev, status.st_ino

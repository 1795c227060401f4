"""File operations of the archive of which one call fails, or lies, as a disk may do."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final

from waterline.archive.files import System

# What an error calls each operation.
_WORDS: Final = {
    "make_folder": "make the folder",
    "create": "write",
    "write": "write",
    "sync_file": "write",
    "sync_folder": "sync the folder",
    "rename": "rename",
    "read": "read",
    "remove": "remove",
}


class Way(Enum):
    """How a call goes wrong."""

    REFUSED = auto()
    """Nothing is done."""
    DONE = auto()
    """It is done, and yet it fails."""
    HALF = auto()
    """Half of what is written is stored, then it fails."""
    SHORT = auto()
    """Half of what is written is stored, and that is what it says: no failure."""
    FLIPPED = auto()
    """One bit of what is written or read is another one, and nobody says so."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call of an operation, a method of System.

    A `sync` is told as `sync_file` or `sync_folder`.
    """

    operation: str
    way: Way = Way.REFUSED
    number: int = errno.EIO
    """The errno it fails with."""

    def __str__(self) -> str:
        return f"{self.operation}-{self.way.name.lower()}-{errno.errorcode[self.number]}"

    @property
    def is_told(self) -> bool:
        """Whether the operating system says that it went wrong."""
        return self.way not in {Way.SHORT, Way.FLIPPED}

    def sentence(self, path: Path) -> str:
        """Return how the error begins that a user reads."""
        reason = os.strerror(self.number)
        return f"cannot {_WORDS[self.operation]} {path}: {reason}; "


class FaultySystem(System):
    """The operating system, but one call of one operation goes wrong.

    Args:
        root: the data folder.
        fault: what goes wrong; nothing where it is None.
        call: which call of its operation, the first is 1.
    """

    def __init__(self, root: Path, fault: Fault | None = None, call: int = 1) -> None:
        self._root = root
        self._fault = fault
        self._call = call
        self._counts: Counter[str] = Counter()
        self.hit: Path | None = None
        """What the call was about that went wrong; None while there was none."""
        self.done: list[tuple[str, Path]] = []
        """The calls that did not fail, in order: operation and path."""

    def make_folder(self, path: Path) -> None:
        self._go("make_folder", path, lambda: super(FaultySystem, self).make_folder(path))

    def create(self, path: Path) -> int:
        found = self._begin("create", path)
        if found is not None:
            self._fail()
        self.done.append(("create", path))
        return super().create(path)

    def write(self, descriptor: int, content: memoryview) -> int:
        path = self._path(descriptor)
        match self._begin("write", path):
            case Way.REFUSED:
                self._fail()
            case Way.HALF:
                super().write(descriptor, content[: len(content) // 2])
                self._fail()
            case Way.SHORT:
                content = content[: len(content) // 2]
            case Way.FLIPPED:
                content = memoryview(_flipped(bytes(content)))
        self.done.append(("write", path))
        return super().write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self._go(
            "sync_folder" if is_folder else "sync_file",
            self._path(descriptor),
            lambda: super(FaultySystem, self).sync(descriptor),
        )

    def rename(self, path: Path, name: Path) -> None:
        self._go("rename", path, lambda: super(FaultySystem, self).rename(path, name))

    def read(self, path: Path) -> bytes:
        way = self._begin("read", path)
        if way is Way.REFUSED:
            self._fail()
        self.done.append(("read", path))
        content = super().read(path)
        return _flipped(content) if way is Way.FLIPPED else content

    def remove(self, path: Path) -> None:
        self._go("remove", path, lambda: super(FaultySystem, self).remove(path))

    def _go(self, operation: str, path: Path, act: Callable[[], None]) -> None:
        way = self._begin(operation, path)
        if way is not Way.REFUSED:
            act()
        if way is not None:
            self._fail()
        self.done.append((operation, path))

    def _begin(self, operation: str, path: Path) -> Way | None:
        """Count a call and say how it is to go wrong."""
        self._counts[operation] += 1
        fault = self._fault
        if fault is None or fault.operation != operation or self._counts[operation] != self._call:
            return None
        self.hit = path
        return fault.way

    def _fail(self) -> None:
        assert self._fault is not None
        number = self._fault.number
        raise OSError(number, os.strerror(number))

    def _path(self, descriptor: int) -> Path:
        """Return which file or folder is open."""
        found = os.fstat(descriptor)
        everything = (self._root, *self._root.rglob("*"))
        return next(each for each in everything if os.path.samestat(each.stat(), found))


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

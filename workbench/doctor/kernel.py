"""What Linux tells of processes: who listens on a port, who has a file open, what limits they have.

Nothing is told elsewhere, nor of processes of other users unless this one is root's.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, as operators know it."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def listening_ports(pid: int) -> list[int]:
    """Return the TCP ports that a process listens on; nothing where that cannot be seen."""
    inodes = _listening()
    own = {inode for target in _targets(pid) if (inode := _socket_of(target)) in inodes}
    return sorted({inodes[each] for each in own})


def listener_of(port: int) -> Holder | None:
    """Return a process that listens on a TCP port; None where it cannot be seen."""
    wanted = {f"socket:[{inode}]" for inode, each in _listening().items() if each == port}
    return next(_with_target(wanted), None) if wanted else None


def holders_of(path: Path) -> list[Holder]:
    """Return the processes that have a file open, of those that can be seen."""
    return sorted(_with_target({str(path.resolve())}), key=lambda each: each.pid)


def open_files(pid: int) -> int | None:
    """Return how many descriptors a process has open; None where that cannot be seen."""
    try:
        return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None


def file_limit(pid: int) -> int | None:
    """Return how many descriptors a process may have open; None where that cannot be seen."""
    try:
        text = (_PROC / str(pid) / "limits").read_text(encoding="ascii")
    except OSError:
        return None
    line = next((each for each in text.splitlines() if each.startswith("Max open files")), "")
    words = line.split()
    return int(words[3]) if len(words) > 3 and words[3].isdigit() else None


def mount_of(path: Path) -> tuple[str, frozenset[str]] | None:
    """Return the type of the file system of a path, and the options of its mount.

    None where that is not told.
    """
    try:
        lines = (_PROC / "self" / "mountinfo").read_text(encoding="utf-8").splitlines()
        device = path.stat().st_dev
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in reversed(lines):  # a later mount hides an earlier one
        words, _, rest = line.partition(" - ")
        fields = words.split()
        if len(fields) > 5 and fields[2] == wanted and _is_below(path, fields[4]):
            return rest.split()[0], frozenset(fields[5].split(","))
    return None


def _is_below(path: Path, mounted: str) -> bool:
    return path.resolve().is_relative_to(mounted.encode().decode("unicode_escape"))


def _listening() -> dict[str, int]:
    """Return the port of each listening TCP socket, by its inode."""
    found = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING:
                    found[fields[9]] = int(fields[1].rpartition(":")[2], 16)
    return found


def _with_target(wanted: set[str]) -> Iterator[Holder]:
    """Yield the processes with a descriptor of one of these targets."""
    with contextlib.suppress(OSError):
        for entry in _PROC.iterdir():
            if entry.name.isdecimal() and any(each in wanted for each in _targets(int(entry.name))):
                yield Holder(int(entry.name), _name_of(int(entry.name)))


def _targets(pid: int) -> Iterator[str]:
    """Yield what the descriptors of a process lead to."""
    with contextlib.suppress(OSError):
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())


def _socket_of(target: str) -> str:
    return target.removeprefix("socket:[").removesuffix("]")


def _name_of(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process"

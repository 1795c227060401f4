"""A command of `waterline` that dies of SIGKILL at a chosen step of a phase of its work."""
# ruff: noqa: N802 - the names of the VFS's methods are SQLite's

import os
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from tests.support.database_file import DatabaseFile
from tests.support.forking import run
from waterline.archive.files import System
from workbench.cli.main import main

_ROOT: Final = Path(__file__).parents[2]
# A file is written in so many bytes at a time at least, so that a death finds it half written.
_PART: Final = 4096


class Phase(StrEnum):
    """What a job is at."""

    BATCH = "writing a batch"
    RECORD = "recording it"
    MANIFEST = "writing a manifest"
    REMOVE = "removing rows"
    SHRINK = "shrinking"


class Moment(msgspec.Struct, frozen=True):
    """When a job dies: once so many steps of a phase are done.

    A step is an operation on an archive file, or a write, sync or truncation of logs.db or its WAL.
    """

    phase: Phase
    after: int


class Plan(msgspec.Struct, frozen=True):
    """What the program is to do."""

    arguments: list[str]
    moment: Moment


def run_doomed_job(data: Path, moment: Moment, *options: str) -> bool:
    """Archive all that is there; say whether the job died, else it had done all before."""
    return run_doomed(data, moment, "run", "--older-than", "0s", *options)


def run_doomed(data: Path, moment: Moment, command: str, *options: str) -> bool:
    """Run a command of `waterline archive`; say whether it died, else it had done all before."""
    return run_doomed_command(moment, "archive", command, "--data", str(data), *options)


def run_doomed_command(moment: Moment, *arguments: str) -> bool:
    """Run a command of `waterline`; say whether it died, else it had done all before."""
    plan = msgspec.json.encode(Plan([*arguments], moment)).decode()
    done = run([sys.executable, "-m", "tests.support.doomed_job"], cwd=_ROOT, stdin=plan)
    assert (done.returncode, done.stderr) in {(0, ""), (-signal.SIGKILL, "")}, done
    return done.returncode != 0


class _Doom:
    """Counts the steps of the phase in which the job is to die."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._left = moment.after
        self._phase: Phase | None = None

    def enter(self, phase: Phase) -> None:
        self._phase = phase

    def step(self) -> None:
        if self._phase is not self._moment.phase:
            return
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


# How the statements begin that a phase begins with.
_STATEMENTS: Final = {
    "UPDATE seam SET archived_through": Phase.RECORD,
    "UPDATE archive_batches": Phase.RECORD,
    "INSERT OR REPLACE INTO archived_ids": Phase.REMOVE,
    "DELETE FROM logs": Phase.REMOVE,
    "PRAGMA incremental_vacuum": Phase.SHRINK,
    "VACUUM": Phase.SHRINK,
}


class _DoomedDisk(apsw.VFS):
    """SQLite's own VFS, each change of a file a step."""

    def __init__(self, doom: _Doom) -> None:
        self.base = apsw.vfs_names()[0]
        self._doom = doom
        super().__init__("doomed", self.base, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _DoomedFile(self.base, self._doom, name, flags)


class _DoomedFile(DatabaseFile):
    def __init__(
        self, base: str, doom: _Doom, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__(base, name, flags)
        self._doom = doom

    def xWrite(self, data: bytes, offset: int) -> None:
        self._doom.step()
        super().xWrite(data[: len(data) // 2], offset)
        self._doom.step()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._doom.step()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._doom.step()
        super().xSync(flags)
        # The commit is on the disk, and no other process has been told of it.
        self._doom.step()


def _doom_connections(doom: _Doom) -> None:
    def trace(_: object, statement: str, __: object) -> bool:
        words = " ".join(statement.split())
        for beginning, phase in _STATEMENTS.items():
            if words.startswith(beginning):
                doom.enter(phase)
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    apsw.connection_hooks.append(watch)


def _doom_files(doom: _Doom) -> None:
    def on_path(operation: Callable[..., Any]) -> Callable[..., Any]:
        def watched(system: System, path: Path, *others: Path) -> object:
            is_batch = "batch" in path.name or ".json" not in path.name
            doom.enter(Phase.BATCH if is_batch else Phase.MANIFEST)
            doom.step()
            return operation(system, path, *others)

        return watched

    def sync(_: System, descriptor: int) -> None:
        doom.step()
        os.fsync(descriptor)

    def write(_: System, descriptor: int, content: memoryview) -> int:
        doom.step()
        return os.write(descriptor, content[: max(_PART, len(content) // 2)])

    on_paths = ("make_folder", "create", "rename", "read", "remove")
    watched = {name: on_path(getattr(System, name)) for name in on_paths}
    for name, operation in {**watched, "sync": sync, "write": write}.items():
        setattr(System, name, operation)


def go(plan: Plan) -> None:
    """Run the real command in this process, which dies at its moment."""
    doom = _Doom(plan.moment)
    _doom_files(doom)
    _doom_connections(doom)
    disk = _DoomedDisk(doom)
    try:
        main(plan.arguments)
    finally:
        disk.unregister()


if __name__ == "__main__":
    go(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))

"""A process that brings a database forward on a disk that forgets, until its power goes."""

import os
import signal
import stat
import sys
from pathlib import Path
from typing import Final

import msgspec

from tests.support.disk import ForgetfulDisk, PowerCut
from tests.support.forking import run
from waterline.storage.schema import LOGS
from waterline.storage.sqlite import open_writer

_ROOT: Final = Path(__file__).parents[2]


class Plan(msgspec.Struct, frozen=True):
    """What the program is to do: open a logs.db for writing until the power goes."""

    path: str
    cut: PowerCut


def bring_forward_until(path: Path, cut: PowerCut) -> bool:
    """Open a logs.db in a process of its own; say whether the power went before it was done."""
    plan = msgspec.json.encode(Plan(str(path), cut)).decode()
    done = run([sys.executable, "-m", "tests.support.doomed_step"], cwd=_ROOT, stdin=plan)
    assert done.returncode in {0, -signal.SIGKILL}, done
    return done.returncode != 0


def forget_until(cut: PowerCut) -> None:
    """Put this process on a disk that forgets; renames and syncs of its own are steps, too."""
    disk = ForgetfulDisk("forgetful", cut)
    rename, fsync = Path.rename, os.fsync

    def step_and_rename(path: Path, name: Path) -> Path:
        disk.step()
        return rename(path, name)

    def step_and_sync(descriptor: int) -> None:
        disk.step()
        fsync(descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            disk.folder_synced(status)

    Path.rename = step_and_rename  # type: ignore[method-assign,assignment] # of two paths
    os.fsync = step_and_sync  # type: ignore[assignment] # only numbers are passed


def bring_forward(plan: Plan) -> None:
    """Open the database in this process, over the disk."""
    forget_until(plan.cut)
    open_writer(Path(plan.path), LOGS, "FULL").close()


if __name__ == "__main__":
    bring_forward(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan))

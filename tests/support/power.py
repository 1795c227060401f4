"""`waterline serve` on a disk that forgets: a program whose power goes by itself, and its start."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw
import msgspec

from server.process import main
from tests.support.disk import ForgetfulDisk, PowerCut
from tests.support.forking import Started
from tests.support.processes import PATIENCE, ServerProcess
from waterline.settings.model import Settings, environment_of

_ROOT: Final = Path(__file__).parents[2]


class Plan(msgspec.Struct, frozen=True):
    """What the program is to do: serve a folder until the power goes."""

    data: str
    cut: PowerCut
    may_sync: bool


def start_doomed_server(
    data: Path, token: str, cut: PowerCut, *, may_sync: bool = True
) -> ServerProcess | None:
    """Start a server whose power will go; wait until it accepts.

    Returns:
        The server, or None where the power has gone while it started.
    """
    plan = msgspec.json.encode(Plan(str(data), cut, may_sync)).decode()
    process = Started(
        [sys.executable, "-m", "tests.support.power", plan],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"waterline serves (ws://\S+) and (http://\S+) from .*\n", line)
    if found is None:
        _, errors = process.communicate(timeout=PATIENCE)
        assert (line, errors) == ("", ""), f"the server did not start: {line!r} {errors}"
        return None
    return ServerProcess(data, token, process, found[1], found[2])


def serve(plan: Plan) -> None:
    """Run the real command in this process, over the disk."""
    disk = ForgetfulDisk("forgetful", plan.cut, may_sync=plan.may_sync)
    if not plan.may_sync:
        apsw.connection_hooks.append(_never_sync)
    os.fsync = _watched(os.fsync, disk)  # type: ignore[assignment] # only numbers are passed
    settings = Settings(data=Path(plan.data), port=0, monitoring_port=0)
    os.environ.update(environment_of(settings))
    main()


def _never_sync(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _watched(fsync: Callable[[int], None], disk: ForgetfulDisk) -> Callable[[int], None]:
    """Tell the disk of the folders that the server itself syncs."""

    def watched_fsync(fd: int) -> None:
        fsync(fd)
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            disk.folder_synced(status)

    return watched_fsync


if __name__ == "__main__":
    serve(msgspec.json.decode(sys.argv[1], type=Plan))

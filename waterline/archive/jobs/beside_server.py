"""Frame of a job that a server runs as a process beside itself."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from waterline.archive.jobs.priority import give_way
from waterline.errors import ArchiveInUse, BackupInUse, WaterlineError
from waterline.settings.model import Settings, load_settings


def run_beside_server(work: Callable[[Settings], bytes]) -> int:
    """Do the work, write its result to standard output, and return the exit code.

    The settings are those of the environment. An error is one sentence on standard error. The exit
    code is EX_TEMPFAIL if the same job is running already.

    Args:
        work: does the job by these settings; returns what the server is to read.
    """
    # Stopping the server, or its terminal, stops the job at once. The next run goes on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    give_way()
    try:
        result = work(load_settings({}, os.environ, Path.cwd()).settings)
    except WaterlineError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the server, which reads it
        return os.EX_TEMPFAIL if isinstance(error, ArchiveInUse | BackupInUse) else 1
    sys.stdout.buffer.write(result)
    return 0

"""Process of one archive run, started by the server when logs are due."""

import os
import signal
import sys
from pathlib import Path

from waterline.archive.jobs.priority import give_way
from waterline.archive.jobs.run import ArchiveJob
from waterline.archive.jobs.run_options import options_of
from waterline.errors import ArchiveInUse, WaterlineError
from waterline.settings.model import load_settings
from waterline.storage.folder import DataFolder


def main() -> int:
    """Archive once, print the number of archived logs and return the exit code.

    It is EX_TEMPFAIL if another job is running.
    """
    # Stopping the server, or its terminal, stops the run at once. The next run goes on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    give_way()
    try:
        settings = load_settings({}, os.environ, Path.cwd()).settings
        outcome = ArchiveJob(DataFolder(settings.data), options_of(settings)).run()
    except ArchiveInUse as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the server, which reads it
        return os.EX_TEMPFAIL
    except WaterlineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(outcome.logs)  # noqa: T201 - for the server, which tells of the run
    return 0


if __name__ == "__main__":
    sys.exit(main())

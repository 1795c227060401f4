"""The process of the dashboard: `python -m workbench.dashboard`, with settings as variables.

`waterline dashboard` and `waterline up` start it and find the port; it listens on loopback only.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from waterline.addresses import loopback_host
from waterline.endings import ended_in_order
from waterline.process_log import logged_failure, start_log
from waterline.settings.model import load_settings
from workbench.dashboard.closed_pages import leave_closed_pages_out
from workbench.dashboard.origin import Origin
from workbench.dashboard.serving import SESSION_CHECKS, SESSION_LIFETIME, serve_page

# Of itself Python gives a waiting thread its turn after 5 ms. An answer to a key needs several,
# beside the threads of searches.
SWITCH_SECONDS: Final = 0.001


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m workbench.dashboard", description=__doc__)
    for name, default in (
        ("--unused-session-lifetime", SESSION_LIFETIME),
        ("--check-unused-sessions", SESSION_CHECKS),
    ):
        parser.add_argument(name, type=int, default=default, metavar="MILLISECONDS")
    parser.add_argument("--url", help="a server that answers questions, in place of the folder")
    parser.add_argument("--certificate", type=Path, metavar="FILE")
    given = parser.parse_args()
    with ended_in_order():
        settings = load_settings({}, os.environ, Path.cwd()).settings
        log = (settings.log_format, settings.log_file)
        leave_closed_pages_out(start_log("dashboard", *log))
        sys.setswitchinterval(SWITCH_SECONDS)
        with logged_failure(*log):
            asyncio.run(
                serve_page(
                    settings,
                    Origin(settings.data, given.url, given.certificate),
                    loopback_host(settings.host),
                    given.unused_session_lifetime,
                    given.check_unused_sessions,
                )
            )


if __name__ == "__main__":
    main()

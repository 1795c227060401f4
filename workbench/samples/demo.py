"""Sends the sample as live traffic; `waterline up --demo` runs it as a module.

The server's address and the token come as WATERLINE_URL and WATERLINE_TOKEN, which no process
list shows. An argument is the certificate of a server with TLS, by which it is known.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

from waterline.errors import WaterlineError
from waterline.process_log import logged_failure, start_log
from waterline.settings.model import load_settings
from workbench.clients.producer import Producer
from workbench.samples import live

# A demo that is forgotten must not fill the disk: a day of it takes less than 1 GB.
LONGEST_SECONDS: Final = 24 * 3600
# The server may be down for long; the demo waits for it.
PATIENCE_SECONDS: Final = 3600.0


def main() -> int:
    """Send until the day is over; return the exit code."""
    try:
        settings = load_settings({}, os.environ, Path.cwd(), check_queries=False).settings
        log = (settings.log_format, settings.log_file)
        start_log("demo", *log)
        with logged_failure(*log):
            _send(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except WaterlineError as error:
        sys.stderr.write(f"waterline: demo: {error}\n")
        return 1
    return 0


def _send(certificate: Path | None) -> None:
    begun = time.monotonic()
    with Producer(
        os.environ["WATERLINE_URL"],
        os.environ["WATERLINE_TOKEN"],
        patience=PATIENCE_SECONDS,
        certificate=certificate,
    ) as producer:
        for log in live():
            producer.send(log)
            if time.monotonic() - begun > LONGEST_SECONDS:
                break


if __name__ == "__main__":
    sys.exit(main())

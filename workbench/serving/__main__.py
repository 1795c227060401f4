"""The process that answers questions: `python -m workbench.serving`, with settings as variables.

`waterline query` becomes it, and `waterline up` starts it.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from waterline.allocator import release_large_blocks
from waterline.endings import ended_in_order
from waterline.interrupts import end_at_once
from waterline.process_log import logged_failure, start_log
from waterline.settings.model import load_settings
from waterline.terminal import say

# Of itself Python gives a waiting thread its turn after 5 ms. What a client is sent needs several,
# beside the threads of other questions.
SWITCH_SECONDS: Final = 0.001

# Of the lowest, 19, an analyst would get nothing beside a busy server; at 10 the slowest acks came
# up to 2.3 times as late beside twenty analysts, at 15 1.8 times, with as many answers.
_NICENESS: Final = 15

end_at_once()


def main() -> None:
    """Serve until told to stop; print the address once questions are taken."""
    # Arrow's own allocator keeps what it has freed: with it the process took half as much again.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    release_large_blocks()
    # What this loads takes a second, in which Ctrl-C should print no traceback.
    from workbench.serving.app import serve_questions

    with ended_in_order():
        settings = load_settings({}, os.environ, Path.cwd(), check_queries=False).settings
        log = (settings.log_format, settings.log_file)
        start_log("query", *log)
        # Acks go before answers, where both want the processor.
        os.nice(_NICENESS)
        sys.setswitchinterval(SWITCH_SECONDS)

        def announce(url: str) -> None:
            say(f"waterline answers questions at {url} from {settings.data}")

        with logged_failure(*log):
            asyncio.run(serve_questions(settings, announce))


if __name__ == "__main__":
    main()
